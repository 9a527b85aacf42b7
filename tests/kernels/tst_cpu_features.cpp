#include "kernels/cpu/cpu_features.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstCpuFeatures : public QObject {
    Q_OBJECT

  private slots:
    void vnniImpliesAvx512() {
        const kernels::CpuFeatures features = kernels::detectCpuFeatures();
        QVERIFY(!features.avx512Vnni || features.avx512);
        QVERIFY(!features.avx512 || features.avx2);
    }
};

INGLENOOK_SUITE(cpu_features, TstCpuFeatures)
#include "tst_cpu_features.moc"
