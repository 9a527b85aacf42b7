#pragma once
// Agent: somebody who can be asked: a name, what it is told to be, and how the engine treats it.
// Plain values and their JSON. What an agent may use beside its words (tools, MCP servers) has its
// place in the JSON: keys that this version does not know are kept as they are.

#include "app/sampling_values.h"

#include <optional>
#include <QJsonObject>
#include <QList>
#include <QMetaType>
#include <QString>

namespace app {

/// Beside the chats, which always go first.
enum class AgentPriority {
    Normal,    ///< like API clients (P1)
    Background ///< like batch jobs (P2): when nothing else is to do
};

struct Agent {
    QString name;
    QString instructions;
    std::optional<SamplingValues> sampling; // absent: as set for chats
    int tokenBudget = 0; // tokens it may write in a run, thinking included; 0 = no limit
    AgentPriority priority = AgentPriority::Normal;
    QJsonObject others; // keys of other versions

    bool operator==(const Agent&) const = default;
};

constexpr int kMostAgents = 8; ///< in one run: columns that can be read side by side

Agent agentFrom(const QJsonObject& json);
QJsonObject toJson(const Agent& agent);
/// As one line of text, for the history.
QString agentText(const Agent& agent);
Agent agentFromText(const QString& text);

/// Those the program comes with, in the language of the moment.
QList<Agent> defaultAgents();

} // namespace app

Q_DECLARE_METATYPE(app::Agent)
