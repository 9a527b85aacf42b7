#pragma once
// TightExecutor: the CPU executor on a computer whose memory holds one model, with steps that take
// their time. So a small model is in the way of another one as a large one is, and its answers can
// be watched.

#include "engine/device/executor.h"

#include <atomic>
#include <chrono>
#include <memory>

namespace tests {

/// What all executors of one test share.
struct TightMemory {
    std::atomic<int> models{0};               ///< that hold memory now
    std::atomic<std::int64_t> stepTime_us{0}; ///< added to every step
};

std::unique_ptr<engine::Executor> makeTightExecutor(std::shared_ptr<TightMemory> memory);

} // namespace tests
