// The page of settings over the real application and a scripted engine.
#include "app/api/api_controller.h"
#include "app/connections.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/admin/setting_control.h"
#include "ui/admin/setting_row.h"
#include "ui/admin/settings_page.h"
#include "ui/main_window.h"
#include "ui/pages.h"

#include <algorithm>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QtTest/QtTest>

class TstSettingsPage : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_desktop = std::make_unique<tests::DesktopFixture>(tests::fakeEngineFactory(m_engine));
        QVERIFY(m_desktop->started());
        m_desktop->window().show();
        m_desktop->window().showPage(ui::PageId::Settings);
        m_page =
            qobject_cast<ui::SettingsPage*>(m_desktop->window().pageWidget(ui::PageId::Settings));
        QVERIFY(m_page != nullptr);
    }
    void cleanup() { m_desktop.reset(); }

    void everySettingHasARow() {
        for (const app::SettingSpec& spec : app::settingSpecs()) {
            const ui::SettingRow* row = m_page->row(spec.id);
            QVERIFY2(row != nullptr, qPrintable(spec.id));
            QCOMPARE(row->control().editor()->accessibleName(), spec.name);
            QVERIFY2(row->control().value() == spec.byDefault() ||
                         spec.kind == app::SettingKind::Model,
                     qPrintable(spec.id));
        }
    }

    void searchLeavesWhatHasTheWords() {
        auto* search = m_page->findChild<QLineEdit*>();
        search->setText(QStringLiteral("batching"));
        QVERIFY(m_page->row(QStringLiteral("batching.gather_window_ms"))->isVisibleTo(m_page));
        QVERIFY(!m_page->row(QStringLiteral("theme"))->isVisibleTo(m_page));
        search->setText(QStringLiteral("appearance")); // a section's name shows all of it
        QVERIFY(m_page->row(QStringLiteral("theme"))->isVisibleTo(m_page));
        search->clear();
        QVERIFY(m_page->row(QStringLiteral("api_port"))->isVisibleTo(m_page));
    }

    void figuresApplyAtOnce() {
        auto* box = editor<QDoubleSpinBox>("batching.gather_window_ms");
        box->setValue(120);
        QCOMPARE(settings().values().batching.gatherWindow_ms, 120);
        QCOMPARE(m_engine->admission().batching.gatherWindow.count(), 120);
        editor<QDoubleSpinBox>("batching.target_itl_ms")->setValue(80);
        QCOMPARE(m_engine->admission().batching.targetItl.count(), 80);
        editor<QDoubleSpinBox>("batching.chunk_tokens")->setValue(256);
        QCOMPARE(m_engine->admission().batching.chunkTokens, 256U);
        editor<QDoubleSpinBox>("idle_unload_s")->setValue(300);
        QCOMPARE(m_engine->keeping().idleUnload_s, 300U);
        auto* back =
            m_page->findChild<QPushButton*>(QStringLiteral("batching.gather_window_ms-default"));
        QVERIFY(back->isEnabled());
        back->click();
        QCOMPARE(settings().values().batching.gatherWindow_ms, 50);
        QCOMPARE(box->value(), 50.0);
        QVERIFY(!back->isEnabled());
    }

    /// "What connects to the internet", each with what it is now.
    void privacyListsEveryConnection() {
        const auto says = [this](const QString& words) {
            const QList<QLabel*> labels = m_page->findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) {
                return label->isVisibleTo(m_page) && label->text() == words;
            });
        };
        m_page->findChild<QLineEdit*>()->setText(QStringLiteral("connects to the internet"));
        for (const app::Connection& connection : app::connections(settings().values()))
            QVERIFY2(says(connection.name) && says(connection.what) && says(connection.state),
                     qPrintable(connection.name));
        app::SettingsValues values = settings().values();
        QVERIFY(!says(QStringLiteral("on, this computer only")));
        values.apiEnabled = true;
        values.apiPort = 0;
        settings().set(values);
        QVERIFY(says(QStringLiteral("on, this computer only")));
        values.apiHost = QStringLiteral("0.0.0.0");
        QVERIFY(app::connections(values).last().isOutside);
    }

    void changesFromElsewhereAreShown() {
        app::SettingsValues values = settings().values();
        values.theme = app::ThemeChoice::Dark;
        settings().set(values);
        QCOMPARE(editor<QComboBox>("theme")->currentData().toString(), QStringLiteral("dark"));
    }

    void refusedValuesAreASentenceAndNothingElse() {
        auto* line = editor<QLineEdit>("gpus");
        line->setText(QStringLiteral("first"));
        emit line->editingFinished();
        const ui::SettingRow* row = m_page->row(QStringLiteral("gpus"));
        QVERIFY2(row->problem().contains(QStringLiteral("0,1")), qPrintable(row->problem()));
        QVERIFY(settings().values().gpus.isEmpty());
        line->setText(QStringLiteral("0,1"));
        emit line->editingFinished();
        QVERIFY(row->problem().isEmpty());
        QCOMPARE(settings().values().gpus, QStringLiteral("0,1"));
    }

    /// A change from elsewhere takes nothing out of a person's hands.
    void whatIsTypedOrRefusedStays() {
        m_desktop->window().activateWindow();
        auto* refused = editor<QLineEdit>("gpus");
        refused->setText(QStringLiteral("first"));
        emit refused->editingFinished();
        auto* typed = editor<QPlainTextEdit>("system_prompt");
        typed->setFocus();
        QTRY_VERIFY(typed->hasFocus());
        typed->setPlainText(QStringLiteral("half a sent"));
        app::SettingsValues values = settings().values();
        values.fontZoom = 110;
        settings().set(values);
        QCOMPARE(editor<QDoubleSpinBox>("font_zoom")->value(), 110.0);
        QCOMPARE(typed->toPlainText(), QStringLiteral("half a sent"));
        QCOMPARE(refused->text(), QStringLiteral("first"));
        QVERIFY(!m_page->row(QStringLiteral("gpus"))->problem().isEmpty());
        m_page->discard(); // whoever gives up sees what holds
        QCOMPARE(refused->text(), QString());
        QVERIFY(m_page->row(QStringLiteral("gpus"))->problem().isEmpty());
        QCOMPARE(typed->toPlainText(), QString());
        typed->setPlainText(QStringLiteral("whole"));
        editor<QDoubleSpinBox>("font_zoom")->setFocus();
        QCOMPARE(settings().values().systemPrompt, QStringLiteral("whole"));
    }

    void anImportShowsWhatItBrought() {
        auto* refused = editor<QLineEdit>("gpus");
        refused->setText(QStringLiteral("first"));
        emit refused->editingFinished();
        m_page->importFrom("{\"inglenook_settings\": 1, \"gpus\": \"1\"}");
        QCOMPARE(refused->text(), QStringLiteral("1"));
        QVERIFY(m_page->row(QStringLiteral("gpus"))->problem().isEmpty());
    }

    void dependentRowsFollowTheirSwitch() {
        QVERIFY(!editor<QDoubleSpinBox>("sampling.temperature")->isEnabled());
        QVERIFY(!editor<QDoubleSpinBox>("sampling.seed")->isEnabled());
        app::SettingsValues values = settings().values();
        values.samplingOverridden = true;
        values.randomSeed = false;
        settings().set(values);
        QVERIFY(editor<QDoubleSpinBox>("sampling.temperature")->isEnabled());
        QVERIFY(editor<QDoubleSpinBox>("sampling.seed")->isEnabled());
    }

    /// What reloads the model waits in the bar; it is set when the model is there.
    void reloadsAreApplied() {
        QVERIFY(m_desktop->load(QStringLiteral("/models/m.gguf")));
        auto* bar = m_page->findChild<QWidget*>(QStringLiteral("apply-bar"));
        QVERIFY(!bar->isVisible());
        choose("weights", "int4");
        editor<QDoubleSpinBox>("context_tokens")->setValue(2048);
        QVERIFY(bar->isVisible());
        QVERIFY(settings().values().weights.isEmpty());
        m_page->apply();
        QTRY_COMPARE(settings().values().weights, QStringLiteral("int4"));
        QCOMPARE(settings().values().contextTokens, 2048);
        QVERIFY(!bar->isVisible());
        const engine::LoadRequest asked = m_engine->loads().back();
        QCOMPARE(asked.formats.weights, engine::WeightFormat::Int4);
        QCOMPARE(asked.context, 2048U);
        QCOMPARE(asked.path, std::filesystem::path("/models/m.gguf"));
    }

    void aFailedReloadChangesNothing() {
        QVERIFY(m_desktop->load(QStringLiteral("/models/m.gguf")));
        choose("weights", "int4");
        m_engine->setLoad(
            {1000, 1, std::chrono::milliseconds(1),
             engine::Status(engine::Code::OutOfMemory, {{"need", "9 GB"}, {"free", "1 GB"}})});
        QSignalSpy failed(&m_desktop->application().models(), &app::ModelController::failed);
        m_page->apply();
        QTRY_VERIFY(!failed.isEmpty());
        const QString said = failed.first().first().toString();
        const auto isSaid = [&] {
            const QList<QLabel*> labels = m_page->findChildren<QLabel*>();
            return std::any_of(labels.begin(), labels.end(), [&](const QLabel* label) {
                return label->isVisible() && label->text() == said;
            });
        };
        QVERIFY(isSaid());
        QVERIFY(settings().values().weights.isEmpty());
        QVERIFY(m_page->findChild<QWidget*>(QStringLiteral("apply-bar"))->isVisible());
        m_page->discard();
        QVERIFY(!m_page->findChild<QWidget*>(QStringLiteral("apply-bar"))->isVisible());
        QCOMPARE(editor<QComboBox>("weights")->currentData().toString(), QString());
        m_engine->setLoad({});
        QVERIFY(m_desktop->load(QStringLiteral("/models/m.gguf")));
        QTRY_VERIFY(!isSaid()); // it is true no more
    }

    void importsWithASentence() {
        const QString said = m_page->importFrom(
            "{\"inglenook_settings\": 1, \"theme\": \"dark\", \"font_zoom\": 120}");
        QVERIFY2(said.contains(QLatin1Char('2')), qPrintable(said));
        QCOMPARE(settings().values().fontZoom, 120);
        const QString refused = m_page->importFrom("{\"inglenook_settings\": 1, \"font_zoom\": 2}");
        QVERIFY2(refused.contains(QStringLiteral("Text size")), qPrintable(refused));
        QCOMPARE(settings().values().fontZoom, 120);
    }

    /// The settings switch the server on and off and move it.
    void theServerFollows() {
        app::SettingsValues values = settings().values();
        values.apiEnabled = true;
        values.apiPort = 0;
        settings().set(values);
        QCOMPARE(m_desktop->application().api().state().phase, app::ApiPhase::Listening);
        values = settings().values();
        values.apiEnabled = false;
        settings().set(values);
        QCOMPARE(m_desktop->application().api().state().phase, app::ApiPhase::Off);
    }

  private:
    app::Settings& settings() { return m_desktop->application().settings(); }
    template<typename Editor>
    Editor* editor(const char* id) {
        return qobject_cast<Editor*>(m_page->row(QString::fromLatin1(id))->control().editor());
    }
    void choose(const char* id, const char* word) {
        auto* combo = editor<QComboBox>(id);
        combo->setCurrentIndex(combo->findData(QString::fromLatin1(word)));
    }

    tests::FakeEngine* m_engine = nullptr;
    std::unique_ptr<tests::DesktopFixture> m_desktop;
    ui::SettingsPage* m_page = nullptr;
};

INGLENOOK_SUITE(settings_page, TstSettingsPage)
#include "tst_settings_page.moc"
