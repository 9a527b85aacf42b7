#include "engine/runtime/step_hold.h"

#include <algorithm>
#include <bit>

namespace engine {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kLeastAnswers = 4;      // with fewer, steps are short and guests rare
constexpr Clock::duration kStillComing = 250ms; // since the last request
constexpr double kSureShare = 0.9;              // of a step's least time
constexpr double kPrepare_s = 0.0005;           // what a step takes until the device has it
constexpr double kLongerShare = 1.0 / 16;       // of a longer step; a shorter one counts at once
constexpr Clock::duration kFirstPause = 100ms;
constexpr Clock::duration kLongestPause = 60s;

} // namespace

std::size_t StepHold::sizeOf(const RunningStep& step) {
    const std::uint64_t rows =
        std::max<std::uint64_t>(1, std::uint64_t{step.decodeRows} + step.promptRows);
    const auto power = static_cast<std::size_t>(std::bit_width(rows) - 1);
    const auto part = static_cast<std::size_t>((rows * kParts >> power) - kParts);
    const std::size_t size = std::min(power * kParts + part, kPowers * kParts - 1);
    return step.promptRows > 0 ? kPowers * kParts + size : size;
}

TimePoint StepHold::due(const RunningStep& running, TimePoint now) {
    m_holds = false;
    const double least_s = m_least_s[sizeOf(running)];
    if (!m_on || running.decodeRows < kLeastAnswers || now < m_from ||
        now - m_lastCame > kStillComing || least_s * kSureShare <= kPrepare_s)
        return now;
    const auto whole = std::chrono::duration<double>(least_s * kSureShare - kPrepare_s);
    const TimePoint due = running.begin + std::chrono::duration_cast<Clock::duration>(whole);
    m_holds = due > now;
    return due;
}

void StepHold::handedOver(TimePoint now, bool done) {
    m_holds = false;
    if (!done) {
        m_pause -= m_pause / 64;
        return;
    }
    m_pause = std::clamp(2 * m_pause, kFirstPause, kLongestPause);
    m_from = now + m_pause;
}

void StepHold::record(const RunningStep& step, double step_s) {
    if (!(step_s > 0))
        return;
    double& least_s = m_least_s[sizeOf(step)];
    least_s =
        least_s <= 0 || step_s < least_s ? step_s : least_s + kLongerShare * (step_s - least_s);
}

} // namespace engine
