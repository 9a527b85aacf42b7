// What stands beside an answer: where it came from, what it was not told, how much was cached.
#include "app/live_rate.h"
#include "app/session/chat_controller.h"
#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/transcript.h"
#include "ui/main_window.h"

#include <QAbstractButton>
#include <QDialog>
#include <QMenu>
#include <QToolButton>
#include <QtTest/QtTest>

class TstAnswerNotes : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_desktop = std::make_unique<tests::DesktopFixture>(tests::fakeEngineFactory(m_engine));
        QVERIFY(m_desktop->started());
        app::SettingsValues values = m_desktop->application().settings().values();
        values.randomSeed = false;
        m_desktop->application().settings().set(values);
        QVERIFY(m_desktop->load(QStringLiteral("/models/m.gguf")));
        m_desktop->window().show();
    }
    void cleanup() { m_desktop.reset(); }

    void aHitIsMarkedAndRecomputedWithOneClick() {
        QVERIFY(m_desktop->ask(QStringLiteral("Why?")));
        QVERIFY2(!authorOf(1).contains(QStringLiteral("cache")), qPrintable(authorOf(1)));
        page().newChat();
        QVERIFY(m_desktop->ask(QStringLiteral("Why?")));
        QTRY_VERIFY2(authorOf(1).contains(QStringLiteral("from the cache")),
                     qPrintable(authorOf(1)));
        QCOMPARE(m_engine->submitted().size(), std::size_t(1));
        QTRY_VERIFY(buttonCalled(QStringLiteral("Recompute")) != nullptr);
        buttonCalled(QStringLiteral("Recompute"))->click();
        QTRY_COMPARE(m_engine->submitted().size(), std::size_t(2));
        QVERIFY(m_desktop->waitForIdle());
        QTRY_VERIFY2(!authorOf(1).contains(QStringLiteral("cache")), qPrintable(authorOf(1)));
    }

    void whatWasLeftOutIsSaid() {
        m_engine->setScript({.answer = "Yes.", .droppedTokens = 900, .droppedMessages = 3});
        QVERIFY(m_desktop->ask(QStringLiteral("Why?")));
        QTRY_VERIFY2(authorOf(1).contains(QStringLiteral("3 earlier")), qPrintable(authorOf(1)));
    }

    /// REQ-13: an answer that repeats itself says so while it is written.
    void req13_circlesAreSaid() {
        std::string thought;
        for (int i = 0; i < 60; ++i)
            thought += "Wait, let me check that once more. So the sum is 12. ";
        m_engine->setScript({.reasoning = thought, .answer = "12.", .tokensPerSecond = 400});
        QVERIFY(m_desktop->ask(QStringLiteral("5 + 7?"), false));
        QTRY_VERIFY2(authorOf(1).contains(QStringLiteral("circles")), qPrintable(authorOf(1)));
        QVERIFY(page().chat().progress().repeats);
        page().chat().answerNow();
        QVERIFY(m_desktop->waitForIdle());
        QTRY_VERIFY2(!authorOf(1).contains(QStringLiteral("circles")), qPrintable(authorOf(1)));
    }

    /// The first tokens of an answer come close together: they are no rate yet.
    void aRateTakesItsTime() {
        QList<app::GenerationProgress> seen;
        connect(&page().chat(), &app::ChatController::progressChanged, this,
                [&seen](const app::GenerationProgress& progress) { seen.append(progress); });
        m_engine->setScript({.answer = "word ", .tokensPerSecond = 100, .repeat = true});
        QVERIFY(m_desktop->ask(QStringLiteral("Go on."), false));
        QTRY_VERIFY(page().chat().progress().tokensPerSecond > 0);
        QVERIFY(page().chat().progress().generatedTokens > 10); // 25 where it is as fast as told
        bool hadTokensAlone = false;
        for (const app::GenerationProgress& each : std::as_const(seen))
            hadTokensAlone |= each.generatedTokens > 1 && each.tokensPerSecond == 0;
        QVERIFY(hadTokensAlone);
        page().chat().stop();
        QVERIFY(m_desktop->waitForIdle());

        QCOMPARE(app::liveTokensPerSecond(3, 1'000), 0.0);
        QCOMPARE(app::liveTokensPerSecond(1, app::kLeastRateTime_us), 0.0);
        QCOMPARE(app::liveTokensPerSecond(26, app::kLeastRateTime_us), 100.0);
    }

    /// The figures under an answer open its waterfall, by mouse and by keyboard.
    void theFiguresOpenTheTimes() {
        using namespace std::chrono_literals;
        m_engine->setScript({.answer = "Yes and no.", .cachedTokens = 8, .prefill = 5ms});
        QVERIFY(m_desktop->ask(QStringLiteral("Why?")));
        const auto figures = [&]() -> QAbstractButton* {
            for (auto* button : page().view().transcript().findChildren<QAbstractButton*>())
                if (button->isVisible() &&
                    button->accessibleName() == QLatin1String("Where the time went"))
                    return button;
            return nullptr;
        };
        QTRY_VERIFY(figures() != nullptr);
        QVERIFY2(figures()->text().contains(QStringLiteral("cached 8 of 12 tokens")),
                 qPrintable(figures()->text()));
        QCOMPARE(figures()->focusPolicy(), Qt::TabFocus);
        QTest::keyClick(figures(), Qt::Key_Space);
        QTRY_VERIFY(times() != nullptr && times()->isVisible());
        for (const char* part : {"Queue", "Prefill", "4 computed, 8 cached", "Decode"})
            QVERIFY2(times()->accessibleDescription().contains(QLatin1String(part)),
                     qPrintable(times()->accessibleDescription()));
        QTest::keyClick(times(), Qt::Key_Escape);
        QTRY_VERIFY(times() == nullptr);
        QTest::mouseClick(figures(), Qt::LeftButton);
        QTRY_VERIFY(times() != nullptr);
        times()->close();

        page().newChat(); // given again from the cache, it took no time
        QVERIFY(m_desktop->ask(QStringLiteral("Why?")));
        QTRY_VERIFY(authorOf(1).contains(QStringLiteral("from the cache")));
        QVERIFY(figures() == nullptr);
    }

    void theChatChoosesItsOverflow() {
        auto* button = page().view().composer().findChild<QToolButton*>(QStringLiteral("context"));
        QVERIFY(button != nullptr && button->menu() != nullptr);
        QAction* roll = nullptr;
        for (QAction* action : button->menu()->actions())
            if (action->data().toInt() == int(app::OverflowChoice::Roll) && action->isCheckable())
                roll = action;
        QVERIFY(roll != nullptr);
        roll->trigger();
        QCOMPARE(page().chat().overflow(), app::OverflowChoice::Roll);
        QVERIFY2(button->toolTip().contains(roll->text()), qPrintable(button->toolTip()));
    }

  private:
    QDialog* times() {
        return m_desktop->window().findChild<QDialog*>(QStringLiteral("message-times"));
    }
    ui::ChatPage& page() { return m_desktop->window().chatPage(); }
    QString authorOf(int message) {
        const ui::Transcript& transcript = page().view().transcript();
        return message < transcript.messageCount() ? transcript.accessibleAuthor(message)
                                                   : QString();
    }
    QAbstractButton* buttonCalled(const QString& text) {
        for (auto* button : page().view().transcript().findChildren<QAbstractButton*>())
            if (button->text() == text && button->isVisible())
                return button;
        return nullptr;
    }

    tests::FakeEngine* m_engine = nullptr;
    std::unique_ptr<tests::DesktopFixture> m_desktop;
};

INGLENOOK_SUITE(answer_notes, TstAnswerNotes)
#include "tst_answer_notes.moc"
