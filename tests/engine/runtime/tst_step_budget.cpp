// How many prompt rows go beside running answers, on a device that the test models.
#include "engine/runtime/step_budget.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;

namespace {

/// A device: a fixed cost a step, a cost per answer and per prompt row [s].
struct Device {
    double fixed_s = 0.020;
    double answer_s = 0.0001;
    double row_s = 0.0005;

    double step(std::uint32_t answers, std::uint32_t rows) const {
        return fixed_s + answers * answer_s + rows * row_s;
    }
};

/// Teaches the budget the device as the scheduler does.
void learn(StepBudget& budget, const Device& device, std::uint32_t answers) {
    budget.record(0, 128, device.step(0, 128));
    for (int i = 0; i < 40; ++i)
        budget.record(answers, 0, device.step(answers, 0));
    for (int i = 0; i < 40; ++i) {
        const PromptLoad load{answers, 1, 10'000, true, {}};
        const std::uint32_t rows = budget.promptRows(load, 4096);
        budget.record(answers, rows, device.step(answers, rows));
    }
}

/// Steps of 20 answers and prompts, 64 and 128 rows together.
void learnLeap(StepBudget& budget, double middle_s, int times = 5) {
    for (int i = 0; i < times; ++i) {
        budget.record(20, 44, 0.0055);
        budget.record(20, 108, middle_s);
    }
}

PromptLoad agents(std::uint32_t prompts, Clock::duration held) {
    return {16, prompts, prompts * 500, false, held};
}

} // namespace

class TstStepBudget : public QObject {
    Q_OBJECT

  private slots:
    void holdsTheTarget() {
        for (const auto target : {30ms, 40ms, 100ms}) {
            Device device;
            StepBudget budget;
            BatchingSettings settings;
            settings.targetItl = target;
            settings.maxItlRatio = 1000;
            budget.setSettings(settings);
            learn(budget, device, 16);
            const std::uint32_t rows = budget.promptRows({16, 1, 10'000, true, {}}, 4096);
            const double step_s = device.step(16, rows);
            QVERIFY2(step_s <= 1e-3 * double(target.count()), qPrintable(QString::number(step_s)));
            // A power of two, so at least half of the room is used.
            const double room_s = 1e-3 * double(target.count()) - device.step(16, 0);
            QVERIFY(rows * device.row_s > 0.4 * room_s);
        }
    }

    void staysWithinTheRatio() {
        Device device;
        StepBudget budget; // at most 2.5 times a step without prompts
        learn(budget, device, 16);
        const std::uint32_t rows = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
        QVERIFY(rows >= 32);
        QVERIFY(device.step(16, rows) <= 2.5 * device.step(16, 0));
    }

    void followsADeviceThatSlowsDown() {
        Device device;
        StepBudget budget;
        learn(budget, device, 16);
        const std::uint32_t before = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
        device.row_s *= 8; // attention over a long context
        for (int i = 0; i < 8; ++i) {
            const std::uint32_t rows = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
            budget.record(16, rows, device.step(16, rows));
        }
        const std::uint32_t after = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
        QVERIFY(after * 4 <= before);
        QVERIFY(device.step(16, after) <= 3 * device.step(16, 0));
    }

    /// A GPU: small chunks cost nearly what large ones do, and the first of all loads kernels.
    void learnsThatSmallChunksAreNotCheap() {
        const auto chunk_s = [](std::uint32_t rows) { return 0.0035 + 25e-6 * rows; };
        StepBudget budget;
        std::uint32_t rows = budget.promptRows({0, 1, 2000, true, {}}, 2048);
        budget.record(0, rows, 0.3);
        for (int i = 0; i < 8; ++i) {
            rows = budget.promptRows({0, 1, 10'000, true, {}}, 2048);
            budget.record(0, rows, 0.003 + chunk_s(rows));
        }
        QCOMPARE(rows, 2048U);
        for (int i = 0; i < 20; ++i)
            budget.record(16, 0, 0.004);
        budget.record(0, 2048, 0.003 + chunk_s(2048)); // now the step's own part is known
        for (int i = 0; i < 20; ++i) {
            rows = budget.promptRows({16, 1, 10'000, true, {}}, 2048);
            budget.record(16, rows, 0.004 + chunk_s(rows));
        }
        // 2.5 times a step of 4 ms leaves 6 ms: 64 rows take 5.1 ms, 128 take 6.7.
        QCOMPARE(rows, 64U);
        // A crowd may take the whole target of 60 ms, until it is done.
        QCOMPARE(budget.promptRows({16, 32, 32'000, true, {}}, 2048), 2048U);
        QCOMPARE(budget.promptRows({16, 2, 2'000, true, {}}, 2048), 2048U);
        QCOMPARE(budget.promptRows({16, 1, 1'000, true, {}}, 2048), 64U);
        QVERIFY(budget.chunkBudget(16, 2048) <= 64);
    }

    /// A small model on a GPU: any chunk takes longer than the ratio allows, large ones little
    /// more.
    void takesAlongWhatCostsLittleWhereNoChunkFits() {
        const auto step_s = [](std::uint32_t rows) {
            return 0.0027 + (rows == 0 ? 0 : 0.007 + 10e-6 * rows);
        };
        StepBudget budget;
        for (int i = 0; i < 20; ++i)
            budget.record(3, 0, step_s(0));
        budget.record(0, 2048, step_s(2048));
        std::uint32_t rows = 0;
        for (int i = 0; i < 40; ++i) {
            rows = budget.promptRows({3, 1, 10'000, true, {}}, 2048);
            budget.record(3, rows, step_s(rows));
        }
        // 8 rows add 7.1 ms, 256 add 9.6, 512 add 12.1: half more than 8 do is the bound.
        QCOMPARE(rows, 256U);
        BatchingSettings settings;
        settings.targetItl = 11ms; // leaves 8.3 ms: 128 rows
        budget.setSettings(settings);
        QCOMPARE(budget.promptRows({3, 1, 10'000, true, {}}, 2048), 128U);
    }

    /// What was slow once is tried again when less turns out to be fast.
    void findsBackToLargeChunks() {
        Device device;
        StepBudget budget;
        learn(budget, device, 16);
        const std::uint32_t before = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
        Device slow = device;
        slow.row_s *= 8;
        for (int i = 0; i < 12; ++i) {
            const std::uint32_t rows = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
            budget.record(16, rows, slow.step(16, rows));
        }
        for (int i = 0; i < 60; ++i) {
            const std::uint32_t rows = budget.promptRows({16, 1, 30'000, true, {}}, 4096);
            budget.record(16, rows, device.step(16, rows));
        }
        QCOMPARE(budget.promptRows({16, 1, 30'000, true, {}}, 4096), before);
    }

    /// The user's "queue > 10, at most 50 ms", when the target leaves no room for a chunk.
    void gathersUntilTheWindowOrTheThreshold() {
        Device device;
        StepBudget budget;
        BatchingSettings settings;
        settings.targetItl = 15ms; // less than a step takes: no chunk fits
        budget.setSettings(settings);
        learn(budget, device, 16);
        QCOMPARE(budget.promptRows(agents(1, 0ms), 512), 0U);
        QCOMPARE(budget.promptRows(agents(10, 49ms), 512), 0U);
        QVERIFY(budget.promptRows(agents(10, 50ms), 512) > 0); // the window is over
        QVERIFY(budget.promptRows(agents(11, 0ms), 512) > 0);  // more than the threshold wait
        PromptLoad interactive = agents(1, 0ms);
        interactive.interactive = true;
        QVERIFY(budget.promptRows(interactive, 512) > 0); // P0 is never held
        PromptLoad idle = agents(1, 0ms);
        idle.decodeRows = 0;
        QVERIFY(budget.promptRows(idle, 512) > 0); // nothing waits while the device is idle
        settings.gatherThreshold = 3;
        settings.gatherWindow = 10ms;
        budget.setSettings(settings);
        QVERIFY(budget.promptRows(agents(4, 0ms), 512) > 0);
        QCOMPARE(budget.promptRows(agents(3, 9ms), 512), 0U);
        QVERIFY(budget.promptRows(agents(3, 10ms), 512) > 0);
    }

    void doesNotGatherWhatTheTargetAllows() {
        StepBudget budget;
        learn(budget, {}, 16);
        QVERIFY(budget.promptRows(agents(1, 0ms), 512) > 0);
    }

    void neverMoreThanTheChunkThatWasSet() {
        StepBudget budget;
        BatchingSettings settings;
        settings.chunkTokens = 16;
        budget.setSettings(settings);
        learn(budget, {}, 4);
        QVERIFY(budget.promptRows({4, 1, 10'000, true, {}}, 512) <= 16);
        QVERIFY(budget.promptRows({0, 1, 10'000, true, {}}, 512) > 16); // nobody to be held up
    }

    /// A device whose steps of more than 64 rows take half as long again.
    void doesNotLeapForAFewRows() {
        StepBudget budget;
        learn(budget, {0.0040, 0.00001, 0.00002}, 20);
        learnLeap(budget, 0.0085);
        const auto rows = [&](std::uint32_t answers, std::uint32_t prompts, std::uint32_t waiting,
                              std::uint32_t cheapRows = 64) {
            return budget.promptRows({answers, prompts, waiting, true, {}, cheapRows}, 2048);
        };
        QCOMPARE(rows(20, 1, 64), 44U);
        QCOMPARE(rows(20, 2, 128), 44U);
        QCOMPARE(rows(20, 4, 256), 236U);  // worth it, and most of them are done
        QCOMPARE(rows(20, 14, 900), 236U); // also of a crowd, up to the next leap
        QVERIFY(rows(2, 2, 128) >= 128U);  // hardly anybody waits for the step
        QVERIFY(rows(60, 2, 128) >= 128U); // no room before the leap
        QVERIFY(rows(20, 2, 128, 0) >= 128U);
        QCOMPARE(rows(20, 1, 10'000), rows(20, 1, 10'000, 0)); // a long one takes what it may
        QCOMPARE(budget.promptRows({20, 2, 128, true, {}, 64}, 16), 16U);
    }

    /// Where rows of a step of 128 cost no more than those of one of 64, it is taken when it fills;
    /// that is found out by trying.
    void takesAMiddleStepWhereItsRowsAreCheap() {
        StepBudget budget;
        learn(budget, {0.0040, 0.00001, 0.00002}, 20);
        const auto rows = [&](std::uint32_t prompts, std::uint32_t waiting) {
            return budget.promptRows({20, prompts, waiting, true, {}, 64}, 2048);
        };
        QCOMPARE(rows(2, 128), 108U); // never tried
        learnLeap(budget, 0.0070);
        QCOMPARE(rows(1, 64), 44U); // it would not fill
        QCOMPARE(rows(2, 128), 108U);
        QCOMPARE(rows(3, 190), 108U); // nor would the large one
        QCOMPARE(rows(4, 256), 236U);
        learnLeap(budget, 0.0085, 200); // longer contexts make it dear
        QCOMPARE(rows(2, 128), 44U);
        QCOMPARE(rows(3, 190), 236U);
    }

    /// A middle step keeps what was set, and is neither tried without end nor forgotten for ever.
    void takesAMiddleStepWithinItsBounds() {
        StepBudget budget;
        learn(budget, {0.0040, 0.00001, 0.00002}, 20);
        const PromptLoad load{20, 2, 128, true, {}, 64};
        BatchingSettings settings;
        settings.chunkTokens = 64; // 84 rows: neither a cheap step nor a middle one
        budget.setSettings(settings);
        QCOMPARE(budget.promptRows(load, 2048), 44U);
        budget.setSettings({});
        QCOMPARE(budget.promptRows(load, 2048), 108U);
        learnLeap(budget, 0.0085);
        QCOMPARE(budget.promptRows(load, 2048), 44U);
        for (int i = 0; i < 600; ++i)
            budget.record(20, 44, 0.0055);
        QCOMPARE(budget.promptRows(load, 2048), 108U); // contexts may be shorter again
        budget.record(20, 108, 0.0085);
        QCOMPARE(budget.promptRows(load, 2048), 44U);
    }

    void neverMoreThanFits() {
        StepBudget budget;
        QCOMPARE(budget.promptRows({1, 1, 100, true, {}}, 0), 0U);
        QVERIFY(budget.promptRows({0, 1, 100, true, {}}, 7) <= 7);
        learn(budget, {0.001, 0, 1e-9}, 4);
        for (const std::uint32_t most : {1U, 5U, 100U, 512U})
            QVERIFY(budget.promptRows({4, 3, 100'000, true, {}}, most) <= most);
        QCOMPARE(budget.promptRows({4, 0, 0, true, {}}, 512), 0U);
    }
};

INGLENOOK_SUITE(step_budget, TstStepBudget)
#include "tst_step_budget.moc"
