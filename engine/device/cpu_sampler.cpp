#include "engine/device/cpu_sampler.h"

#include "engine/device/philox.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace engine {

namespace {

constexpr float kNever = -std::numeric_limits<float>::infinity();
constexpr float kGreedyTemperature = 1e-6F; // below it 1 / temperature would overflow
constexpr float kUnderflow = 103.0F;        // exp(-103) is the last float above 0

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

/// Keeps the candidates up to and including `last` in the order of the filters; ids stay ascending.
void keepThrough(std::vector<Candidate>& candidates, const Candidate& last) {
    std::erase_if(candidates, [&](const Candidate& c) { return before(last, c); });
}

/// The k-th candidate of the order (k >= 1), k <= size. `work` is reordered.
Candidate kthOf(std::vector<Candidate>& work, std::size_t k) {
    const auto at = work.begin() + static_cast<std::ptrdiff_t>(k - 1);
    std::nth_element(work.begin(), at, work.end(), before);
    return *at;
}

/// The last candidate of the shortest prefix of the order that weighs at least `target`: a quick
/// selection by weight, linear on average. `work` is reordered.
Candidate prefixEnd(std::vector<Candidate>& work, double target) {
    auto begin = work.begin();
    auto end = work.end();
    while (end - begin > 1) {
        const auto middle = begin + (end - begin) / 2;
        std::nth_element(begin, middle, end, before);
        const double upper = weightOf({begin, middle});
        if (upper >= target) {
            end = middle;
        } else {
            target -= upper;
            begin = middle;
        }
    }
    return *begin;
}

} // namespace

SamplerScratch::SamplerScratch(std::uint32_t vocabularySize) : adjusted(vocabularySize) {
    candidates.reserve(vocabularySize);
    selection.reserve(vocabularySize);
}

std::uint64_t SamplerScratch::bytes(std::uint32_t vocabularySize) {
    return static_cast<std::uint64_t>(vocabularySize) * (sizeof(float) + 2 * sizeof(Candidate));
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

/// Fills scratch.candidates with what the filters leave.
void CpuSampler::select(std::span<const float> adjusted, SamplerScratch& scratch) const {
    std::vector<Candidate>& candidates = scratch.candidates;
    candidates.clear();
    const TokenId best = argmax(adjusted);
    if (best == kNoToken)
        return;
    const float top = adjusted[static_cast<std::size_t>(best)];
    if (m_spec.temperature < kGreedyTemperature || std::isinf(top)) {
        candidates.push_back({best, 1.0F});
        return;
    }
    const float scale = 1.0F / m_spec.temperature;
    const std::size_t topK = m_spec.topK > 0 ? static_cast<std::size_t>(m_spec.topK) : 0;
    const bool nucleus = m_spec.topP < 1.0F;
    const bool filtered = topK > 0 || nucleus || m_spec.minP > 0.0F;

    // Those near the best first; further down only when the filters may still want more. The same
    // pass gives the whole denominator, which top-p without top-k needs.
    double total = 0;
    for (float depth = filtered ? 12.0F : kUnderflow;; depth *= 3.0F) {
        candidates.clear();
        total = 0;
        for (std::size_t token = 0; token < adjusted.size(); ++token) {
            const float x = (adjusted[token] - top) * scale;
            if (!(x > -kUnderflow)) // NaN too
                continue;
            const float weight = std::exp(x);
            total += weight;
            if (x >= -depth)
                candidates.push_back({static_cast<TokenId>(token), weight});
        }
        const bool enough = topK > 0  ? candidates.size() >= topK
                            : nucleus ? weightOf(candidates) >= total * m_spec.topP
                                      : std::exp(-depth) < m_spec.minP;
        if (enough || depth >= kUnderflow)
            break;
    }
    if (topK > 0 && topK < candidates.size()) {
        scratch.selection = candidates;
        keepThrough(candidates, kthOf(scratch.selection, topK));
    }
    if (nucleus) {
        if (topK > 0)
            total = weightOf(candidates);
        scratch.selection = candidates;
        keepThrough(candidates, prefixEnd(scratch.selection, total * m_spec.topP));
    }
    if (m_spec.minP > 0.0F)
        std::erase_if(candidates, [this](const Candidate& c) { return c.weight < m_spec.minP; });
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
    std::vector<Candidate> shares = scratch.candidates;
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

std::vector<TokenLogprob> topLogprobs(std::span<const float> logits, std::uint32_t count) {
    std::vector<Candidate> order;
    order.reserve(logits.size());
    for (std::size_t token = 0; token < logits.size(); ++token)
        if (!std::isnan(logits[token]))
            order.push_back({static_cast<TokenId>(token), logits[token]});
    const std::size_t kept = std::min<std::size_t>(count, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                      before);
    const double denominator = logSumExp(logits);
    std::vector<TokenLogprob> best;
    best.reserve(kept);
    for (std::size_t i = 0; i < kept; ++i)
        best.push_back({order[i].token, static_cast<float>(order[i].weight - denominator)});
    return best;
}

} // namespace engine
