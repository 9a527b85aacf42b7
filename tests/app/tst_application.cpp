// The program without pixels, end to end on a scripted engine: what a person does, and what is
// there after the next start.
#include "app/application.h"
#include "app/library/library_controller.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <QTranslator>
#include <QtTest/QtTest>
#include <thread>

class TstApplication : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_script = {.answer = "This is an answer."};
    }
    void cleanup() {
        m_chat.reset();
        m_app.reset();
    }

    void chatIsThereAfterARestart() {
        start();
        m_script.reasoning = "Let me think about it.";
        m_fake->setScript(m_script);
        QSignalSpy opened(m_chat.get(), &app::ChatController::conversationOpened);
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        const app::Message answer = ask(QStringLiteral("Why is the server busy?"));
        QCOMPARE(answer.text, QStringLiteral("This is an answer."));
        QCOMPARE(answer.reasoning, QStringLiteral("Let me think about it."));
        QCOMPARE(answer.stopReason, app::StopReason::EndOfAnswer);
        QCOMPARE(answer.model.name, QStringLiteral("m"));
        QCOMPARE(answer.model.weights, QStringLiteral("int8"));
        QVERIFY(answer.stats.has_value());
        QCOMPARE(answer.stats->promptTokens, 12);
        QCOMPARE(opened.size(), 1);
        QVERIFY(!grew.isEmpty());
        const app::ConversationId id = m_chat->conversationId();

        restart();
        QTRY_COMPARE(m_app->conversations().conversations().size(), 1);
        QCOMPARE(m_app->conversations().conversations().first().title,
                 QStringLiteral("Why is the server busy?"));
        open(id);
        QCOMPARE(m_chat->messages().size(), 2);
        QCOMPARE(m_chat->messages().at(1).text, answer.text);
        QVERIFY(m_chat->messages().at(1).stats == answer.stats);
    }

    void userMessageIsCommittedBeforeTheEngineSeesIt() {
        start();
        bool stored = false;
        const QString file = m_dir->filePath(QStringLiteral("history.db"));
        m_script.answerTo = [&stored, file](const engine::Request&) {
            QFile log(file + QStringLiteral("-wal")); // what is committed is in the log
            stored = log.open(QIODevice::ReadOnly) && log.readAll().contains("unmistakable");
            return std::string("ok");
        };
        m_fake->setScript(m_script);
        ask(QStringLiteral("unmistakable words"));
        QVERIFY(stored);
    }

    void editAndRegenerateMakeSiblings() {
        start();
        const app::Message first = ask(QStringLiteral("one"));
        QSignalSpy loaded(m_chat.get(), &app::ChatController::messagesLoaded);
        finishOf([&] { m_chat->regenerate(first.id); });
        QCOMPARE(loaded.size(), 1);
        QCOMPARE(m_chat->messages().size(), 2);
        QCOMPARE(m_chat->messages().at(1).siblingCount, 2);
        QCOMPARE(m_chat->messages().at(1).siblingIndex, 1);
        const app::MessageId user = m_chat->messages().at(0).id;
        finishOf([&] { m_chat->editUserMessage(user, QStringLiteral("one, edited")); });
        QCOMPARE(m_chat->messages().at(0).text, QStringLiteral("one, edited"));
        QCOMPARE(m_chat->messages().at(0).siblingCount, 2);

        m_chat->switchSibling(m_chat->messages().at(0).id, -1);
        QCOMPARE(m_chat->messages().at(0).text, QStringLiteral("one"));
        m_chat->switchSibling(m_chat->messages().at(1).id, -1);
        QCOMPARE(m_chat->messages().at(1).id, first.id);
        const app::ConversationId id = m_chat->conversationId();
        restart();
        open(id);
        QCOMPARE(m_chat->messages().at(1).id, first.id); // the branch shown is remembered
    }

    void stopKeepsWhatCameAndContinueGoesOn() {
        m_script = {.answer = "word ", .tokensPerSecond = 300, .repeat = true};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        m_chat->send(QStringLiteral("go"));
        QTRY_VERIFY(grew.size() > 3);
        QElapsedTimer clock;
        clock.start();
        m_chat->stop();
        QTRY_COMPARE(finished.size(), 1);
        QVERIFY2(clock.elapsed() < 200, qPrintable(QString::number(clock.elapsed())));
        const auto answer = finished.at(0).at(0).value<app::Message>();
        QCOMPARE(answer.stopReason, app::StopReason::Cancelled);
        QVERIFY(answer.text.startsWith(QStringLiteral("word")));

        m_fake->setScript({.answer = "and the end."});
        const app::Message whole = finishOf([&] { m_chat->continueAnswer(answer.id); });
        QCOMPARE(whole.id, answer.id);
        QCOMPARE(whole.text, answer.text + QStringLiteral("and the end."));
        QCOMPARE(m_fake->submitted().back().continuedAnswer, answer.text.toStdString());
        QVERIFY(whole.stats->generatedTokens > answer.stats->generatedTokens);
    }

    void sendingWhileAnAnswerRunsWaits() {
        m_script = {.answer = "slow answer with a few words", .tokensPerSecond = 30};
        start();
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        QSignalSpy added(m_chat.get(), &app::ChatController::messageAdded);
        QSignalSpy failed(m_chat.get(), &app::ChatController::failed);
        m_chat->send(QStringLiteral("first"));
        QTRY_COMPARE(added.size(), 2);
        m_chat->send(QStringLiteral("second"));
        QTRY_COMPARE(added.size(), 3);
        QCOMPARE(added.at(2).at(0).value<app::Message>().state, app::MessageState::Waiting);
        m_chat->send(QStringLiteral("third"));
        m_chat->send(QStringLiteral("fourth")); // while the third is still on its way to the disk
        QTRY_COMPARE(added.size(), 5);
        QCOMPARE(added.at(4).at(0).value<app::Message>().state, app::MessageState::Waiting);
        QTRY_COMPARE(finished.size(), 5); // answer, the waiting messages, the answer to all of them
        QVERIFY(failed.isEmpty());
        const QList<app::Message> branch = m_chat->messages();
        QCOMPARE(branch.size(), 6);
        QCOMPARE(branch.at(2).text, QStringLiteral("second"));
        QCOMPARE(branch.at(2).state, app::MessageState::Done);
        QCOMPARE(branch.at(4).text, QStringLiteral("fourth"));
        QCOMPARE(branch.at(5).text, QStringLiteral("slow answer with a few words"));
        const engine::Request asked = m_fake->submitted().back();
        QCOMPARE(asked.messages.size(), std::size_t(3));
        QCOMPARE(asked.messages.back().content, std::string("second\n\nthird\n\nfourth"));
    }

    void deletedChatAnswersNobody() {
        m_script = {.answer = "word ", .tokensPerSecond = 100, .repeat = true};
        start();
        QSignalSpy added(m_chat.get(), &app::ChatController::messageAdded);
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        m_chat->send(QStringLiteral("first"));
        QTRY_COMPARE(added.size(), 2);
        m_chat->send(QStringLiteral("second"));
        QTRY_COMPARE(added.size(), 3);
        m_app->conversations().moveToTrash(m_chat->conversationId());
        QTRY_COMPARE(finished.size(), 1);
        QTest::qWait(50);
        QCOMPARE(m_fake->submitted().size(), std::size_t(1));
    }

    void otherChatsGoOnWhenTheViewLeaves() {
        m_script = {.answer = "ten words that take a little while to be said",
                    .tokensPerSecond = 40};
        start();
        QSignalSpy states(&m_app->conversations(), &app::ConversationListController::stateChanged);
        QSignalSpy added(m_chat.get(), &app::ChatController::messageAdded);
        m_chat->send(QStringLiteral("first chat"));
        QTRY_COMPARE(added.size(), 2);
        const app::ConversationId first = m_chat->conversationId();
        m_chat->newConversation();
        QVERIFY(m_chat->messages().isEmpty());
        m_chat->send(QStringLiteral("second chat"));
        QTRY_VERIFY(std::any_of(states.begin(), states.end(), [first](const auto& change) {
            return change.at(0).toLongLong() == first &&
                   change.at(1).template value<app::ConversationState>() ==
                       app::ConversationState::Done;
        }));
        open(first);
        QCOMPARE(m_chat->messages().at(1).text,
                 QStringLiteral("ten words that take a little while to be said"));
    }

    void deletedChatIsBackAfterUndo() {
        start();
        ask(QStringLiteral("keep me"));
        auto& list = m_app->conversations();
        QTRY_COMPARE(list.conversations().size(), 1);
        const app::ConversationId id = m_chat->conversationId();
        QSignalSpy trashed(&list, &app::ConversationListController::trashed);
        list.moveToTrash(id);
        QTRY_COMPARE(trashed.size(), 1);
        QTRY_VERIFY(list.conversations().isEmpty());
        list.restore(id);
        QTRY_COMPARE(list.conversations().size(), 1);
        QSignalSpy found(&list, &app::ConversationListController::searchFinished);
        list.search(QStringLiteral("kee"));
        list.search(QStringLiteral("keep"));
        QTRY_COMPARE(found.size(), 1); // only the newest query answers
        QCOMPARE(found.at(0).at(0).toString(), QStringLiteral("keep"));
        QCOMPARE(found.at(0).at(1).value<QList<app::SearchHit>>().size(), 2);
    }

    void failureIsASentenceOnTheMessage() {
        m_script = {.answer = "a b c d e f",
                    .failAfterTokens = 2,
                    .failure = engine::Status(engine::Code::DeviceLost,
                                              {{"device", "CUDA 0"}, {"reason", "719"}})};
        start();
        const app::Message answer = ask(QStringLiteral("go"));
        QCOMPARE(answer.stopReason, app::StopReason::Failed);
        QVERIFY2(answer.error.contains(QStringLiteral("CUDA 0")), qPrintable(answer.error));
        QVERIFY(answer.text.startsWith(QLatin1Char('a')));
    }

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

    void secondProgramRaisesTheFirst() {
        start();
        QSignalSpy raised(m_app.get(), &app::Application::raiseRequested);
        app::Application second({m_dir->path()},
                                [] { return std::make_unique<tests::FakeEngine>(); });
        // The second one blocks until it is answered, as it may in its own program.
        app::Application::StartResult result = app::Application::StartResult::Failed;
        asOtherProgram([&] { result = second.start(); });
        QCOMPARE(result, app::Application::StartResult::RaisedOther);
        QCOMPARE(raised.size(), 1);
    }

    void promptOfASecondProgramIsStoredBeforeItIsAnswered() {
        m_script = {.answer = "word ", .tokensPerSecond = 100, .repeat = true};
        start();
        QSignalSpy begun(m_app.get(), &app::Application::chatStarted);
        app::Application second({m_dir->path()},
                                [] { return std::make_unique<tests::FakeEngine>(); });
        app::Application::StartResult result = app::Application::StartResult::Failed;
        asOtherProgram([&] { result = second.start(QStringLiteral("sent from outside")); });
        QCOMPARE(result, app::Application::StartResult::RaisedOther);
        QCOMPARE(begun.size(), 1);
        open(begun.at(0).at(0).toLongLong());
        QCOMPARE(m_chat->messages().at(0).text, QStringLiteral("sent from outside"));
        QTRY_VERIFY(m_chat->messages().at(1).text.startsWith(QStringLiteral("word")));
    }

    void bannersSpeakTheLanguageOfTheMoment() {
        {
            QFile file(m_dir->filePath(QStringLiteral("settings.json")));
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write("{ broken");
        }
        start(false);
        QCOMPARE(m_app->banners().size(), 1);
        QVERIFY(m_app->banners().first().sentence.contains(QStringLiteral("could not be")));
        struct Shouting : QTranslator {
            bool isEmpty() const override { return false; }
            QString translate(const char*, const char* source, const char*, int) const override {
                const bool isSentence = QLatin1String(source).contains(QLatin1String("{file}"));
                return isSentence ? QStringLiteral("DAMAGED {file}") : QString();
            }
        } shouting;
        QCoreApplication::installTranslator(&shouting);
        const QString translated = m_app->banners().first().sentence;
        QCoreApplication::removeTranslator(&shouting);
        QVERIFY2(translated.startsWith(QStringLiteral("DAMAGED /")), qPrintable(translated));
        m_app->dismissBanner(QStringLiteral("settings"));
        QVERIFY(m_app->banners().isEmpty());
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
        request.client = "key:0badcafe";
        request.rawPrompt = "go";
        QVERIFY(m_fake->submit(request, client).ok());
        QSignalSpy asked(&m_app->models(), &app::ModelController::interruptionAsked);
        m_fake->setLoad({.needsRoom = true});
        m_app->models().load(QStringLiteral("/models/big.gguf"), {});
        QTRY_COMPARE(asked.size(), 1);
        QCOMPARE(asked.at(0).at(0).value<app::Interruption>().clients,
                 QStringList(QStringLiteral("key:0badcafe")));
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

    /// The same question, seeded alike, is answered from the cache; asked to recompute, it is not.
    void sameQuestionSameSeedIsGivenAgain() {
        start();
        app::SettingsValues values = m_app->settings().values();
        values.randomSeed = false;
        m_app->settings().set(values);
        const app::Message first = ask(QStringLiteral("Why?"));
        QVERIFY(!first.source.isFromCache);
        m_chat->newConversation();
        const app::Message second = ask(QStringLiteral("Why?"));
        QVERIFY(second.source.isFromCache);
        QCOMPARE(second.text, first.text);
        QCOMPARE(second.stopReason, app::StopReason::EndOfAnswer);
        QCOMPARE(second.stats->generatedTokens, first.stats->generatedTokens);
        QCOMPARE(m_fake->submitted().size(), std::size_t(1));
        const app::Message anew = finishOf([&] { m_chat->regenerate(second.id); });
        QVERIFY(!anew.source.isFromCache);
        QCOMPARE(m_fake->submitted().size(), std::size_t(2));
        const app::ConversationId id = m_chat->conversationId();
        restart();
        open(id);
        QCOMPARE(m_chat->messages().at(1).siblingCount, 2);
        m_chat->switchSibling(m_chat->messages().at(1).id, -1);
        QVERIFY(m_chat->messages().at(1).source.isFromCache); // it says so for ever
    }

    void othersAreComputed() {
        start();
        for (int i = 0; i < 2; ++i) { // a new seed each
            m_chat->newConversation();
            QVERIFY(!ask(QStringLiteral("Why?")).source.isFromCache);
        }
        app::SettingsValues values = m_app->settings().values();
        values.randomSeed = false;
        values.caches.responses = app::ResponseUse::Never;
        m_app->settings().set(values);
        for (int i = 0; i < 2; ++i) {
            m_chat->newConversation();
            QVERIFY(!ask(QStringLiteral("Why?")).source.isFromCache);
        }
        QCOMPARE(m_fake->submitted().size(), std::size_t(4));
    }

    /// Each chat has its own policy; what was left out stands at the answer, after a restart too.
    void overflowIsTheChats() {
        m_script.droppedTokens = 900;
        m_script.droppedMessages = 3;
        start();
        QCOMPARE(m_chat->overflow(), app::OverflowChoice::Stop);
        m_chat->setOverflow(app::OverflowChoice::Roll);
        const app::Message answer = ask(QStringLiteral("go on"));
        QCOMPARE(m_fake->submitted().back().overflow, engine::OverflowPolicy::Roll);
        QCOMPARE(answer.source.droppedTokens, 900);
        QCOMPARE(answer.source.droppedMessages, 3);
        const app::ConversationId id = m_chat->conversationId();
        m_chat->newConversation();
        QCOMPARE(m_chat->overflow(), app::OverflowChoice::Stop);
        restart();
        open(id);
        QCOMPARE(m_chat->overflow(), app::OverflowChoice::Roll);
        QCOMPARE(m_chat->messages().at(1).source.droppedMessages, 3);
    }

    void systemPromptGoesFirstAndIsPrewarmed() {
        start(false);
        app::SettingsValues values = m_app->settings().values();
        values.systemPrompt = QStringLiteral("Be brief.");
        m_app->settings().set(values);
        m_app->models().load(QStringLiteral("/models/m.gguf"), {});
        QTRY_COMPARE(m_fake->prewarmed().size(), std::size_t(1));
        QCOMPARE(m_fake->prewarmed().front().messages.front().content, std::string("Be brief."));
        ask(QStringLiteral("Hello"));
        const engine::Request asked = m_fake->submitted().back();
        QCOMPARE(asked.messages.size(), std::size_t(2));
        QCOMPARE(asked.messages.front().role, std::string("system"));
    }

    /// What is prewarmed is what the next chat begins with: the model's own words go first.
    void systemPromptOfTheModelIsPrewarmed() {
        start(false);
        app::SettingsValues values = m_app->settings().values();
        values.systemPrompt = QStringLiteral("Be brief.");
        m_app->settings().set(values);
        app::ModelDefaults own;
        own.systemPrompt = QStringLiteral("Be thorough.");
        m_app->library().setDefaults(QStringLiteral("/models/m.gguf"), own);
        m_app->models().load(QStringLiteral("/models/m.gguf"), {});
        QTRY_COMPARE(m_fake->prewarmed().size(), std::size_t(1));
        QCOMPARE(m_fake->prewarmed().front().messages.front().content, std::string("Be thorough."));
        ask(QStringLiteral("Hello"));
        QCOMPARE(m_fake->submitted().back().messages.front().content, std::string("Be thorough."));
    }

    void stoppedInTheQueueItHasNoPlaceThere() {
        m_script.queuePosition = 2;
        m_script.prefill = std::chrono::seconds(60);
        start();
        app::ConversationListController& list = m_app->conversations();
        QSignalSpy places(&list, &app::ConversationListController::placeChanged);
        const auto place = [&] {
            return list.conversations().isEmpty() ? app::QueuePlace()
                                                  : list.conversations().first().place;
        };
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        m_chat->send(QStringLiteral("wait"));
        QTRY_COMPARE(place().position, 3);
        m_chat->stop();
        QTRY_COMPARE(finished.size(), 1);
        QCOMPARE(place(), app::QueuePlace());
        QCOMPARE(places.last().at(1).value<app::QueuePlace>(), app::QueuePlace());
    }

    void shutdownWhileStreamingKeepsTheText() {
        m_script = {.answer = "word ", .tokensPerSecond = 300, .repeat = true};
        start();
        QSignalSpy grew(m_chat.get(), &app::ChatController::messageGrew);
        m_chat->send(QStringLiteral("go"));
        QTRY_VERIFY(grew.size() > 5);
        const app::ConversationId id = m_chat->conversationId();
        const QString seen = m_chat->messages().at(1).text;
        restart();
        open(id);
        const app::Message answer = m_chat->messages().at(1);
        QVERIFY(answer.text.startsWith(seen));
        QCOMPARE(answer.stopReason, app::StopReason::Cancelled);
    }

  private:
    void start(bool withModel = true) {
        m_app = std::make_unique<app::Application>(app::Paths{m_dir->path()}, [this, withModel] {
            auto fake = std::make_unique<tests::FakeEngine>(m_script);
            m_fake = fake.get();
            if (withModel)
                fake->addModel("m");
            return fake;
        });
        QCOMPARE(m_app->start(), app::Application::StartResult::Started);
        if (withModel) { // through the front door, so that the host knows it
            m_app->models().load(QStringLiteral("/models/m.gguf"), {});
            QTRY_VERIFY(m_app->models().model().isLoaded());
        }
        m_chat.reset(m_app->createChat(nullptr));
    }
    void restart(bool withModel = true) {
        m_chat.reset();
        m_app.reset();
        start(withModel);
    }
    void open(app::ConversationId id) {
        QSignalSpy loaded(m_chat.get(), &app::ChatController::messagesLoaded);
        m_chat->openConversation(id);
        QTRY_COMPARE(loaded.size(), 1);
    }
    app::Message finishOf(const std::function<void()>& action) {
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        action();
        (void)QTest::qWaitFor([&] { return !finished.isEmpty(); });
        return finished.isEmpty() ? app::Message() : finished.at(0).at(0).value<app::Message>();
    }
    static void asOtherProgram(const std::function<void()>& work) {
        std::atomic<bool> done = false;
        std::thread other([&] {
            work();
            done = true;
        });
        (void)QTest::qWaitFor([&] { return done.load(); }, 20000);
        other.join();
    }
    app::Message ask(const QString& text) {
        return finishOf([&] { m_chat->send(text); });
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<app::Application> m_app;
    std::unique_ptr<app::ChatController> m_chat;
    tests::FakeEngine* m_fake = nullptr;
    tests::FakeScript m_script;
};

INGLENOOK_SUITE(application, TstApplication)
#include "tst_application.moc"
