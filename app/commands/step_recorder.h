#pragma once
// StepRecorder: what every step of an engine computed and how long it took, as a table. A thread of
// its own reads the engine's ring of steps while it lives.

#include "engine/runtime/engine.h"

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

namespace app {

/// One step. Microseconds as StepPart has them.
struct RecordedStep {
    engine::StepPart last; ///< of its parts; times are the step's
    std::uint32_t answers = 0;
    std::uint32_t prompts = 0;
    std::uint32_t promptRows = 0;
};

class StepRecorder {
  public:
    /// From now on.
    explicit StepRecorder(std::shared_ptr<const engine::StepRing> ring);
    ~StepRecorder();

    /// Ends the recording. Comma separated, a line a step, milliseconds, under a line of names.
    engine::Status writeTo(const std::filesystem::path& path);
    const std::vector<RecordedStep>& steps() const { return m_steps; } ///< after its end
    /// Ends the recording. Parts of steps that the ring had overwritten before they were read.
    std::uint64_t lostParts();

  private:
    void run();
    void read();
    void end();

    std::shared_ptr<const engine::StepRing> m_ring;
    std::uint64_t m_cursor = 0;
    std::uint64_t m_lost = 0;
    std::vector<RecordedStep> m_steps;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    bool m_ends = false;
    std::thread m_thread; // the rest is there before it runs
};

} // namespace app
