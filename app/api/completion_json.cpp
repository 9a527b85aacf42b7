#include "app/api/completion_json.h"

#include <chrono>
#include <random>

namespace app {

namespace {

using nlohmann::ordered_json;

std::string randomId(const char* prefix) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::random_device random;
    std::string id = prefix;
    for (int i = 0; i < 24; ++i)
        id += kDigits[random() % 16];
    return id;
}

std::string dump(const ordered_json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ordered_json bytesOf(const std::string& text) {
    ordered_json bytes = ordered_json::array();
    for (const char c : text)
        bytes.push_back(static_cast<unsigned char>(c));
    return bytes;
}

ordered_json usageOf(const std::vector<CompletionChoice>& choices, std::size_t perPrompt) {
    std::uint64_t prompt = 0;
    std::uint64_t cached = 0;
    std::uint64_t generated = 0;
    std::uint64_t reasoning = 0;
    bool fromCache = !choices.empty();
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const engine::RequestTimings& timings = choices[i].timings;
        generated += timings.generatedTokens;
        reasoning += timings.reasoningTokens;
        fromCache = fromCache && choices[i].fromCache;
        if (i % perPrompt != 0)
            continue; // the n answers of a prompt share it
        prompt += timings.promptTokens;
        cached += choices[i].fromCache ? timings.promptTokens : timings.cachedTokens;
    }
    ordered_json usage = {{"prompt_tokens", prompt},
                          {"completion_tokens", generated},
                          {"total_tokens", prompt + generated},
                          {"prompt_tokens_details", {{"cached_tokens", cached}}},
                          {"completion_tokens_details", {{"reasoning_tokens", reasoning}}}};
    if (fromCache)
        usage["cached"] = true;
    return usage;
}

} // namespace

const char* finishName(engine::FinishReason reason) {
    switch (reason) {
    case engine::FinishReason::MaxTokens:
    case engine::FinishReason::ContextFull:
    case engine::FinishReason::TimeLimit:
        return "length";
    case engine::FinishReason::Cancelled:
    case engine::FinishReason::Failed:
        return "error";
    case engine::FinishReason::None:
    case engine::FinishReason::EndOfAnswer:
    case engine::FinishReason::StopString:
        break;
    }
    return "stop";
}

CompletionJson::CompletionJson(const CompletionRequest& asked, const engine::ModelInfo& model)
    : m_asked(asked),
      m_tokenizer(model.tokenizer),
      m_id(randomId(asked.kind == CompletionKind::Chat ? "chatcmpl-" : "cmpl-")),
      m_model(asked.model.empty() ? model.name : asked.model),
      m_fingerprint("ink-" + model.contentHash.substr(0, 12)),
      m_created_s(std::chrono::duration_cast<std::chrono::seconds>(
                      std::chrono::system_clock::now().time_since_epoch())
                      .count()) {
    m_asked.messages.clear();
}

CompletionJson::Piece CompletionJson::take(CompletionChoice& choice,
                                           const engine::TokenEvent& event) const {
    Piece piece;
    const bool isText = m_asked.kind == CompletionKind::Text;
    if (!m_asked.inlineReasoning && !isText) {
        (event.reasoning ? piece.reasoning : piece.content) = event.text;
    } else if (!event.text.empty()) {
        if (event.reasoning && !choice.insideThink)
            piece.content = "<think>\n";
        else if (!event.reasoning && choice.insideThink)
            piece.content = "\n</think>\n\n";
        choice.insideThink = event.reasoning;
        piece.content += event.text;
    }
    choice.text += piece.content;
    choice.reasoning += piece.reasoning;
    choice.timings = event.timings;
    const bool isCounted = !event.reasoning || m_asked.inlineReasoning || isText;
    if (m_asked.logprobs && isCounted && !event.topLogprobs.empty()) {
        if (choice.logprobs.is_null())
            choice.logprobs = ordered_json::array();
        piece.logprobs = ordered_json::array({tokenEntry(event)});
        choice.logprobs.push_back(piece.logprobs.front());
    }
    return piece;
}

std::string CompletionJson::tokenText(engine::TokenId token) const {
    return m_tokenizer != nullptr ? std::string(m_tokenizer->tokenBytes(token, true))
                                  : std::string();
}

ordered_json CompletionJson::tokenEntry(const engine::TokenEvent& event) const {
    const auto entry = [this](engine::TokenId token, float logprob) {
        const std::string text = tokenText(token);
        return ordered_json{{"token", text}, {"logprob", logprob}, {"bytes", bytesOf(text)}};
    };
    ordered_json whole = entry(event.token, event.logprob);
    whole["top_logprobs"] = ordered_json::array();
    for (std::size_t i = 0; i < event.topLogprobs.size() && i < m_asked.topLogprobs; ++i)
        whole["top_logprobs"].push_back(
            entry(event.topLogprobs[i].token, event.topLogprobs[i].logprob));
    return whole;
}

/// The older shape of /v1/completions: columns instead of rows.
ordered_json CompletionJson::textLogprobs(const ordered_json& entries) const {
    ordered_json columns = {{"tokens", ordered_json::array()},
                            {"token_logprobs", ordered_json::array()},
                            {"top_logprobs", ordered_json::array()}};
    for (const ordered_json& entry : entries) {
        columns["tokens"].push_back(entry["token"]);
        columns["token_logprobs"].push_back(entry["logprob"]);
        ordered_json top = ordered_json::object();
        for (const ordered_json& other : entry["top_logprobs"])
            top[other["token"].get<std::string>()] = other["logprob"];
        columns["top_logprobs"].push_back(std::move(top));
    }
    return columns;
}

ordered_json CompletionJson::frame(bool streamed) const {
    const bool isChat = m_asked.kind == CompletionKind::Chat;
    const char* object = "text_completion";
    if (isChat)
        object = streamed ? "chat.completion.chunk" : "chat.completion";
    return {{"id", m_id},
            {"object", object},
            {"created", m_created_s},
            {"model", m_model},
            {"system_fingerprint", m_fingerprint}};
}

std::string CompletionJson::event(ordered_json choice) const {
    ordered_json chunk = frame(true);
    chunk["choices"] = ordered_json::array({std::move(choice)});
    if (m_asked.includeUsage)
        chunk["usage"] = nullptr;
    return "data: " + dump(chunk) + "\n\n";
}

std::string CompletionJson::opening(std::size_t index) const {
    if (m_asked.kind == CompletionKind::Text)
        return m_asked.echo ? piece(index, {m_asked.prompts[index / m_asked.choices], {}, nullptr})
                            : std::string();
    return event({{"index", index},
                  {"delta", {{"role", "assistant"}, {"content", ""}}},
                  {"logprobs", nullptr},
                  {"finish_reason", nullptr}});
}

std::string CompletionJson::piece(std::size_t index, Piece piece) const {
    const bool hasLogprobs = !piece.logprobs.is_null();
    if (m_asked.kind == CompletionKind::Text)
        return event({{"index", index},
                      {"text", std::move(piece.content)},
                      {"logprobs", hasLogprobs ? textLogprobs(piece.logprobs) : ordered_json()},
                      {"finish_reason", nullptr}});
    ordered_json delta = ordered_json::object();
    if (!piece.reasoning.empty())
        delta["reasoning_content"] = std::move(piece.reasoning);
    if (!piece.content.empty() || delta.empty())
        delta["content"] = std::move(piece.content);
    return event({{"index", index},
                  {"delta", std::move(delta)},
                  {"logprobs", hasLogprobs ? ordered_json{{"content", std::move(piece.logprobs)}}
                                           : ordered_json()},
                  {"finish_reason", nullptr}});
}

std::string CompletionJson::closing(std::size_t index, const CompletionChoice& choice) const {
    ordered_json last = {{"index", index}};
    if (m_asked.kind == CompletionKind::Text)
        last["text"] = "";
    else
        last["delta"] = ordered_json::object();
    last["logprobs"] = nullptr;
    last["finish_reason"] = finishName(choice.finish);
    return event(std::move(last));
}

std::string CompletionJson::usage(const std::vector<CompletionChoice>& choices) const {
    ordered_json chunk = frame(true);
    chunk["choices"] = ordered_json::array();
    chunk["usage"] = usageOf(choices, m_asked.choices);
    return "data: " + dump(chunk) + "\n\n";
}

std::string CompletionJson::whole(const std::vector<CompletionChoice>& choices) const {
    ordered_json body = frame(false);
    body["choices"] = ordered_json::array();
    for (std::size_t i = 0; i < choices.size(); ++i) {
        const CompletionChoice& choice = choices[i];
        const bool hasLogprobs = !choice.logprobs.is_null();
        ordered_json entry = {{"index", i}};
        if (m_asked.kind == CompletionKind::Text) {
            const std::string before =
                m_asked.echo ? m_asked.prompts[i / m_asked.choices] : std::string();
            entry["text"] = before + choice.text;
            entry["logprobs"] = hasLogprobs ? textLogprobs(choice.logprobs) : ordered_json();
        } else {
            entry["message"] = {{"role", "assistant"}, {"content", choice.text}};
            if (!choice.reasoning.empty())
                entry["message"]["reasoning_content"] = choice.reasoning;
            entry["message"]["refusal"] = nullptr;
            entry["logprobs"] =
                hasLogprobs ? ordered_json{{"content", choice.logprobs}} : ordered_json();
        }
        entry["finish_reason"] = finishName(choice.finish);
        body["choices"].push_back(std::move(entry));
    }
    body["usage"] = usageOf(choices, m_asked.choices);
    return dump(body);
}

} // namespace app
