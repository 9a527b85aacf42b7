// The agents that the program comes with. They are worded for small models too: one task each, in
// plain words.
#include "app/agents/agent.h"

#include <QCoreApplication>

namespace app {

namespace {
// A tr() for free functions whose context lupdate understands.
struct Agents {
    Q_DECLARE_TR_FUNCTIONS(app::Agents)
};
} // namespace

QList<Agent> defaultAgents() {
    const auto agent = [](const QString& name, const QString& instructions, int budget) {
        Agent made;
        made.name = name;
        made.instructions = instructions;
        made.tokenBudget = budget;
        return made;
    };
    return {
        agent(
            Agents::tr("Critic"),
            Agents::tr("Look for what is wrong: mistakes, gaps, claims without support. Name each "
                       "one, say why it matters, and how to mend it. Do not praise."),
            1500),
        agent(
            Agents::tr("Advocate"),
            Agents::tr("Look for what is good: what works, what is worth keeping, what could grow "
                       "out of it. Give reasons."),
            1500),
        agent(Agents::tr("Explainer"),
              Agents::tr("Explain it to somebody who is new to the subject: short sentences, one "
                         "example, no jargon without its meaning."),
              1500),
        agent(Agents::tr("Planner"),
              Agents::tr("Turn it into a plan: numbered steps in their order, what each needs, and "
                         "how one sees that it is done."),
              1500),
        agent(Agents::tr("Code reviewer"),
              Agents::tr("Review the code: bugs first, then edge cases, safety and speed, style "
                         "last. Quote the line that you speak of and show the change."),
              2000),
        agent(Agents::tr("Editor"),
              Agents::tr("Improve the text: clearer, shorter, in its own voice. Give the new text "
                         "first, then what was changed and why."),
              2000),
        agent(Agents::tr("Summarizer"),
              Agents::tr("Bring the answers of the others together: what they agree on, where they "
                         "differ and who is right, and then one final answer to the task."),
              2000),
    };
}

} // namespace app
