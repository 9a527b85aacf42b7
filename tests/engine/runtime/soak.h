#pragma once
// Soak: many requests against a tiny model on the real CPU executor, 30 % of them aborted somewhere
// on their way, and what the process holds before and after.

#include <cstdint>
#include <string>

namespace tests {

struct SoakResult {
    std::string wrong; ///< empty: every request had one end, every page is free
    std::uint32_t requests = 0;
    std::uint32_t aborted = 0;
    double slope_mib = 0; ///< resident memory gained per 1,000 requests, after the first quarter
    int threadsBefore = 0;
    int threadsAfter = 0;
    int descriptorsBefore = 0;
    int descriptorsAfter = 0;
    double took_s = 0;
};

SoakResult soak(std::uint32_t requests);

/// Runs it, prints the figures and fails the running test function where something grows.
void verifySoak(std::uint32_t requests);

} // namespace tests
