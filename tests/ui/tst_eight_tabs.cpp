// Eight chats answer at once in the real window, on the real engine and the built-in model: one is
// stopped, two tabs close, the window goes and comes back. Everything the engine said is in the
// history, to the letter.
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/recorded_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/transcript.h"
#include "ui/main_window.h"

#include <QtTest/QtTest>

using namespace tests;
using namespace std::chrono_literals;

namespace {

constexpr int kTabs = 8;
constexpr int kTokens = 320; // of every answer: so long that all of them run together

/// What the engine said to the question that holds `words`.
QString said(const RecordedEngine& engine, const QString& words) {
    QString text;
    for (const RecordedEngine::Run& run : engine.runs())
        if (!run.request.messages.empty() &&
            QString::fromStdString(run.request.messages.back().content).contains(words))
            text = QString::fromStdString(run.heard->text(false));
    return text;
}

} // namespace

class TstEightTabs : public QObject {
    Q_OBJECT

  private slots:
    void allButTheStoppedOneAreWholeAndSaved() {
        QTemporaryDir data;
        QHash<app::ConversationId, QString> expected;
        app::ConversationId stopped = 0;
        {
            RecordedEngine* engine = nullptr;
            DesktopFixture desktop(
                [&engine]() -> std::unique_ptr<engine::Engine> {
                    auto made = std::make_unique<RecordedEngine>(
                        engine::createEngine({}),
                        [](engine::Request& request) {
                            request.maxTokens = kTokens;
                            request.ignoreEndOfGeneration = true;
                        },
                        1ms);
                    engine = made.get();
                    return made;
                },
                data.path());
            QVERIFY(desktop.started());
            desktop.window().show();
            QVERIFY(desktop.load(app::builtInModelPath()));
            ui::ChatTabs& tabs = desktop.window().chatPage().tabs();
            app::ConversationListController& list = desktop.application().conversations();

            QList<app::ConversationId> chats;
            for (int i = 0; i < kTabs; ++i) {
                if (i > 0)
                    tabs.newTab();
                QVERIFY(desktop.ask(question(i), false));
                chats.append(tabs.conversation());
            }
            QCOMPARE(tabs.count(), kTabs);
            const auto running = [&] {
                const engine::Snapshot now = engine->snapshot();
                return std::count_if(now.requests.begin(), now.requests.end(),
                                     [](const engine::RequestSnapshot& request) {
                                         return request.phase == engine::RequestPhase::Decode;
                                     });
            };
            QVERIFY2(waitUntil([&] { return running() == kTabs; }, 60000),
                     "the eight never ran together");

            tabs.open(chats[2]);
            stopped = chats[2];
            QTest::keyClick(&desktop.window(), Qt::Key_Escape);
            for (const int closed : {5, 6}) {
                tabs.open(chats[closed]);
                QTest::keyClick(&desktop.window(), Qt::Key_W, Qt::ControlModifier);
            }
            QCOMPARE(tabs.count(), kTabs - 2);
            desktop.window().hide();
            QTest::qWait(300);
            QVERIFY(running() >= 5); // those go on
            desktop.window().show();

            // A closed one, opened from the list, shows what has come and goes on growing.
            desktop.window().chatPage().openConversation(chats[5]);
            QCOMPARE(tabs.conversation(), chats[5]);
            const auto shown = [&] {
                ui::Transcript& transcript = tabs.view().transcript();
                return transcript.messageCount() < 2 ? QString() : transcript.messageMarkdown(1);
            };
            QVERIFY(waitUntil([&] { return !shown().isEmpty(); }, 5000));
            QVERIFY(waitUntil([&] { return list.busyTitles().isEmpty(); }, 120000));
            QCOMPARE(shown(), said(*engine, question(5)));
            for (int i = 0; i < kTabs; ++i) {
                expected.insert(chats[i], said(*engine, question(i)));
                QVERIFY(!expected[chats[i]].isEmpty());
            }
        }
        // A program that starts anew finds the same tabs and the same texts.
        FakeEngine* none = nullptr;
        DesktopFixture again(fakeEngineFactory(none), data.path());
        QVERIFY(again.started());
        again.window().show();
        QVERIFY(again.window().chatPage().tabs().count() >= kTabs - 2);
        for (auto it = expected.cbegin(); it != expected.cend(); ++it) {
            again.window().chatPage().openConversation(it.key());
            app::ChatController& chat = again.window().chatPage().chat();
            QVERIFY(waitUntil([&] { return chat.messages().size() == 2; }, 5000));
            const app::Message answer = chat.messages()[1];
            QCOMPARE(answer.state, app::MessageState::Done);
            if (it.key() == stopped) { // what came after the key is not wanted any more
                QVERIFY(!answer.text.isEmpty() && it.value().startsWith(answer.text));
                QCOMPARE(answer.stopReason, app::StopReason::Cancelled);
                QVERIFY(answer.stats->generatedTokens < kTokens);
            } else {
                QCOMPARE(answer.text, it.value());
                QCOMPARE(answer.stopReason, app::StopReason::MaxTokens);
                QCOMPARE(answer.stats->generatedTokens, kTokens);
            }
        }
    }

  private:
    static QString question(int i) {
        return QStringLiteral("Question number %1: what does the fire say?").arg(i);
    }
};

INGLENOOK_SUITE(eight_tabs, TstEightTabs)
#include "tst_eight_tabs.moc"
