// The program without pixels, end to end on a scripted engine: what a person does, and what is
// there after the next start.
#include "app/application.h"
#include "app/library/library_controller.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "tests/app/application_bed.h"
#include "tests/support/suite_registry.h"

#include <atomic>
#include <QTranslator>
#include <QtTest/QtTest>
#include <thread>

class TstApplication : public QObject, private tests::ApplicationBed {
    Q_OBJECT

  private slots:
    void init() { begin(); }
    void cleanup() { end(); }

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

    /// Where all answers may be given again, one is although every question draws a seed of its
    /// own.
    void allAreGivenAgainWhenThatIsWanted() {
        start();
        app::SettingsValues values = m_app->settings().values();
        values.caches.responses = app::ResponseUse::Always;
        m_app->settings().set(values);
        QVERIFY(!ask(QStringLiteral("Why?")).source.isFromCache);
        m_chat->newConversation();
        const app::Message second = ask(QStringLiteral("Why?"));
        QVERIFY(second.source.isFromCache);
        QCOMPARE(m_fake->submitted().size(), std::size_t(1));
        QVERIFY(!finishOf([&] { m_chat->regenerate(second.id); }).source.isFromCache);
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
};

INGLENOOK_SUITE(application, TstApplication)
#include "tst_application.moc"
