#pragma once
// Deals the cases of a check program out among several processes that run side by side: under a
// sanitizer one process would take many minutes.

#include <cstdio>
#include <cstdlib>

namespace tests {

/// With INGLENOOK_CASES=i/n every n-th case from i on is this process's, and none of more than
/// kMostOperations; without it all are. Call it once a case, in a fixed order.
inline bool isMyCase(double operations = 0) {
    constexpr double kMostOperations = 3e9;
    static unsigned seen = 0;
    unsigned mine = 0;
    unsigned count = 0;
    const char* text = std::getenv("INGLENOOK_CASES");
    if (text == nullptr || std::sscanf(text, "%u/%u", &mine, &count) != 2 || count == 0)
        return true;
    return operations <= kMostOperations && seen++ % count == mine;
}

} // namespace tests
