#pragma once
// Time that the calling thread has computed, for bounds on work: it does not grow while others
// hold the machine.

#include <cstdint>
#include <ctime>

namespace tests {

inline std::int64_t threadTime_ms() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

} // namespace tests
