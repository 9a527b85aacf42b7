// Ten thousand requests, 30 % aborted: nothing grows, nothing is left behind.
#include "tests/engine/runtime/soak.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstSoakLong : public QObject {
    Q_OBJECT

  private slots:
    void nothingGrows() { tests::verifySoak(10'000); }
};

INGLENOOK_SUITE(soak_long, TstSoakLong)
#include "tst_soak_long.moc"
