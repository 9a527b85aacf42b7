#pragma once
// Between the sampling that a person sets and the engine's. Any thread.

#include "app/sampling_values.h"
#include "engine/device/sampler_spec.h"

namespace app {

engine::SamplerSpec toEngine(const SamplingValues& sampling);
SamplingValues fromEngine(const engine::SamplerSpec& sampler);

} // namespace app
