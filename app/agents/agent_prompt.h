#pragma once
// AgentPrompt: what an agent of a run is asked. Task and material stand first and are the same for
// all of them, the role comes after: so the engine computes the shared beginning once. Pure.

#include "app/agents/agent.h"

namespace app {

/// The beginning that all agents of a run share.
QString sharedPrompt(const QString& task, const QString& material);

/// sharedPrompt() and then who is to answer it.
QString agentPrompt(const QString& task, const QString& material, const Agent& agent);

/// One agent's answer, for the one who closes.
struct GivenAnswer {
    QString agent;
    QString text;
    bool isWhole = true; // false: it was stopped or cut
};

/// sharedPrompt(), then all answers, then the role of the one who closes.
QString closingPrompt(const QString& task, const QString& material,
                      const QList<GivenAnswer>& answers, const Agent& agent);

} // namespace app
