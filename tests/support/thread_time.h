#pragma once
// Time that the calling thread has computed, for bounds on work: it does not grow while others
// hold the machine.

#include <cstdint>
#include <ctime>

namespace tests {

// How much longer bounded work may take under a sanitizer, which checks every access to memory.
// The plain build holds the bound itself.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr std::int64_t kSanitizerFactor = 4;
#else
inline constexpr std::int64_t kSanitizerFactor = 1;
#endif

inline std::int64_t threadTime_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

} // namespace tests
