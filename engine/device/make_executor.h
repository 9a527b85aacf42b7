#pragma once
// makeExecutor: turns the word of --device into an executor. The one place where a device is
// chosen: the CUDA library will be looked for here.

#include "engine/device/executor.h"
#include "engine/status.h"

#include <memory>
#include <string_view>

namespace engine {

/// device: "auto" (the best that works), "cpu", "cuda", "cuda:0", "cuda:0,1".
/// Fails with CudaMissing when CUDA was asked for by name and cannot be had, and with OptionInvalid
/// for any other word.
Result<std::unique_ptr<Executor>> makeExecutor(std::string_view device,
                                               const CpuExecutorOptions& cpu = {});

/// Checks the word alone, so that a command line is refused before a model is opened.
Status checkDeviceName(std::string_view device);

} // namespace engine
