#include "app/agents/agent_prompt.h"

#include <QCoreApplication>

namespace app {

namespace {

struct Prompt {
    Q_DECLARE_TR_FUNCTIONS(app::AgentPrompt)
};

QString roleOf(const Agent& agent) {
    QString role = Prompt::tr("You are: %1.").arg(agent.name);
    if (!agent.instructions.trimmed().isEmpty())
        role += QLatin1Char(' ') + agent.instructions.trimmed();
    return role;
}

QString section(const QString& heading, const QString& text) {
    return QStringLiteral("\n\n## %1\n\n%2").arg(heading, text);
}

} // namespace

QString sharedPrompt(const QString& task, const QString& material) {
    QString prompt = task.trimmed();
    if (!material.trimmed().isEmpty())
        prompt += section(Prompt::tr("Material"), material.trimmed());
    return prompt;
}

QString agentPrompt(const QString& task, const QString& material, const Agent& agent) {
    return sharedPrompt(task, material) + section(Prompt::tr("Your role"), roleOf(agent));
}

QString closingPrompt(const QString& task, const QString& material,
                      const QList<GivenAnswer>& answers, const Agent& agent) {
    QString prompt = sharedPrompt(task, material);
    for (const GivenAnswer& answer : answers) {
        const QString heading = answer.isWhole
                                    ? Prompt::tr("Answer of %1").arg(answer.agent)
                                    : Prompt::tr("Answer of %1, not complete").arg(answer.agent);
        prompt += section(heading, answer.text.trimmed());
    }
    return prompt + section(Prompt::tr("Your role"), roleOf(agent));
}

} // namespace app
