#pragma once
// What `auto` means on the CPU.

#include "engine/model/tensor_source.h"
#include "engine/model/weight_options.h"

namespace engine {

/// Weights by the file (resolveWeightFormat); activations and KV: f32 with f32 weights, bf16 with
/// bf16, int8 with integer weights.
NumberFormats resolveCpuFormats(NumberFormats requested, const TensorSource& source);

} // namespace engine
