#include "app/library/roofline.h"

#include "app/messages.h"
#include "engine/runtime/evaluate.h"

#include <algorithm>
#include <numeric>
#include <QCoreApplication>

namespace app {

namespace {

struct Refusal {
    Q_DECLARE_TR_FUNCTIONS(app::Refusal)
};

template<typename Format>
QString text(Format format) {
    const std::string_view name = engine::name(format);
    return QString::fromUtf8(name.data(), qsizetype(name.size()));
}

std::optional<double> known(double figure) {
    return figure > 0 ? std::optional(figure) : std::nullopt;
}

RooflineStage stageOf(const engine::BenchStage& measured, double phase_ms) {
    RooflineStage stage;
    stage.name = QString::fromStdString(measured.name);
    stage.time_ms = std::max(0.0, measured.ms); // the rest of a phase may be less than its clocks
    stage.share = phase_ms > 0 ? stage.time_ms / phase_ms : 0;
    stage.read_gb_s = known(measured.gbPerSecond);
    stage.tops = known(measured.tops);
    stage.ofLimit = known(std::max(measured.share, measured.topsShare));
    if (stage.ofLimit)
        stage.nearer =
            measured.topsShare > measured.share ? RooflineLimit::Compute : RooflineLimit::Memory;
    return stage;
}

QList<RooflineStage> stagesOf(const std::vector<engine::BenchStage>& measured) {
    const double phase_ms =
        std::accumulate(measured.begin(), measured.end(), 0.0,
                        [](double sum, const engine::BenchStage& stage) { return sum + stage.ms; });
    QList<RooflineStage> stages;
    for (const engine::BenchStage& stage : measured)
        stages.append(stageOf(stage, phase_ms));
    return stages;
}

} // namespace

bool Roofline::isAboveMemory() const {
    const auto isAbove = [this](const RooflineStage& stage) {
        return readLimit_gb_s && stage.read_gb_s && *stage.read_gb_s > *readLimit_gb_s;
    };
    return std::any_of(decode.begin(), decode.end(), isAbove) ||
           std::any_of(prompt.begin(), prompt.end(), isAbove);
}

Roofline rooflineOf(const engine::BenchResult& result) {
    Roofline roofline;
    roofline.device = QString::fromStdString(result.device);
    roofline.weights = text(result.formats.weights);
    roofline.activations = text(result.formats.activations);
    roofline.kv = text(result.formats.kv);
    roofline.readLimit_gb_s = known(result.limitGbPerSecond);
    roofline.computeLimit_tops = known(result.computeLimits.products);
    roofline.attentionLimit_tops = known(result.computeLimits.attention);
    roofline.decode = stagesOf(result.stages);
    roofline.prompt = stagesOf(result.prefillStages);
    return roofline;
}

QString rooflineRefusal(const engine::Status& status) {
    if (status.code() != engine::Code::StagesNotOffered)
        return sentence(status);
    const QString text = Refusal::tr("{device} does not tell how long its single stages take. "
                                     "Choose the CPU as device in the settings to see them there.");
    return QString::fromStdString(engine::fillTemplate(text.toStdString(), status.arguments()));
}

} // namespace app
