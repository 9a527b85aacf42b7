#include "app/agents/agent.h"

#include "app/history/message_codec.h"

#include <algorithm>
#include <array>
#include <QJsonDocument>

namespace app {

namespace {

constexpr int kMostName = 60;              // characters
constexpr int kMostInstructions = 1 << 16; // characters

constexpr std::array kKnownKeys = {"name", "instructions", "sampling", "token_budget", "priority"};

QJsonObject objectFrom(const QString& text) {
    return QJsonDocument::fromJson(text.toUtf8()).object();
}

} // namespace

Agent agentFrom(const QJsonObject& json) {
    Agent agent;
    agent.name = json.value(QLatin1String("name")).toString().simplified().left(kMostName);
    agent.instructions =
        json.value(QLatin1String("instructions")).toString().left(kMostInstructions);
    if (const QJsonValue sampling = json.value(QLatin1String("sampling")); sampling.isObject())
        agent.sampling = samplingFrom(
            QString::fromUtf8(QJsonDocument(sampling.toObject()).toJson(QJsonDocument::Compact)));
    agent.tokenBudget = std::max(json.value(QLatin1String("token_budget")).toInt(), 0);
    if (json.value(QLatin1String("priority")).toString() == QLatin1String("background"))
        agent.priority = AgentPriority::Background;
    agent.others = json;
    for (const char* key : kKnownKeys)
        agent.others.remove(QLatin1String(key));
    return agent;
}

QJsonObject toJson(const Agent& agent) {
    QJsonObject json = agent.others;
    json[QLatin1String("name")] = agent.name;
    json[QLatin1String("instructions")] = agent.instructions;
    if (agent.sampling)
        json[QLatin1String("sampling")] = objectFrom(toJson(*agent.sampling, AnswerSource()));
    json[QLatin1String("token_budget")] = agent.tokenBudget;
    json[QLatin1String("priority")] = agent.priority == AgentPriority::Background
                                          ? QStringLiteral("background")
                                          : QStringLiteral("normal");
    return json;
}

QString agentText(const Agent& agent) {
    return QString::fromUtf8(QJsonDocument(toJson(agent)).toJson(QJsonDocument::Compact));
}

Agent agentFromText(const QString& text) {
    return agentFrom(objectFrom(text));
}

} // namespace app
