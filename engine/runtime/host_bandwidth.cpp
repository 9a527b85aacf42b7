// measureHostReadBandwidth: how fast all cores together can read memory that no cache holds: the
// limit that decoding is compared with.
#include "engine/runtime/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>
#include <thread>
#include <vector>

namespace engine {

namespace {

constexpr std::size_t kTotalBytes = 1ULL << 30;
constexpr std::size_t kHugePage = 2U << 20;
constexpr int kPasses = 6; // the best of them counts: a limit is not a mean
// Bytes read ahead: the hardware's own prefetch stops at page borders and leaves 10 % behind.
constexpr std::size_t kAhead = 4096;

using Words = std::uint64_t __attribute__((vector_size(64)));

/// Four independent sums, so that loads and not additions set the pace.
std::uint64_t readAll(const Words* words, std::size_t count) {
    Words sums[4] = {};
    for (std::size_t i = 0; i + 4 <= count; i += 4) {
        for (std::size_t j = 0; j < 4; ++j)
            __builtin_prefetch(reinterpret_cast<const char*>(words + i + j) + kAhead, 0, 0);
        for (std::size_t j = 0; j < 4; ++j)
            sums[j] += words[i + j];
    }
    std::uint64_t total = 0;
    for (const Words& sum : sums)
        for (int lane = 0; lane < 8; ++lane)
            total += sum[lane];
    return total;
}

} // namespace

double measureHostReadBandwidth(std::uint32_t threads) {
    using Clock = std::chrono::steady_clock;
    if (threads == 0)
        threads = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t wordsEach = kTotalBytes / sizeof(Words) / threads;
    const std::size_t bytes = (kTotalBytes + kHugePage - 1) / kHugePage * kHugePage;
    const std::unique_ptr<Words, void (*)(void*)> memory(
        static_cast<Words*>(std::aligned_alloc(kHugePage, bytes)), std::free);
    if (memory == nullptr)
        return 0;
    madvise(memory.get(), bytes, MADV_HUGEPAGE); // fewer page walks; no matter when refused
    std::vector<std::uint64_t> sums(threads);
    const auto onAllThreads = [&](const auto& work) {
        std::vector<std::thread> workers;
        for (std::uint32_t i = 0; i < threads; ++i)
            workers.emplace_back([&, i] { work(i); });
        for (std::thread& worker : workers)
            worker.join();
    };
    onAllThreads([&](std::uint32_t i) { // touched by the thread that reads it
        for (std::size_t word = 0; word < wordsEach; ++word)
            memory.get()[i * wordsEach + word] = Words{} + word;
    });
    double best = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        const auto begin = Clock::now();
        onAllThreads(
            [&](std::uint32_t i) { sums[i] += readAll(memory.get() + i * wordsEach, wordsEach); });
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        best = std::max(best, static_cast<double>(wordsEach * threads * sizeof(Words)) / seconds);
    }
    std::uint64_t total = 0;
    for (const std::uint64_t sum : sums)
        total += sum;
    // The sum is used, so that the reads are not removed; it is never exactly this by construction.
    return total == 1 ? 0 : best / 1e9;
}

} // namespace engine
