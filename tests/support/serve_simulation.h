#pragma once
// serve-bench on a virtual clock: the real scheduler and step budget over a fake device whose steps
// take what steps of a GPU were measured to take. A step is begun while the one before it runs, as
// on the GPU. Seconds of load take milliseconds, so that policies can be compared without the GPU.

#include "engine/runtime/admission_settings.h"
#include "engine/stats/step_ring.h"

#include <cstdint>
#include <string>
#include <vector>

namespace tests {

/// A step of so many rows.
struct StepPoint {
    double rows = 0;
    double time_ms = 0;
};

/// What steps of one model take on one device. Between the points it is linear.
struct DeviceTimes {
    std::string name;
    std::vector<StepPoint> answers; ///< steps without prompts, attention to a context left out
    std::vector<StepPoint> shared;  ///< steps with prompts, by all rows; the same left out
    double attention_ns = 0;        ///< of an answer, for each token that it looks back to
    double leastAttention_ms = 0;   ///< of all answers beside prompts
    std::uint32_t cheapRows = 0;    ///< Executor::cheapRows()

    void scale(double by); ///< all times
};

/// int8 weights and KV on one H100; measured, or scaled by layers from what was (GPU_NOTES.md).
const DeviceTimes& qwen2OnH100();
const DeviceTimes& llamaOnH100();

struct ServePlan {
    std::uint32_t requests = 64;
    double rate_s = 0; ///< Poisson arrivals [requests/s]; 0 = all at once
    std::uint32_t promptTokens = 512;
    std::uint32_t generateTokens = 64;
    std::uint32_t slotCount = 256;
    std::uint32_t mostRows = 2048;
    std::uint64_t seed = 1;    ///< of arrivals, as serve-bench draws them
    double hostStep_ms = 0.15; ///< what the host needs to prepare a step
    double wakeUp_ms = 0.08;   ///< and to wake up in time for it, on average
    bool holdsSteps = true;    ///< see StepHold
    engine::BatchingSettings batching;
};

/// Milliseconds unless the name says otherwise, counted from when a request was due.
struct ServeReport {
    double ttftMean = 0, ttftP50 = 0, ttftP99 = 0;
    double itlP50 = 0, itlP99 = 0;
    double e2eMean = 0, e2eP99 = 0;
    double outputTokensPerSecond = 0;
    double makespan_s = 0;
    double promptsPerChunk = 0;
    double waitMean = 0;       ///< until the step begins that computes the first of the prompt
    double promptMean = 0;     ///< from there to the first token
    double idleShare = 0;      ///< of the makespan, the device
    double answerSteps_ms = 0; ///< mean step without prompts
    double sharedSteps_ms = 0; ///< mean step with prompts
    std::uint32_t answerSteps = 0;
    std::uint32_t sharedSteps = 0;
    std::vector<std::uint32_t> stepsByRows; ///< of shared steps: up to 64, 128, 256, 512, above
    std::vector<engine::StepPart> steps;    ///< the last that the scheduler told of
    std::string fault;                      ///< what broke the device's contract
};

ServeReport simulateServing(const DeviceTimes& device, const ServePlan& plan);

} // namespace tests
