#include "engine/runtime/model_info.h"

#include "engine/runtime/prompt.h"

namespace engine {

SamplerSpec defaultSampler(const ModelInfo& model) {
    SamplerSpec spec;
    // DeepSeek's published values for R1; ours elsewhere.
    spec.temperature = isDeepSeekR1(model) ? 0.6F : 0.7F;
    spec.topP = 0.95F;
    const PublishedSampling& published = model.sampling;
    spec.temperature = published.temperature.value_or(spec.temperature);
    spec.topP = published.topP.value_or(spec.topP);
    spec.topK = published.topK.value_or(spec.topK);
    spec.minP = published.minP.value_or(spec.minP);
    spec.repetitionPenalty = published.repetitionPenalty.value_or(spec.repetitionPenalty);
    return validate(spec).ok() ? spec : SamplerSpec();
}

} // namespace engine
