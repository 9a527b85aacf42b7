#include "engine/runtime/step_budget.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace engine {

namespace {

constexpr std::uint32_t kFirstChunkRows = 64; // before the device's rate is known
constexpr std::uint32_t kLeastSharedRows = 8; // beside answers: less only repeats the step's cost
constexpr std::uint32_t kLeastAloneRows = 32;
constexpr std::uint32_t kLeastCrowd = 3;   // answers that a dear step would keep waiting
constexpr std::uint32_t kSeveral = 3;      // prompts that end together
constexpr std::uint32_t kShortPrompt = 2;  // times the cheap rows of a step, like the next two
constexpr std::uint32_t kWorthTheLeap = 3; // rows of a step beyond the leap, at least
constexpr std::uint32_t kMostBeyond = 4;   // at most: the next leap
constexpr std::uint32_t kMiddle = 2;       // between a cheap step and the next leap
constexpr std::uint32_t kSureSamples = 3;
constexpr std::uint64_t kTryAgain = 500; // steps after the last one of that size
constexpr double kNearlyFree = 1.5;      // the price of more rows that a chunk takes along
constexpr double kNewShare = 0.25;       // of a running mean
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

/// What 2^size prompt rows add to a step. A size that hardly ever came is judged by larger ones, as
/// if rows were all that costs: a try tells. Above the largest that came nothing is known to be
/// cheaper.
double StepBudget::chunk_s(std::size_t size) const {
    double least_s = m_chunk_s[size];
    if (m_samples[size] >= kSureSamples)
        return least_s;
    for (std::size_t larger = size + 1; larger < kSizes; ++larger) {
        const double share_s =
            std::ldexp(m_chunk_s[larger], static_cast<int>(size) - static_cast<int>(larger));
        if (share_s > 0 && (least_s <= 0 || share_s < least_s))
            least_s = share_s;
    }
    for (std::size_t smaller = size; least_s <= 0 && smaller-- > 0;)
        least_s = std::ldexp(m_chunk_s[smaller], static_cast<int>(size - smaller));
    return least_s;
}

/// The largest chunk, a power of two, that adds no more than this; 0 = not even one row.
std::uint32_t StepBudget::rowsIn(double time_s) const {
    for (std::size_t size = kSizes; size-- > 0;)
        if (chunk_s(size) <= time_s)
            return 1U << size;
    return 0;
}

/// Where even a small chunk breaks the bound, many small ones would disturb the answers longer than
/// a few large ones: as many rows as cost little more than the few that must go.
std::uint32_t StepBudget::rowsOnceBroken(std::uint32_t rows, double most_s) const {
    auto size = static_cast<std::size_t>(std::bit_width(std::max(rows, kLeastSharedRows)) - 1);
    const double price_s = chunk_s(size) * kNearlyFree;
    while (size + 1 < kSizes && chunk_s(size + 1) <= std::min(price_s, most_s))
        ++size;
    return 1U << size;
}

/// Of `rows` that short prompts may take, those that leave the step cheap. Where several wait, with
/// many more rows, a step up to the next leap that ends most of them instead, whatever the ratio
/// says: it is a few times a cheap one, and comes once in a few. Never beyond that leap: of a crowd
/// the first are done sooner, and all of them hardly later. Where rows of a step in the middle are
/// as cheap as any, such steps come first, and the large one is worth it only when it is full.
std::uint32_t StepBudget::withoutLeap(const PromptLoad& load, std::uint32_t rows,
                                      std::uint32_t mostRows) const {
    const std::uint32_t cheap = load.cheapRows;
    const bool allShort = load.promptRows <= load.prompts * kShortPrompt * cheap;
    if (!allShort || load.decodeRows < kLeastCrowd || load.decodeRows + kLeastSharedRows > cheap)
        return rows;
    const auto fills = [&](std::uint32_t promptRows, std::uint32_t wanted) {
        return std::min({promptRows, load.promptRows, mostRows}) + load.decodeRows >= wanted;
    };
    const std::uint32_t dear = kMostBeyond * cheap - load.decodeRows;
    const std::uint32_t most = load.prompts >= kSeveral ? dear : std::min(rows, dear);
    const bool takesMiddle = gainsFromMiddle(load);
    if (fills(most, takesMiddle ? kMostBeyond * cheap * 15 / 16 : kWorthTheLeap * cheap))
        return most;
    std::uint32_t middle = kMiddle * cheap - load.decodeRows;
    if (load.prompts < kSeveral)
        middle = std::min(middle, rows);
    if (takesMiddle && fills(middle, kMiddle * cheap * 7 / 8 + 1)) // else it is of another size
        return middle;
    return cheap - load.decodeRows;
}

/// A row of a prompt costs no more in a step of twice the cheap one's rows than in a cheap one.
/// Until it was tried a few times, and when it was not for long, it might.
bool StepBudget::gainsFromMiddle(const PromptLoad& load) const {
    const std::size_t middle = stepSize(kMiddle * load.cheapRows);
    if (m_sharedSamples[middle] < kSureSamples || m_sharedSteps - m_sharedLast[middle] > kTryAgain)
        return true;
    const double least_s = m_shared_s[stepSize(load.cheapRows)];
    const double besides_s = decodeStep_s(load.decodeRows);
    const auto price_s = [&](double step_s, std::uint32_t rows) {
        return (step_s - besides_s) / (rows - load.decodeRows);
    };
    return least_s > besides_s && price_s(m_shared_s[middle], kMiddle * load.cheapRows) <=
                                      price_s(least_s, load.cheapRows);
}

std::uint32_t StepBudget::promptRows(const PromptLoad& load, std::uint32_t mostRows) {
    if (load.prompts > m_settings.gatherThreshold)
        m_crowd = true;
    else if (load.prompts <= 1)
        m_crowd = false;
    return rowsFor(load, mostRows);
}

std::uint32_t StepBudget::chunkBudget(std::uint32_t decodeRows, std::uint32_t mostRows) const {
    PromptLoad beside;
    beside.decodeRows = std::max(1U, decodeRows);
    beside.prompts = beside.promptRows = 1;
    beside.interactive = true;
    return rowsFor(beside, mostRows);
}

std::uint32_t StepBudget::rowsFor(const PromptLoad& load, std::uint32_t mostRows) const {
    if (load.prompts == 0 || mostRows == 0)
        return 0;
    if (chunk_s(0) <= 0)
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
    const double byRatio_s = (m_settings.maxItlRatio - 1) * decode_s;
    const double byTarget_s = target_s > 0 ? target_s - decode_s : byRatio_s;
    const double room_s = m_crowd ? byTarget_s : std::min(byRatio_s, byTarget_s);
    const std::uint32_t wanted = rowsIn(room_s);
    const bool targetAllows = wanted >= std::min(kLeastSharedRows, load.promptRows);
    const bool gather = !targetAllows && !load.interactive &&
                        load.prompts <= m_settings.gatherThreshold &&
                        load.longestHeld < m_settings.gatherWindow;
    if (gather)
        return 0;
    const std::uint32_t rows =
        targetAllows ? wanted : rowsOnceBroken(rowsIn(byRatio_s), std::max(byRatio_s, byTarget_s));
    return std::min(withoutLeap(load, shape(rows, kLeastSharedRows, mostRows), mostRows), mostRows);
}

void StepBudget::record(std::uint32_t decodeRows, std::uint32_t promptRows, double step_s) {
    if (!(step_s > 0))
        return;
    if (promptRows == 0) {
        follow(m_decodeStep_s[sizeClass(decodeRows, m_decodeStep_s.size())], step_s);
        return;
    }
    const std::size_t shared = stepSize(std::uint64_t{decodeRows} + promptRows);
    if (decodeRows > 0) {
        followLeast(m_shared_s[shared], step_s);
        ++m_sharedSamples[shared];
        m_sharedLast[shared] = ++m_sharedSteps;
    }
    // Small chunks say little about large ones, and what ends a prompt is no whole size; the first
    // of all says more than nothing.
    const auto size = static_cast<std::size_t>(std::bit_width(promptRows - 1));
    const bool isWhole = promptRows >= (3U << size) / 4 || chunk_s(0) <= 0;
    if (promptRows < kLeastSharedRows || size >= kSizes || !isWhole)
        return;
    // What every step costs (weights are read once) is not the prompt's.
    const double besides_s = decodeStep_s(std::max(1U, decodeRows));
    // Rows that ride on a step's fixed cost look free; they are not when there are more of them.
    const double least_s = step_s * promptRows / (promptRows + decodeRows) / 8;
    double& mean = m_chunk_s[size];
    const double sample = std::max(step_s - besides_s, least_s);
    // The first of their kind load kernels and warm caches: they say nothing about the others.
    const bool isSure = besides_s > 0; // before, a step's own cost seems the chunk's
    if (sample < mean / 2 || (isSure && m_samples[size] == 0))
        mean = sample;
    else
        follow(mean, sample);
    m_samples[size] += isSure ? 1 : 0;
    for (std::size_t other = 0; other < kSizes; ++other) {
        double& known = m_chunk_s[other];
        if (known <= 0 || other == size)
            continue;
        if (other < size) // fewer rows never cost more
            known = std::min(known, mean);
        else // more rows cost more, and in proportion at most
            known = std::clamp(known, mean, std::ldexp(mean, static_cast<int>(other - size)));
    }
}

} // namespace engine
