#include "app/session/model_options.h"

namespace app {

namespace {

const QString kCuda = QStringLiteral("cuda");

} // namespace

ModelOptions modelOptions(const SettingsValues& values) {
    ModelOptions options;
    options.weights = values.weights;
    options.activations = values.activations;
    options.kv = values.kv;
    options.device = values.device;
    if (values.device == kCuda && !values.gpus.isEmpty())
        options.device += QLatin1Char(':') + values.gpus;
    options.contextTokens = values.contextTokens;
    options.split = values.split;
    options.slotCount = values.slotCount;
    options.kvTokens = values.kvTokens;
    return options;
}

void takeModelOptions(SettingsValues& values, const ModelOptions& options) {
    const auto automatic = [](const QString& word) {
        return word == QLatin1String("auto") ? QString() : word;
    };
    values.weights = automatic(options.weights);
    values.activations = automatic(options.activations);
    values.kv = automatic(options.kv);
    values.device = automatic(options.device.section(QLatin1Char(':'), 0, 0));
    if (values.device == kCuda)
        values.gpus = options.device.section(QLatin1Char(':'), 1);
    values.contextTokens = options.contextTokens;
    values.split = automatic(options.split);
    values.slotCount = options.slotCount;
    values.kvTokens = options.kvTokens;
}

} // namespace app
