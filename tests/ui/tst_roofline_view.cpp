// The tab "Speed" of a model's card: measured when asked, on its own card alone, absent figures as
// a dash, cancelled and refused with a sentence.
#include "app/library/library_controller.h"
#include "app/library/roofline_controller.h"
#include "app/settings.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/desktop_fixture.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/admin/roofline_view.h"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>
#include <QtTest/QtTest>

using namespace tests;

namespace {

app::RooflineStage stage(const char* name, double time_ms, double share) {
    app::RooflineStage stage;
    stage.name = QString::fromLatin1(name);
    stage.time_ms = time_ms;
    stage.share = share;
    return stage;
}

} // namespace

class TstRooflineView : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_data = std::make_unique<QTemporaryDir>();
        QVERIFY(placeGguf(at("models/first.gguf")) && placeGguf(at("models/second.gguf")));
        m_desktop = std::make_unique<DesktopFixture>(fakeEngineFactory(m_engine), m_data->path());
        app::Application& application = m_desktop->application();
        QVERIFY(waitUntil(
            [&] { return application.library().card(at("models/second.gguf")) != nullptr; },
            10'000));
        app::SettingsValues values = application.settings().values();
        values.device = QStringLiteral("cpu");
        application.settings().set(values);
        m_rooflines = std::make_unique<app::RooflineController>();
        m_view = std::make_unique<ui::RooflineView>(*m_rooflines, application.library(),
                                                    application.settings());
        m_view->resize(900, 600);
        m_view->show();
        m_view->showModel(at("models/first.gguf"));
    }
    void cleanup() {
        m_view.reset();
        m_rooflines.reset();
        m_desktop.reset();
    }

    void nothingIsMeasuredUnasked() {
        QVERIFY(!m_rooflines->isRunning());
        QCOMPARE(find<QPushButton>("roofline-measure")->text(), QStringLiteral("Measure now"));
        QVERIFY(find<QPushButton>("roofline-measure")->isEnabled());
        QVERIFY(find<QPushButton>("roofline-measure")->y() < m_view->height() / 3); // at the top
        QVERIFY(!find<QTableWidget>("roofline-table")->isVisible());
        QVERIFY(!find<QPushButton>("roofline-cancel")->isVisible());
        m_view->showModel(at("models/away.gguf"));
        QVERIFY(!find<QPushButton>("roofline-measure")->isEnabled());
    }

    void aMeasurementFillsTheTable() {
        find<QPushButton>("roofline-measure")->click();
        QVERIFY(find<QPushButton>("roofline-cancel")->isVisible());
        QVERIFY(!find<QPushButton>("roofline-measure")->isEnabled());
        auto* table = find<QTableWidget>("roofline-table");
        QTRY_VERIFY_WITH_TIMEOUT(table->isVisible(), 60'000);
        QCOMPARE(table->rowCount(), 2 * (1 + 9));
        QCOMPARE(find<QPushButton>("roofline-measure")->text(), QStringLiteral("Measure again"));
        QVERIFY(find<QLabel>("roofline-state")->text().startsWith(QStringLiteral("CPU")));
        m_view->showModel(at("models/second.gguf"));
        QVERIFY(!table->isVisible());
    }

    /// Figures as they are written, row by row.
    void figuresAreWritten() {
        app::Roofline roofline;
        roofline.path = at("models/first.gguf");
        roofline.device = QStringLiteral("CPU");
        roofline.weights = roofline.activations = QStringLiteral("int8");
        roofline.kv = QStringLiteral("bf16");
        roofline.readLimit_gb_s = 20;
        app::RooflineStage down = stage("down", 12.34, 0.8);
        down.read_gb_s = 15;
        down.tops = 0.021;
        down.ofLimit = 0.75;
        down.nearer = app::RooflineLimit::Memory;
        roofline.decode = {down, stage("all_reduce", 2, 0.05)};
        roofline.promptTokens = 64;
        m_view->showStages(roofline);
        const auto* table = find<QTableWidget>("roofline-table");
        QCOMPARE(rowText(1), QStringLiteral("Feed-forward, down|12.3 ms|80 %|15.0|0.021|75 % of "
                                            "memory"));
        QCOMPARE(rowText(2), QStringLiteral("all_reduce|2.00 ms|5.0 %|–|–|–"));
        for (int column = 1; column < table->columnCount(); ++column)
            QVERIFY(table->horizontalHeader()->defaultAlignment().testFlag(Qt::AlignRight) &&
                    (table->item(1, column)->textAlignment() & Qt::AlignRight) != 0);
    }

    void othersAreToldNothing() {
        find<QPushButton>("roofline-measure")->click();
        m_view->showModel(at("models/second.gguf"));
        QVERIFY(!find<QPushButton>("roofline-cancel")->isVisible());
        QVERIFY(!find<QPushButton>("roofline-measure")->isEnabled());
        QCOMPARE(find<QLabel>("roofline-state")->text(),
                 QStringLiteral("Another model is being measured."));
        m_view->showModel(at("models/first.gguf"));
        find<QPushButton>("roofline-cancel")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!m_rooflines->isRunning(), 30'000);
        QVERIFY(!find<QLabel>("roofline-state")->isVisible());
        QVERIFY(find<QPushButton>("roofline-measure")->isEnabled());
    }

    void aRefusalIsASentence() {
        app::SettingsValues values = m_desktop->application().settings().values();
        values.device = QStringLiteral("cuda");
        m_desktop->application().settings().set(values);
        find<QPushButton>("roofline-measure")->click();
        QTRY_VERIFY(!m_rooflines->isRunning());
        auto* state = find<QLabel>("roofline-state");
        QTRY_VERIFY(state->text().endsWith(QLatin1Char('.')));
        QVERIFY(state->isVisible());
        m_view->showModel(at("models/second.gguf"));
        QVERIFY(!state->isVisible());
    }

  private:
    QString at(const char* name) const { return m_data->filePath(QString::fromLatin1(name)); }
    template<typename Widget>
    Widget* find(const char* name) const {
        return m_view->findChild<Widget*>(QString::fromLatin1(name));
    }
    QString rowText(int row) const {
        const auto* table = find<QTableWidget>("roofline-table");
        QStringList texts;
        for (int column = 0; column < table->columnCount(); ++column)
            texts.append(table->item(row, column)->text());
        return texts.join(QLatin1Char('|'));
    }

    std::unique_ptr<QTemporaryDir> m_data;
    FakeEngine* m_engine = nullptr;
    std::unique_ptr<DesktopFixture> m_desktop;
    std::unique_ptr<app::RooflineController> m_rooflines;
    std::unique_ptr<ui::RooflineView> m_view;
};

INGLENOOK_SUITE(roofline_view, TstRooflineView)
#include "tst_roofline_view.moc"
