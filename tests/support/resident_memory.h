#pragma once
// What this process holds in memory now, as the kernel counts it.

#include <fstream>
#include <unistd.h>

namespace tests {

inline double residentMib() {
    std::ifstream stream("/proc/self/statm");
    double size = 0; // in pages, like the next
    double resident = 0;
    stream >> size >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

} // namespace tests
