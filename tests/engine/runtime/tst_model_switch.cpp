// Several resident models, and switching between them while requests run.
#include "tests/engine/runtime/switching_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::kMoreThanHalf;
using tests::Loading;
using tests::RecordingSink;
using tests::start;
using tests::startLoad;
using tests::words;

class TstModelSwitch : public QObject {
    Q_OBJECT

  private slots:
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
};

INGLENOOK_SUITE(model_switch, TstModelSwitch)
#include "tst_model_switch.moc"
