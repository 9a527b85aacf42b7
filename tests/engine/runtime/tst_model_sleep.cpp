// Models that are unloaded when idle and loaded again when asked.
#include "tests/engine/runtime/switching_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::start;

class TstModelSleep : public QObject {
    Q_OBJECT

  private slots:
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
};

INGLENOOK_SUITE(model_sleep, TstModelSleep)
#include "tst_model_sleep.moc"
