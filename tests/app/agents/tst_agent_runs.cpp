// Runs of agents over the program without pixels: on a scripted engine, and on the real one where
// it counts what the prefix cache saved.
#include "app/agents/agent_controller.h"
#include "app/agents/agent_prompt.h"
#include "app/session/conversation_list_controller.h"
#include "tests/app/application_bed.h"
#include "tests/support/recorded_engine.h"
#include "tests/support/suite_registry.h"

#include <QJsonDocument>
#include <QtTest/QtTest>
#include <SQLiteCpp/Database.h>

using app::Agent;
using app::AgentLane;
using app::AgentRun;
using app::LaneState;

namespace {

constexpr int kPageTokens = 32; // of the prefix cache

Agent agent(const char* name, int budget = 0) {
    Agent made;
    made.name = QString::fromLatin1(name);
    made.instructions = QStringLiteral("Be a %1.").arg(made.name);
    made.tokenBudget = budget;
    return made;
}

app::RunOrder order(const QList<Agent>& agents) {
    app::RunOrder order;
    order.task = QStringLiteral("Look at this text.");
    order.material = QStringLiteral("The text that all of them look at.");
    order.agents = agents;
    return order;
}

} // namespace

class TstAgentRuns : public QObject, private tests::ApplicationBed {
    Q_OBJECT

  private slots:
    void init() {
        begin();
        m_runId = 0;
    }
    void cleanup() { end(); }

    void allAnswerThenOneCloses() {
        restart();
        FakeScript script;
        script.answerTo = [](const engine::Request& request) {
            const std::string& prompt = request.messages.back().content;
            return prompt.find("You are: closer") != std::string::npos
                       ? std::string("all in all")
                       : "seen by " + prompt.substr(prompt.find("You are: ") + 9, 3);
        };
        m_fake->setScript(script);
        app::RunOrder wanted = order({agent("one"), agent("two")});
        wanted.closing = agent("closer");
        const AgentRun run = runToEnd(wanted, 3);
        QVERIFY(run.isClosed());
        QCOMPARE(textOf(run.lanes[0]), QStringLiteral("seen by one"));
        QCOMPARE(textOf(run.lanes[1]), QStringLiteral("seen by two"));
        QCOMPARE(textOf(run.lanes[2]), QStringLiteral("all in all"));

        const std::vector<engine::Request> asked = m_fake->submitted();
        QCOMPARE(asked.size(), std::size_t(3));
        const QString shared = app::sharedPrompt(wanted.task, wanted.material);
        for (const engine::Request& request : asked) {
            QCOMPARE(request.priority, engine::Priority::P1);
            QCOMPARE(request.client, std::string("desktop")); // one with the tabs
            QCOMPARE(request.messages.size(), std::size_t(1));
            QVERIFY(QString::fromStdString(request.messages[0].content).startsWith(shared));
        }
        const QString closing = QString::fromStdString(asked[2].messages[0].content);
        QVERIFY(closing.contains(QStringLiteral("seen by one")));
        QVERIFY(closing.contains(QStringLiteral("seen by two")));
        QVERIFY(m_app->conversations().conversations().isEmpty()); // lanes are no chats
    }

    void aRunIsThereAfterARestart() {
        restart();
        const AgentRun before = runToEnd(order({agent("one", 500), agent("two")}), 2);
        const QString text = textOf(before.lanes[0]);
        restart();
        app::AgentController& agents = m_app->agents();
        QTRY_COMPARE(agents.runs().size(), 1);
        QCOMPARE(agents.runs()[0].title, before.title);
        agents.openRun(before.id);
        QTRY_COMPARE(agents.run(before.id).lanes.size(), 2);
        const AgentRun after = agents.run(before.id);
        QCOMPARE(after.task, before.task);
        QCOMPARE(after.material, before.material);
        QCOMPARE(after.lanes, before.lanes);
        QCOMPARE(textOf(after.lanes[0]), text);
    }

    void aPausedLaneGoesOnAndTheClosingOneWaits() {
        restart();
        answerWithoutEnd(300);
        app::RunOrder wanted = order({agent("one")});
        wanted.closing = agent("closer");
        startRun(wanted, 1);
        QTRY_VERIFY(lane(0).generatedTokens > 10);
        app::AgentController& agents = m_app->agents();
        agents.pause(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Paused);
        const int paused = lane(0).generatedTokens;
        const QString text = textOf(lane(0));
        QTest::qWait(100);
        QCOMPARE(lane(0).generatedTokens, paused);
        QCOMPARE(run().lanes.size(), 1);

        FakeScript end;
        end.answer = "the end";
        m_fake->setScript(end);
        agents.resume(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Done);
        QVERIFY(lane(0).generatedTokens > paused);
        QCOMPARE(textOf(lane(0)), text + QStringLiteral("the end"));
        QCOMPARE(m_fake->submitted()[1].continuedAnswer, text.toStdString());
        QTRY_COMPARE(run().lanes.size(), 2); // now it closes
        QTRY_COMPARE(lane(1).state, LaneState::Done);
    }

    void budgetIsKeptOverAPause() {
        restart();
        answerWithoutEnd(400);
        startRun(order({agent("one", 60)}), 1);
        QTRY_VERIFY(lane(0).generatedTokens > 5);
        m_app->agents().pause(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Paused);
        m_app->agents().resume(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Done);
        QCOMPARE(lane(0).generatedTokens, 60); // both parts together
        QCOMPARE(lane(0).stopReason, app::StopReason::MaxTokens);
        QVERIFY(lane(0).isBudgetUsed());
        QString why;
        connect(&m_app->agents(), &app::AgentController::failed, this,
                [&why](const QString& sentence) { why = sentence; });
        m_app->agents().resume(lane(0).conversation);
        QVERIFY(why.contains(QStringLiteral("60")));
    }

    void stoppingOneLeavesTheOthersWhole() {
        restart();
        answerWithoutEnd(300);
        startRun(order({agent("one", 120), agent("two"), agent("three", 120)}), 3);
        QTRY_VERIFY(lane(1).generatedTokens > 5);
        m_app->agents().stop(lane(1).conversation);
        QTRY_COMPARE(lane(1).state, LaneState::Stopped);
        QTRY_COMPARE(lane(0).state, LaneState::Done);
        QTRY_COMPARE(lane(2).state, LaneState::Done);
        QCOMPARE(lane(0).generatedTokens, 120);
        QCOMPARE(lane(2).generatedTokens, 120);
        QVERIFY(lane(1).generatedTokens < 120);
        QVERIFY(!run().isBusy());
    }

    /// One that the engine refuses fails alone, and the closing one works with what the others
    /// said.
    void aLaneThatFailsHarmsNoOther() {
        restart();
        m_fake->refuseNext(engine::Status(engine::Code::OutOfMemory));
        app::RunOrder wanted = order({agent("one"), agent("two"), agent("three")});
        wanted.closing = agent("closer");
        startRun(wanted, 3);
        QTRY_COMPARE(run().lanes.size(), 4);
        QTRY_VERIFY(!run().isBusy());
        QList<LaneState> states;
        for (int i = 0; i < 4; ++i)
            states.append(lane(i).state);
        QCOMPARE(states.count(LaneState::Failed), 1);
        QCOMPARE(states.count(LaneState::Done), 3);
        QCOMPARE(lane(3).state, LaneState::Done);
        const AgentLane failed = lane(int(states.indexOf(LaneState::Failed)));
        QVERIFY(!answerOf(failed).error.isEmpty());
        QCOMPARE(m_fake->submitted().back().messages.back().content.find(
                     "Answer of " + failed.agent.name.toStdString()),
                 std::string::npos);
    }

    void stoppingARunLetsNobodyClose() {
        restart();
        answerWithoutEnd(300);
        app::RunOrder wanted = order({agent("one"), agent("two")});
        wanted.closing = agent("closer", 20);
        startRun(wanted, 2);
        QTRY_VERIFY(lane(1).generatedTokens > 5);
        m_app->agents().stopRun(m_runId);
        QTRY_VERIFY(!run().isBusy());
        QTest::qWait(100);
        QCOMPARE(run().lanes.size(), 2);
        m_app->agents().close(m_runId); // unless a person says so
        QTRY_COMPARE(run().lanes.size(), 3);
        QTRY_COMPARE(lane(2).state, LaneState::Done);
    }

    /// Before its lanes are stored, as a quick hand does it.
    void aRunThatHasJustBegunCanBeStopped() {
        restart();
        answerWithoutEnd(300);
        bool wasStored = true;
        connect(
            &m_app->agents(), &app::AgentController::runStarted, this,
            [&](app::RunId id) {
                m_runId = id;
                wasStored = lane(0).conversation != 0;
                m_app->agents().stopRun(id);
            },
            Qt::SingleShotConnection);
        m_app->agents().start(order({agent("one"), agent("two")}));
        QTRY_VERIFY(run().lanes.size() == 2 && lane(1).conversation != 0);
        QVERIFY(!wasStored);
        QTRY_VERIFY(!run().isBusy());
        for (int i = 0; i < 2; ++i) {
            QCOMPARE(lane(i).state, LaneState::Stopped);
            QVERIFY(lane(i).generatedTokens < 5);
        }
        QCOMPARE(m_fake->running(), std::size_t(0));
    }

    void aResumeThatCannotBeStoredIsSaidAndCanBeTriedAgain() {
        restart();
        answerWithoutEnd(100);
        startRun(order({agent("one", 200)}), 1);
        QTRY_VERIFY(lane(0).generatedTokens > 5);
        app::AgentController& agents = m_app->agents();
        agents.pause(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Paused);
        QSignalSpy failed(&agents, &app::AgentController::failed);
        change("CREATE TRIGGER refuse BEFORE UPDATE ON messages BEGIN "
               "SELECT RAISE(FAIL, 'not now'); END");
        agents.resume(lane(0).conversation);
        QTRY_COMPARE(failed.size(), 1);
        QCOMPARE(lane(0).state, LaneState::Stopped);
        QVERIFY(!run().isBusy());
        change("DROP TRIGGER refuse");
        agents.resume(lane(0).conversation);
        QTRY_COMPARE(lane(0).state, LaneState::Done);
        QCOMPARE(failed.size(), 1);
    }

    void whatIsMissingIsSaid() {
        restart();
        QStringList sentences;
        connect(&m_app->agents(), &app::AgentController::failed, this,
                [&](const QString& sentence) { sentences.append(sentence); });
        m_app->agents().start({});
        m_app->agents().start(order({}));
        m_app->agents().start(order(QList<Agent>(app::kMostAgents + 1, agent("one"))));
        QCOMPARE(sentences.size(), 3);
        for (const QString& sentence : sentences)
            QVERIFY2(sentence.endsWith(QLatin1Char('.')), qPrintable(sentence));
    }

    void trashedRunsComeBack() {
        restart();
        runToEnd(order({agent("one")}), 1);
        app::AgentController& agents = m_app->agents();
        QSignalSpy trashed(&agents, &app::AgentController::trashed);
        agents.moveToTrash(m_runId);
        QTRY_COMPARE(trashed.size(), 1);
        QTRY_VERIFY(agents.runs().isEmpty());
        agents.restore(m_runId);
        QTRY_COMPARE(agents.runs().size(), 1);
    }

    void agentsAreStoredAndStrangeKeysKept() {
        restart();
        QVERIFY(m_app->agents().agents().size() >= 5); // those of the program
        Agent mine = agent("mine", 700);
        mine.sampling = app::SamplingValues();
        mine.sampling->temperature = 0.25;
        mine.priority = app::AgentPriority::Background;
        mine.others = {{QStringLiteral("tools"), QStringLiteral("calculator")}};
        m_app->agents().setAgents({mine, Agent()}); // one has no name
        restart();
        QCOMPARE(m_app->agents().agents(), QList<Agent>{mine});

        runToEnd(order({mine}), 1);
        const engine::Request asked = m_fake->submitted().back();
        QCOMPARE(asked.priority, engine::Priority::P2);
        QCOMPARE(asked.sampler.temperature, 0.25F);
        QCOMPARE(asked.maxTokens, 700U);
        m_app->agents().restoreDefaults();
        QCOMPARE(m_app->agents().agents(), app::defaultAgents());
    }

    void aDamagedFileOfAgentsIsPutAside() {
        QFile file(m_dir->filePath(QStringLiteral("agents.json")));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write("{ \"agents\": [");
        file.close();
        restart();
        QCOMPARE(m_app->agents().agents(), app::defaultAgents());
        QCOMPARE(m_app->banners().size(), 1);
        QVERIFY(!file.exists());
    }

    /// On the real scheduler with its prefix cache: agents 2..n read the task from the first one's
    /// pages, although all of them begin at once.
    void theTaskIsComputedOnce() {
        RecordedEngine* engine = nullptr;
        m_app = std::make_unique<app::Application>(
            app::Paths{m_dir->path()}, [&engine]() -> std::unique_ptr<engine::Engine> {
                auto made = std::make_unique<RecordedEngine>(engine::createEngine({}));
                engine = made.get();
                return made;
            });
        QCOMPARE(m_app->start(), app::Application::StartResult::Started);
        m_app->models().load(app::builtInModelPath(), {});
        QTRY_VERIFY_WITH_TIMEOUT(m_app->models().model().isLoaded(), 60000);
        app::RunOrder wanted =
            order({agent("critic", 24), agent("planner", 24), agent("editor", 24)});
        wanted.material.clear();
        for (int i = 0; i < 40; ++i)
            wanted.material += QStringLiteral("Line %1 of the material. ").arg(i);
        const AgentRun run = runToEnd(wanted, 3, 120000);
        engine::Request task;
        task.rawPrompt = app::sharedPrompt(wanted.task, wanted.material).toStdString();
        task.model = engine->models().front()->key;
        const auto tokens = engine->countTokens(task);
        QVERIFY2(tokens.ok(), tokens.status().sentence().c_str());
        QVERIFY(int(*tokens) > 4 * kPageTokens);
        int computed = 0; // lanes that computed the task themselves
        for (const AgentLane& lane : run.lanes) {
            const app::AnswerStats stats = answerOf(lane).stats.value();
            qInfo("%s: %d of %d prompt tokens cached, the task has %u", qPrintable(lane.agent.name),
                  stats.cachedTokens, stats.promptTokens, *tokens);
            computed += stats.cachedTokens < int(*tokens) - kPageTokens ? 1 : 0;
        }
        QCOMPARE(computed, 1);
    }

  private:
    using FakeScript = tests::FakeScript;
    using RecordedEngine = tests::RecordedEngine;

    void answerWithoutEnd(double tokensPerSecond) {
        FakeScript script;
        script.answer = "word ";
        script.repeat = true;
        script.tokensPerSecond = tokensPerSecond;
        m_fake->setScript(script);
    }

    void startRun(const app::RunOrder& wanted, int lanes) {
        QSignalSpy started(&m_app->agents(), &app::AgentController::runStarted);
        m_app->agents().start(wanted);
        QTRY_COMPARE(started.size(), 1);
        m_runId = started[0][0].toLongLong();
        QTRY_VERIFY(run().lanes.size() >= lanes); // one that closes may be there already
        QTRY_VERIFY(run().lanes.last().conversation != 0);
    }

    /// Until `lanes` lanes are done.
    AgentRun runToEnd(const app::RunOrder& wanted, int lanes, int timeout_ms = 10000) {
        const int first = int(wanted.agents.size());
        startRun(wanted, first);
        const bool isDone = QTest::qWaitFor(
            [&] {
                const AgentRun now = run();
                return now.lanes.size() == lanes &&
                       std::all_of(now.lanes.begin(), now.lanes.end(), [](const AgentLane& lane) {
                           return lane.state == LaneState::Done;
                       });
            },
            timeout_ms);
        if (!isDone)
            QTest::qFail("the lanes did not come to their end", __FILE__, __LINE__);
        return run();
    }

    /// The history under the program's hands.
    void change(const char* sql) {
        SQLite::Database history(m_dir->filePath(QStringLiteral("history.db")).toStdString(),
                                 SQLite::OPEN_READWRITE);
        history.setBusyTimeout(5000);
        history.exec(sql);
    }

    AgentRun run() const { return m_app->agents().run(m_runId); }
    AgentLane lane(int index) const { return run().lanes.value(index); }

    app::Message answerOf(const AgentLane& lane) {
        std::unique_ptr<app::ChatController> chat(m_app->createChat(nullptr));
        chat->openConversation(lane.conversation);
        const bool isThere = QTest::qWaitFor([&] { return chat->messages().size() >= 2; }, 5000);
        return isThere ? chat->messages()[1] : app::Message();
    }
    QString textOf(const AgentLane& lane) { return answerOf(lane).text; }

    app::RunId m_runId = 0;
};

INGLENOOK_SUITE(agent_runs, TstAgentRuns)
#include "tst_agent_runs.moc"
