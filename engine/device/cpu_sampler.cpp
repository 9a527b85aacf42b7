#include "engine/device/cpu_sampler.h"

#include "engine/device/philox.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace engine {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kGreedyTemperature = 1e-6F; // below it 1 / temperature would overflow

/// The order of the filters: heavier first, the lower id on a tie.
bool before(const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.token < b.token;
}

double weightOf(std::span<const Candidate> candidates) {
    double sum = 0;
    for (const Candidate& candidate : candidates)
        sum += candidate.weight;
    return sum;
}

/// Buckets of weights: the upper bits of a float in [0, 1], so that heavier ones lie in a higher
/// bucket and those of one bucket differ by 3 % at most.
constexpr int kDroppedBits = 18;
constexpr std::size_t kBuckets = (std::bit_cast<std::uint32_t>(1.0F) >> kDroppedBits) + 1;

std::size_t bucketOf(float weight) {
    return std::min<std::size_t>(std::bit_cast<std::uint32_t>(weight) >> kDroppedBits,
                                 kBuckets - 1);
}

/// Keeps the shortest prefix of the order whose measures sum to at least `target`; ids stay
/// ascending. `measure` of a candidate is not negative.
template<typename Measure>
void keepPrefix(SamplerScratch& scratch, double target, const Measure& measure) {
    std::span<Candidate>& candidates = scratch.candidates;
    std::vector<double>& buckets = scratch.buckets;
    buckets.assign(kBuckets, 0.0);
    for (const Candidate& c : candidates)
        buckets[bucketOf(c.weight)] += measure(c);
    double above = 0;
    std::size_t cut = kBuckets - 1;
    for (; cut > 0 && above + buckets[cut] < target; --cut)
        above += buckets[cut];
    std::vector<Candidate>& selection = scratch.selection;
    selection.clear();
    for (const Candidate& c : candidates)
        if (bucketOf(c.weight) == cut)
            selection.push_back(c);
    std::sort(selection.begin(), selection.end(), before);
    const auto last = std::find_if(selection.begin(), selection.end(), [&](const Candidate& c) {
        above += measure(c);
        return above >= target;
    });
    if (last == selection.end())
        return; // all of them: rounding left the target above their sum
    const auto end = std::remove_if(candidates.begin(), candidates.end(),
                                    [&](const Candidate& c) { return before(*last, c); });
    candidates = candidates.first(static_cast<std::size_t>(end - candidates.begin()));
}

} // namespace

SamplerScratch::SamplerScratch(std::uint32_t vocabularySize, const kernels::KernelTable& table)
    : kernels(&table), adjusted(vocabularySize), listed(vocabularySize), buckets(kBuckets) {
    selection.reserve(vocabularySize);
}

std::uint64_t SamplerScratch::bytes(std::uint32_t vocabularySize) {
    return static_cast<std::uint64_t>(vocabularySize) * (sizeof(float) + 2 * sizeof(Candidate)) +
           kBuckets * sizeof(double);
}

bool CpuSampler::penalizes() const {
    return m_spec.repetitionPenalty != 1.0F || m_spec.presencePenalty != 0.0F ||
           m_spec.frequencyPenalty != 0.0F;
}

void CpuSampler::reset(const SamplerSpec& spec) {
    m_spec = spec;
    m_mask.clear();
    m_counts.clear();
    m_last = kNoToken;
    if (penalizes())
        for (const TokenId token : spec.seenTokens)
            ++m_counts[token];
    m_spec.seenTokens = {};
}

void CpuSampler::setMask(std::span<const std::uint32_t> allowedBits) {
    m_mask.assign(allowedBits.begin(), allowedBits.end());
}

std::span<const float> CpuSampler::adjust(std::span<const float> logits,
                                          SamplerScratch& scratch) const {
    const bool penalize = penalizes() && !m_counts.empty();
    if (m_spec.logitBias.empty() && !penalize && m_mask.empty())
        return logits;
    scratch.adjusted.assign(logits.begin(), logits.end());
    std::vector<float>& adjusted = scratch.adjusted;
    const auto known = [&](TokenId token) {
        return token >= 0 && static_cast<std::size_t>(token) < adjusted.size();
    };
    for (const auto& [token, bias] : m_spec.logitBias)
        if (known(token))
            adjusted[static_cast<std::size_t>(token)] += bias;
    if (penalize) {
        for (const auto& [token, count] : m_counts) {
            if (!known(token))
                continue;
            float& logit = adjusted[static_cast<std::size_t>(token)];
            logit = logit > 0 ? logit / m_spec.repetitionPenalty : logit * m_spec.repetitionPenalty;
            logit -= m_spec.presencePenalty + m_spec.frequencyPenalty * static_cast<float>(count);
        }
    }
    if (!m_mask.empty()) {
        for (std::size_t token = 0; token < adjusted.size(); ++token) {
            const std::size_t word = token / 32;
            if (word >= m_mask.size() || (m_mask[word] >> (token % 32) & 1U) == 0)
                adjusted[token] = kNever;
        }
    }
    return adjusted;
}

/// Those near the best first; further down only when the filters may still want more. Returns the
/// weight of all, which top-p without top-k needs.
double CpuSampler::listNearBest(std::span<const float> adjusted, float top,
                                SamplerScratch& scratch) const {
    const std::size_t topK = m_spec.topK > 0 ? static_cast<std::size_t>(m_spec.topK) : 0;
    const bool nucleus = m_spec.topP < 1.0F;
    const bool filtered = topK > 0 || nucleus || m_spec.minP > 0.0F;
    kernels::DrawTask task;
    task.x = adjusted.data();
    task.count = adjusted.size();
    task.top = top;
    task.scale = 1.0F / m_spec.temperature;
    task.listed = scratch.listed.data();
    for (float depth = filtered ? 12.0F : kernels::kDrawDepth;; depth *= 3.0F) {
        task.listedFrom = -std::min(depth, kernels::kDrawDepth);
        const kernels::DrawWeights weights = scratch.kernels->drawWeights(task);
        scratch.candidates = std::span(scratch.listed).first(weights.listed);
        const bool enough = topK > 0  ? weights.listed >= topK
                            : nucleus ? weightOf(scratch.candidates) >= weights.sum * m_spec.topP
                                      : std::exp(-depth) < m_spec.minP;
        if (enough || depth >= kernels::kDrawDepth)
            return weights.sum;
    }
}

/// Fills scratch.candidates with what the filters leave.
void CpuSampler::select(std::span<const float> adjusted, SamplerScratch& scratch) const {
    std::span<Candidate>& candidates = scratch.candidates;
    candidates = {};
    const std::size_t best = scratch.kernels->firstLargest(adjusted.data(), adjusted.size());
    if (best == adjusted.size())
        return;
    const float top = adjusted[best];
    if (m_spec.temperature < kGreedyTemperature || std::isinf(top)) {
        scratch.listed[0] = {static_cast<TokenId>(best), 1.0F};
        candidates = std::span(scratch.listed).first(1);
        return;
    }
    double total = listNearBest(adjusted, top, scratch);
    const std::size_t topK = m_spec.topK > 0 ? static_cast<std::size_t>(m_spec.topK) : 0;
    if (topK > 0) {
        if (topK < candidates.size())
            keepPrefix(scratch, static_cast<double>(topK), [](const Candidate&) { return 1.0; });
        total = weightOf(candidates);
    }
    if (m_spec.topP < 1.0F)
        keepPrefix(scratch, total * m_spec.topP,
                   [](const Candidate& c) { return static_cast<double>(c.weight); });
    if (m_spec.minP > 0.0F) {
        const auto end = std::remove_if(candidates.begin(), candidates.end(),
                                        [this](const auto& c) { return c.weight < m_spec.minP; });
        candidates = candidates.first(static_cast<std::size_t>(end - candidates.begin()));
    }
}

TokenId CpuSampler::sample(std::span<const float> logits, std::uint32_t position,
                           SamplerScratch& scratch) {
    select(adjust(logits, scratch), scratch);
    TokenId chosen = scratch.candidates.empty() ? kNoToken : scratch.candidates.back().token;
    if (scratch.candidates.size() > 1) {
        double left =
            tokenUniform(m_spec.seed, m_spec.sampleNumber, position) * weightOf(scratch.candidates);
        for (const Candidate& candidate : scratch.candidates) {
            left -= candidate.weight;
            if (left < 0) {
                chosen = candidate.token;
                break;
            }
        }
    }
    if (chosen != kNoToken && penalizes())
        ++m_counts[chosen];
    m_last = chosen;
    return chosen;
}

std::vector<Candidate> CpuSampler::distribution(std::span<const float> logits,
                                                SamplerScratch& scratch) {
    select(adjust(logits, scratch), scratch);
    std::vector<Candidate> shares(scratch.candidates.begin(), scratch.candidates.end());
    const double sum = weightOf(shares);
    for (Candidate& candidate : shares)
        candidate.weight = static_cast<float>(candidate.weight / sum);
    return shares;
}

TokenId argmax(std::span<const float> logits) {
    TokenId best = kNoToken;
    float highest = kNever;
    for (std::size_t token = 0; token < logits.size(); ++token) {
        if (logits[token] > highest) {
            highest = logits[token];
            best = static_cast<TokenId>(token);
        }
    }
    return best;
}

double logSumExp(std::span<const float> logits) {
    const TokenId best = argmax(logits);
    if (best == kNoToken)
        return 0;
    const float top = logits[static_cast<std::size_t>(best)];
    double sum = 0;
    for (const float logit : logits)
        if (!std::isnan(logit))
            sum += std::exp(static_cast<double>(logit - top));
    return static_cast<double>(top) + std::log(sum);
}

double logSumExp(std::span<const float> logits, SamplerScratch& scratch) {
    const std::size_t best = scratch.kernels->firstLargest(logits.data(), logits.size());
    if (best == logits.size())
        return 0;
    kernels::DrawTask task;
    task.x = logits.data();
    task.count = logits.size();
    task.top = logits[best];
    task.listedFrom = 1.0F; // nothing
    return static_cast<double>(task.top) + std::log(scratch.kernels->drawWeights(task).sum);
}

std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count) {
    return topLogprobs(logits, count, logSumExp(logits));
}

std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count,
                                      double denominator) {
    std::vector<Candidate> order;
    order.reserve(logits.size());
    for (std::size_t token = 0; token < logits.size(); ++token)
        if (!std::isnan(logits[token]))
            order.push_back({static_cast<TokenId>(token), logits[token]});
    const std::size_t kept = std::min<std::size_t>(count, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                      before);
    std::vector<TokenLogprob> best;
    best.reserve(kept);
    for (std::size_t i = 0; i < kept; ++i)
        best.push_back({order[i].token, static_cast<float>(order[i].weight - denominator)});
    return best;
}

} // namespace engine
