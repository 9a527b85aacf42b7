// The predicted speed against the measured one, on a model that is twice as deep as the one the
// machine is measured with and has a real vocabulary. Needs a machine with nothing else to do.
#include "engine/device/make_executor.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/evaluate.h"
#include "engine/runtime/fit.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstFitSpeed : public QObject {
    Q_OBJECT

  private slots:
    void predictionsAreNearWhatIsMeasured() {
        const std::atomic<bool> stop{false};
        QElapsedTimer clock;
        clock.start();
        const auto speed = engine::measureDeviceSpeed("cpu", 10, stop);
        QVERIFY(speed.ok());
        const qint64 took_ms = clock.elapsed();
        qInfo("%.1f GB/s, int8 %.2f, int4 %.2f, within %lld ms", speed->limitGbPerSecond,
              speed->int8Share, speed->int4Share, static_cast<long long>(took_ms));
        engine::ModelConfig config = engine::syntheticConfig("qwen2-1.5b").value();
        config.layerCount = 8;
        for (const engine::WeightFormat weights :
             {engine::WeightFormat::Int8, engine::WeightFormat::Int4}) {
            engine::BenchOptions options;
            options.formats.weights = weights;
            options.promptTokens = 64;
            options.generateTokens = 32;
            options.repeats = 1;
            const auto measured = engine::benchModel(
                config, engine::makeSyntheticSource(config, 2),
                [] { return std::move(engine::makeExecutor("cpu")).value(); }, options);
            QVERIFY(measured.ok());
            const double predicted = engine::predictDecode(
                *speed, weights, std::uint64_t(measured->bytesPerToken), config.layerCount);
            const double off = predicted / measured->decodeTokensPerSecond - 1;
            qInfo("%s: predicted %.1f, measured %.1f tok/s, %+.0f %%",
                  std::string(engine::name(weights)).c_str(), predicted,
                  measured->decodeTokensPerSecond, off * 100);
            QVERIFY(std::abs(off) < 0.3);
        }
    }
};

INGLENOOK_SUITE(fit_speed, TstFitSpeed)
#include "tst_fit_speed.moc"
