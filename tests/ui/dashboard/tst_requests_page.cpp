#include "app/live_rate.h"
#include "app/telemetry/metric_sampler.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"
#include "ui/dashboard/lanes_view.h"
#include "ui/dashboard/request_table_model.h"
#include "ui/dashboard/requests_page.h"
#include "ui/dashboard/waterfall_view.h"
#include "ui/theme.h"

#include <QComboBox>
#include <QPushButton>
#include <QTableView>
#include <QtTest/QtTest>

using app::RequestRow;
using app::RequestStage;

namespace {

constexpr qint64 kNow_us = 100'000'000;

RequestRow answered() {
    RequestRow row;
    row.id = 7;
    row.client = QStringLiteral("desktop");
    row.stage = RequestStage::Finished;
    row.promptTokens = 320;
    row.cachedTokens = 214;
    row.generatedTokens = 50;
    row.submitted_us = kNow_us - 5'000'000;
    row.queueWait_us = 200'000;
    row.ttft_us = 1'000'000;
    row.decode_us = 2'500'000;
    row.tokensPerSecond = 19.6;
    return row;
}

RequestRow waiting(quint64 id) {
    RequestRow row;
    row.id = id;
    row.priority = 2;
    row.submitted_us = kNow_us - 1'000'000;
    row.queueWait_us = 1'000'000;
    return row;
}

app::MetricFrame frameWith(const QList<RequestRow>& rows) {
    app::MetricFrame frame;
    frame.time_ms = 1'700'000'000'000;
    frame.steady_us = kNow_us;
    frame.requests = rows;
    return frame;
}

struct NullSink final : engine::TokenSink {
    bool push(engine::TokenEvent) noexcept override { return true; }
};

} // namespace

class TstRequestsPage : public QObject {
    Q_OBJECT

  private slots:
    void theWaterfallAddsUpToTheWhole() {
        const QList<ui::WaterfallBar> bars = ui::waterfallOf(answered());
        QCOMPARE(bars.size(), 3);
        QCOMPARE(bars[1].begin_us, bars[0].begin_us + bars[0].duration_us);
        QCOMPARE(bars[2].begin_us, bars[1].begin_us + bars[1].duration_us);
        QCOMPARE(bars[2].begin_us + bars[2].duration_us, 3'500'000);
        QVERIFY(bars[1].note.contains(QStringLiteral("214")));
        QVERIFY(ui::waterfallSentence(answered()).contains(QStringLiteral("writing")));
        QVERIFY(ui::waterfallSentence(waiting(1)).contains(QStringLiteral("waiting")));
    }

    void lanesShowStepsWhereTheyHappened() {
        ui::Theme theme;
        ui::LanesView lanes(theme);
        lanes.resize(764, 200);
        RequestRow old = answered();
        old.id = 1;
        old.submitted_us = kNow_us - 90'000'000;
        lanes.setContent({answered(), waiting(8), old}, {}, kNow_us);
        QCOMPARE(lanes.lanes(), (QList<quint64>{7, 8})); // the old one has left the window
        const app::StepSpan prefill{7, kNow_us - 15'000'000, 3'000'000, 100, true};
        const app::StepSpan decode{7, kNow_us - 12'000'000, 20'000, 1, false};
        QCOMPARE(lanes.rectOf(prefill).left(), 156 + 300); // half of the 600 pixels
        QCOMPARE(lanes.rectOf(prefill).width(), 60);
        QCOMPARE(lanes.rectOf(decode).left(), lanes.rectOf(prefill).right() + 1);
        QVERIFY(lanes.rectOf(decode).height() < lanes.rectOf(prefill).height());
        QVERIFY(lanes.rectOf({99, kNow_us, 1, 1, false}).isNull());
    }

    void theTableSaysWhatARequestDoes() {
        app::TelemetryController telemetry(nullptr);
        ui::Theme theme;
        ui::RequestsPage page(telemetry, theme);
        page.show();
        telemetry.accept(frameWith({waiting(8), answered()}));
        const auto* table = page.findChild<QTableView*>();
        const auto cell = [&](int row, int column) {
            return table->model()->index(row, column).data().toString();
        };
        QCOMPARE(table->model()->rowCount(), 2);
        QCOMPARE(cell(0, ui::RequestTableModel::Phase), QStringLiteral("waiting, place 1"));
        QCOMPARE(cell(1, ui::RequestTableModel::Phase), QStringLiteral("done"));
        QCOMPARE(cell(1, ui::RequestTableModel::Tokens),
                 QStringLiteral("320 in, 50 out, 214 cached"));
        for (int column = 0; column < ui::RequestTableModel::kColumnCount; ++column)
            QCOMPARE(table->model()->index(1, column).data(Qt::ToolTipRole).toString(),
                     cell(1, column));
        page.select(8);
        telemetry.accept(frameWith({waiting(9), waiting(8), answered()}));
        QCOMPARE(page.selected(), quint64(8)); // the selection follows the request
        QCOMPARE(table->currentIndex().row(), 1);
    }

    void stopAndPriorityReachTheEngine() {
        tests::FakeEngine engine;
        tests::FakeScript script;
        script.answer = "word ";
        script.repeat = true;
        script.tokensPerSecond = 50;
        engine.setScript(script);
        engine.addModel("Ember", false);
        app::TelemetryController telemetry(nullptr);
        app::SamplerOptions options;
        options.period = std::chrono::milliseconds(20);
        telemetry.start(engine, std::move(options));
        ui::Theme theme;
        ui::RequestsPage page(telemetry, theme);
        page.show();
        engine::Request request;
        request.rawPrompt = "go on";
        const auto id = engine.submit(request, std::make_shared<NullSink>());
        QVERIFY(id.ok());
        QTRY_COMPARE(telemetry.latest().requests.size(), 1);
        QTRY_VERIFY(telemetry.latest().requests.first().tokensPerSecond > 0);
        QVERIFY(telemetry.latest().requests.first().decode_us >= app::kLeastRateTime_us);
        auto* stop = page.findChild<QPushButton*>();
        QVERIFY(!stop->isEnabled()); // nothing is chosen
        page.select(*id);
        QVERIFY(stop->isEnabled());
        emit page.findChild<QComboBox*>()->activated(2);
        QTRY_COMPARE(telemetry.latest().requests.first().priority, 2);
        QTest::mouseClick(stop, Qt::LeftButton);
        QTRY_COMPARE(engine.running(), std::size_t(0));
        telemetry.stop();
    }
};

INGLENOOK_SUITE(requests_page, TstRequestsPage)
#include "tst_requests_page.moc"
