#pragma once
// Deals the cases of a check program out among several processes that run side by side: under a
// sanitizer one process would take many minutes.

#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace tests {

/// This process's share of the cases, as the environment says:
///   INGLENOOK_CASES=i/n   every n-th case from i on, and none of more than kMostOperations
///   INGLENOOK_CASES_S=s   none that would begin more than s seconds after the program
/// At the end it says how many of its cases were done. Without INGLENOOK_CASES all are its own.
class CaseShare {
  public:
    static CaseShare& instance() {
        static CaseShare share;
        return share;
    }
    CaseShare(const CaseShare&) = delete;
    CaseShare& operator=(const CaseShare&) = delete;

    bool take(double operations) {
        constexpr double kMostOperations = 3e9;
        if (m_count == 0)
            return true;
        if (operations > kMostOperations || m_seen++ % m_count != m_mine)
            return false;
        ++m_dealt;
        const std::chrono::duration<double> ran = std::chrono::steady_clock::now() - m_begin;
        if (m_seconds > 0 && ran.count() > m_seconds)
            return false;
        ++m_done;
        return true;
    }

  private:
    CaseShare() {
        const char* share = std::getenv("INGLENOOK_CASES");
        if (share == nullptr || std::sscanf(share, "%u/%u", &m_mine, &m_count) != 2)
            m_count = 0;
        if (const char* seconds = std::getenv("INGLENOOK_CASES_S"); seconds != nullptr)
            m_seconds = std::atof(seconds);
    }
    ~CaseShare() {
        if (m_count != 0)
            std::printf("cases done: %u of %u\n", m_done, m_dealt);
    }

    std::chrono::steady_clock::time_point m_begin = std::chrono::steady_clock::now();
    double m_seconds = 0; // 0 = no end
    unsigned m_mine = 0;
    unsigned m_count = 0; // 0 = every case
    unsigned m_seen = 0;
    unsigned m_dealt = 0;
    unsigned m_done = 0;
};

/// Whether a case is this process's. Call it once a case, in a fixed order.
inline bool isMyCase(double operations = 0) {
    return CaseShare::instance().take(operations);
}

} // namespace tests
