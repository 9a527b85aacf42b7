// Models of the program without pixels: loaded, remembered, replaced and unloaded while chats and
// API clients are answered.
#include "app/api/api_controller.h"
#include "app/settings.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/app/application_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstApplicationModels : public QObject, private tests::ApplicationBed {
    Q_OBJECT

  private slots:
    void init() { begin(); }
    void cleanup() { end(); }

    void modelLoadsWithProgressAndIsRemembered() {
        start(false);
        m_fake->setLoad({1000, 4, std::chrono::milliseconds(150), {}});
        QSignalSpy progress(&m_app->models(), &app::ModelController::progressChanged);
        QSignalSpy changed(&m_app->models(), &app::ModelController::modelChanged);
        m_app->models().load(QStringLiteral("/models/tiny.gguf"), {});
        const app::Message answer = ask(QStringLiteral("sent while it loads"));
        QCOMPARE(answer.text, QStringLiteral("This is an answer."));
        QCOMPARE(answer.model.name, QStringLiteral("tiny"));
        QCOMPARE(changed.size(), 1);
        QVERIFY(progress.size() >= 3);
        QCOMPARE(m_app->settings().values().lastModel, QStringLiteral("/models/tiny.gguf"));
        restart(false);
        m_app->autoloadModel();
        QTRY_VERIFY(m_app->models().model().isLoaded());
        QCOMPARE(m_app->models().model().weights, QStringLiteral("int8"));
    }

    void marksOfTheChartsComeBack() {
        const auto loads = [this] {
            qsizetype count = 0;
            for (const app::MetricEvent& event : m_app->telemetry().events())
                count += event.kind == app::MetricEventKind::ModelLoaded ? 1 : 0;
            return count;
        };
        start(false);
        QTest::qWait(600); // one look at least, without it
        m_app->models().load(QStringLiteral("/models/m.gguf"), {});
        QTRY_COMPARE(loads(), 1);
        restart(false);
        QTRY_COMPARE(loads(), 1);
        QTest::qWait(1200); // looks of this session, which has loaded none
        QCOMPARE(loads(), 1);
    }

    void cancelledLoadLeavesNothing() {
        start(false);
        m_fake->setLoad({1000, 4, std::chrono::seconds(20), {}});
        m_app->models().load(QStringLiteral("/models/huge.gguf"), {});
        QTRY_COMPARE(m_app->models().progress().phase, app::ModelPhase::Opening);
        m_app->models().cancelLoad();
        QTRY_COMPARE(m_app->models().progress().phase, app::ModelPhase::None);
        QVERIFY(!m_app->models().model().isLoaded());
        QVERIFY(!QFile::exists(m_dir->filePath(QStringLiteral("model.loading"))));
    }

    void crashInALoadIsNotRepeated() {
        start(false);
        app::SettingsValues values = m_app->settings().values();
        values.lastModel = QStringLiteral("/models/bad.gguf");
        m_app->settings().set(values);
        m_chat.reset();
        m_app.reset();
        QFile mark(m_dir->filePath(QStringLiteral("model.loading"))); // as a crash leaves it
        QVERIFY(mark.open(QIODevice::WriteOnly));
        mark.write("/models/bad.gguf");
        mark.close();
        start(false);
        QSignalSpy banner(m_app.get(), &app::Application::bannerRaised);
        m_app->autoloadModel();
        QTRY_COMPARE(banner.size(), 1);
        QVERIFY(banner.at(0).at(1).toString().contains(QStringLiteral("bad.gguf")));
        QVERIFY(m_fake->loads().empty());
        restart(false);
        m_app->autoloadModel(); // the time after that, it is tried again
        QTRY_COMPARE(m_fake->loads().size(), std::size_t(1));
    }

    void unknownFormatIsASentence() {
        start(false);
        QSignalSpy failed(&m_app->models(), &app::ModelController::failed);
        m_app->models().load(QStringLiteral("/m.gguf"), {.weights = QStringLiteral("int3")});
        QCOMPARE(failed.size(), 1);
        QVERIFY(failed.at(0).at(0).toString().contains(QStringLiteral("int3")));
    }

    void replacedModelEndsItsAnswersFirst() {
        m_script = {.answer = "an answer of some words", .tokensPerSecond = 20};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        QSignalSpy asked(&m_app->models(), &app::ModelController::interruptionAsked);
        m_chat->send(QStringLiteral("go"));
        QTRY_VERIFY(!grew.isEmpty());
        m_app->models().load(QStringLiteral("/models/other.gguf"), {}); // both fit
        QTRY_COMPARE(m_app->models().model().name, QStringLiteral("other"));
        QCOMPARE(m_fake->running(), std::size_t(1)); // on the old one, which takes no new ones
        QTRY_COMPARE(finished.size(), 1);
        QCOMPARE(finished.at(0).at(0).value<app::Message>().text,
                 QStringLiteral("an answer of some words"));
        QTRY_COMPARE(m_fake->models().size(), std::size_t(1));
        QVERIFY(asked.isEmpty());
    }

    void unloadingABusyModelAsks_data() {
        QTest::addColumn<app::InterruptionChoice>("choice");
        QTest::newRow("now") << app::InterruptionChoice::Now;
        QTest::newRow("when finished") << app::InterruptionChoice::WhenFinished;
        QTest::newRow("never") << app::InterruptionChoice::Never;
    }
    void unloadingABusyModelAsks() {
        QFETCH(app::InterruptionChoice, choice);
        m_script = {.answer = "an answer of some words", .tokensPerSecond = 20};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        QSignalSpy asked(&m_app->models(), &app::ModelController::interruptionAsked);
        m_chat->send(QStringLiteral("go on"));
        QTRY_VERIFY(!grew.isEmpty());
        m_app->models().unload();
        QCOMPARE(asked.size(), 1);
        const auto interruption = asked.at(0).at(0).value<app::Interruption>();
        QCOMPARE(interruption.chats, QStringList(QStringLiteral("go on")));
        QVERIFY(interruption.replacement.isEmpty());
        QVERIFY(m_app->models().model().isLoaded());
        m_app->models().decide(choice);
        QCOMPARE(m_app->models().model().isLoaded(), choice != app::InterruptionChoice::Now);
        QTRY_COMPARE(finished.size(), 1);
        const auto answer = finished.at(0).at(0).value<app::Message>();
        QCOMPARE(answer.text == QStringLiteral("an answer of some words"),
                 choice != app::InterruptionChoice::Now);
        QTRY_COMPARE(m_app->models().model().isLoaded(), choice == app::InterruptionChoice::Never);
        QCOMPARE(m_app->models().progress().phase, app::ModelPhase::None);
    }

    void modelThatNeedsTheRoomOfABusyOneAsks() {
        m_script = {.answer = "an answer of some words", .tokensPerSecond = 20};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        QSignalSpy asked(&m_app->models(), &app::ModelController::interruptionAsked);
        m_chat->send(QStringLiteral("go on"));
        QTRY_VERIFY(!grew.isEmpty());
        m_fake->setLoad({.needsRoom = true});
        m_app->models().load(QStringLiteral("/models/big.gguf"), {});
        QTRY_COMPARE(asked.size(), 1);
        const auto question = asked.at(0).at(0).value<app::Interruption>();
        QCOMPARE(question.replacement, QStringLiteral("big"));
        QCOMPARE(question.chats, QStringList(QStringLiteral("go on")));
        QVERIFY(question.clients.isEmpty());
        m_app->models().decide(app::InterruptionChoice::WhenFinished);
        QTRY_COMPARE(m_app->models().progress().phase, app::ModelPhase::WaitingToLoad);
        QCOMPARE(m_app->models().model().name, QStringLiteral("m"));
        QTRY_COMPARE(finished.size(), 1);
        QCOMPARE(finished.at(0).at(0).value<app::Message>().text,
                 QStringLiteral("an answer of some words"));
        QTRY_COMPARE(m_app->models().model().name, QStringLiteral("big"));
    }

    /// An API client asks the engine itself; a switch names it all the same.
    void requestsOfProgramsAreNamed() {
        m_script = {.answer = "word ", .tokensPerSecond = 100, .repeat = true};
        start();
        struct Deaf : engine::TokenSink {
            bool push(engine::TokenEvent event) noexcept override {
                if (event.kind == engine::EventKind::Finished)
                    finish = event.finish;
                return true;
            }
            std::atomic<engine::FinishReason> finish = engine::FinishReason::None;
        };
        const auto client = std::make_shared<Deaf>();
        engine::Request request;
        request.model = m_app->models().model().key.toStdString();
        m_app->api().createKey(QStringLiteral("editor"));
        request.client = "key:" + m_app->api().keys().first().id.toStdString();
        request.rawPrompt = "go";
        QVERIFY(m_fake->submit(request, client).ok());
        QSignalSpy asked(&m_app->models(), &app::ModelController::interruptionAsked);
        m_fake->setLoad({.needsRoom = true});
        m_app->models().load(QStringLiteral("/models/big.gguf"), {});
        QTRY_COMPARE(asked.size(), 1);
        QCOMPARE(asked.at(0).at(0).value<app::Interruption>().clients,
                 QStringList(QStringLiteral("editor")));
        app::MetricFrame frame; // and on the page of the requests
        frame.requests.resize(2);
        frame.requests[0].client = QString::fromStdString(request.client);
        frame.requests[1].client = QStringLiteral("desktop");
        m_app->telemetry().accept(frame);
        QCOMPARE(m_app->telemetry().latest().requests[0].client, QStringLiteral("editor"));
        QCOMPARE(m_app->telemetry().latest().requests[1].client, QStringLiteral("desktop"));
        // A chat that begins after the question was not named: it is asked again.
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        m_chat->send(QStringLiteral("go on"));
        QTRY_VERIFY(!grew.isEmpty());
        m_app->models().decide(app::InterruptionChoice::Now);
        QTRY_COMPARE(asked.size(), 2);
        const auto again = asked.at(1).at(0).value<app::Interruption>();
        QCOMPARE(again.chats, QStringList(QStringLiteral("go on")));
        QCOMPARE(again.clients.size(), 1);
        QVERIFY(client->finish == engine::FinishReason::None);
        m_app->models().decide(app::InterruptionChoice::Now);
        QTRY_VERIFY(client->finish == engine::FinishReason::Cancelled);
        QTRY_COMPARE(m_app->models().model().name, QStringLiteral("big"));
        const app::Message answer = m_chat->messages().at(1);
        QCOMPARE(answer.stopReason, app::StopReason::Cancelled);
        QVERIFY(answer.text.startsWith(QStringLiteral("word")));
    }
};

INGLENOOK_SUITE(application_models, TstApplicationModels)
#include "tst_application_models.moc"
