#pragma once
// StepBudget: how many prompt rows go into a step, and whether prompts are gathered a little
// longer. It learns from every step how long one without prompts takes and what a prompt row costs,
// so the budget follows the device, the model and the length of the contexts. Engine thread only.

#include "engine/runtime/admission_settings.h"
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
};

class StepBudget {
  public:
    void setSettings(const BatchingSettings& settings) { m_settings = settings; }

    /// Prompt rows of the next step; 0 = gather on. Not more than `mostRows`.
    std::uint32_t promptRows(const PromptLoad& load, std::uint32_t mostRows) const;
    /// A step has been computed.
    void record(std::uint32_t decodeRows, std::uint32_t promptRows, double step_s);

    /// Seconds of a step with so many answers and no prompt; 0 = not known yet.
    double decodeStep_s(std::uint32_t decodeRows) const;
    double promptRow_s() const { return m_promptRow_s; } ///< seconds; 0 = not known yet

  private:
    std::uint32_t rowsIn(double time_s) const;

    BatchingSettings m_settings;
    std::array<double, 16> m_decodeStep_s{}; // by power of two of the rows; running means
    double m_promptRow_s = 0;                // running mean
};

} // namespace engine
