// Ten thousand seeded schedules on a virtual clock (tst_schedules_long: a million). A failure
// prints its seed; INGLENOOK_SCHEDULE_SEED=N runs that one alone.
#include "tests/engine/runtime/simulation.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

class TstSchedules : public QObject {
    Q_OBJECT

  private slots:
    void keepEveryPromise() {
        const quint64 one = qEnvironmentVariable("INGLENOOK_SCHEDULE_SEED").toULongLong();
        const quint64 first = one > 0 ? one : 1;
        const quint64 last = one > 0 ? one : 10'000;
        tests::SimulationTotals totals;
        QElapsedTimer timer;
        timer.start();
        for (quint64 seed = first; seed <= last; ++seed) {
            const std::string wrong = tests::simulate(seed, totals);
            QVERIFY2(wrong.empty(),
                     qPrintable(QStringLiteral("seed %1: %2").arg(seed).arg(wrong.c_str())));
        }
        qInfo("%llu schedules, %llu requests, %llu steps in %.1f s: %llu refused, %llu finished, "
              "%llu cancelled, %llu ended by time, %llu failed, %llu slots taken, %llu prompts "
              "gathered, %llu breakers tripped, %llu overdue",
              qulonglong(totals.schedules), qulonglong(totals.requests), qulonglong(totals.steps),
              double(timer.elapsed()) / 1000, qulonglong(totals.refused),
              qulonglong(totals.finished), qulonglong(totals.cancelled),
              qulonglong(totals.timeLimits), qulonglong(totals.failed),
              qulonglong(totals.preemptions), qulonglong(totals.held),
              qulonglong(totals.breakerTrips), qulonglong(totals.overdue));
        if (one > 0)
            return;
        // The schedules do reach what they are to test.
        QVERIFY(totals.refused > 1000 && totals.failed > 1000 && totals.preemptions > 100);
        QVERIFY(totals.cancelled > 1000 && totals.timeLimits > 100);
        QVERIFY(totals.held > 1000 && totals.breakerTrips > 100 && totals.overdue > 1000);
    }
};

INGLENOOK_SUITE(schedules, TstSchedules)
#include "tst_schedules.moc"
