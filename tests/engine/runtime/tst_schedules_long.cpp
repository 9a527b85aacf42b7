// A million seeded schedules, other ones than tst_schedules runs. INGLENOOK_SCHEDULES=N changes
// how many, INGLENOOK_SCHEDULES_FROM=N where they begin.
#include "tests/engine/runtime/simulation.h"
#include "tests/support/suite_registry.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

class TstSchedulesLong : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() { m_timer.start(); }
    /// In parts: Qt Test gives a function five minutes.
    void keepEveryPromise_data() {
        const quint64 asked = qEnvironmentVariable("INGLENOOK_SCHEDULES").toULongLong();
        const quint64 from = qEnvironmentVariable("INGLENOOK_SCHEDULES_FROM").toULongLong();
        const quint64 count = asked > 0 ? asked : 1'000'000;
        const quint64 first = from > 0 ? from : 100'000;
        QTest::addColumn<quint64>("first");
        QTest::addColumn<quint64>("end");
        for (quint64 at = first; at < first + count; at += kPart)
            QTest::addRow("from %llu", qulonglong(at))
                << at << std::min<quint64>(at + kPart, first + count);
    }
    void keepEveryPromise() {
        QFETCH(quint64, first);
        QFETCH(quint64, end);
        for (quint64 seed = first; seed < end; ++seed) {
            const std::string wrong = tests::simulate(seed, m_totals);
            QVERIFY2(wrong.empty(),
                     qPrintable(QStringLiteral("seed %1: %2").arg(seed).arg(wrong.c_str())));
        }
    }
    void cleanupTestCase() {
        qInfo("%llu schedules, %llu requests, %llu steps in %.0f s", qulonglong(m_totals.schedules),
              qulonglong(m_totals.requests), qulonglong(m_totals.steps),
              double(m_timer.elapsed()) / 1000);
    }

  private:
    static constexpr quint64 kPart = 20'000;
    tests::SimulationTotals m_totals;
    QElapsedTimer m_timer;
};

INGLENOOK_SUITE(schedules_long, TstSchedulesLong)
#include "tst_schedules_long.moc"
