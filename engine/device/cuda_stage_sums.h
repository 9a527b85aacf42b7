#pragma once
// CudaStageSums: where the slow twins of several ranks meet. A product that is dealt out by columns
// leaves a part on every rank; what the fast stage made of all parts is compared with the sum of
// all slow ones, which is the product of the undivided matrix. Threads: one a rank, each of which
// calls add() for the same products in the same order.

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace engine {

class CudaStageSums {
  public:
    explicit CudaStageSums(std::uint32_t ranks) : m_ranks(ranks) {}

    /// Every rank's values become the sum over all ranks. False when another rank never came.
    bool add(std::vector<float>& values);
    /// A rank will not come any more: nobody waits for it.
    void giveUp();

  private:
    std::uint32_t m_ranks;
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::uint32_t m_arrived = 0;
    std::uint64_t m_turn = 0;
    bool m_gaveUp = false;
    std::vector<double> m_parts;
    std::vector<float> m_sum; // of the last turn: nobody ends another before all have read it
};

} // namespace engine
