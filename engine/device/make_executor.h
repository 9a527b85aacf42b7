#pragma once
// makeExecutor: turns the word of --device into an executor. The one place where a device is
// chosen.

#include "engine/device/executor.h"
#include "engine/status.h"

#include <memory>
#include <string_view>

namespace engine {

/// device: "auto" (the best that works), "cpu", "cuda", "cuda:0", "cuda:0,1".
/// auto takes the CPU when there is no CUDA, without a word: deviceName() says which it is. CUDA
/// asked for by name fails with CudaMissing or DeviceUnavailable; any other word with
/// OptionInvalid. `split`: how several GPUs share the model.
Result<std::unique_ptr<Executor>> makeExecutor(std::string_view device,
                                               const CpuExecutorOptions& cpu = {},
                                               SplitMode split = SplitMode::Auto);

/// Checks the word alone, so that a command line is refused before a model is opened.
Status checkDeviceName(std::string_view device);

} // namespace engine
