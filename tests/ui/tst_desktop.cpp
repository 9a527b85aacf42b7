#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/actions.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/transcript.h"
#include "ui/download/get_models_view.h"
#include "ui/main_window.h"
#include "ui/pages.h"
#include "ui/widgets/toast.h"

#include <QAccessible>
#include <QLabel>
#include <QPushButton>
#include <QtTest/QtTest>

using namespace tests;

namespace {

/// Widgets a person can act on but a screen reader cannot name.
QStringList namelessControls(QWidget* root) {
    QStringList nameless;
    for (QWidget* widget : root->findChildren<QWidget*>()) {
        if (!widget->isVisible() || widget->focusPolicy() == Qt::NoFocus ||
            widget->inherits("QScrollArea") || widget->inherits("QSplitter") ||
            widget->inherits("QScrollBar") ||
            widget->objectName() == QLatin1String("qt_spinbox_lineedit")) // named by its spin box
            continue;
        const QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
        if (interface == nullptr || interface->text(QAccessible::Name).isEmpty())
            nameless.append(QLatin1String(widget->metaObject()->className()) + QLatin1Char(' ') +
                            widget->objectName());
    }
    return nameless;
}

} // namespace

class TstDesktop : public QObject {
    Q_OBJECT

  private slots:
    void theToastNamesTheDaysOfTheTrash() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        QVERIFY(desktop.load(QStringLiteral("/models/fake.gguf")));
        QVERIFY(desktop.ask(QStringLiteral("Question")));
        app::SettingsValues values = desktop.application().settings().values();
        values.trashDays = 7;
        desktop.application().settings().set(values);
        app::ConversationListController& list = desktop.application().conversations();
        QVERIFY(waitUntil([&] { return list.conversations().size() == 1; }, 5000));
        list.moveToTrash(list.conversations().first().id);
        const auto says = [&](const QString& words) {
            for (const ui::Toast* toast : desktop.window().findChildren<ui::Toast*>())
                for (const QLabel* label : toast->findChildren<QLabel*>())
                    if (toast->isVisible() && label->text().contains(words))
                        return true;
            return false;
        };
        QTRY_VERIFY(says(QStringLiteral("in the trash for 7 day")));
    }

    /// Whoever has no model yet is brought to where there are some, not to a choice of files.
    void theWelcomeLeadsToAModel() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        ui::ChatView& view = desktop.window().chatPage().view();
        auto* add = view.findChild<QPushButton*>(QStringLiteral("welcome-add"));
        QVERIFY(add->isVisible());
        QCOMPARE(add->text(), QStringLiteral("Add a model…"));
        QVERIFY(desktop.load(app::builtInModelPath()));
        QTRY_COMPARE(add->text(), QStringLiteral("Add a real model…"));
        QTest::mouseClick(add, Qt::LeftButton);
        QCOMPARE(desktop.window().page(), ui::PageId::Models);
        const QWidget* models = desktop.window().pageWidget(ui::PageId::Models);
        QVERIFY(models->findChild<ui::GetModelsView*>()->isVisible());
        QVERIFY(desktop.load(QStringLiteral("/models/fake.gguf")));
        QTRY_COMPARE(add->text(), QStringLiteral("Add a model…"));
    }

    void oneTypesWatchesStopsAndFindsAllAgain() {
        QTemporaryDir data;
        FakeEngine* engine = nullptr;
        {
            DesktopFixture desktop(fakeEngineFactory(engine), data.path());
            QVERIFY(desktop.started());
            desktop.window().show();
            QVERIFY(desktop.load(QStringLiteral("/models/fake.gguf")));
            FakeScript script;
            script.answer = "First answer.";
            engine->setScript(script);
            QVERIFY(desktop.ask(QStringLiteral("First question")));

            script.answer = "word ";
            script.repeat = true;
            script.tokensPerSecond = 200;
            engine->setScript(script);
            QVERIFY(desktop.ask(QStringLiteral("Endless question"), false));
            app::ChatController& chat = desktop.window().chatPage().chat();
            QVERIFY(waitUntil(
                [&] { return chat.messages().size() == 4 && chat.messages()[3].text.size() > 50; },
                5000));
            QTest::keyClick(&desktop.window(), Qt::Key_Escape);
            QVERIFY(desktop.waitForIdle(2000));
            QCOMPARE(chat.messages()[3].stopReason, app::StopReason::Cancelled);
        }
        DesktopFixture again(fakeEngineFactory(engine), data.path());
        again.window().show();
        app::ConversationListController& list = again.application().conversations();
        QVERIFY(waitUntil([&] { return list.conversations().size() == 1; }, 5000));
        again.window().chatPage().openConversation(list.conversations().first().id);
        app::ChatController& chat = again.window().chatPage().chat();
        QVERIFY(waitUntil([&] { return chat.messages().size() == 4; }, 5000));
        QCOMPARE(chat.messages()[0].text, QStringLiteral("First question"));
        QCOMPARE(chat.messages()[1].text, QStringLiteral("First answer."));
        QVERIFY(chat.messages()[3].text.startsWith(QStringLiteral("word word ")));
        QCOMPARE(again.window().chatPage().view().transcript().messageCount(), 4);
    }

    void editingKeepsTheOldVersionAsSibling() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        QVERIFY(desktop.load(QStringLiteral("/models/fake.gguf")));
        QVERIFY(desktop.ask(QStringLiteral("Colour?")));
        ui::ChatView& view = desktop.window().chatPage().view();
        emit view.composer().recallRequested();
        QVERIFY(view.composer().isEditing());
        QCOMPARE(view.composer().text(), QStringLiteral("Colour?"));
        emit view.composer().sendRequested(QStringLiteral("Color?"));
        app::ChatController& chat = desktop.window().chatPage().chat();
        QVERIFY(waitUntil(
            [&] {
                return chat.messages().size() == 2 &&
                       chat.messages()[0].text == QStringLiteral("Color?") &&
                       chat.progress().phase == app::GenerationPhase::Idle;
            },
            5000));
        QCOMPARE(chat.messages()[0].siblingCount, 2);
        chat.switchSibling(chat.messages()[0].id, -1);
        QVERIFY(
            waitUntil([&] { return chat.messages()[0].text == QStringLiteral("Colour?"); }, 5000));
        QCOMPARE(chat.messages().size(), 2);
    }

    void theKeyboardGoesAlongToThePage() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        ui::MainWindow& window = desktop.window();
        window.show();
        window.activateWindow();
        for (int round = 0; round < 2; ++round) // as they are made, and when they are there
            for (const ui::PageSpec& page : ui::pageSpecs()) {
                window.showPage(page.id);
                QTest::qWait(1);
                const QWidget* has = window.focusWidget();
                QVERIFY2(has != nullptr && has->isVisible() &&
                             window.pageWidget(page.id)->isAncestorOf(has),
                         qPrintable(page.key));
            }
    }

    void languageChangesLiveAndKeepsTheDraft() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        desktop.window().chatPage().view().composer().setText(QStringLiteral("half a thought"));
        app::SettingsValues values = desktop.application().settings().values();
        values.language = QStringLiteral("zh_CN");
        desktop.application().settings().set(values);
        QTest::qWait(100);
        QCOMPARE(desktop.window().chatPage().view().composer().text(),
                 QStringLiteral("half a thought"));
        QCOMPARE(ui::actionSpec(ui::ActionId::NewChat).text, QStringLiteral("新建对话"));
        values.language = QStringLiteral("en");
        desktop.application().settings().set(values);
        QTest::qWait(100);
    }

    void everyControlHasAName() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        QVERIFY(desktop.load(QStringLiteral("/models/fake.gguf")));
        QVERIFY(desktop.ask(QStringLiteral("Hello")));
        QCOMPARE(namelessControls(&desktop.window()).join(QStringLiteral("; ")), QString());
        for (const ui::PageSpec& page : ui::pageSpecs()) {
            desktop.window().showPage(page.id);
            QCOMPARE(desktop.window().page(), page.id);
            QCOMPARE(namelessControls(&desktop.window()).join(QStringLiteral("; ")), QString());
        }
    }

    void noTwoActionsShareAKey() {
        QStringList keys;
        for (const ui::ActionSpec& spec : ui::actionSpecs())
            for (const QKeySequence& sequence : spec.shortcuts)
                keys.append(sequence.toString());
        const QSet<QString> unique(keys.begin(), keys.end());
        QCOMPARE(qsizetype(unique.size()), keys.size());
    }

    void failedLoadSaysWhyAndLosesNothing() {
        FakeEngine* engine = nullptr;
        DesktopFixture desktop(fakeEngineFactory(engine));
        desktop.window().show();
        FakeLoad load;
        load.failure =
            engine::Status(engine::Code::OutOfMemory, {{"need", "9 GB"}, {"free", "1 GB"}});
        engine->setLoad(load);
        QString sentence;
        connect(&desktop.application().models(), &app::ModelController::failed, this,
                [&](const QString& text) { sentence = text; });
        desktop.application().models().load(QStringLiteral("/models/big.gguf"), {});
        QVERIFY(waitUntil([&] { return !sentence.isEmpty(); }, 5000));
        QVERIFY(sentence.contains(QStringLiteral("9 GB")));
        QVERIFY(!desktop.application().models().model().isLoaded());
    }
};

INGLENOOK_SUITE(desktop, TstDesktop)
#include "tst_desktop.moc"
