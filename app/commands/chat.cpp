// inglenook chat: one answer, or a conversation in the terminal. Opens no database.
#include "app/commands/answer_stream.h"
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/interrupt_watch.h"
#include "app/commands/model_loading.h"
#include "app/commands/output.h"
#include "engine/runtime/engine.h"

#include <nlohmann/json.hpp>
#include <random>
#include <unistd.h>

namespace app {

namespace {

struct ChatOptions {
    CommonOptions common;
    std::optional<std::string> prompt;
    std::optional<std::string> system;
    bool raw = false;
    bool noThinking = false;
    std::uint32_t context = 0;
    std::uint32_t maxTokens = 0;
    std::optional<double> temperature;
    std::optional<std::uint64_t> seed;
};

/// What one request has become.
struct Answer {
    std::string reasoning;
    std::string text;
    engine::TokenEvent end; // Finished
};

const char* finishName(engine::FinishReason reason) {
    switch (reason) {
    case engine::FinishReason::None:
        break;
    case engine::FinishReason::EndOfAnswer:
        return "end";
    case engine::FinishReason::StopString:
        return "stop";
    case engine::FinishReason::MaxTokens:
        return "length";
    case engine::FinishReason::TimeLimit:
        return "time";
    case engine::FinishReason::ContextFull:
        return "context";
    case engine::FinishReason::Cancelled:
        return "cancelled";
    case engine::FinishReason::Failed:
        return "failed";
    }
    return "none";
}

class Chat {
  public:
    Chat(const ChatOptions& options, InterruptWatch& interrupt)
        : m_options(options), m_interrupt(interrupt), m_engine(engine::createEngine({})) {}

    /// False after a sentence on stderr.
    bool load(const std::filesystem::path& path) {
        engine::LoadRequest request;
        request.path = path;
        request.formats = m_options.common.formats;
        request.device = m_options.common.device;
        request.split = m_options.common.split;
        request.context = m_options.context;
        m_model = loadModel(*m_engine, std::move(request), m_interrupt);
        return m_model != nullptr;
    }

    /// Prompt in, answer out, exit code.
    int answerOnce(const std::string& prompt) {
        engine::Request request = newRequest();
        if (m_options.raw)
            request.rawPrompt = prompt;
        else
            request.messages = conversationWith(prompt);
        const auto answer = stream(std::move(request));
        if (!answer)
            return fail(answer.status());
        if (m_options.common.json)
            report(*answer);
        if (answer->end.finish == engine::FinishReason::Failed)
            return fail(answer->end.status);
        if (answer->end.finish == engine::FinishReason::Cancelled)
            return fail(engine::Status(engine::Code::Cancelled));
        return kDone;
    }

    /// Until Ctrl+D.
    int converse() {
        complain(m_model->name + ". Ctrl+C stops an answer, Ctrl+D leaves.");
        for (;;) {
            print("> ");
            std::string line;
            const InterruptWatch::Input input = m_interrupt.readLine(line);
            if (input != InterruptWatch::Input::Line)
                print("\n");
            if (input == InterruptWatch::Input::End)
                return kDone;
            if (input == InterruptWatch::Input::Interrupted)
                continue;
            if (line.empty())
                continue;
            engine::Request request = newRequest();
            request.messages = conversationWith(line);
            const std::vector<engine::ChatMessage> asked = request.messages;
            const auto answer = stream(std::move(request));
            if (!answer) {
                fail(answer.status());
                continue;
            }
            if (answer->end.finish == engine::FinishReason::Failed)
                fail(answer->end.status);
            m_messages = asked;
            m_messages.push_back({"assistant", answer->text});
        }
    }

  private:
    engine::Request newRequest() {
        engine::Request request;
        request.sampler = engine::defaultSampler(*m_model);
        if (m_options.temperature)
            request.sampler.temperature = static_cast<float>(*m_options.temperature);
        request.sampler.seed = m_options.seed ? *m_options.seed : std::random_device()();
        request.maxTokens = m_options.maxTokens;
        request.enableThinking = !m_options.noThinking;
        // The same seed is to give the same answer; nobody else shares this engine.
        request.reproducible = m_options.seed.has_value() || request.sampler.temperature == 0.0F;
        return request;
    }

    std::vector<engine::ChatMessage> conversationWith(const std::string& text) const {
        std::vector<engine::ChatMessage> messages = m_messages;
        if (messages.empty() && m_options.system)
            messages.push_back({"system", *m_options.system});
        messages.push_back({"user", text});
        return messages;
    }

    engine::Result<Answer> stream(engine::Request request) {
        auto sink = std::make_shared<AnswerStream>();
        const auto id = m_engine->submit(std::move(request), sink);
        if (!id)
            return id.status();
        Answer answer;
        bool thinking = false;
        for (;;) {
            for (engine::TokenEvent& event : sink->take(std::chrono::milliseconds(50))) {
                if (event.kind == engine::EventKind::Finished) {
                    print(thinking ? "\n</think>\n" : "\n");
                    answer.end = std::move(event);
                    return answer;
                }
                if (event.text.empty())
                    continue;
                if (event.reasoning != thinking)
                    print(event.reasoning ? "<think>\n" : "\n</think>\n\n");
                thinking = event.reasoning;
                print(event.text);
                (thinking ? answer.reasoning : answer.text) += event.text;
            }
            if (m_interrupt.pressed())
                m_engine->cancel(*id);
        }
    }

    void report(const Answer& answer) const {
        const engine::RequestTimings& timings = answer.end.timings;
        const double rate = timings.decode_us > 0 ? (timings.generatedTokens - 1) * 1e6 /
                                                        static_cast<double>(timings.decode_us)
                                                  : 0;
        printJson({{"text", answer.text},
                   {"reasoning", answer.reasoning},
                   {"finish", finishName(answer.end.finish)},
                   {"prompt_tokens", timings.promptTokens},
                   {"generated_tokens", timings.generatedTokens},
                   {"reasoning_tokens", timings.reasoningTokens},
                   {"ttft_ms", static_cast<double>(timings.ttft_us) / 1e3},
                   {"decode_tok_s", rate},
                   {"model", m_model->name},
                   {"weights", text(m_model->formats.weights)},
                   {"acts", text(m_model->formats.activations)},
                   {"kv", text(m_model->formats.kv)},
                   {"device", m_model->device}});
    }

    const ChatOptions& m_options;
    InterruptWatch& m_interrupt;
    std::unique_ptr<engine::Engine> m_engine;
    std::shared_ptr<const engine::ModelInfo> m_model;
    std::vector<engine::ChatMessage> m_messages;
};

} // namespace

int runChat(const std::vector<std::string>& arguments) {
    OptionParser parser("chat [--model M] [--prompt T] [--raw] [--system T] [--context N] "
                        "[--temperature X] [--seed N] [--max-tokens N] [--json]");
    ChatOptions options;
    options.common.addModel(parser);
    parser.text("prompt", &options.prompt, "T", "the prompt; without it, piped stdin or a talk");
    parser.flag("raw", &options.raw, "the prompt is continued as it is, without a template");
    parser.text("system", &options.system, "T", "a system prompt");
    parser.flag("no-thinking", &options.noThinking, "answer without reasoning where a model can");
    parser.integer("context", &options.context, 16, 10'000'000, "tokens of context");
    parser.real("temperature", &options.temperature, 0, 100, "0 is greedy");
    parser.integer("seed", &options.seed, "the same seed gives the same answer");
    parser.integer("max-tokens", &options.maxTokens, 1, 10'000'000, "length of the answer");
    options.common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (options.raw && options.system)
        return parser.refuse("--raw takes no --system.");
    const bool terminal = isatty(STDIN_FILENO) == 1;
    if (!options.prompt && terminal && (options.raw || options.common.json))
        return parser.refuse("--raw and --json need a --prompt or piped input.");
    const auto path = resolveModel(options.common);
    if (!path)
        return fail(path.status());
    if (!options.prompt && !terminal)
        options.prompt = readStandardInput();
    if (options.prompt && options.prompt->empty())
        return fail(engine::Status(engine::Code::PromptEmpty));

    InterruptWatch interrupt;
    Chat chat(options, interrupt);
    if (!chat.load(*path))
        return kFailed;
    return options.prompt ? chat.answerOnce(*options.prompt) : chat.converse();
}

} // namespace app
