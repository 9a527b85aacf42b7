#pragma once
// AgentController: the agents a person has, and runs in which several of them answer one task at
// the same time. Slots take values and return at once; signals carry values. The text of a lane is
// that of its conversation: a ChatController shows it. GUI thread.

#include "app/agents/agent.h"
#include "app/history/run_records.h"

#include <QObject>

namespace app {

/// What is wanted.
struct RunOrder {
    QString task;
    QString material; // text that all agents get with the task; may be empty
    QList<Agent> agents;
    std::optional<Agent> closing; // receives all answers and answers last
};

enum class LaneState {
    Waiting, ///< for its turn; see place
    Running,
    Paused,  ///< goes on where it was
    Done,    ///< answered, or its budget is used up: see stopReason
    Stopped, ///< by a person or by the end of the program; can go on all the same
    Failed
};

struct AgentLane {
    ConversationId conversation = 0;
    Agent agent;
    bool isClosing = false;
    LaneState state = LaneState::Waiting;
    StopReason stopReason = StopReason::None;
    QueuePlace place;        // of Waiting
    int generatedTokens = 0; // thinking included

    /// It wrote as much as it may.
    bool isBudgetUsed() const {
        return agent.tokenBudget > 0 && generatedTokens >= agent.tokenBudget;
    }
    bool operator==(const AgentLane&) const = default;
};

struct AgentRun {
    RunId id = 0;
    QString title;
    QString task;
    QString material;
    std::optional<Agent> closing;
    QDateTime created;
    QList<AgentLane> lanes; // in the order they were asked, the closing one last

    bool isClosed() const { return !lanes.isEmpty() && lanes.last().isClosing; }
    /// Some lane waits or runs.
    bool isBusy() const;
};

/// A run in the list of all.
struct RunRow {
    RunId id = 0;
    QString title;
    QDateTime created;
    bool isBusy = false;
};

class AgentController : public QObject {
    Q_OBJECT

  public:
    explicit AgentController(QObject* parent = nullptr);
    ~AgentController() override;

    virtual QList<Agent> agents() const = 0;
    virtual QList<RunRow> runs() const = 0; ///< newest first, as of the last runsChanged
    /// A run that was started or opened; id 0 when it is not.
    virtual AgentRun run(RunId run) const = 0;

  public slots:
    /// Stored from here on; agentsChanged follows. Those without a name are left out.
    virtual void setAgents(const QList<app::Agent>& agents) = 0;
    /// The agents that the program comes with, in place of all others.
    virtual void restoreDefaults() = 0;
    /// Stores the run, then has all its agents answer; runStarted follows, or failed.
    virtual void start(const app::RunOrder& order) = 0;
    /// Shows a stored run: runChanged follows.
    virtual void openRun(app::RunId run) = 0;
    /// The lane keeps what it has and gives its place free.
    virtual void pause(app::ConversationId lane) = 0;
    /// A paused or stopped lane goes on where it was.
    virtual void resume(app::ConversationId lane) = 0;
    virtual void stop(app::ConversationId lane) = 0;
    /// Every lane; the closing agent is not asked any more.
    virtual void stopRun(app::RunId run) = 0;
    /// The closing agent answers now, with the answers that are there.
    virtual void close(app::RunId run) = 0;
    /// Into the trash with all its lanes, where it stays as long as the settings say.
    virtual void moveToTrash(app::RunId run) = 0;
    virtual void restore(app::RunId run) = 0;

  signals:
    void agentsChanged(const QList<app::Agent>& agents);
    void runsChanged(const QList<app::RunRow>& runs);
    void runStarted(app::RunId run);
    /// A lane came, or was opened.
    void runChanged(const app::AgentRun& run);
    /// State, place or tokens of one lane.
    void laneChanged(app::RunId run, const app::AgentLane& lane);
    void trashed(app::RunId run, const QString& title);
    /// One sentence a person can act on.
    void failed(const QString& sentence);
};

} // namespace app

Q_DECLARE_METATYPE(app::RunOrder)
Q_DECLARE_METATYPE(app::AgentLane)
Q_DECLARE_METATYPE(app::AgentRun)
