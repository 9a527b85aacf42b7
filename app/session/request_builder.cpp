#include "app/session/request_builder.h"

#include "app/engine_settings.h"

namespace app {

namespace {

std::vector<engine::ChatMessage> turnsOf(const QList<Message>& path) {
    std::vector<engine::ChatMessage> turns;
    for (const Message& message : path) {
        std::string content = message.text.toStdString();
        std::string role = "user";
        if (message.role == Role::System)
            role = "system";
        if (message.role == Role::Assistant) {
            role = "assistant";
            content = engine::dropReasoning(content);
        }
        if (content.empty())
            continue;
        if (role == "user" && !turns.empty() && turns.back().role == "user")
            turns.back().content += "\n\n" + content;
        else
            turns.push_back({role, std::move(content)});
    }
    return turns;
}

/// Does the prompt itself end with an opened <think>? Then a cut answer goes on inside it.
bool promptOpensReasoning(const engine::ModelInfo& model,
                          const std::vector<engine::ChatMessage>& turns) {
    if (model.chatTemplate == nullptr)
        return false;
    engine::ChatTemplateInput input;
    input.messages = turns;
    const auto pieces = model.chatTemplate->render(input);
    return pieces.ok() && engine::endsInsideReasoning(*pieces);
}

std::string cutAnswer(const Question& question, const engine::ModelInfo* model,
                      const std::vector<engine::ChatMessage>& turns) {
    const std::string text = question.cutText.toStdString();
    const std::string reasoning = question.cutReasoning.toStdString();
    const bool opened = model != nullptr && promptOpensReasoning(*model, turns);
    if (reasoning.empty() && !opened)
        return text;
    std::string answer = opened ? reasoning : "<think>\n" + reasoning;
    if (!text.empty())
        answer += "\n</think>\n\n" + text;
    return answer;
}

} // namespace

engine::Request buildRequest(const Question& question,
                             const std::shared_ptr<const engine::ModelInfo>& model) {
    engine::Request request;
    if (model != nullptr)
        request.model = model->key;
    request.messages = turnsOf(question.path);
    if (!question.systemPrompt.isEmpty() &&
        (request.messages.empty() || request.messages.front().role != "system"))
        request.messages.insert(request.messages.begin(),
                                {"system", question.systemPrompt.toStdString()});
    request.sampler = toEngine(question.sampling);
    request.overflow = policyOf(question.overflow);
    request.priority = question.priority;
    request.maxTokens = std::uint32_t(std::max(question.sampling.maxTokens, 0));
    request.thinkingBudget = std::uint32_t(std::max(question.sampling.thinkingBudget, 0));
    if (!question.cutText.isEmpty() || !question.cutReasoning.isEmpty())
        request.continuedAnswer = cutAnswer(question, model.get(), request.messages);
    return request;
}

QString systemPromptOf(const ModelDefaults& model, const SettingsValues& program) {
    return model.systemPrompt.isEmpty() ? program.systemPrompt : model.systemPrompt;
}

ModelStamp stampOf(const engine::ModelInfo& model) {
    const auto text = [](std::string_view view) {
        return QString::fromUtf8(view.data(), qsizetype(view.size()));
    };
    ModelStamp stamp;
    stamp.name = QString::fromStdString(model.name);
    stamp.contentHash = QString::fromStdString(model.contentHash);
    stamp.weights = text(engine::name(model.formats.weights));
    stamp.activations = text(engine::name(model.formats.activations));
    stamp.kv = text(engine::name(model.formats.kv));
    stamp.device = QString::fromStdString(model.device);
    return stamp;
}

} // namespace app
