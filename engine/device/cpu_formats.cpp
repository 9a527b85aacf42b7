#include "engine/device/cpu_formats.h"

#include "engine/model/quantize.h"

namespace engine {

NumberFormats resolveCpuFormats(NumberFormats requested, const TensorSource& source) {
    NumberFormats formats = requested;
    formats.weights = resolveWeightFormat(requested.weights, source);
    const bool f32 = formats.weights == WeightFormat::F32;
    const bool bf16 = formats.weights == WeightFormat::BF16;
    if (formats.activations == ActivationFormat::Auto)
        formats.activations = f32    ? ActivationFormat::F32
                              : bf16 ? ActivationFormat::BF16
                                     : ActivationFormat::Int8;
    if (formats.kv == KvFormat::Auto)
        formats.kv = f32 ? KvFormat::F32 : bf16 ? KvFormat::BF16 : KvFormat::Int8;
    return formats;
}

} // namespace engine
