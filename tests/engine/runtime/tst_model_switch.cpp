// Several resident models, and switching between them while requests run.
#include "engine/runtime/load_plan.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

constexpr std::uint64_t kMoreThanHalf = 30'000'000; // two of them do not fit

struct Loading {
    LoadId id = 0;
    std::shared_ptr<std::promise<LoadEvent>> ended = std::make_shared<std::promise<LoadEvent>>();
    std::shared_ptr<std::atomic<int>> inTheWay = std::make_shared<std::atomic<int>>(0);

    LoadEvent wait() const { return ended->get_future().get(); }
};

Loading startLoad(Bed& bed, const char* name, SwitchPolicy policy) {
    Loading loading;
    LoadRequest request;
    request.path = name;
    request.policy = policy;
    loading.id = bed.engine->load(request, [loading](const LoadEvent& event) {
        if (event.phase == LoadPhase::Planning && !event.inTheWay.empty())
            *loading.inTheWay = int(event.inTheWay.size());
        if (event.phase >= LoadPhase::Ready)
            loading.ended->set_value(event);
    });
    return loading;
}

std::shared_ptr<RecordingSink> start(Bed& bed, std::uint32_t tokens, const ModelKey& model = {}) {
    auto sink = std::make_shared<RecordingSink>();
    Request request;
    request.model = model;
    request.rawPrompt = "go";
    request.maxTokens = tokens;
    request.ignoreEndOfGeneration = true;
    if (!bed.engine->submit(std::move(request), sink).ok())
        return nullptr;
    return sink;
}

} // namespace

class TstModelSwitch : public QObject {
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

    void modelsLiveSideBySideOnAGpu() {
        Bed bed(2);
        bed.script->deviceName = "CUDA 0 · fake";
        const auto second = bed.load("two", 2);
        const auto third = bed.load("three", 2);
        QVERIFY(second != nullptr && third != nullptr);
        QTRY_COMPARE(bed.engine->models().size(), std::size_t(3)); // two there, one on the CPU
        const auto fourth = bed.load("four", 2);
        QVERIFY(fourth != nullptr);
        QTRY_COMPARE(bed.script->alive.load(), 3); // the least recently used one went
        for (const auto& model : bed.engine->models())
            QVERIFY(model->name != "two");
    }

    void refusesToEndAnswersAndNamesThem() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 300);
        QVERIFY(running->waitForEvents(5));
        const LoadEvent end = startLoad(bed, "two", SwitchPolicy::Beside).wait();
        QCOMPARE(end.phase, LoadPhase::Failed);
        QVERIFY(end.status == Code::ModelNeedsRoom);
        QVERIFY(end.status.sentence().find("one") != std::string::npos);
        QCOMPARE(end.inTheWay.size(), std::size_t(1));
        QCOMPARE(end.inTheWay[0].id, running->events().front().request);
        QVERIFY(running->waitForFinish());
        QCOMPARE(running->finished().finish, FinishReason::MaxTokens);
    }

    /// Answers end whole, the new model comes, and what was asked meanwhile is answered by it.
    void switchesWhenAnswersHaveEnded() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 200);
        QVERIFY(running->waitForEvents(5));
        const Loading loading = startLoad(bed, "two", SwitchPolicy::AfterRunning);
        QTRY_COMPARE(loading.inTheWay->load(), 1);
        const auto meanwhile = start(bed, 5);
        QVERIFY(meanwhile != nullptr);
        const LoadEvent end = loading.wait();
        QCOMPARE(end.phase, LoadPhase::Ready);
        QCOMPARE(running->finished().finish, FinishReason::MaxTokens);
        QCOMPARE(running->finished().timings.generatedTokens, 200U);
        QVERIFY(meanwhile->waitForFinish());
        QCOMPARE(meanwhile->finished().timings.generatedTokens, 5U);
        QCOMPARE(meanwhile->finishCount(), 1);
        QTRY_COMPARE(bed.script->alive.load(), 1);
        QCOMPARE(bed.engine->models().back()->name, std::string("two"));
    }

    void switchesNow() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 0);
        QVERIFY(running->waitForEvents(5));
        QCOMPARE(startLoad(bed, "two", SwitchPolicy::Now).wait().phase, LoadPhase::Ready);
        QVERIFY(running->waitForFinish());
        QCOMPARE(running->finished().finish, FinishReason::Cancelled);
        QCOMPARE(bed.engine->models().size(), std::size_t(1));
    }

    void aFailedSwitchBringsTheOldModelBack() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 0);
        QVERIFY(running->waitForEvents(5));
        const LoadEvent end = startLoad(bed, "broken", SwitchPolicy::Now).wait();
        QCOMPARE(end.phase, LoadPhase::Failed);
        QVERIFY(end.status == Code::DeviceLost);
        QCOMPARE(end.restored.size(), std::size_t(1));
        QCOMPARE(end.restored[0]->name, std::string("one"));
        const auto again = start(bed, 5);
        QVERIFY(again != nullptr && again->waitForFinish());
        QCOMPARE(again->finished().finish, FinishReason::MaxTokens);
    }

    void aCancelledSwitchLeavesTheOldModel() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 0);
        QVERIFY(running->waitForEvents(5));
        const Loading loading = startLoad(bed, "two", SwitchPolicy::AfterRunning);
        QTRY_COMPARE(loading.inTheWay->load(), 1);
        const auto meanwhile = start(bed, 5);
        bed.engine->cancelLoad(loading.id);
        QCOMPARE(loading.wait().phase, LoadPhase::Cancelled);
        QVERIFY(meanwhile->waitForFinish()); // answered by the model that stayed
        QCOMPARE(meanwhile->finished().timings.generatedTokens, 5U);
        QCOMPARE(bed.engine->models().size(), std::size_t(1));
        bed.engine->cancel(running->events().front().request);
        QVERIFY(running->waitForFinish());
        QCOMPARE(bed.script->alive.load(), 1);
    }

    void anIdleModelSleepsAndWakes() {
        EngineOptions options;
        options.keeping.idleUnload_s = 1;
        Bed bed(2, 256, options);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        QCOMPARE(bed.engine->models().size(), std::size_t(1)); // it answers all the same
        Request request;
        request.rawPrompt = "hello";
        QVERIFY(bed.engine->countTokens(request).ok());
        const auto sink = start(bed, 5, bed.model->key);
        const auto second = start(bed, 7);
        QVERIFY(sink != nullptr && second != nullptr);
        QVERIFY(sink->waitForFinish() && second->waitForFinish());
        QCOMPARE(sink->finished().timings.generatedTokens, 5U);
        QCOMPARE(second->finished().timings.generatedTokens, 7U);
        QCOMPARE(bed.engine->models().size(), std::size_t(1));
    }

    /// Unloaded while somebody waits for it to wake: it does not come back.
    void whatIsUnloadedDoesNotWake() {
        EngineOptions options;
        options.keeping.idleUnload_s = 1;
        Bed bed(2, 256, options);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        bed.script->loadTensors = 50;
        bed.script->tensorTime = 100ms;
        const auto sink = start(bed, 5, bed.model->key);
        QVERIFY(sink != nullptr);
        QTest::qWait(50);
        std::promise<void> gone;
        bed.engine->unload(bed.model->key, [&] { gone.set_value(); });
        gone.get_future().wait();
        QVERIFY(sink->waitForFinish(3s)); // the load would take 5 s
        QCOMPARE(sink->finished().timings.generatedTokens, 0U);
        QVERIFY(bed.engine->models().empty());
        QCOMPARE(bed.script->alive.load(), 0);
    }

    void idlenessIsASettingOfTheMoment() {
        Bed bed(2);
        QTest::qWait(50);
        QCOMPARE(bed.script->alive.load(), 1);
        KeepingSettings keeping;
        keeping.idleUnload_s = 1;
        bed.engine->setKeeping(keeping);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        const auto sink = start(bed, 5); // who wakes it is told that it waits
        QVERIFY(sink != nullptr && sink->waitForFinish());
        QCOMPARE(sink->events().front().kind, EventKind::Queued);
        QCOMPARE(sink->finished().timings.generatedTokens, 5U);
    }

    /// Two that sleep are woken one after the other; each answers what was asked of it.
    void everySleeperAnswersForItself() {
        EngineOptions options;
        options.residentOnCpu = 2;
        Bed bed(2, 256, options);
        const ModelKey one = bed.model->key;
        const ModelKey two = bed.load("two", 2)->key;
        KeepingSettings keeping;
        keeping.idleUnload_s = 1;
        bed.engine->setKeeping(keeping);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        bed.engine->setKeeping({});
        bed.script->tensorTime = 30ms;
        const auto first = start(bed, 5, one);
        const auto second = start(bed, 7, two);
        QVERIFY(first != nullptr && second != nullptr);
        QCOMPARE(bed.engine->models().size(), std::size_t(2)); // they answer all the same
        QVERIFY(first->waitForFinish());
        const auto third = start(bed, 9, two); // while it is being loaded
        QVERIFY(third != nullptr && second->waitForFinish() && third->waitForFinish());
        QTRY_COMPARE(bed.engine->snapshot().requestsFinished, std::uint64_t(3));
        for (const RequestSnapshot& request : *bed.engine->snapshot().recent)
            QCOMPARE(request.model, request.timings.generatedTokens == 5 ? one : two);
    }

    /// A model that could not be woken may be the next time.
    void whatDoesNotWakeSleepsOn() {
        EngineOptions options;
        options.keeping.idleUnload_s = 1;
        Bed bed(2, 256, options);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        bed.script->loadFailure = Status(Code::Cancelled);
        bed.script->failingLoads = 1;
        const auto refused = start(bed, 5);
        QVERIFY(refused != nullptr && refused->waitForFinish());
        QCOMPARE(refused->finished().finish, FinishReason::Failed);
        QTRY_COMPARE(bed.engine->models().size(), std::size_t(1));
        const auto answered = start(bed, 5);
        QVERIFY(answered != nullptr && answered->waitForFinish());
        QCOMPARE(answered->finished().timings.generatedTokens, 5U);
    }

    void aSleeperThatIsLoadedIsThereOnce() {
        EngineOptions options;
        options.keeping.idleUnload_s = 1;
        Bed bed(2, 256, options);
        QTRY_COMPARE_WITH_TIMEOUT(bed.script->alive.load(), 0, 5000);
        const auto again = bed.load("one", 2);
        QVERIFY(again != nullptr);
        QCOMPARE(bed.engine->models(), std::vector{again});
    }

    /// A long prompt takes its time to become tokens: its model does not leave meanwhile.
    void whoHasFoundAModelIsAnsweredByIt() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        Request request;
        request.rawPrompt = words(200'000, 1);
        request.overflow = OverflowPolicy::Roll;
        request.maxTokens = 5;
        request.ignoreEndOfGeneration = true;
        const auto sink = std::make_shared<RecordingSink>();
        std::promise<void> begun;
        auto asked = std::async(std::launch::async, [&] {
            begun.set_value();
            return bed.engine->submit(std::move(request), sink);
        });
        begun.get_future().wait();
        QTest::qWait(20);
        const LoadEvent end = startLoad(bed, "two", SwitchPolicy::AfterRunning).wait();
        QCOMPARE(end.phase, LoadPhase::Ready);
        QVERIFY(asked.get().ok() && sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
        const auto recent = [&] { return bed.engine->snapshot().recent; };
        QTRY_VERIFY(recent() != nullptr && !recent()->empty()); // it follows the answer
        QCOMPARE(recent()->front().model, bed.model->key);
        QTRY_COMPARE(bed.script->alive.load(), 1);
    }

    /// One that is not made, because it asks for the impossible, holds nothing up.
    void whoFailsOnTheWayHoldsNothingUp() {
        Bed bed(2, 4096);
        bed.script->weights_bytes = kMoreThanHalf;
        Request request;
        request.rawPrompt = words(200'000, 1);
        std::promise<void> begun;
        auto asked = std::async(std::launch::async, [&] {
            begun.set_value();
            return bed.engine->submit(std::move(request), std::make_shared<RecordingSink>());
        });
        begun.get_future().wait();
        QTest::qWait(20);
        QCOMPARE(startLoad(bed, "two", SwitchPolicy::Beside).wait().phase, LoadPhase::Ready);
        QVERIFY(asked.get().status() == Code::ContextExceeded);
        QTRY_COMPARE(bed.script->alive.load(), 1);
    }

    /// Cancelled in the very moment in which its model has come and it is being submitted.
    void aCancelIsNotLostOnTheWayToAModel() {
        auto script = std::make_shared<tests::FakeExecutorScript>();
        script->weights_bytes = kMoreThanHalf;
        script->stepTime = 1ms;
        std::atomic<std::thread::id> loader{};
        std::atomic<EngineImpl*> engine{nullptr};
        std::atomic<RequestId> waiting{0};
        const TimeSource time = [&] {
            // The loader's thread asks for the time when it submits what waited.
            EngineImpl* asked = engine;
            if (asked != nullptr && std::this_thread::get_id() == loader.load() &&
                !asked->models().empty())
                if (const RequestId id = waiting.exchange(0); id != 0)
                    asked->cancel(id);
            return Clock::now();
        };
        EngineImpl impl(tests::fakeParts(script, 4096), {}, time);
        const auto load = [&](const char* name, SwitchPolicy policy) {
            auto ended = std::make_shared<std::promise<LoadEvent>>();
            LoadRequest request;
            request.path = name;
            request.policy = policy;
            impl.load(request, [&loader, ended](const LoadEvent& event) {
                loader = std::this_thread::get_id();
                if (event.phase >= LoadPhase::Ready)
                    ended->set_value(event);
            });
            return ended->get_future();
        };
        QVERIFY(load("one", SwitchPolicy::Beside).get().model != nullptr);
        Request request;
        request.rawPrompt = "go";
        request.maxTokens = 4000; // until it is cancelled
        request.ignoreEndOfGeneration = true;
        const auto running = std::make_shared<RecordingSink>();
        const auto first = impl.submit(request, running);
        QVERIFY(first.ok());
        auto loading = load("two", SwitchPolicy::AfterRunning);
        QTRY_VERIFY(impl.models().empty()); // "one" gives way
        request.maxTokens = 2000;
        const auto sink = std::make_shared<RecordingSink>();
        const auto id = impl.submit(request, sink);
        QVERIFY(id.ok());
        waiting = *id;
        engine = &impl;
        impl.cancel(*first);
        QCOMPARE(loading.get().phase, LoadPhase::Ready);
        QVERIFY(sink->waitForFinish());
        engine = nullptr;
        QCOMPARE(waiting.load(), RequestId(0));
        QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
    }

    /// A model that is being brought back does not hold up the end.
    void endsWhileAModelIsBroughtBack() {
        auto bed = std::make_unique<Bed>(2, 4096);
        const auto script = bed->script;
        script->loadTensors = 20;
        script->tensorTime = 1s;
        (void)startLoad(*bed, "huge", SwitchPolicy::Now); // does not fit even alone
        QTRY_COMPARE(script->alive.load(), 0);
        QTest::qWait(150);
        QElapsedTimer timer;
        timer.start();
        bed.reset();
        QVERIFY2(timer.elapsed() < 10'000, qPrintable(QString::number(timer.elapsed())));
    }

    /// What goes "when they finish" ends nobody and takes nobody new.
    void leavesAfterItsLastAnswer() {
        Bed bed(2, 4096);
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 150);
        QVERIFY(running->waitForEvents(5));
        auto gone = std::make_shared<std::promise<void>>();
        bed.engine->unloadAfterRunning(bed.model->key, [gone] { gone->set_value(); });
        QVERIFY(start(bed, 5) == nullptr);
        gone->get_future().wait();
        QCOMPARE(bed.script->alive.load(), 0);
        QCOMPARE(running->finished().timings.generatedTokens, 150U);
        auto again = std::make_shared<std::promise<void>>(); // it has gone: heard all the same
        bed.engine->unloadAfterRunning(bed.model->key, [again] { again->set_value(); });
        QCOMPARE(again->get_future().wait_for(5s), std::future_status::ready);
    }

    /// The same model with other slots has the same key: it takes its own place.
    void loadedAgainItReplacesItself() {
        Bed bed(2);
        bed.script->deviceName = "CUDA 0 · fake";
        const auto first = bed.load("two", 2);
        const auto second = bed.load("two", 3);
        QCOMPARE(second->key, first->key);
        QTRY_COMPARE(bed.script->alive.load(), 2); // the one of the bed on the CPU, and this
        const auto sink = start(bed, 5, second->key);
        QVERIFY(sink != nullptr && sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
    }

    void theSnapshotSaysWhichModelAnswers() {
        Bed bed(2, 4096);
        bed.script->stepTime = 1ms;
        const auto running = start(bed, 0);
        QVERIFY(running->waitForEvents(5));
        QTRY_VERIFY(!bed.engine->snapshot().requests.empty());
        QCOMPARE(bed.engine->snapshot().requests.front().model, bed.model->key);
    }

    void thePrefixCacheIsASettingOfTheMoment() {
        Bed bed(2, 4096);
        const auto cachedOf = [&](const std::string& prompt) {
            const auto sink = std::make_shared<RecordingSink>();
            (void)bed.ask(prompt, sink, 3);
            (void)sink->waitForFinish();
            return sink->finished().timings.cachedTokens;
        };
        QCOMPARE(cachedOf(words(200, 1)), 0U);
        QVERIFY(cachedOf(words(200, 1)) > 100);
        KeepingSettings keeping;
        keeping.prefixCache = false;
        bed.engine->setKeeping(keeping);
        QCOMPARE(cachedOf(words(200, 1)), 0U);
        keeping.prefixCache = true;
        bed.engine->setKeeping(keeping);
        QVERIFY(cachedOf(words(200, 1)) > 100);
    }

    /// However slow the steps of an interactive answer are, a batch job of another model gets one
    /// four times a second.
    void slowStepsStarveNobody() {
        Bed bed(2, 4096);
        bed.script->stepTime = 60ms;
        bed.script->deviceName = "CUDA 0 · fake";
        const auto second = bed.load("two", 2);
        const auto interactive = start(bed, 0, bed.model->key);
        QVERIFY(interactive->waitForEvents(5));
        Request batch;
        batch.model = second->key;
        batch.rawPrompt = "go";
        batch.priority = Priority::P2;
        batch.maxTokens = 4;
        batch.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(batch, sink).ok());
        QVERIFY(sink->waitForFinish(3s)); // by rounds alone: five steps of 16 * 60 ms
        QCOMPARE(interactive->finishCount(), 0);
    }

    /// A long answer of high priority does not stop the other model's.
    void everyModelGetsItsTurn() {
        Bed bed(2, 4096);
        bed.script->stepTime = 500us;
        bed.script->deviceName = "CUDA 0 · fake";
        const auto one = bed.model->key;
        const auto second = bed.load("two", 2);
        const auto interactive = start(bed, 0, one);
        QVERIFY(interactive->waitForEvents(5));
        Request batch;
        batch.model = second->key;
        batch.rawPrompt = "go";
        batch.priority = Priority::P2;
        batch.maxTokens = 20;
        batch.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(batch, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(interactive->finishCount(), 0);
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

INGLENOOK_SUITE(model_switch, TstModelSwitch)
#include "tst_model_switch.moc"
