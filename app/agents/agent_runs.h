#pragma once
// AgentRuns: the AgentController of the program. Every lane is a ChatSession with terms of its own,
// so that saving, streaming and continuing are those of chats. GUI thread.

#include "app/agents/agent_controller.h"
#include "app/agents/agent_prompt.h"
#include "app/json_file.h"
#include "app/session/chat_sessions.h"

#include <map>
#include <memory>
#include <vector>

namespace app {

class AgentRuns : public AgentController {
    Q_OBJECT

  public:
    /// `agentsFile` holds the agents once a person changed them.
    AgentRuns(History& history, ChatSessions& sessions, const QString& agentsFile,
              QObject* parent = nullptr);
    ~AgentRuns() override; ///< lanes that run go on as plain sessions; nobody closes

    /// Not OK: the agents of the program serve, as JsonFile::read() says.
    engine::Status loadAgents();
    /// Asks for the list of runs; runsChanged follows.
    void refresh();

    QList<Agent> agents() const override;
    QList<RunRow> runs() const override;
    AgentRun run(RunId run) const override;

    void setAgents(const QList<Agent>& agents) override;
    void restoreDefaults() override;
    void start(const RunOrder& order) override;
    void openRun(RunId run) override;
    void pause(ConversationId lane) override;
    void resume(ConversationId lane) override;
    void stop(ConversationId lane) override;
    void stopRun(RunId run) override;
    void close(RunId run) override;
    void moveToTrash(RunId run) override;
    void restore(RunId run) override;

  private:
    struct Live;
    struct Lane {
        AgentLane value;
        Live* run = nullptr;
        ChatSession* session = nullptr; // taken; null once released
        int tokensBefore = 0;           // of the parts that are done
        bool pauses = false;            // it ends because it is to pause
        bool isStopped = false;         // a person ended it: nobody waits for it
    };
    struct Live {
        AgentRun value; // without lanes
        std::vector<std::unique_ptr<Lane>> lanes;
        bool mayClose = true;
    };

    Live* find(RunId run) const;
    Lane* findLane(ConversationId conversation) const;
    void started(RunId id, const RunOrder& order, const QString& title);
    Lane& addLane(Live& run, const AgentLane& value, ChatSession* session);
    void ask(Live& run, const Agent& agent, const QString& prompt, bool isClosing);
    void connectLane(Lane& lane);
    void onProgress(Lane& lane, const GenerationProgress& progress);
    void onFinished(Lane& lane, const Message& message);
    void onFailed(Lane& lane, const QString& sentence);
    void stopLane(Lane& lane);
    void continueLane(Lane& lane);
    void show(Lane& lane, const AgentLane& value);
    void opened(const StoredRun& stored);
    void closeWhenAllAreDone(Live& run);
    void askClosing(Live& run);
    void releaseIdle(RunId except);
    void release(Lane& lane);
    void tellRuns();

    History& m_history;
    ChatSessions& m_sessions;
    JsonFile m_file;
    std::optional<QList<Agent>> m_agents; // absent: those of the program
    QList<RunRow> m_rows;
    std::map<RunId, std::unique_ptr<Live>> m_live;
};

} // namespace app
