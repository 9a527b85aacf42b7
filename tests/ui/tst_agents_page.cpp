#include "app/agents/agent_controller.h"
#include "app/session/chat_controller.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/agents/agent_editor.h"
#include "ui/agents/agents_page.h"
#include "ui/agents/lane_view.h"
#include "ui/agents/run_form.h"
#include "ui/agents/run_view.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/transcript.h"
#include "ui/main_window.h"

#include <QCheckBox>
#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QScrollBar>
#include <QToolButton>
#include <QtTest/QtTest>

using namespace tests;

namespace {

struct Scene {
    Scene() : desktop(fakeEngineFactory(engine)) {
        desktop.window().resize(1180, 760);
        desktop.window().show();
        desktop.window().showPage(ui::PageId::Agents);
    }
    ui::AgentsPage& page() {
        return *qobject_cast<ui::AgentsPage*>(desktop.window().pageWidget(ui::PageId::Agents));
    }
    app::AgentController& agents() { return desktop.application().agents(); }
    bool load() { return desktop.load(QStringLiteral("/models/fake.gguf")); }
    QPushButton* start() {
        for (QPushButton* button : page().form().findChildren<QPushButton*>())
            if (button->property("role") == QLatin1String("primary"))
                return button;
        return nullptr;
    }
    static QToolButton* button(ui::LaneView* lane, const QString& name) {
        for (QToolButton* button : lane->findChildren<QToolButton*>())
            if (button->accessibleName() == name && button->isVisible())
                return button;
        return nullptr;
    }

    FakeEngine* engine = nullptr;
    DesktopFixture desktop;
};

} // namespace

class TstAgentsPage : public QObject {
    Q_OBJECT

  private slots:
    void theFormSaysWhatIsMissing() {
        Scene scene;
        scene.page().form().setOrder(QStringLiteral("Think about it."), {});
        QVERIFY(!scene.start()->isEnabled()); // no model
        QVERIFY(scene.load());
        QVERIFY(scene.start()->isEnabled());
        const QList<QCheckBox*> checks = scene.page().form().findChildren<QCheckBox*>();
        QCOMPARE(checks.size(), scene.agents().agents().size());
        for (QCheckBox* check : checks)
            check->setChecked(false);
        QVERIFY(!scene.start()->isEnabled());
        checks[1]->setChecked(true);
        QVERIFY(scene.start()->isEnabled());
        QCOMPARE(scene.page().form().order().agents.size(), 1);
    }

    void theTaskHasTheKeyboard() {
        Scene scene;
        scene.desktop.window().activateWindow();
        auto* task = scene.page().form().findChild<QPlainTextEdit*>();
        QTRY_VERIFY(task->hasFocus());
        scene.desktop.window().showPage(ui::PageId::Dashboard);
        scene.desktop.window().showPage(ui::PageId::Agents);
        QTRY_VERIFY(task->hasFocus());
    }

    void materialIsWholeTextOrASentence() {
        Scene scene;
        QVERIFY(scene.load());
        ui::RunForm& form = scene.page().form();
        form.setOrder(QStringLiteral("Think about it."), QStringLiteral("typed"));
        const auto says = [&form](const QString& words) {
            for (const QLabel* label : form.findChildren<QLabel*>())
                if (label->text().contains(words))
                    return true;
            return false;
        };
        QTemporaryDir dir;
        const auto place = [&dir](const char* name, const QByteArray& bytes) {
            QFile file(dir.filePath(QString::fromLatin1(name)));
            return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
        };
        QVERIFY(place("latin1.txt", "caf\xE9 and more"));
        QVERIFY(place("cut.txt", "half of \xE4\xBD"));
        QVERIFY(place("good.txt", "\xEF\xBB\xBF\xE4\xBD\xA0\xE5\xA5\xBD"));
        for (const char* name : {"latin1.txt", "cut.txt"}) {
            form.takeMaterial(dir.filePath(QString::fromLatin1(name)));
            QVERIFY2(says(QString::fromLatin1(name) + QStringLiteral(" is not UTF-8")), name);
            QCOMPARE(form.order().material, QStringLiteral("typed"));
        }
        form.takeMaterial(dir.filePath(QStringLiteral("good.txt")));
        QVERIFY(!says(QStringLiteral("UTF-8")));
        QCOMPARE(form.order().material, QStringLiteral("你好"));
        QVERIFY(scene.start()->isEnabled());
        form.setOrder(QStringLiteral(" \n \t"), {});
        QVERIFY(!scene.start()->isEnabled());
    }

    /// A lane is told of every token: nothing of what is written in it is drawn or laid out anew.
    void aTickOfALaneLeavesItsTextAlone() {
        Scene scene;
        QVERIFY(scene.load());
        FakeScript script;
        script.answer = "A short answer.";
        scene.engine->setScript(script);
        scene.page().form().setOrder(QStringLiteral("Think about it."), {});
        scene.start()->click();
        ui::RunView& view = scene.page().view();
        QTRY_VERIFY(view.closing() != nullptr);
        QTRY_COMPARE(view.closing()->lane().state, app::LaneState::Done);
        ui::LaneView* lane = view.lanes()[0];
        QTRY_COMPARE(lane->transcript().messageCount(), 1);
        QTest::qWait(100); // what is still to be drawn
        struct PaintCount : QObject {
            bool eventFilter(QObject*, QEvent* event) override {
                paints += event->type() == QEvent::Paint ? 1 : 0;
                return false;
            }
            int paints = 0;
        } count;
        lane->transcript().viewport()->installEventFilter(&count);
        for (int i = 0; i < 5; ++i) {
            lane->showLane(lane->lane());
            QTest::qWait(20);
        }
        QCOMPARE(count.paints, 0);
        scene.desktop.desktop().theme().setChoice(ui::Theme::Choice::Dark);
        QTRY_VERIFY(count.paints > 0); // a theme is another matter
    }

    void aRunShowsItsAgentsSideBySide() {
        Scene scene;
        QVERIFY(scene.load());
        FakeScript script;
        script.answer = "A short answer.";
        scene.engine->setScript(script);
        scene.page().form().setOrder(QStringLiteral("Think about it."), QStringLiteral("facts"));
        scene.start()->click();
        ui::RunView& view = scene.page().view();
        QTRY_COMPARE(view.lanes().size(), 3);
        QTRY_VERIFY(view.closing() != nullptr); // the last default agent closes
        QTRY_COMPARE(view.closing()->lane().state, app::LaneState::Done);
        for (ui::LaneView* lane : view.lanes()) {
            QVERIFY(lane->isVisible());
            QVERIFY(lane->stateLine().startsWith(QStringLiteral("done")));
            QTRY_COMPARE(lane->transcript().messageCount(), 1); // the task stands above
            QCOMPARE(lane->transcript().messageMarkdown(0), QStringLiteral("A short answer."));
        }
        auto* list = scene.page().findChild<QListWidget*>();
        QTRY_COMPARE(list->count(), 1);
        QCOMPARE(list->item(0)->text(), QStringLiteral("Think about it."));

        // Another run, and back to the first one.
        scene.page().newRun();
        scene.page().form().setOrder(QStringLiteral("Something else."), {});
        scene.start()->click();
        QTRY_COMPARE(list->count(), 2);
        const app::RunId first = scene.agents().runs()[1].id;
        QTRY_VERIFY(!scene.agents().run(scene.agents().runs()[0].id).isBusy());
        scene.page().openRun(first);
        QTRY_COMPARE(view.run(), first);
        QTRY_COMPARE(view.lanes().size(), 3);
        QTRY_COMPARE(view.lanes()[0]->transcript().messageCount(), 1);
    }

    /// What is too low for all lanes scrolls: none of them is cut.
    void lanesKeepTheirLeastHeight() {
        Scene scene;
        QVERIFY(scene.load());
        scene.engine->setScript({.answer = "A short answer."});
        scene.page().form().setOrder(QStringLiteral("Think about it."), QStringLiteral("facts"));
        scene.start()->click();
        ui::RunView& view = scene.page().view();
        QTRY_VERIFY(view.closing() != nullptr);
        QTRY_COMPARE(view.closing()->lane().state, app::LaneState::Done);
        const auto isWhole = [](const ui::LaneView* lane, int shown) {
            return lane->height() >= lane->minimumSizeHint().height() && shown == lane->height();
        };
        const auto shownOf = [](const QWidget* widget) {
            return widget->visibleRegion().boundingRect().height();
        };
        ui::LaneView* first = view.lanes().first();
        scene.desktop.window().resize(900, 640); // all of them
        QTRY_VERIFY(isWhole(first, shownOf(first)));
        QTRY_VERIFY(isWhole(view.closing(), shownOf(view.closing())));
        scene.desktop.window().resize(900, 400); // one after the other
        QTRY_VERIFY(isWhole(first, shownOf(first)));
        auto* page = view.findChild<QScrollArea*>(QStringLiteral("run-page"));
        QTRY_VERIFY(page->verticalScrollBar()->maximum() > 0);
        page->verticalScrollBar()->setValue(page->verticalScrollBar()->maximum());
        QTRY_VERIFY(isWhole(view.closing(), shownOf(view.closing())));
    }

    void aLanePausesGoesOnAndOpensAsAChat() {
        Scene scene;
        QVERIFY(scene.load());
        FakeScript script;
        script.answer = "word ";
        script.repeat = true;
        script.tokensPerSecond = 200;
        scene.engine->setScript(script);
        scene.page().form().setOrder(QStringLiteral("Think about it."), {});
        scene.start()->click();
        ui::RunView& view = scene.page().view();
        QTRY_COMPARE(view.lanes().size(), 3);
        ui::LaneView* lane = view.lanes()[1];
        QTRY_VERIFY(lane->lane().generatedTokens > 3);
        QVERIFY(Scene::button(lane, QStringLiteral("Pause")) != nullptr);
        Scene::button(lane, QStringLiteral("Pause"))->click();
        QTRY_COMPARE(lane->lane().state, app::LaneState::Paused);
        QVERIFY(lane->stateLine().startsWith(QStringLiteral("paused")));
        QCOMPARE(view.lanes()[0]->lane().state, app::LaneState::Running);
        Scene::button(lane, QStringLiteral("Go on"))->click();
        QTRY_COMPARE(lane->lane().state, app::LaneState::Running);
        scene.agents().stopRun(view.run());
        QTRY_VERIFY(!scene.agents().run(view.run()).isBusy());
        Scene::button(lane, QStringLiteral("Open as a chat"))->click();
        QCOMPARE(scene.desktop.window().page(), ui::PageId::Chat);
        app::ChatController& chat = scene.desktop.window().chatPage().chat();
        QTRY_COMPARE(chat.conversationId(), lane->lane().conversation);
        QCOMPARE(chat.messages().size(), 2);
    }

    void agentsAreEdited() {
        Scene scene;
        const qsizetype before = scene.agents().agents().size();
        ui::AgentEditor editor(scene.agents());
        editor.setAttribute(Qt::WA_DeleteOnClose, false);
        editor.addAgent();
        editor.findChild<QLineEdit*>()->setText(QStringLiteral("Historian"));
        editor.findChild<QPlainTextEdit*>()->setPlainText(QStringLiteral("Give the dates."));
        editor.findChild<QListWidget*>()->setCurrentRow(0);
        editor.removeAgent();
        QCOMPARE(editor.agents().size(), before);
        QCOMPARE(editor.agents().last().name, QStringLiteral("Historian"));
        QCOMPARE(scene.agents().agents().size(), before); // nothing is taken over yet
        for (QPushButton* button : editor.findChildren<QPushButton*>())
            if (button->property("role") == QLatin1String("primary"))
                button->click();
        QCOMPARE(scene.agents().agents(), editor.agents());
        const QList<QCheckBox*> checks = scene.page().form().findChildren<QCheckBox*>();
        QCOMPARE(checks.last()->accessibleName(), QStringLiteral("Historian"));
    }
};

INGLENOOK_SUITE(agents_page, TstAgentsPage)
#include "tst_agents_page.moc"
