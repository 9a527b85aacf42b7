#pragma once
// StepRing: what every step computed for every request, for the lanes on the requests page. One
// writer (the engine thread) that never waits; any number of readers that copy what is new and lose
// what was overwritten meanwhile.
//
// Each slot is a sequence lock over atomic words: an odd number while it is written, then twice the
// index of the part it holds plus two.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace engine {

/// The rows of one request in one step.
struct StepPart {
    std::uint64_t request = 0;
    std::int64_t begin_us = 0; ///< steady clock
    std::uint32_t duration_us = 0;
    std::uint32_t rows = 0;
    bool prefill = false;
    // Of the whole step.
    std::uint32_t host_us = 0;   ///< to prepare it and hand it to the device
    std::uint32_t ready_us = 0;  ///< handed over so long before it began; 0: the device waited
    std::uint32_t waited_us = 0; ///< then for its end; 0: it had ended before anybody looked
    std::uint32_t device_us = 0; ///< by the device's own clock; 0: it has none
};

class StepRing {
  public:
    static constexpr std::size_t kParts = 8192; ///< about 400 KB; over a second of the fastest

    StepRing() : m_slots(std::make_unique<Slot[]>(kParts)) {}

    /// Writer only.
    void push(const StepPart& part) noexcept {
        const std::uint64_t index = m_written.load(std::memory_order_relaxed);
        Slot& slot = m_slots[index % kParts];
        slot.sequence.store(2 * index + 1, std::memory_order_relaxed);
        // Release stores: a reader that sees one of these words sees the odd number too.
        slot.words[0].store(part.request, std::memory_order_release);
        slot.words[1].store(static_cast<std::uint64_t>(part.begin_us), std::memory_order_release);
        slot.words[2].store(std::uint64_t{part.duration_us} << 32 | part.rows,
                            std::memory_order_release);
        slot.words[3].store(std::uint64_t{part.host_us} << 32 | part.waited_us,
                            std::memory_order_release);
        slot.words[4].store(std::uint64_t{part.device_us} << 32 |
                                std::uint64_t{std::min(part.ready_us, kMostReady_us)} << 1 |
                                (part.prefill ? 1 : 0),
                            std::memory_order_release);
        slot.sequence.store(2 * index + 2, std::memory_order_release);
        m_written.store(index + 1, std::memory_order_release);
    }

    /// Appends the parts from `cursor` on that are still there, oldest first; returns the cursor
    /// for the next call. A first call starts at 0. Any thread.
    std::uint64_t read(std::uint64_t cursor, std::vector<StepPart>& parts) const {
        const std::uint64_t end = m_written.load(std::memory_order_acquire);
        const std::uint64_t oldest = end > kParts ? end - kParts : 0;
        for (std::uint64_t index = cursor > oldest ? cursor : oldest; index < end; ++index) {
            const Slot& slot = m_slots[index % kParts];
            std::array<std::uint64_t, kWords> words{};
            if (slot.sequence.load(std::memory_order_acquire) != 2 * index + 2)
                continue;
            for (std::size_t i = 0; i < words.size(); ++i)
                words[i] = slot.words[i].load(std::memory_order_acquire);
            if (slot.sequence.load(std::memory_order_relaxed) != 2 * index + 2)
                continue; // overwritten while it was read
            parts.push_back(
                {words[0], static_cast<std::int64_t>(words[1]),
                 static_cast<std::uint32_t>(words[2] >> 32), static_cast<std::uint32_t>(words[2]),
                 (words[4] & 1) != 0, static_cast<std::uint32_t>(words[3] >> 32),
                 static_cast<std::uint32_t>(words[4]) >> 1, static_cast<std::uint32_t>(words[3]),
                 static_cast<std::uint32_t>(words[4] >> 32)});
        }
        return end;
    }

  private:
    static constexpr std::size_t kWords = 5;
    static constexpr std::uint32_t kMostReady_us = (1U << 31) - 1;

    struct Slot {
        std::atomic<std::uint64_t> sequence{0};
        std::array<std::atomic<std::uint64_t>, kWords> words{};
    };

    std::unique_ptr<Slot[]> m_slots;
    std::atomic<std::uint64_t> m_written{0};
};

} // namespace engine
