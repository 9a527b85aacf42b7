#pragma once
// StepBudget: how many prompt rows go into a step, and whether prompts are gathered a little
// longer. It learns from every step how long one without prompts takes and what chunks of every
// size add to it, so the budget follows the device, the model and the length of the contexts: on
// some a chunk costs by its rows, on others small ones cost nearly what large ones do.
//
// While a crowd of prompts waits, more than are gathered, a step may take the whole target of the
// inter-token latency, whatever a step without prompts takes: everybody waits for the crowd's end.
//
// A device may say that its steps cost by leaps. Beside answers prompts then fill the cheap step
// and do not cross the leap for a few rows: many steps of that kind and now and then one of many
// more rows take less time together than as many steps of a few rows too much. Whether a step of
// twice the cheap one's rows is among the good ones differs by device and model: that is measured,
// and tried again now and then.
// Engine thread only.

#include "engine/runtime/admission_settings.h"
#include "engine/runtime/step_size.h"
#include "engine/runtime/time_source.h"

#include <array>
#include <cstdint>

namespace engine {

/// What waits for a step.
struct PromptLoad {
    std::uint32_t decodeRows = 0;  ///< answers that run: one row each
    std::uint32_t prompts = 0;     ///< prompts that are not wholly computed
    std::uint32_t promptRows = 0;  ///< their rows together
    bool interactive = false;      ///< one of them is P0: never held
    Clock::duration longestHeld{}; ///< since the one that waits longest got its last chunk
    std::uint32_t cheapRows = 0;   ///< Executor::cheapRows()
};

class StepBudget {
  public:
    void setSettings(const BatchingSettings& settings) { m_settings = settings; }

    /// Prompt rows of the next step; 0 = gather on. Not more than `mostRows`.
    std::uint32_t promptRows(const PromptLoad& load, std::uint32_t mostRows);
    /// What it would be for one interactive prompt.
    std::uint32_t chunkBudget(std::uint32_t decodeRows, std::uint32_t mostRows) const;
    /// A step has been computed.
    void record(std::uint32_t decodeRows, std::uint32_t promptRows, double step_s);

  private:
    static constexpr std::size_t kSizes = 16; // powers of two

    /// Seconds of a step with so many answers and no prompt; 0 = not known yet.
    double decodeStep_s(std::uint32_t decodeRows) const;
    std::uint32_t rowsFor(const PromptLoad& load, std::uint32_t mostRows) const;
    std::uint32_t rowsIn(double time_s) const;
    std::uint32_t withoutLeap(const PromptLoad& load, std::uint32_t rows,
                              std::uint32_t mostRows) const;
    bool gainsFromMiddle(const PromptLoad& load) const;
    std::uint32_t rowsOnceBroken(std::uint32_t rows, double most_s) const;
    double chunk_s(std::size_t size) const;

    BatchingSettings m_settings;
    std::array<double, kSizes> m_decodeStep_s{}; // by power of two of the rows; running means
    std::array<double, kSizes> m_chunk_s{};      // what 2^size prompt rows add to a step; the same
    std::array<std::uint32_t, kSizes> m_samples{}; // of chunks of that size
    std::array<double, kStepSizes> m_shared_s{};   // least of late, of steps with both
    std::array<std::uint32_t, kStepSizes> m_sharedSamples{};
    std::array<std::uint64_t, kStepSizes> m_sharedLast{}; // the number of the latest of that size
    std::uint64_t m_sharedSteps = 0;
    bool m_crowd = false; // more prompts came than are gathered
};

} // namespace engine
