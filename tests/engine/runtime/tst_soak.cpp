// A thousand requests, 30 % aborted: nothing grows, nothing is left behind.
#include "tests/engine/runtime/soak.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstSoak : public QObject {
    Q_OBJECT

  private slots:
    void nothingGrows() { tests::verifySoak(1'000); }
};

INGLENOOK_SUITE(soak, TstSoak)
#include "tst_soak.moc"
