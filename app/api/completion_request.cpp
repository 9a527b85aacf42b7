#include "app/api/completion_request.h"

#include "app/api/json_fields.h"
#include "engine/model/json_file.h"

#include <algorithm>
#include <cfloat>
#include <charconv>

namespace app {

namespace {

using nlohmann::json;

constexpr std::size_t kMostStops = 16;
constexpr std::size_t kLongestStop_bytes = 1024;
constexpr std::uint32_t kMostTopLogprobs = 20;
constexpr std::uint32_t kMostTextLogprobs = 5;      // OpenAI's bound of /v1/completions
constexpr std::uint32_t kTextTokens = 16;           // OpenAI's default of /v1/completions
constexpr std::int64_t kManyTokens = 1'000'000'000; // more than any context: clamped, not refused

std::optional<std::string> contentOf(const json& content, const std::string& name,
                                     JsonFields& fields) {
    if (content.is_string())
        return content.get<std::string>();
    if (!content.is_array()) {
        fields.fail(wrongField(name, "'" + name + "' must be a string or an array of parts."));
        return std::nullopt;
    }
    std::string text;
    for (const json& part : content) {
        const JsonFields members(part, name + ".");
        const json* type = members.member("type");
        const json* words = members.member("text");
        if (type == nullptr || !type->is_string()) {
            fields.fail(wrongField(name, "Every part of '" + name + "' needs a 'type'."));
            return std::nullopt;
        }
        if (*type != "text") {
            fields.fail(unsupportedField(name, "Parts of the type " + type->dump() +
                                                   " are not supported; only text is."));
            return std::nullopt;
        }
        if (words == nullptr || !words->is_string()) {
            fields.fail(wrongField(name, "A text part of '" + name + "' needs a string 'text'."));
            return std::nullopt;
        }
        text += words->get<std::string>();
    }
    return text;
}

void readMessage(const json& message, std::size_t index, CompletionRequest& into,
                 JsonFields& fields) {
    const std::string name = "messages[" + std::to_string(index) + "]";
    if (!message.is_object())
        return fields.fail(wrongField(name, "'" + name + "' must be an object."));
    JsonFields members(message, name + ".");
    std::string role = members.text("role").value_or("");
    if (members.error())
        return fields.fail(*members.error());
    if (role == "developer")
        role = "system";
    if (role == "tool" || role == "function" || members.member("tool_calls") != nullptr ||
        members.member("function_call") != nullptr)
        return fields.fail(
            unsupportedField(name + ".role", "Tool calls are not supported by this server yet."));
    if (role != "system" && role != "user" && role != "assistant")
        return fields.fail(wrongField(
            name + ".role", "'" + name + ".role' must be system, developer, user or assistant."));
    const json* content = members.member("content");
    if (content == nullptr)
        return fields.fail(wrongField(name + ".content", "'" + name + ".content' is missing."));
    if (std::optional<std::string> text = contentOf(*content, name + ".content", fields))
        into.messages.push_back({std::move(role), std::move(*text)});
}

void readMessages(CompletionRequest& into, JsonFields& fields) {
    const json* messages = fields.member("messages");
    if (messages == nullptr || !messages->is_array() || messages->empty())
        return fields.fail(
            wrongField("messages", "'messages' must be an array of at least one message."));
    for (std::size_t i = 0; i < messages->size() && !fields.error(); ++i)
        readMessage((*messages)[i], i, into, fields);
}

void readPrompts(CompletionRequest& into, JsonFields& fields) {
    const json* prompt = fields.member("prompt");
    if (prompt != nullptr && prompt->is_string())
        into.prompts.push_back(prompt->get<std::string>());
    else if (prompt != nullptr && prompt->is_array())
        for (const json& each : *prompt) {
            if (!each.is_string())
                return fields.fail(unsupportedField(
                    "prompt", "'prompt' must be text: token ids are not supported."));
            into.prompts.push_back(each.get<std::string>());
        }
    if (into.prompts.empty())
        fields.fail(wrongField("prompt", "'prompt' must be a string or an array of strings."));
}

void readStops(CompletionRequest& into, JsonFields& fields) {
    const json* stop = fields.member("stop");
    if (stop == nullptr)
        return;
    const json list = stop->is_array() ? *stop : json::array({*stop});
    if (list.size() > kMostStops)
        return fields.fail(
            wrongField("stop", "'stop' can hold at most " + std::to_string(kMostStops) + "."));
    for (const json& each : list) {
        const bool isWell = each.is_string() && !each.get_ref<const std::string&>().empty() &&
                            each.get_ref<const std::string&>().size() <= kLongestStop_bytes;
        if (!isWell)
            return fields.fail(wrongField("stop", "'stop' must be a string of 1 to " +
                                                      std::to_string(kLongestStop_bytes) +
                                                      " bytes, or an array of such strings."));
        into.stopStrings.push_back(each.get<std::string>());
    }
}

void readLogitBias(CompletionRequest& into, JsonFields& fields) {
    const json* bias = fields.member("logit_bias");
    if (bias == nullptr)
        return;
    const auto refuse = [&] {
        fields.fail(wrongField("logit_bias", "'logit_bias' must be an object from token ids to "
                                             "numbers from -100 to 100."));
    };
    if (!bias->is_object())
        return refuse();
    for (const auto& [key, value] : bias->items()) {
        engine::TokenId token = engine::kNoToken;
        const auto [end, failure] = std::from_chars(key.data(), key.data() + key.size(), token);
        const bool isId = failure == std::errc() && end == key.data() + key.size() && token >= 0;
        const double given = value.is_number() ? value.get<double>() : 1000;
        if (!isId || !(given >= -100 && given <= 100))
            return refuse();
        into.sampler.logitBias.emplace_back(token, static_cast<float>(given));
    }
}

void readSampler(CompletionRequest& into, JsonFields& fields) {
    const auto real = [&](const char* name, double least, double most) -> std::optional<float> {
        const std::optional<double> value = fields.number(name, least, most);
        return value ? std::optional<float>(static_cast<float>(*value)) : std::nullopt;
    };
    SamplerWishes& sampler = into.sampler;
    sampler.temperature = real("temperature", 0, 100);
    sampler.topP = real("top_p", 0, 1);
    if (sampler.topP == 0.0F)
        sampler.topP = FLT_MIN; // OpenAI takes 0 as "the likeliest only"
    sampler.minP = real("min_p", 0, 1);
    if (const auto topK = fields.integer("top_k", -1, INT32_MAX))
        sampler.topK = static_cast<std::int32_t>(std::max<std::int64_t>(*topK, 0));
    sampler.presencePenalty = real("presence_penalty", -2, 2);
    sampler.frequencyPenalty = real("frequency_penalty", -2, 2);
    sampler.repetitionPenalty = real("repetition_penalty", 0.01, 100);
    if (!sampler.repetitionPenalty)
        sampler.repetitionPenalty = real("repeat_penalty", 0.01, 100);
    if (const auto seed = fields.integer("seed", INT64_MIN, INT64_MAX))
        sampler.seed = static_cast<std::uint64_t>(*seed);
    readLogitBias(into, fields);
}

void readLength(CompletionRequest& into, JsonFields& fields, const ApiLimits& limits) {
    std::optional<std::int64_t> asked = fields.integer("max_tokens", 1, kManyTokens);
    if (into.kind == CompletionKind::Chat)
        if (const auto newer = fields.integer("max_completion_tokens", 1, kManyTokens))
            asked = newer;
    const std::int64_t otherwise = into.kind == CompletionKind::Text ? kTextTokens : kManyTokens;
    into.maxTokens = static_cast<std::uint32_t>(
        std::min<std::int64_t>(asked.value_or(otherwise), limits.tokens));
    const auto most = static_cast<std::int64_t>(limits.choices);
    into.choices = static_cast<std::uint32_t>(fields.integer("n", 1, most).value_or(1));
    if (!fields.error() && into.answerCount() > limits.choices)
        fields.fail(wrongField("n", "One request can have at most " +
                                        std::to_string(limits.choices) + " answers."));
}

void readReasoning(CompletionRequest& into, JsonFields& fields) {
    into.enableThinking = fields.truth("enable_thinking").value_or(true);
    if (const json* arguments = fields.member("chat_template_kwargs")) {
        JsonFields members(*arguments, "chat_template_kwargs.");
        into.enableThinking = members.truth("enable_thinking").value_or(into.enableThinking);
        if (members.error())
            fields.fail(*members.error());
    }
    if (fields.text("reasoning_effort") == "none")
        into.enableThinking = false;
    into.thinkingBudget = static_cast<std::uint32_t>(
        fields.integer("thinking_budget_tokens", 0, INT32_MAX).value_or(0));
    const std::string format = fields.text("reasoning_format").value_or("auto");
    if (format == "inline" || format == "none")
        into.inlineReasoning = true;
    else if (format != "auto" && format != "separate" && format != "deepseek")
        fields.fail(wrongField("reasoning_format", "'reasoning_format' must be separate (in "
                                                   "reasoning_content) or inline (in content)."));
}

void readLogprobs(CompletionRequest& into, JsonFields& fields) {
    if (into.kind == CompletionKind::Text) {
        const auto count = fields.integer("logprobs", 0, kMostTextLogprobs);
        into.logprobs = count.has_value();
        into.topLogprobs = static_cast<std::uint32_t>(count.value_or(0));
        return;
    }
    into.logprobs = fields.truth("logprobs").value_or(false);
    const auto count = fields.integer("top_logprobs", 0, kMostTopLogprobs);
    into.topLogprobs = static_cast<std::uint32_t>(count.value_or(0));
    if (count && !into.logprobs)
        fields.fail(wrongField("top_logprobs", "'top_logprobs' needs 'logprobs' to be true."));
}

void readStreaming(CompletionRequest& into, JsonFields& fields) {
    into.stream = fields.truth("stream").value_or(false);
    const json* options = fields.member("stream_options");
    if (options == nullptr)
        return;
    if (!into.stream)
        return fields.fail(
            wrongField("stream_options", "'stream_options' needs 'stream' to be true."));
    JsonFields members(*options, "stream_options.");
    if (!options->is_object())
        return fields.fail(wrongField("stream_options", "'stream_options' must be an object."));
    into.includeUsage = members.truth("include_usage").value_or(false);
    if (members.error())
        fields.fail(*members.error());
}

/// What OpenAI knows and this server does not do yet.
void refuseUnsupported(CompletionKind kind, JsonFields& fields) {
    const auto isSet = [&](const char* name) {
        const json* value = fields.member(name);
        return value != nullptr && !(value->is_structured() && value->empty());
    };
    const auto refuse = [&](const char* name, const char* why) {
        fields.fail(unsupportedField(name, std::string("'") + name + "' " + why));
    };
    // Of other servers; a client that sends them relies on the shape of the answer.
    for (const char* name : {"tools", "functions", "json_schema", "grammar"})
        if (isSet(name))
            refuse(name, "is not supported by this server yet: leave it out.");
    if (const json* format = fields.member("response_format")) {
        const JsonFields members(*format);
        const json* type = members.member("type");
        if (type == nullptr || *type != "text")
            refuse("response_format", "other than text is not supported by this server yet.");
    }
    if (kind == CompletionKind::Text) {
        if (isSet("suffix"))
            refuse("suffix", "is not supported by this server.");
        if (const auto best = fields.integer("best_of", 1, 1000);
            best && *best > fields.integer("n", 1, 1000).value_or(1))
            refuse("best_of", "above 'n' is not supported by this server.");
        return;
    }
    for (const char* name : {"tool_choice", "function_call"})
        if (const json* choice = fields.member(name);
            choice != nullptr && *choice != "none" && *choice != "auto")
            refuse(name, "is not supported by this server yet: leave it out.");
    if (const json* modalities = fields.member("modalities");
        modalities != nullptr && *modalities != json::array({"text"}))
        refuse("modalities", "other than text are not supported by this server.");
    for (const char* name : {"audio", "prediction", "web_search_options"})
        if (isSet(name))
            refuse(name, "is not supported by this server.");
}

ApiError wrongJson(const engine::Status& status) {
    ApiError error;
    error.message = "The body is not usable JSON.";
    error.code = "invalid_json";
    for (const engine::StatusArgument& argument : status.arguments())
        if (argument.name == "problem")
            error.message = "The body is not usable JSON: " + argument.value + ".";
    return error;
}

} // namespace

std::variant<CompletionRequest, ApiError> readCompletion(CompletionKind kind, std::string_view body,
                                                         const ApiLimits& limits) {
    const auto document = engine::parseJson(body, "body", limits.bodyValues);
    if (!document)
        return wrongJson(document.status());
    if (!document->is_object())
        return wrongField({}, "The body must be a JSON object.");
    JsonFields fields(*document);
    CompletionRequest request;
    request.kind = kind;
    refuseUnsupported(kind, fields);
    request.model = fields.text("model").value_or("");
    if (kind == CompletionKind::Chat)
        readMessages(request, fields);
    else
        readPrompts(request, fields);
    readLength(request, fields, limits);
    readSampler(request, fields);
    readStops(request, fields);
    if (kind == CompletionKind::Chat)
        readReasoning(request, fields);
    readLogprobs(request, fields);
    readStreaming(request, fields);
    if (kind == CompletionKind::Text)
        request.echo = fields.truth("echo").value_or(false);
    if (request.echo && request.logprobs)
        fields.fail(unsupportedField("echo", "'echo' with 'logprobs' is not supported."));
    request.cache = fields.truth("cache");
    if (fields.error())
        return *fields.error();
    return request;
}

engine::Request engineRequest(const CompletionRequest& asked, const engine::ModelInfo& model,
                              std::size_t index, std::uint64_t seed) {
    const SamplerWishes& wishes = asked.sampler;
    engine::Request request;
    request.model = model.key;
    if (asked.kind == CompletionKind::Chat)
        request.messages = asked.messages;
    else
        request.rawPrompt = asked.prompts[index / asked.choices];
    request.sampler = engine::defaultSampler(model);
    engine::SamplerSpec& spec = request.sampler;
    spec.temperature = wishes.temperature.value_or(spec.temperature);
    spec.topP = wishes.topP.value_or(spec.topP);
    spec.topK = wishes.topK.value_or(spec.topK);
    spec.minP = wishes.minP.value_or(spec.minP);
    spec.repetitionPenalty = wishes.repetitionPenalty.value_or(spec.repetitionPenalty);
    spec.presencePenalty = wishes.presencePenalty.value_or(spec.presencePenalty);
    spec.frequencyPenalty = wishes.frequencyPenalty.value_or(spec.frequencyPenalty);
    spec.logitBias = wishes.logitBias;
    spec.seed = wishes.seed.value_or(seed);
    spec.sampleNumber = static_cast<std::uint32_t>(index % asked.choices);
    request.stopStrings = asked.stopStrings;
    request.maxTokens = asked.maxTokens;
    request.enableThinking = asked.enableThinking;
    request.thinkingBudget = asked.thinkingBudget;
    if (asked.logprobs)
        request.topLogprobs = std::max(1U, asked.topLogprobs); // the chosen one's comes with them
    request.priority = engine::Priority::P1;
    request.whenBusy = engine::WhenBusy::Refuse;
    return request;
}

bool isRepeatable(const CompletionRequest& asked, const engine::Request& request) {
    return asked.sampler.seed.has_value() || request.sampler.temperature == 0.0F;
}

} // namespace app
