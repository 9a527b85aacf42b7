#include "tests/tour/random_model.h"

#include "app/paths.h"
#include "engine/model/convert.h"
#include "engine/model/synthetic.h"

namespace tests {

QString writeRandomModel(const QString& shape, const QString& file) {
    constexpr std::uint64_t kSeed = 1;
    auto model = engine::openModel(app::builtInModelPath().toStdString());
    if (!model)
        return QString::fromStdString(model.status().sentence());
    const auto config = engine::syntheticConfig(shape.toStdString());
    if (!config)
        return QString::fromStdString(config.status().sentence());
    const std::uint32_t vocabulary = model->config.vocabularySize;
    model->config = *config;
    model->config.vocabularySize = vocabulary;
    model->tensors = engine::makeSyntheticSource(model->config, kSeed);
    const std::atomic<bool> stop{false};
    const auto report = engine::convertToGguf(
        *model, file.toStdString(), engine::WeightFormat::Int8, [](std::uint64_t, std::uint64_t) {},
        stop);
    return report ? QString() : QString::fromStdString(report.status().sentence());
}

} // namespace tests
