#include "app/sampling_conversion.h"

#include <QString>

namespace app {

engine::SamplerSpec toEngine(const SamplingValues& sampling) {
    engine::SamplerSpec spec;
    spec.temperature = float(sampling.temperature);
    spec.topP = float(sampling.topP);
    spec.topK = sampling.topK;
    spec.minP = float(sampling.minP);
    spec.repetitionPenalty = float(sampling.repetitionPenalty);
    spec.presencePenalty = float(sampling.presencePenalty);
    spec.frequencyPenalty = float(sampling.frequencyPenalty);
    spec.seed = sampling.seed;
    return spec;
}

SamplingValues fromEngine(const engine::SamplerSpec& sampler) {
    // Through the shortest decimal: 0.6F must not show as 0.60000002.
    const auto shortest = [](float value) { return QString::number(value, 'g', 6).toDouble(); };
    SamplingValues values;
    values.temperature = shortest(sampler.temperature);
    values.topP = shortest(sampler.topP);
    values.topK = sampler.topK;
    values.minP = shortest(sampler.minP);
    values.repetitionPenalty = shortest(sampler.repetitionPenalty);
    values.presencePenalty = shortest(sampler.presencePenalty);
    values.frequencyPenalty = shortest(sampler.frequencyPenalty);
    values.seed = sampler.seed;
    return values;
}

} // namespace app
