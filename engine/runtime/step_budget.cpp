#include "engine/runtime/step_budget.h"

#include <algorithm>
#include <bit>

namespace engine {

namespace {

constexpr std::uint32_t kFirstChunkRows = 64; // before the device's rate is known
constexpr std::uint32_t kLeastSharedRows = 8; // beside answers: less only repeats the step's cost
constexpr std::uint32_t kLeastAloneRows = 32;
constexpr double kNewShare = 0.25; // of a running mean
constexpr double kSlowerShare = 0.5;

std::size_t sizeClass(std::uint32_t rows, std::size_t classes) {
    return std::min<std::size_t>(std::bit_width(rows), classes - 1);
}

double milliSeconds(milliseconds value) {
    return std::chrono::duration<double>(value).count();
}

void follow(double& mean, double sample) {
    mean = mean <= 0 ? sample : mean + (sample > mean ? kSlowerShare : kNewShare) * (sample - mean);
}

/// Powers of two: few different shapes, so a repeated run mostly repeats its rounding.
std::uint32_t shape(std::uint32_t rows, std::uint32_t least, std::uint32_t most) {
    return std::min(std::max(std::bit_floor(std::max(rows, 1U)), least), most);
}

} // namespace

double StepBudget::decodeStep_s(std::uint32_t decodeRows) const {
    const std::size_t wanted = sizeClass(decodeRows, m_decodeStep_s.size());
    for (std::size_t distance = 0; distance < m_decodeStep_s.size(); ++distance) {
        if (wanted >= distance && m_decodeStep_s[wanted - distance] > 0)
            return m_decodeStep_s[wanted - distance];
        if (wanted + distance < m_decodeStep_s.size() && m_decodeStep_s[wanted + distance] > 0)
            return m_decodeStep_s[wanted + distance];
    }
    return 0;
}

std::uint32_t StepBudget::rowsIn(double time_s) const {
    return static_cast<std::uint32_t>(std::clamp(time_s / m_promptRow_s, 0.0, 65536.0));
}

std::uint32_t StepBudget::promptRows(const PromptLoad& load, std::uint32_t mostRows) const {
    if (load.prompts == 0 || mostRows == 0)
        return 0;
    if (m_promptRow_s <= 0)
        return std::min(kFirstChunkRows, mostRows);
    if (load.decodeRows == 0)
        return shape(rowsIn(milliSeconds(m_settings.aloneStep)), kLeastAloneRows, mostRows);

    if (m_settings.chunkTokens > 0)
        mostRows = std::min(mostRows, m_settings.chunkTokens);
    const double target_s = milliSeconds(m_settings.targetItl);
    const double decode_s = decodeStep_s(load.decodeRows);
    if (decode_s <= 0) {
        const std::uint32_t rows = target_s > 0 ? rowsIn(target_s) : kFirstChunkRows;
        return shape(rows, kLeastSharedRows, mostRows);
    }
    const std::uint32_t byRatio = rowsIn((m_settings.maxItlRatio - 1) * decode_s);
    std::uint32_t wanted = byRatio;
    if (target_s > 0)
        wanted = std::min(wanted, rowsIn(std::max(0.0, target_s - decode_s)));
    const bool targetAllows = wanted >= std::min(kLeastSharedRows, load.promptRows);
    const bool gather = !targetAllows && !load.interactive &&
                        load.prompts <= m_settings.gatherThreshold &&
                        load.longestHeld < m_settings.gatherWindow;
    if (gather)
        return 0;
    return shape(targetAllows ? wanted : byRatio, kLeastSharedRows, mostRows);
}

void StepBudget::record(std::uint32_t decodeRows, std::uint32_t promptRows, double step_s) {
    if (!(step_s > 0))
        return;
    if (promptRows == 0) {
        follow(m_decodeStep_s[sizeClass(decodeRows, m_decodeStep_s.size())], step_s);
        return;
    }
    // Small chunks say little about the rate of large ones.
    if (promptRows < kLeastSharedRows)
        return;
    const double besides_s = decodeRows > 0 ? decodeStep_s(decodeRows) : 0;
    // Rows that ride on a step's fixed cost look free; they are not when there are more of them.
    const double least_s = step_s / (promptRows + decodeRows) / 8;
    follow(m_promptRow_s, std::max((step_s - besides_s) / promptRows, least_s));
}

} // namespace engine
