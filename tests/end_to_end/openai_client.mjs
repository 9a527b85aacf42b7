// The server as OpenAI's own client sees it. node openai_client.mjs PROGRAM
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import OpenAI from "openai";

const key = "a-key-of-this-test";
const dataDir = mkdtempSync(join(tmpdir(), "inglenook-openai-"));
const server = spawn(process.argv[2], ["serve", "--port", "0", "--data-dir", dataDir], {
    env: { ...process.env, INGLENOOK_API_KEY: key },
    stdio: ["ignore", "pipe", "inherit"],
});

async function listening() {
    for await (const line of createInterface({ input: server.stdout })) {
        const match = /^listening on (http:\/\/\S+)$/.exec(line);
        assert.ok(match, `the first line was: ${line}`);
        return match[1];
    }
    throw new Error("the server ended");
}

async function ready(url) {
    for (let i = 0; i < 600; ++i) {
        const health = await fetch(`${url}/health`);
        if (health.status === 200 && (await health.json()).status === "ok") return;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("the model was not loaded in time");
}

const question = [{ role: "user", content: "What is Inglenook?" }];
const tests = {
    async lists_models(client) {
        const models = await client.models.list();
        assert.ok(models.data.some((model) => model.id === "ember"));
    },
    async answers(client) {
        const answer = await client.chat.completions.create({
            model: "ember", messages: question, temperature: 0, max_tokens: 24,
        });
        assert.equal(answer.object, "chat.completion");
        assert.ok(answer.choices[0].message.content.length > 0);
        assert.ok(["stop", "length"].includes(answer.choices[0].finish_reason));
        assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
        return answer;
    },
    async streams_the_same(client) {
        const stream = await client.chat.completions.create({
            model: "ember", messages: question, temperature: 0, max_tokens: 24, cache: false,
            stream: true, stream_options: { include_usage: true },
        });
        let text = "";
        let usage = null;
        for await (const chunk of stream) {
            text += chunk.choices[0]?.delta?.content ?? "";
            usage = chunk.usage ?? usage;
        }
        const whole = await tests.answers(client);
        assert.equal(text, whole.choices[0].message.content);
        assert.equal(usage.prompt_tokens, whole.usage.prompt_tokens);
    },
    async repeats_from_the_cache(client) {
        const ask = () => client.chat.completions.create({
            model: "ember", messages: question, seed: 7, max_tokens: 16,
        });
        const first = await ask();
        const again = await ask();
        assert.equal(first.usage.cached, undefined);
        assert.equal(again.usage.cached, true);
        assert.equal(again.choices[0].message.content, first.choices[0].message.content);
    },
    async gives_several_answers_and_logprobs(client) {
        const answer = await client.chat.completions.create({
            model: "ember", messages: question, n: 2, max_tokens: 6, logprobs: true, top_logprobs: 3,
        });
        assert.equal(answer.choices.length, 2);
        const first = answer.choices[0].logprobs.content[0];
        assert.equal(first.top_logprobs.length, 3);
        assert.ok(first.logprob <= 0 && Array.isArray(first.bytes));
    },
    async completes_text(client) {
        const answer = await client.completions.create({
            model: "ember", prompt: "Inglenook is", max_tokens: 5, temperature: 0, logprobs: 2,
        });
        assert.equal(answer.object, "text_completion");
        assert.ok(answer.choices[0].logprobs.tokens.length > 0);
    },
    async stops_at_words(client) {
        const whole = (await tests.answers(client)).choices[0].message.content;
        const stop = whole.slice(4, 7);
        const cut = await client.chat.completions.create({
            model: "ember", messages: question, temperature: 0, max_tokens: 24, stop: [stop],
        });
        assert.equal(cut.choices[0].finish_reason, "stop");
        assert.equal(cut.choices[0].message.content, whole.slice(0, whole.indexOf(stop)));
    },
    async refuses_by_name(client) {
        const fails = async (status, param, members) => {
            await assert.rejects(
                client.chat.completions.create({ model: "ember", messages: question, ...members }),
                (error) => error instanceof OpenAI.APIError && error.status === status && error.param === param,
            );
        };
        await fails(400, "tools", { tools: [{ type: "function", function: { name: "f" } }] });
        await fails(400, "response_format", { response_format: { type: "json_object" } });
        await fails(400, "temperature", { temperature: "hot" });
        await fails(404, "model", { model: "none" });
        await assert.rejects(client.embeddings.create({ model: "ember", input: "a" }), OpenAI.NotFoundError);
    },
    async refuses_a_wrong_key(client) {
        const stranger = new OpenAI({ baseURL: client.baseURL, apiKey: "wrong", maxRetries: 0 });
        await assert.rejects(stranger.models.list(), OpenAI.AuthenticationError);
    },
    async frees_what_an_aborted_stream_held(client) {
        const stream = await client.chat.completions.create({
            model: "ember", messages: question, temperature: 1, stream: true,
        });
        for await (const chunk of stream) {
            if (chunk.choices[0]?.delta?.content) break; // aborts the request
        }
        await tests.answers(client);
    },
};

let failed = 0;
try {
    const url = await listening();
    await ready(url);
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
    for (const [name, test] of Object.entries(tests)) {
        try {
            await test(client);
            console.log(`ok      ${name}`);
        } catch (error) {
            ++failed;
            console.log(`FAILED  ${name}: ${error.stack}`);
        }
    }
} finally {
    server.kill("SIGTERM");
    const code = await new Promise((resolve) => server.on("exit", resolve));
    if (code !== 0) {
        ++failed;
        console.log(`FAILED  the server ended with ${code}`);
    }
    rmSync(dataDir, { recursive: true, force: true });
}
process.exit(failed === 0 ? 0 : 1);
