#include "app/agents/agent_runs.h"

#include "app/messages.h"
#include "app/session/chat_title.h"

#include <algorithm>
#include <QJsonArray>

namespace app {

namespace {

constexpr auto kAgentsKey = "agents";
constexpr auto kClosingKey = "closes"; // in a lane's agent: it received all answers

/// The last answer of a lane.
Message answerOf(const ChatSession& session) {
    const QList<Message> branch = session.branch();
    for (auto message = branch.crbegin(); message != branch.crend(); ++message)
        if (message->role == Role::Assistant)
            return *message;
    return {};
}

LaneState stateFrom(MessageState state, StopReason reason) {
    if (reason == StopReason::Failed)
        return LaneState::Failed;
    const bool isWhole = state == MessageState::Done && reason != StopReason::Cancelled &&
                         reason != StopReason::Interrupted && reason != StopReason::None;
    return isWhole ? LaneState::Done : LaneState::Stopped;
}

AgentLane laneFrom(const StoredLane& stored) {
    AgentLane lane;
    lane.conversation = stored.conversation;
    lane.agent = agentFromText(stored.agent);
    lane.isClosing = lane.agent.others.take(QLatin1String(kClosingKey)).toBool();
    lane.state = stateFrom(stored.state, stored.stopReason);
    lane.stopReason = stored.stopReason;
    lane.generatedTokens = stored.generatedTokens;
    return lane;
}

bool isOpen(LaneState state) {
    return state == LaneState::Waiting || state == LaneState::Running || state == LaneState::Paused;
}

ChatTerms termsOf(const AgentRun& run, const AgentLane& lane) {
    Agent stored = lane.agent;
    if (lane.isClosing)
        stored.others[QLatin1String(kClosingKey)] = true;
    ChatTerms terms;
    terms.title = QStringLiteral("%1 · %2").arg(lane.agent.name, run.title);
    terms.run = run.id;
    terms.agent = agentText(stored);
    terms.tokenBudget = lane.agent.tokenBudget;
    terms.priority = lane.agent.priority == AgentPriority::Background ? engine::Priority::P2
                                                                      : engine::Priority::P1;
    return terms;
}

} // namespace

AgentRuns::AgentRuns(History& history, ChatSessions& sessions, const QString& agentsFile,
                     QObject* parent)
    : AgentController(parent), m_history(history), m_sessions(sessions), m_file(agentsFile) {
    connect(&m_file, &JsonFile::failed, this,
            [this](const engine::Status& status) { emit failed(sentence(status)); });
}

AgentRuns::~AgentRuns() {
    for (const auto& [id, run] : m_live)
        for (const auto& lane : run->lanes)
            release(*lane);
}

engine::Status AgentRuns::loadAgents() {
    const engine::Result<QJsonObject> stored = m_file.read();
    if (!stored.ok())
        return stored.status();
    const QJsonValue list = stored->value(QLatin1String(kAgentsKey));
    if (!list.isArray())
        return {};
    m_agents.emplace();
    for (const QJsonValue& each : list.toArray())
        m_agents->append(agentFrom(each.toObject()));
    return {};
}

QList<Agent> AgentRuns::agents() const {
    return m_agents.value_or(defaultAgents());
}

void AgentRuns::setAgents(const QList<Agent>& agents) {
    QList<Agent> kept;
    QJsonArray json;
    for (const Agent& agent : agents) {
        if (agent.name.trimmed().isEmpty())
            continue;
        kept.append(agent);
        json.append(toJson(agent));
    }
    if (kept == this->agents())
        return;
    m_agents = kept;
    m_file.write({{QLatin1String(kAgentsKey), json}});
    emit agentsChanged(kept);
}

void AgentRuns::restoreDefaults() {
    m_agents.reset();
    m_file.write({});
    emit agentsChanged(agents());
}

void AgentRuns::refresh() {
    m_history.runs(this, [this](const engine::Result<QList<StoredRun>>& stored) {
        if (!stored.ok()) {
            emit failed(sentence(stored.status()));
            return;
        }
        m_rows.clear();
        for (const StoredRun& run : *stored)
            m_rows.append({run.id, run.title, run.created, false});
        tellRuns();
    });
}

QList<RunRow> AgentRuns::runs() const {
    QList<RunRow> rows = m_rows;
    for (RunRow& row : rows)
        row.isBusy = run(row.id).isBusy();
    return rows;
}

void AgentRuns::tellRuns() {
    emit runsChanged(runs());
}

AgentRuns::Live* AgentRuns::find(RunId run) const {
    const auto it = m_live.find(run);
    return it != m_live.end() ? it->second.get() : nullptr;
}

AgentRuns::Lane* AgentRuns::findLane(ConversationId conversation) const {
    for (const auto& [id, run] : m_live)
        for (const auto& lane : run->lanes)
            if (conversation != 0 && lane->value.conversation == conversation)
                return lane.get();
    return nullptr;
}

AgentRun AgentRuns::run(RunId id) const {
    const Live* live = find(id);
    if (live == nullptr)
        return {};
    AgentRun run = live->value;
    for (const auto& lane : live->lanes)
        run.lanes.append(lane->value);
    return run;
}

void AgentRuns::start(const RunOrder& order) {
    if (order.task.trimmed().isEmpty()) {
        emit failed(tr("Say what the agents are to do first."));
        return;
    }
    if (order.agents.isEmpty()) {
        emit failed(tr("Choose at least one agent."));
        return;
    }
    if (order.agents.size() > kMostAgents) {
        emit failed(
            tr("At most %1 agents can answer side by side. Choose fewer.").arg(kMostAgents));
        return;
    }
    StoredRun stored;
    stored.title = titleFrom(order.task);
    stored.task = order.task;
    stored.material = order.material;
    if (order.closing)
        stored.closing = agentText(*order.closing);
    const auto id = std::make_shared<RunId>(0);
    m_history.commit([stored, id](HistoryWriter& writer) { *id = writer.addRun(stored); }, this,
                     [this, order, id, title = stored.title](const engine::Status& status) {
                         if (status.ok())
                             started(*id, order, title);
                         else
                             emit failed(sentence(status));
                     });
}

void AgentRuns::started(RunId id, const RunOrder& order, const QString& title) {
    releaseIdle(id);
    auto made = std::make_unique<Live>();
    Live& run = *made;
    run.value.id = id;
    run.value.title = title;
    run.value.task = order.task;
    run.value.material = order.material;
    run.value.closing = order.closing;
    run.value.created = QDateTime::currentDateTimeUtc();
    m_live[id] = std::move(made);
    for (const Agent& agent : order.agents)
        ask(run, agent, agentPrompt(order.task, order.material, agent), false);
    m_rows.prepend({id, title, run.value.created, true});
    emit runStarted(id);
    emit runChanged(this->run(id));
    tellRuns();
}

AgentRuns::Lane& AgentRuns::addLane(Live& run, const AgentLane& value, ChatSession* session) {
    run.lanes.push_back(std::make_unique<Lane>());
    Lane& lane = *run.lanes.back();
    lane.value = value;
    lane.run = &run;
    lane.session = session;
    session->setTerms(termsOf(run.value, value));
    if (value.agent.sampling)
        session->setSampling(*value.agent.sampling);
    connectLane(lane);
    return lane;
}

void AgentRuns::ask(Live& run, const Agent& agent, const QString& prompt, bool isClosing) {
    AgentLane value;
    value.agent = agent;
    value.isClosing = isClosing;
    addLane(run, value, m_sessions.take(0)).session->send(prompt);
}

void AgentRuns::connectLane(Lane& lane) {
    ChatSession* session = lane.session;
    connect(session, &ChatSession::stored, this, [this, &lane](ConversationId conversation) {
        if (lane.value.conversation != 0)
            return;
        lane.value.conversation = conversation;
        emit runChanged(run(lane.run->value.id));
    });
    connect(session, &ChatSession::progressChanged, this,
            [this, &lane](const GenerationProgress& progress) { onProgress(lane, progress); });
    connect(session, &ChatSession::messageFinished, this,
            [this, &lane](const Message& message) { onFinished(lane, message); });
    connect(session, &ChatSession::failed, this,
            [this, &lane](const QString& sentence) { onFailed(lane, sentence); });
}

/// Takes over what is known of a lane now.
void AgentRuns::show(Lane& lane, const AgentLane& value) {
    if (value == lane.value)
        return;
    const bool wasOpen = isOpen(lane.value.state);
    lane.value = value;
    emit laneChanged(lane.run->value.id, value);
    if (wasOpen != isOpen(value.state))
        tellRuns();
}

void AgentRuns::onProgress(Lane& lane, const GenerationProgress& progress) {
    if (progress.phase == GenerationPhase::Idle)
        return; // onFinished() knows how it ended
    AgentLane value = lane.value;
    const bool waits =
        progress.phase == GenerationPhase::Saving || progress.phase == GenerationPhase::Queued;
    value.state = waits ? LaneState::Waiting : LaneState::Running;
    value.stopReason = StopReason::None;
    value.place = progress.place;
    value.generatedTokens = lane.tokensBefore + progress.generatedTokens;
    show(lane, value);
}

void AgentRuns::onFinished(Lane& lane, const Message& message) {
    if (message.role != Role::Assistant)
        return;
    AgentLane value = lane.value;
    value.place = {};
    value.stopReason = message.stopReason;
    if (message.stats)
        value.generatedTokens = message.stats->generatedTokens;
    value.state = stateFrom(message.state, message.stopReason);
    if (value.state == LaneState::Stopped && lane.pauses)
        value.state = LaneState::Paused;
    lane.pauses = false;
    lane.tokensBefore = value.generatedTokens;
    show(lane, value);
    closeWhenAllAreDone(*lane.run);
}

/// No message says why where nothing was computed: a new lane that could not be stored has no
/// conversation, and one that was to go on but could not be reopened stands as it stood before. All
/// other failures are on their message.
void AgentRuns::onFailed(Lane& lane, const QString& sentence) {
    const bool isNew = lane.value.conversation == 0;
    if (!isNew && (lane.value.state != LaneState::Waiting || lane.session->isBusy()))
        return;
    AgentLane value = lane.value;
    value.state = isNew ? LaneState::Failed : LaneState::Stopped;
    lane.isStopped = !isNew; // nobody waits for what could not be taken up again
    show(lane, value);
    emit failed(sentence);
    closeWhenAllAreDone(*lane.run);
}

void AgentRuns::closeWhenAllAreDone(Live& run) {
    if (!run.mayClose || !run.value.closing)
        return;
    for (const auto& lane : run.lanes) {
        const AgentLane& value = lane->value;
        const bool endedItself =
            value.state == LaneState::Done || value.state == LaneState::Failed || lane->isStopped;
        if (value.isClosing || isOpen(value.state) || !endedItself)
            return;
    }
    askClosing(run);
}

void AgentRuns::askClosing(Live& run) {
    QList<GivenAnswer> answers;
    for (const auto& lane : run.lanes) {
        const Message answer = lane->session != nullptr ? answerOf(*lane->session) : Message();
        if (!lane->value.isClosing && !answer.text.trimmed().isEmpty())
            answers.append({lane->value.agent.name, answer.text,
                            lane->value.state == LaneState::Done &&
                                answer.stopReason != StopReason::MaxTokens});
    }
    if (answers.isEmpty()) {
        emit failed(
            tr("There is no answer yet that %1 could work with.").arg(run.value.closing->name));
        return;
    }
    run.mayClose = false;
    const Agent closing = *run.value.closing;
    ask(run, closing, closingPrompt(run.value.task, run.value.material, answers, closing), true);
    emit runChanged(this->run(run.value.id));
}

void AgentRuns::openRun(RunId id) {
    if (find(id) != nullptr) {
        emit runChanged(run(id));
        return;
    }
    m_history.run(id, this, [this, id](const engine::Result<StoredRun>& stored) {
        if (!stored.ok())
            emit failed(sentence(stored.status()));
        else if (stored->id == 0)
            emit failed(tr("This run is not in the history any more."));
        else if (find(id) == nullptr)
            opened(*stored);
    });
}

void AgentRuns::opened(const StoredRun& stored) {
    releaseIdle(stored.id);
    auto made = std::make_unique<Live>();
    Live& run = *made;
    run.value.id = stored.id;
    run.value.title = stored.title;
    run.value.task = stored.task;
    run.value.material = stored.material;
    if (!stored.closing.isEmpty())
        run.value.closing = agentFromText(stored.closing);
    run.value.created = stored.created;
    run.mayClose = false; // only when a person says so
    for (const StoredLane& each : stored.lanes) {
        ChatSession* session = m_sessions.take(each.conversation);
        const AgentLane value = laneFrom(each);
        addLane(run, value, session).tokensBefore = value.generatedTokens;
        if (session->id() == 0)
            session->load(each.conversation);
    }
    m_live[stored.id] = std::move(made);
    emit runChanged(this->run(stored.id));
}

void AgentRuns::pause(ConversationId conversation) {
    Lane* lane = findLane(conversation);
    if (lane == nullptr || lane->session == nullptr || !lane->session->isBusy())
        return;
    lane->pauses = true;
    lane->session->stop();
}

void AgentRuns::stop(ConversationId conversation) {
    if (Lane* lane = findLane(conversation))
        stopLane(*lane);
}

void AgentRuns::stopLane(Lane& lane) {
    if (lane.session == nullptr)
        return;
    lane.isStopped = true;
    lane.pauses = false;
    if (lane.session->isBusy()) {
        lane.session->abandon();
    } else if (lane.value.state == LaneState::Paused) {
        AgentLane value = lane.value;
        value.state = LaneState::Stopped;
        show(lane, value);
        closeWhenAllAreDone(*lane.run);
    }
}

void AgentRuns::resume(ConversationId conversation) {
    Lane* lane = findLane(conversation);
    if (lane == nullptr || lane->session == nullptr || lane->session->isBusy())
        return;
    if (lane->value.isBudgetUsed()) {
        emit failed(tr("%1 has used up its budget of %2 tokens. Open it as a chat to go on.")
                        .arg(lane->value.agent.name)
                        .arg(lane->value.agent.tokenBudget));
        return;
    }
    lane->isStopped = false;
    lane->tokensBefore = lane->value.generatedTokens;
    continueLane(*lane);
}

void AgentRuns::continueLane(Lane& lane) {
    const MessageId answer = answerOf(*lane.session).id;
    if (answer != 0) {
        lane.session->continueAnswer(answer);
        return;
    }
    // It was opened a moment ago and is still being read.
    connect(
        lane.session, &ChatSession::messagesLoaded, this,
        [this, conversation = lane.value.conversation] {
            Lane* loaded = findLane(conversation);
            if (loaded != nullptr && loaded->session != nullptr && !loaded->session->isBusy() &&
                answerOf(*loaded->session).id != 0)
                loaded->session->continueAnswer(answerOf(*loaded->session).id);
        },
        Qt::SingleShotConnection);
}

void AgentRuns::stopRun(RunId id) {
    Live* run = find(id);
    if (run == nullptr)
        return;
    run->mayClose = false;
    for (const auto& lane : run->lanes) // also those that have no conversation yet
        stopLane(*lane);
}

void AgentRuns::close(RunId id) {
    Live* run = find(id);
    if (run != nullptr && run->value.closing && !this->run(id).isClosed())
        askClosing(*run);
}

void AgentRuns::moveToTrash(RunId id) {
    stopRun(id);
    QString title;
    for (const RunRow& row : std::as_const(m_rows))
        if (row.id == id)
            title = row.title;
    m_history.change([id](HistoryWriter& writer) { writer.setRunTrashed(id, true); }, this,
                     [this, id, title](const engine::Status& status) {
                         if (status.ok())
                             emit trashed(id, title);
                         else
                             emit failed(sentence(status));
                         refresh();
                     });
}

void AgentRuns::restore(RunId id) {
    m_history.change([id](HistoryWriter& writer) { writer.setRunTrashed(id, false); }, this,
                     [this](const engine::Status& status) {
                         if (!status.ok())
                             emit failed(sentence(status));
                         refresh();
                     });
}

/// Runs that were looked at and do nothing any more give their sessions back.
void AgentRuns::releaseIdle(RunId except) {
    for (auto it = m_live.begin(); it != m_live.end();) {
        const AgentRun value = run(it->first);
        const bool isOver = std::none_of(value.lanes.begin(), value.lanes.end(),
                                         [](const AgentLane& lane) { return isOpen(lane.state); });
        if (it->first == except || !isOver) {
            ++it;
            continue;
        }
        for (const auto& lane : it->second->lanes)
            release(*lane);
        it = m_live.erase(it);
    }
}

void AgentRuns::release(Lane& lane) {
    if (lane.session == nullptr)
        return;
    lane.session->disconnect(this);
    m_sessions.release(lane.session);
    lane.session = nullptr;
}

} // namespace app
