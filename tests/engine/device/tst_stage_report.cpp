#include "engine/device/stage_report.h"
#include "tests/support/suite_registry.h"

#include <limits>
#include <QtTest/QtTest>

using engine::StageError;

class TstStageReport : public QObject {
    Q_OBJECT

  private slots:
    /// Devices need not have the same stages: the last one of a layer split alone has a head.
    void theWorstOfEveryStageStays() {
        constexpr double kBroken = std::numeric_limits<double>::infinity();
        std::vector<StageError> worst;
        mergeWorst(worst, std::vector<StageError>{{"qkv", 1e-4, 1e-3}, {"down", kBroken, 2e-3}});
        mergeWorst(worst, std::vector<StageError>{
                              {"down", 1e-4, 2e-3}, {"qkv", 3e-4, 1e-3}, {"head", 1e-5, 2e-3}});
        QCOMPARE(worst.size(), std::size_t(3));
        QCOMPARE(worst[0].name, std::string("qkv"));
        QCOMPARE(worst[0].relError, 3e-4);
        QCOMPARE(worst[1].name, std::string("down"));
        QCOMPARE(worst[1].relError, kBroken);
        QCOMPARE(worst[2].name, std::string("head"));
        QCOMPARE(worst[2].limit, 2e-3);
    }
};

INGLENOOK_SUITE(stage_report, TstStageReport)
#include "tst_stage_report.moc"
