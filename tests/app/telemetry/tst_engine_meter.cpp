#include "app/telemetry/engine_meter.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricId;

namespace {

constexpr qint64 kSecond = 1'000'000;

/// A meter under a clock and an engine of the test's own.
struct Bed {
    app::EngineMeter meter;
    engine::Snapshot snapshot;
    engine::LatencyByPriority latencies;
    app::ResidentModels models;
    std::vector<engine::StepPart> steps;
    qint64 now_us = 100 * kSecond;

    app::MetricFrame look(qint64 after_us = kSecond) {
        now_us += after_us;
        snapshot.latencies = std::make_shared<engine::LatencyByPriority>(latencies);
        app::MetricFrame frame;
        frame.steady_us = now_us;
        frame.time_ms = now_us / 1000;
        meter.read(snapshot, models, steps, frame);
        steps.clear();
        return frame;
    }
};

} // namespace

class TstEngineMeter : public QObject {
    Q_OBJECT

  private slots:
    void ratesAreGrowthOverTime() {
        Bed bed;
        QVERIFY(!bed.look().machine.get(MetricId::DecodeRate)); // nothing to compare with yet
        bed.snapshot.promptTokensTotal = 512;
        bed.snapshot.generatedTokensTotal = 40;
        bed.snapshot.stepsTotal = 10;
        bed.snapshot.rowsTotal = 552;
        bed.snapshot.decodeBusy_us = 300'000;
        bed.snapshot.readBytesTotal = 3'000'000'000;
        const app::MetricFrame frame = bed.look(2 * kSecond);
        QCOMPARE(frame.machine.get(MetricId::PrefillRate), 256.0);
        QCOMPARE(frame.machine.get(MetricId::DecodeRate), 20.0);
        QCOMPARE(frame.machine.get(MetricId::BatchSize), 55.2);
        QCOMPARE(frame.machine.get(MetricId::EngineBusy), 0.15);
        QCOMPARE(frame.machine.get(MetricId::ReadRate), 1e10);
        const app::MetricFrame idle = bed.look();
        QCOMPARE(idle.machine.get(MetricId::DecodeRate), 0.0); // idle is a real zero
        QVERIFY(!idle.machine.get(MetricId::BatchSize));       // no step has no size
    }

    /// What the batching threshold and window do: prompts a chunk, and how long they were held.
    void theEffectsOfBatchingAreFigures() {
        Bed bed;
        bed.look();
        bed.snapshot.batching.chunkSteps = 4;
        bed.snapshot.batching.promptsInChunks = 10;
        bed.snapshot.batching.promptsHeld = 5;
        bed.snapshot.batching.held_us = 200'000;
        const app::MetricFrame frame = bed.look();
        QCOMPARE(frame.machine.get(MetricId::PromptsPerChunk), 2.5);
        QCOMPARE(frame.machine.get(MetricId::PromptHold), 0.04);
        const app::MetricFrame idle = bed.look();
        QVERIFY(!idle.machine.get(MetricId::PromptsPerChunk)); // nothing read, nothing held
        QVERIFY(!idle.machine.get(MetricId::PromptHold));
    }

    void percentilesSpeakOfTheLastHalfMinute() {
        Bed bed;
        bed.look();
        for (int i = 0; i < 100; ++i)
            bed.latencies[0].ttft.record(i < 90 ? 20'000 : 400'000);
        const app::MetricFrame frame = bed.look();
        const auto near = [&](MetricId id, double wanted) {
            const std::optional<double> value = frame.machine.get(id);
            return value && std::abs(*value - wanted) < wanted / 30;
        };
        QVERIFY(near(MetricId::TtftP50, 0.02));
        QVERIFY(near(MetricId::TtftP95, 0.4));
        QVERIFY(!frame.machine.get(MetricId::ItlP50));
        QCOMPARE(frame.histograms.at(MetricId::TtftHistogram).count, quint64(100));
        for (int i = 0; i < 40; ++i)
            bed.look();
        QVERIFY(!bed.look().machine.get(MetricId::TtftP50)); // forgotten, not frozen
    }

    void sharesAndFragmentation() {
        Bed bed;
        bed.look();
        bed.snapshot.cachedTokensTotal = 300;
        bed.snapshot.promptTokensTotal = 100;
        bed.snapshot.requestsFinished = 9;
        bed.snapshot.requestsFailed = 1;
        engine::ModelSnapshot model;
        model.pagesTotal = 100;
        model.pagesUsed = 10; // 320 tokens
        model.usedTokens = 240;
        model.maxBatchRows = 512;
        bed.snapshot.models = {model};
        bed.steps = {{1, 5, 10, 100, true}, {2, 5, 10, 28, true}, {1, 20, 10, 1, false}};
        bed.steps[0].begin_us = bed.steps[1].begin_us = bed.now_us;
        bed.steps[2].begin_us = bed.now_us + 10;
        const app::MetricFrame frame = bed.look();
        QCOMPARE(frame.machine.get(MetricId::CacheHitRatio), 0.75);
        QCOMPARE(frame.machine.get(MetricId::ErrorRatio), 0.1);
        QCOMPARE(frame.machine.get(MetricId::KvUsage), 0.1);
        QCOMPARE(frame.machine.get(MetricId::KvFragmentation), 0.25);
        QCOMPARE(frame.machine.get(MetricId::WorkspaceFragmentation), 0.75); // 128 of 512 rows
        QCOMPARE(frame.steps.size(), 3);
    }

    void changesAreEvents() {
        Bed bed;
        QVERIFY(bed.look().events.isEmpty());
        auto model = std::make_shared<engine::ModelInfo>();
        model->name = "Ember";
        bed.models = {model};
        engine::BreakerSnapshot breaker;
        breaker.rule = "overload";
        breaker.state = engine::BreakerState::Open;
        bed.snapshot.admission.breakers = {breaker};
        const app::MetricFrame frame = bed.look();
        QCOMPARE(frame.events.size(), 2);
        QCOMPARE(frame.events[0].kind, app::MetricEventKind::ModelLoaded);
        QCOMPARE(frame.events[0].what, QStringLiteral("Ember"));
        QCOMPARE(frame.events[1].kind, app::MetricEventKind::BreakerOpened);
        QCOMPARE(frame.machine.get(MetricId::BreakersOpen), 1.0);
        QVERIFY(bed.look().events.isEmpty());
    }

    void requestsOfNowAndOfBefore() {
        Bed bed;
        engine::RequestSnapshot waiting;
        waiting.id = 2;
        waiting.submitted_us = bed.now_us;
        auto done = std::make_shared<std::vector<engine::RequestSnapshot>>(1);
        done->front().id = 1;
        done->front().phase = engine::RequestPhase::Finished;
        done->front().finish = engine::FinishReason::Cancelled;
        bed.snapshot.requests = {waiting};
        bed.snapshot.recent = done;
        const QList<app::RequestRow> rows = bed.look(3 * kSecond).requests;
        QCOMPARE(rows.size(), 2);
        QCOMPARE(rows[0].stage, app::RequestStage::Queued);
        QCOMPARE(rows[0].queueWait_us, 3 * kSecond);
        QCOMPARE(rows[1].stage, app::RequestStage::Stopped);
        QVERIFY(!rows[1].isLive());
    }

    /// A GPU died, and the others answer on: said once.
    void aLostReplicaIsAMark() {
        Bed bed;
        bed.snapshot.models.resize(1);
        bed.snapshot.models.front().key = "one";
        QVERIFY(bed.look().events.isEmpty());
        bed.snapshot.models.front().lost = {
            engine::Status(engine::Code::DeviceLost, {{"device", "CUDA 1"}, {"reason", "719"}})};
        QTest::ignoreMessage(QtWarningMsg, QRegularExpression(QStringLiteral("CUDA 1")));
        const app::MetricFrame frame = bed.look(kSecond);
        QCOMPARE(frame.events.size(), 1);
        QVERIFY(frame.events.front().what.contains(QStringLiteral("CUDA 1")));
        QVERIFY(bed.look(2 * kSecond).events.isEmpty());
    }

    void everyDeviceHasItsShareOfTheMemory() {
        Bed bed;
        for (int i = 0; i < 2; ++i) { // two models over the same two cards
            auto model = std::make_shared<engine::ModelInfo>();
            for (const char* device : {"CUDA 0", "CUDA 1"}) {
                engine::DeviceMemory memory;
                memory.device = device;
                memory.weights_bytes = 100;
                memory.kv_bytes = 10;
                memory.workspace_bytes = 1;
                model->memory.devices.push_back(memory);
            }
            bed.models.push_back(model);
        }
        const app::MetricFrame frame = bed.look();
        QCOMPARE(frame.shares.size(), 2);
        QCOMPARE(frame.shares[1].device, QStringLiteral("CUDA 1"));
        QCOMPARE(frame.shares[1].weights, 200.0);
        QCOMPARE(frame.shares[1].kv, 20.0);
        QCOMPARE(frame.shares[1].workspace, 2.0);
        QCOMPARE(frame.machine.get(MetricId::WeightsMemory), 400.0); // of the whole machine
    }
};

INGLENOOK_SUITE(engine_meter, TstEngineMeter)
#include "tst_engine_meter.moc"
