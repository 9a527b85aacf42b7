// What measuring costs the engine: its throughput with and without the sampler of the dashboard, in
// turn, so that a machine that grows slower meets both alike. The usual two looks a second cost
// less than such a comparison can tell apart from noise; a third turn looks fifty times as often,
// and a fiftieth of what that costs is the second figure. (GPUs are asked twice a second in all of
// them.)
//
//     bench_measuring MODEL [--device D] [--rounds N] [--tokens N] [--concurrency N]
//
// prints one JSON object. Run it on a quiet machine.

#include "app/commands/load_generator.h"
#include "app/telemetry/metric_sampler.h"
#include "engine/runtime/engine.h"
#include "tests/support/load_and_wait.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <QCommandLineParser>
#include <QCoreApplication>
#include <QDir>
#include <QJsonDocument>
#include <QJsonObject>
#include <vector>

namespace {

constexpr std::chrono::milliseconds kUsual{500};
constexpr int kFactor = 50;

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t half = values.size() / 2;
    return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::shared_ptr<const engine::ModelInfo> load(engine::Engine& runtime, const QString& model,
                                              const QString& device, std::uint32_t slotCount) {
    engine::LoadRequest request;
    request.path = model.toStdString();
    request.device = device.toStdString();
    request.slotCount = slotCount;
    const engine::LoadEvent event = tests::loadAndWait(runtime, std::move(request));
    if (event.phase != engine::LoadPhase::Ready)
        std::fprintf(stderr, "bench_measuring: %s\n", event.status.sentence().c_str());
    return event.model;
}

/// Output tokens a second while the sampler looks every `period` (0 = there is none).
double throughput(engine::Engine& engine, const engine::ModelInfo& model, const app::LoadPlan& plan,
                  std::chrono::milliseconds period) {
    std::unique_ptr<app::MetricSampler> sampler;
    if (period.count() > 0)
        sampler = std::make_unique<app::MetricSampler>(
            engine, app::SamplerOptions{.dataDir = QDir::tempPath(), .period = period});
    return app::generateLoad(engine, model, plan, [] { return false; }).outputTokensPerSecond;
}

} // namespace

int main(int argc, char** argv) {
    QCoreApplication application(argc, argv);
    QCommandLineParser parser;
    const auto option = [&](const char* name, const char* value) {
        parser.addOption({QLatin1String(name), {}, QStringLiteral("N"), QLatin1String(value)});
    };
    option("device", "auto");
    option("rounds", "8");
    option("tokens", "128");
    option("concurrency", "4");
    parser.process(application);
    if (parser.positionalArguments().size() != 1) {
        std::fprintf(stderr, "usage: bench_measuring MODEL [--device D] [--rounds N] ...\n");
        return 2;
    }
    app::LoadPlan plan;
    plan.concurrency = parser.value(QStringLiteral("concurrency")).toUInt();
    plan.requests = 2 * plan.concurrency;
    plan.promptTokens = 32;
    plan.generateTokens = parser.value(QStringLiteral("tokens")).toUInt();
    plan.temperature = 0;
    const auto engine = engine::createEngine({});
    const auto model = load(*engine, parser.positionalArguments().first(),
                            parser.value(QStringLiteral("device")), plan.concurrency);
    if (!model)
        return 1;
    (void)throughput(*engine, *model, plan, {}); // caches and clocks

    const int rounds = std::max(1, parser.value(QStringLiteral("rounds")).toInt());
    std::vector<double> without;
    std::vector<double> usual;
    std::vector<double> often;
    std::vector<double> usualRatios;
    std::vector<double> oftenRatios;
    for (int round = 0; round < rounds; ++round) {
        // Every round in another order: nobody is always first.
        for (int turn = 0; turn < 3; ++turn) {
            ++plan.seed; // prompts that no cache knows
            switch ((turn + round) % 3) {
            case 0:
                without.push_back(throughput(*engine, *model, plan, {}));
                break;
            case 1:
                usual.push_back(throughput(*engine, *model, plan, kUsual));
                break;
            default:
                often.push_back(throughput(*engine, *model, plan, kUsual / kFactor));
            }
        }
        usualRatios.push_back(usual.back() / without.back());
        oftenRatios.push_back(often.back() / without.back());
    }
    const double often_percent = 100 * (1 - median(oftenRatios));
    const QJsonObject result{{"model", QString::fromStdString(model->name)},
                             {"device", QString::fromStdString(model->device)},
                             {"rounds", rounds},
                             {"without_tok_s", median(without)},
                             {"with_tok_s", median(usual)},
                             {"cost_percent", 100 * (1 - median(usualRatios))},
                             {"looks_times", kFactor},
                             {"cost_percent_of_those", often_percent},
                             {"cost_percent_from_those", often_percent / kFactor}};
    std::printf("%s\n", QJsonDocument(result).toJson(QJsonDocument::Compact).constData());
    return 0;
}
