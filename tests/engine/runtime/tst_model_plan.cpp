// What a model gets of the memory there is: slots, pages, less where the device refuses.
#include "engine/runtime/load_plan.h"
#include "tests/engine/runtime/switching_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::start;
using tests::startLoad;

class TstModelPlan : public QObject {
    Q_OBJECT

  private slots:
    /// Sixteen sequences may run, and one alone can still fill the whole context.
    void sixteenSlotsByDefault() {
        Bed bed(1, 2048);
        LoadRequest request;
        request.path = "two";
        bed.model = tests::loadAndWait(*bed.engine, std::move(request)).model;
        QVERIFY(bed.model != nullptr);
        QCOMPARE(bed.model->slotCount, kDefaultSlots);
        QCOMPARE(bed.model->context, 2048U);
        const auto alone = start(bed, 0);
        QVERIFY(alone->waitForFinish());
        QCOMPARE(alone->finished().finish, FinishReason::ContextFull);
        bed.script->stepTime = 200us;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (std::uint32_t i = 0; i < kDefaultSlots; ++i)
            sinks.push_back(start(bed, 100));
        for (const auto& sink : sinks)
            QVERIFY(sink->waitForFinish());
        QCOMPARE(bed.script->mostTables.load(), kDefaultSlots);
    }

    /// Little memory takes the further slots' pages first, never the context.
    void littleMemoryKeepsTheContext() {
        auto script = std::make_shared<tests::FakeExecutorScript>();
        const auto executor = tests::makeFakeExecutor(script);
        LoadRequest request;
        MemoryPlan memory;
        const OpenedModel model = tests::fakeModel("one", 32'768);
        const auto roomy = planModel(model, *executor, request, memory);
        QVERIFY(roomy.ok());
        QCOMPARE(roomy->pageCount, 1 + pagesFor(32'768) + 15 * pagesFor(2048));
        script->weights_bytes = 48'500'000;
        const auto tight = planModel(model, *executor, request, memory);
        QVERIFY(tight.ok());
        QCOMPARE(tight->context, 32'768U);
        QCOMPARE(tight->slotCount, kDefaultSlots);
        QVERIFY(tight->pageCount < roomy->pageCount);
        QVERIFY(checkFits(memory).ok());
        request.kvTokens = 100'000;
        script->weights_bytes = 1;
        QCOMPARE(planModel(model, *executor, request, memory)->pageCount, 1 + pagesFor(100'000));
    }

    /// The device had less than it said: once more with less, then the device's own figures.
    void outOfMemoryShrinksThePlanOnce() {
        Bed bed(1);
        bed.script->loadFailure =
            Status(Code::OutOfMemory, {{"need", "10.0 GB"}, {"free", "9.00 GB on FAKE"}});
        bed.script->failingLoads = 1;
        const std::uint32_t before = bed.script->loads;
        LoadEvent loaded = startLoad(bed, "two", SwitchPolicy::Now).wait();
        QCOMPARE(loaded.phase, LoadPhase::Ready);
        QCOMPARE(bed.script->loads.load(), before + 2);
        // One context of 256 tokens and half of the pages of fifteen further slots.
        QCOMPARE(bed.script->plannedPages.load(), 1U + 8U + 15U * 8U / 2U);
        QCOMPARE(loaded.model->memory.devices.front().kv_bytes,
                 1000ULL * bed.script->plannedPages.load());
        const auto answer = start(bed, 5, loaded.model->key);
        QVERIFY(answer != nullptr && answer->waitForFinish());
        QCOMPARE(answer->finished().timings.generatedTokens, 5U);

        bed.script->failingLoads = -1;
        loaded = startLoad(bed, "three", SwitchPolicy::Now).wait();
        QCOMPARE(loaded.phase, LoadPhase::Failed);
        QCOMPARE(bed.script->loads.load(), before + 4);
        QVERIFY(loaded.status.sentence().find("10.0 GB") != std::string::npos);
        QVERIFY(loaded.status.sentence().find("9.00 GB") != std::string::npos);
    }
};

INGLENOOK_SUITE(model_plan, TstModelPlan)
#include "tst_model_plan.moc"
