// Ten thousand requests, 30 % aborted: nothing grows, nothing is left behind.
#include "tests/engine/runtime/soak.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstSoakLong : public QObject {
    Q_OBJECT

  private slots:
    void nothingGrows() {
        const tests::SoakResult result = tests::soak(10'000);
        qInfo("%u requests, %u aborted, in %.1f s: %.3f MiB per 1,000, threads %d -> %d, "
              "descriptors %d -> %d",
              result.requests, result.aborted, result.took_s, result.slope_mib,
              result.threadsBefore, result.threadsAfter, result.descriptorsBefore,
              result.descriptorsAfter);
        QVERIFY2(result.wrong.empty(), result.wrong.c_str());
        QVERIFY(result.aborted * 4 > result.requests);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) // they keep what is freed
        QVERIFY(result.slope_mib <= 1);
#endif
        QCOMPARE(result.threadsAfter, result.threadsBefore);
        QCOMPARE(result.descriptorsAfter, result.descriptorsBefore);
    }
};

INGLENOOK_SUITE(soak_long, TstSoakLong)
#include "tst_soak_long.moc"
