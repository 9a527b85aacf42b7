// Steps of several models on one device.
#include "tests/engine/runtime/switching_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::start;

class TstModelTurns : public QObject {
    Q_OBJECT

  private slots:
    /// However slow the steps of an interactive answer are, a batch job of another model gets one
    /// four times a second.
    void slowStepsStarveNobody() {
        Bed bed(2, 4096);
        bed.script->stepTime = 60ms;
        bed.script->deviceName = "CUDA 0 · fake";
        const auto second = bed.load("two", 2);
        const auto interactive = start(bed, 0, bed.model->key);
        QVERIFY(interactive->waitForEvents(5));
        const auto batch = start(bed, 4, second->key, Priority::P2);
        QVERIFY(batch);
        QVERIFY(batch->waitForFinish(3s)); // by rounds alone: five steps of 16 * 60 ms
        QCOMPARE(interactive->finishCount(), 0);
    }

    /// A long answer of high priority does not stop the other model's.
    void everyModelGetsItsTurn() {
        Bed bed(2, 4096);
        bed.script->stepTime = 500us;
        bed.script->deviceName = "CUDA 0 · fake";
        const auto second = bed.load("two", 2);
        const auto interactive = start(bed, 0, bed.model->key);
        QVERIFY(interactive->waitForEvents(5));
        const auto batch = start(bed, 20, second->key, Priority::P2);
        QVERIFY(batch);
        QVERIFY(batch->waitForFinish());
        QCOMPARE(interactive->finishCount(), 0);
    }
};

INGLENOOK_SUITE(model_turns, TstModelTurns)
#include "tst_model_turns.moc"
