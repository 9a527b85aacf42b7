#include "engine/device/cpu_peak.h"

#include <algorithm>
#include <chrono>

namespace engine {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPasses = 6; // the best of them counts: a limit is not a mean
constexpr double kPass_s = 0.015;
constexpr std::uint64_t kFirstRounds = 1000;
// Chunks a worker: one that the system takes away holds up no more than a part of a pass.
constexpr std::uint32_t kChunks = 8;

double secondsOf(CpuWorkers& workers, SpinKernel spin, std::uint64_t rounds) {
    const auto begin = Clock::now();
    workers.run(workers.threads() * kChunks,
                [&](std::uint32_t, std::uint32_t) { spin(rounds / kChunks); });
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

} // namespace

double measurePeak(CpuWorkers& workers, SpinKernel spin) {
    std::uint64_t rounds = kFirstRounds;
    double seconds = secondsOf(workers, spin, rounds);
    while (seconds < kPass_s / 2) { // also wakes the cores from their sleep
        rounds *= 2;
        seconds = secondsOf(workers, spin, rounds);
    }
    for (int pass = 1; pass < kPasses; ++pass)
        seconds = std::min(seconds, secondsOf(workers, spin, rounds));
    const double operations =
        static_cast<double>(spin(1)) * static_cast<double>(rounds / kChunks * kChunks);
    return operations * workers.threads() / seconds / 1e12;
}

} // namespace engine
