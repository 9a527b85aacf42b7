#pragma once
// Simulation: admission, policy and paging (the real ones) over the fake executor on a virtual
// clock, one seeded schedule at a time: random arrivals, cancellations, faults, priorities, limits,
// load signals and steps of the clock. After every step the invariants are looked at.

#include <cstdint>
#include <string>

namespace tests {

struct SimulationTotals {
    std::uint64_t schedules = 0;
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;
    std::uint64_t finished = 0;
    std::uint64_t cancelled = 0;
    std::uint64_t failed = 0;
    std::uint64_t timeLimits = 0;
    std::uint64_t preemptions = 0;
    std::uint64_t held = 0; // prompts that were gathered
    std::uint64_t breakerTrips = 0;
    std::uint64_t overdue = 0; // requests that became overdue
    std::uint64_t steps = 0;
};

/// Runs one schedule; returns what is wrong, or nothing.
std::string simulate(std::uint64_t seed, SimulationTotals& totals);

} // namespace tests
