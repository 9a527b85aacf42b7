#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tab_bar.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/find_bar.h"
#include "ui/chat/transcript.h"
#include "ui/leave_dialog.h"
#include "ui/main_window.h"

#include <QLineEdit>
#include <QPushButton>
#include <QScrollBar>
#include <QtTest/QtTest>

using namespace tests;

namespace {

/// The window over a scripted engine with a model.
struct Scene {
    explicit Scene(const QString& dataDir = {}) : desktop(fakeEngineFactory(engine), dataDir) {
        desktop.window().resize(1180, 760);
        desktop.window().show();
        isReady = desktop.load(QStringLiteral("/models/fake.gguf"));
    }

    ui::MainWindow& window() { return desktop.window(); }
    ui::ChatTabs& tabs() { return window().chatPage().tabs(); }
    app::ConversationListController& list() { return desktop.application().conversations(); }
    void press(Qt::Key key, Qt::KeyboardModifiers modifiers) {
        QTest::keyClick(&window(), key, modifiers);
    }
    void answerForever() {
        FakeScript script;
        script.answer = "word ";
        script.repeat = true;
        script.tokensPerSecond = 200;
        engine->setScript(script);
    }

    FakeEngine* engine = nullptr;
    DesktopFixture desktop;
    bool isReady = false;
};

} // namespace

class TstChatTabs : public QObject {
    Q_OBJECT

  private slots:
    void keysOpenWalkAndCloseTabs() {
        Scene scene;
        QVERIFY(scene.isReady);
        ui::ChatTabs& tabs = scene.tabs();
        QCOMPARE(tabs.count(), 1);
        scene.press(Qt::Key_T, Qt::ControlModifier);
        QCOMPARE(tabs.count(), 1); // it is empty already
        QVERIFY(scene.desktop.ask(QStringLiteral("one")));
        scene.press(Qt::Key_T, Qt::ControlModifier);
        QCOMPARE(tabs.count(), 2);
        QVERIFY(scene.desktop.ask(QStringLiteral("two")));
        scene.press(Qt::Key_T, Qt::ControlModifier);
        QCOMPARE(tabs.count(), 3);
        QCOMPARE(tabs.bar().currentIndex(), 2);
        scene.press(Qt::Key_Tab, Qt::ControlModifier);
        QCOMPARE(tabs.bar().currentIndex(), 0);
        scene.press(Qt::Key_PageDown, Qt::ControlModifier);
        QCOMPARE(tabs.bar().currentIndex(), 1);
        scene.press(Qt::Key_Backtab, Qt::ControlModifier | Qt::ShiftModifier);
        QCOMPARE(tabs.bar().currentIndex(), 0);
        scene.press(Qt::Key_PageUp, Qt::ControlModifier);
        QCOMPARE(tabs.bar().currentIndex(), 2);
        scene.press(Qt::Key_W, Qt::ControlModifier);
        scene.press(Qt::Key_W, Qt::ControlModifier);
        QCOMPARE(tabs.count(), 1);
        QCOMPARE(tabs.bar().tabText(0), QStringLiteral("one"));
        scene.press(Qt::Key_W, Qt::ControlModifier); // the last one leaves an empty chat
        QCOMPARE(tabs.count(), 1);
        QCOMPARE(tabs.conversation(), app::ConversationId(0));
        scene.press(Qt::Key_T, Qt::ControlModifier | Qt::ShiftModifier);
        QTRY_COMPARE(tabs.chat().messages().size(), 2);
        QCOMPARE(tabs.chat().messages()[0].text, QStringLiteral("one"));
    }

    void noTabClosesUnseen() {
        Scene scene;
        QVERIFY(scene.desktop.ask(QStringLiteral("one")));
        scene.window().showPage(ui::PageId::Dashboard);
        scene.press(Qt::Key_W, Qt::ControlModifier);
        QCOMPARE(scene.window().page(), ui::PageId::Chat);
        QVERIFY(scene.tabs().conversation() != 0);
    }

    void draftAndPlaceStayWithTheirTab() {
        Scene scene;
        FakeScript script;
        for (int i = 0; i < 200; ++i)
            script.answer += "A paragraph of some words that fills a line.\n\n";
        scene.engine->setScript(script);
        QVERIFY(scene.desktop.ask(QStringLiteral("a long answer")));
        ui::ChatView& first = scene.tabs().view();
        first.composer().setText(QStringLiteral("half a thought"));
        QScrollBar* bar = first.transcript().verticalScrollBar();
        // Heights are measured bit by bit, and what is in sight stays in sight meanwhile.
        QPoint before;
        const auto isSettled = [&] {
            const QPoint now(bar->value(), bar->maximum());
            return std::exchange(before, now) == now && now.y() > 2000;
        };
        const auto hasAll = [&] { return first.transcript().messageMarkdown(1).size() > 8000; };
        QTRY_VERIFY(hasAll() && isSettled());
        // As a reader does: who only sets the value is brought back to the end.
        for (int page = 0; page < 2; ++page)
            bar->triggerAction(QAbstractSlider::SliderPageStepSub);
        QTRY_VERIFY(isSettled());
        const int place = bar->value();
        QVERIFY2(place > 0 && place < bar->maximum() - 1000,
                 "not in the middle: it would follow the end");
        scene.tabs().newTab();
        QCOMPARE(scene.tabs().view().composer().text(), QString());
        scene.tabs().view().composer().setText(QStringLiteral("another"));
        scene.window().resize(1100, 700);
        scene.window().resize(1180, 760);
        scene.tabs().step(-1);
        QCOMPARE(&scene.tabs().view(), &first);
        QCOMPARE(first.composer().text(), QStringLiteral("half a thought"));
        QCOMPARE(bar->value(), place);
        // A draft keeps its tab: another chat does not take the place.
        scene.window().chatPage().newChat();
        QCOMPARE(scene.tabs().count(), 3);
    }

    void tabsMoveAndTheMiddleButtonCloses() {
        Scene scene;
        for (const char* text : {"one", "two", "three"}) {
            scene.tabs().newTab();
            QVERIFY(scene.desktop.ask(QString::fromLatin1(text)));
        }
        ui::ChatTabBar& bar = scene.tabs().bar();
        const app::ConversationId three = scene.tabs().conversation();
        bar.moveTab(2, 0);
        QCOMPARE(scene.tabs().conversationAt(0), three);
        QCOMPARE(scene.tabs().conversation(), three);
        QTest::mouseClick(&bar, Qt::MiddleButton, {}, bar.tabRect(1).center());
        QCOMPARE(scene.tabs().count(), 2);
        QCOMPARE(bar.tabText(0), QStringLiteral("three"));
        QCOMPARE(bar.tabText(1), QStringLiteral("two"));
    }

    void openTabsComeBackAtTheNextStart() {
        QTemporaryDir data;
        {
            Scene scene(data.path());
            QVERIFY(scene.desktop.ask(QStringLiteral("one & only")));
            scene.tabs().newTab();
            QVERIFY(scene.desktop.ask(QStringLiteral("two")));
            scene.tabs().newTab();
            scene.tabs().view().composer().setText(QStringLiteral("not sent"));
            scene.tabs().step(-1);
        }
        Scene again(data.path());
        QCOMPARE(again.tabs().count(), 3);
        QCOMPARE(again.tabs().bar().currentIndex(), 1);
        QTRY_COMPARE(again.tabs().chat().messages().size(), 2);
        QCOMPARE(again.tabs().bar().tabText(0), QStringLiteral("one && only")); // no key in it
        again.tabs().step(+1);
        QCOMPARE(again.tabs().view().composer().text(), QStringLiteral("not sent"));
        again.tabs().step(+1);
        QTRY_COMPARE(again.tabs().chat().messages().size(), 2);
        QCOMPARE(again.tabs().chat().messages()[0].text, QStringLiteral("one & only"));
    }

    void everyTabSaysWhatGoesOnInIt() {
        Scene scene;
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("one"), false));
        const app::ConversationId one = scene.tabs().conversation();
        ui::ChatTabBar& bar = scene.tabs().bar();
        QTRY_COMPARE(bar.accessibleTabName(0), QStringLiteral("one, answering"));
        QVERIFY(!bar.tabIcon(0).isNull());
        app::ChatController& chat = scene.tabs().chat();
        scene.tabs().newTab();
        chat.stop();
        QTRY_COMPARE(bar.accessibleTabName(0), QStringLiteral("one, new answer"));
        scene.tabs().open(one); // looked at: nothing is new
        QTRY_COMPARE(bar.accessibleTabName(0), QStringLiteral("one"));
        QVERIFY(bar.tabIcon(0).isNull());

        app::Conversation queued;
        queued.title = QStringLiteral("Sorting");
        queued.state = app::ConversationState::Queued;
        queued.place = {3, 12'400'000};
        bar.showTab(0, queued);
        QCOMPARE(bar.tabText(0), QStringLiteral("no. 3, about 13 s · Sorting"));
        QCOMPARE(bar.accessibleTabName(0), QStringLiteral("Sorting, waiting: no. 3, about 13 s"));
        queued.state = app::ConversationState::Failed;
        bar.showTab(0, queued);
        QCOMPARE(bar.accessibleTabName(0), QStringLiteral("Sorting, failed"));
        QCOMPARE(bar.tabText(0), QStringLiteral("Sorting"));
        QVERIFY(!bar.tabIcon(0).isNull());
    }

    /// A chat that opens in a tab brings its own state; the state of the one before does not stay.
    void aChatThatOpensInATabBringsItsState() {
        Scene scene;
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("one"), false));
        const app::ConversationId one = scene.tabs().conversation();
        ui::ChatTabBar& bar = scene.tabs().bar();
        QTRY_COMPARE(bar.accessibleTabName(0), QStringLiteral("one, answering"));
        scene.tabs().newTab();
        QVERIFY(scene.desktop.ask(QStringLiteral("two"), false));
        const app::ConversationId two = scene.tabs().conversation();
        scene.tabs().chat().stop();
        QVERIFY(waitUntil(
            [&] { return scene.tabs().chat().progress().phase == app::GenerationPhase::Idle; },
            5000));
        scene.tabs().closeTab(0); // its answer goes on
        QCOMPARE(scene.tabs().conversation(), two);
        scene.tabs().open(one); // in place of two
        QCOMPARE(scene.tabs().count(), 1);
        QCOMPARE(bar.accessibleTabName(0), QStringLiteral("one, answering"));
        scene.tabs().newTab();
        scene.tabs().open(two);
        QCOMPARE(bar.accessibleTabName(1), QStringLiteral("two"));
    }

    void aTabOfTheTrashDoesNotComeBack() {
        Scene scene;
        QVERIFY(scene.desktop.ask(QStringLiteral("one")));
        const app::ConversationId one = scene.tabs().conversation();
        scene.tabs().newTab();
        QVERIFY(scene.desktop.ask(QStringLiteral("two")));
        const app::ConversationId two = scene.tabs().conversation();
        scene.tabs().closeTab(1); // closed first, thrown away later
        scene.list().moveToTrash(two);
        scene.list().moveToTrash(one); // open while it is thrown away
        QTRY_COMPARE(scene.tabs().conversation(), app::ConversationId(0));
        scene.tabs().reopenTab();
        QCOMPARE(scene.tabs().count(), 1);
        QCOMPARE(scene.tabs().conversation(), app::ConversationId(0));
    }

    /// Another chat is not searched for the words that were looked for in the one before.
    void findEndsWithItsChat() {
        Scene scene;
        QVERIFY(scene.desktop.ask(QStringLiteral("one")));
        ui::ChatView& view = scene.tabs().view();
        view.openFind();
        view.findChild<ui::FindBar*>()->findChild<QLineEdit*>()->setText(QStringLiteral("answer"));
        QTRY_VERIFY(view.transcript().matchCount() > 0);
        scene.window().chatPage().newChat();
        QVERIFY(scene.desktop.ask(QStringLiteral("two")));
        QTest::qWait(50);
        QCOMPARE(view.transcript().matchCount(), 0);
    }

    void escapeClosesTheFindBarBeforeItStopsAnAnswer() {
        Scene scene;
        scene.window().activateWindow();
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("one"), false));
        ui::ChatView& view = scene.tabs().view();
        QTRY_VERIFY(view.transcript().messageCount() > 1);
        view.openFind();
        auto* bar = view.findChild<ui::FindBar*>();
        auto* words = bar->findChild<QLineEdit*>();
        QTRY_VERIFY(words->hasFocus());
        QTest::keyClick(words, Qt::Key_Escape);
        QVERIFY(!bar->isVisible());
        QVERIFY(scene.tabs().chat().progress().phase != app::GenerationPhase::Idle);
        scene.press(Qt::Key_Escape, Qt::NoModifier);
        QTRY_COMPARE(scene.tabs().chat().progress().phase, app::GenerationPhase::Idle);
    }

    void closingGoesOnInTheTray() {
        Scene scene;
        scene.window().useTray();
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("one"), false));
        QTRY_VERIFY(!scene.list().busyTitles().isEmpty());
        QVERIFY(!scene.window().close());
        QVERIFY(!scene.window().isVisible());
        const qsizetype before = scene.tabs().chat().messages()[1].text.size();
        QTRY_VERIFY(scene.tabs().chat().messages()[1].text.size() > before);
        scene.window().comeForward();
        QVERIFY(scene.window().isVisible());
    }

    void closingWithoutATrayAsks() {
        Scene scene;
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("one"), false));
        QTRY_VERIFY(!scene.list().busyTitles().isEmpty());
        const auto decide = [&scene](ui::LeaveDialog::Choice choice) {
            const bool closed = scene.window().close();
            auto* dialog = scene.window().findChild<ui::LeaveDialog*>();
            if (closed || dialog == nullptr)
                return false;
            dialog->button(choice)->click();
            return waitUntil([&] { return !scene.window().findChild<ui::LeaveDialog*>(); }, 2000);
        };
        QVERIFY(decide(ui::LeaveDialog::Choice::Stay));
        QVERIFY(scene.window().isVisible() && !scene.window().isMinimized());
        QVERIFY(decide(ui::LeaveDialog::Choice::Keep));
        QVERIFY(scene.window().isMinimized());
        QVERIFY(!scene.list().busyTitles().isEmpty());
        QVERIFY(decide(ui::LeaveDialog::Choice::Quit));
        QTRY_VERIFY(!scene.window().isVisible());
    }

    void aLanguageIsANewWindowWithTheSameTabs() {
        Scene scene;
        QVERIFY(scene.desktop.ask(QStringLiteral("one")));
        scene.tabs().newTab();
        scene.answerForever();
        QVERIFY(scene.desktop.ask(QStringLiteral("two"), false));
        QTRY_VERIFY(!scene.list().busyTitles().isEmpty());
        scene.tabs().view().composer().setText(QStringLiteral("next"));
        app::SettingsValues values = scene.desktop.application().settings().values();
        values.language = QStringLiteral("zh_CN");
        scene.desktop.application().settings().set(values);
        QTest::qWait(100);
        QCOMPARE(scene.tabs().count(), 2);
        QCOMPARE(scene.tabs().bar().currentIndex(), 1);
        QCOMPARE(scene.tabs().view().composer().text(), QStringLiteral("next"));
        QVERIFY(!scene.list().busyTitles().isEmpty()); // it was not disturbed
        QVERIFY(scene.tabs().bar().accessibleTabName(1).contains(QStringLiteral("two, ")));
        values.language = QStringLiteral("en");
        scene.desktop.application().settings().set(values);
        QTest::qWait(100);
    }
};

INGLENOOK_SUITE(chat_tabs, TstChatTabs)
#include "tst_chat_tabs.moc"
