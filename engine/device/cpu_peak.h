#pragma once
// How many operations a second the cores compute at most: the other half of a roofline, beside the
// read bandwidth.

#include "engine/device/cpu_workers.h"

#include <cstdint>

namespace engine {

/// KernelTable::spinFloat or spinInt8.
using SpinKernel = std::uint64_t (*)(std::uint64_t rounds);

/// All workers spin together; the best of some short passes counts [1e12 operations/s]. Takes about
/// 0.1 s.
double measurePeak(CpuWorkers& workers, SpinKernel spin);

} // namespace engine
