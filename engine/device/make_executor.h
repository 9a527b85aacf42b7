#pragma once
// makeExecutor: turns the word of --device into an executor. The one place where a device is
// chosen.

#include "engine/device/executor.h"
#include "engine/status.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace engine {

/// device: "auto" (the best that works), "cpu", "cuda", "cuda:0", "cuda:0,1"; "cuda:0=60,1=40": of
/// a tensor split GPU 0 holds 60 parts of 100.
/// CudaMissing: this computer has no CUDA library, no driver, no GPU or one that is too old; auto
/// takes the CPU then. DeviceUnavailable: there is one that cannot be used now (taken, full, broken
/// off, its driver just updated); auto fails too, for who expects a GPU is not to get the CPU
/// without a word. OptionInvalid: any other word. `split`: how several GPUs share the model.
Result<std::unique_ptr<Executor>> makeExecutor(std::string_view device,
                                               const CpuExecutorOptions& cpu = {},
                                               SplitMode split = SplitMode::Auto);

/// makeExecutor() or a stand-in.
using ExecutorMaker =
    std::function<Result<std::unique_ptr<Executor>>(const std::string& device, SplitMode split)>;

/// The devices that each hold a whole model, as words of --device: of replicas every GPU that is
/// named ("cuda:0,1": "cuda:0" and "cuda:1"), else `device` itself.
std::vector<std::string> replicaDevices(std::string_view device, SplitMode split);

/// Checks the word alone, so that a command line is refused before a model is opened.
Status checkDeviceName(std::string_view device);

} // namespace engine
