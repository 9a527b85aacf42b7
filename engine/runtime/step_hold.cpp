#include "engine/runtime/step_hold.h"

#include <algorithm>

namespace engine {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kLeastAnswers = 4;      // with fewer, steps are short and guests rare
constexpr Clock::duration kStillComing = 250ms; // since the last request
constexpr double kSureShare = 0.95;             // of a step's least time
constexpr double kLeastMargin_s = 0.0002;       // what a step takes until the device has it
constexpr double kMostMargin_s = 0.003;
constexpr double kEarlier_s = 0.0002; // after the device had to wait
constexpr double kLater_s = 0.00001;  // else: so it waits once in about twenty
constexpr Clock::duration kFirstPause = 100ms;
constexpr Clock::duration kLongestPause = 60s;

} // namespace

std::size_t StepHold::sizeOf(const RunningStep& step) {
    const std::size_t size = stepSize(std::uint64_t{step.decodeRows} + step.promptRows);
    return step.promptRows > 0 ? kStepSizes + size : size;
}

TimePoint StepHold::due(const RunningStep& running, TimePoint now) {
    m_holds = false;
    const double least_s = m_least_s[sizeOf(running)];
    if (!m_on || running.decodeRows < kLeastAnswers || now < m_from ||
        now - m_lastCame > kStillComing || least_s <= 0)
        return now;
    const double room_s = least_s * kSureShare - m_margin_s;
    if (room_s < kLater_s) { // nothing is held that would bring the margin back
        m_margin_s = std::max(kLeastMargin_s, m_margin_s - kLater_s);
        return now;
    }
    const auto room = std::chrono::duration<double>(room_s);
    const TimePoint due = running.begin + std::chrono::duration_cast<Clock::duration>(room);
    m_holds = due > now;
    return due;
}

void StepHold::handedOver(TimePoint now, bool late) {
    if (!late) {
        m_margin_s = std::max(kLeastMargin_s, m_margin_s - kLater_s);
        m_pause -= m_pause / 64;
        return;
    }
    if (m_margin_s + kEarlier_s <= kMostMargin_s) {
        m_margin_s += kEarlier_s;
        return;
    }
    m_pause = std::clamp(2 * m_pause, kFirstPause, kLongestPause);
    m_from = now + m_pause;
}

void StepHold::record(const RunningStep& step, double step_s) {
    if (!(step_s > 0))
        return;
    followLeast(m_least_s[sizeOf(step)], step_s);
}

} // namespace engine
