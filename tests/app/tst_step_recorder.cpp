// The table of steps that serve-bench writes: a line a step, and no part lost in silence.
#include "app/commands/step_recorder.h"
#include "tests/support/suite_registry.h"

#include <numeric>
#include <QFile>
#include <QTemporaryDir>
#include <QtTest/QtTest>

using app::RecordedStep;
using app::StepRecorder;
using engine::StepPart;
using engine::StepRing;

namespace {

std::uint64_t partsOf(const StepRecorder& recorder) {
    return std::accumulate(recorder.steps().begin(), recorder.steps().end(), std::uint64_t{0},
                           [](std::uint64_t sum, const RecordedStep& step) {
                               return sum + step.answers + step.prompts;
                           });
}

} // namespace

class TstStepRecorder : public QObject {
    Q_OBJECT

  private slots:
    /// Parts that begin together are one step; what came before the recording is not in it.
    void putsPartsTogether() {
        const auto ring = std::make_shared<StepRing>();
        ring->push({1, 500, 10, 1, false});
        StepRecorder recorder(ring);
        ring->push({1, 1000, 250, 1, false, 3, 4, 5, 240});
        ring->push({2, 1000, 250, 1, false, 3, 4, 5, 240});
        ring->push({3, 1000, 250, 64, true, 3, 4, 5, 240});
        ring->push({1, 2500, 100, 1, false, 1, 2, 0, 90});
        QCOMPARE(recorder.lostParts(), std::uint64_t(0));
        QCOMPARE(recorder.steps().size(), std::size_t(2));

        const QTemporaryDir folder;
        const QString path = folder.filePath(QStringLiteral("steps.csv"));
        QVERIFY(recorder.writeTo(path.toStdString()).ok());
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QList<QByteArray> lines = file.readAll().trimmed().split('\n');
        QCOMPARE(lines.size(), 3);
        QCOMPARE(lines[0], QByteArray("begin_ms,answers,prompts,prompt_rows,took_ms,device_ms,"
                                      "host_ms,ready_ms,waited_ms"));
        QCOMPARE(lines[1], QByteArray("0.000,2,1,64,0.250,0.240,0.003,0.004,0.005"));
        QCOMPARE(lines[2], QByteArray("1.500,1,0,0,0.100,0.090,0.001,0.002,0.000"));
    }

    /// More at once than the ring holds: what is not in the table is counted.
    void countsWhatWasOverwritten() {
        constexpr std::uint64_t kPushed = 4 * StepRing::kParts;
        const auto ring = std::make_shared<StepRing>();
        StepRecorder recorder(ring);
        for (std::uint64_t i = 0; i < kPushed; ++i)
            ring->push({1, static_cast<std::int64_t>(i), 1, 1, false});
        const std::uint64_t lost = recorder.lostParts();
        QVERIFY(lost > 0);
        QCOMPARE(partsOf(recorder) + lost, kPushed);
    }

    void saysWhyItCannotWrite() {
        StepRecorder recorder(std::make_shared<StepRing>());
        const engine::Status written = recorder.writeTo("/nowhere/steps.csv");
        QCOMPARE(written.code(), engine::Code::FileCannotWrite);
        QVERIFY(written.sentence().find("/nowhere/steps.csv") != std::string::npos);
    }
};

INGLENOOK_SUITE(step_recorder, TstStepRecorder)
#include "tst_step_recorder.moc"
