#include "engine/device/parallel_plan.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace engine {

namespace {

constexpr std::uint32_t kGroup = 128;     // columns a scale, and a tile of the tensor cores
constexpr std::uint32_t kSmallGroup = 32; // what every weight format can be cut at
constexpr std::uint32_t kTokenGroup = 16; // rows of the head

std::uint32_t ceilDivide(std::uint32_t a, std::uint32_t b) {
    return (a + b - 1) / b;
}

/// Part `index` of [0, count) dealt out to `parts` as evenly as whole numbers allow.
struct Stretch {
    std::uint32_t first;
    std::uint32_t count;
};
Stretch evenPart(std::uint32_t count, std::uint32_t parts, std::uint32_t index) {
    const auto edge = [&](std::uint32_t i) {
        return static_cast<std::uint32_t>(std::uint64_t{count} * i / parts);
    };
    return {edge(index), edge(index + 1) - edge(index)};
}

/// Part `index` of [0, count) by weight. As long as there is something for everybody, everybody
/// gets something.
Stretch weighedPart(std::uint32_t count, const std::vector<std::uint64_t>& weights,
                    std::uint32_t index) {
    const std::uint64_t parts = weights.size();
    const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
    const auto edge = [&](std::uint32_t i) {
        const std::uint64_t before =
            std::accumulate(weights.begin(), weights.begin() + i, std::uint64_t{0});
        const std::uint64_t at = count * before / total;
        return static_cast<std::uint32_t>(
            count < parts ? at : std::clamp<std::uint64_t>(at, i, count - (parts - i)));
    };
    return {edge(index), edge(index + 1) - edge(index)};
}

/// The same in whole groups; the last group may be short.
Stretch weighedGroups(std::uint32_t count, std::uint32_t group,
                      const std::vector<std::uint64_t>& weights, std::uint32_t index) {
    const Stretch groups = weighedPart(ceilDivide(count, group), weights, index);
    const std::uint32_t first = groups.first * group;
    return {first, std::min(count, first + groups.count * group) - first};
}

/// Heads of a rank. Where ranks outnumber KV heads, several share one and divide its queries.
void shareHeads(const ModelConfig& config, const std::vector<std::uint64_t>& weights,
                std::uint32_t rank, RankShare& share) {
    const std::uint32_t queriesPerKv = config.headCount / config.kvHeadCount;
    const auto ranks = static_cast<std::uint32_t>(weights.size());
    if (ranks <= config.kvHeadCount) {
        const Stretch kv = weighedPart(config.kvHeadCount, weights, rank);
        share.firstKvHead = kv.first;
        share.kvHeads = kv.count;
        share.firstHead = kv.first * queriesPerKv;
        share.heads = kv.count * queriesPerKv;
        return;
    }
    std::uint32_t head = 0;
    while (rank >= evenPart(ranks, config.kvHeadCount, head).first +
                       evenPart(ranks, config.kvHeadCount, head).count)
        ++head;
    const Stretch sharers = evenPart(ranks, config.kvHeadCount, head);
    Stretch queries = evenPart(queriesPerKv, sharers.count, rank - sharers.first);
    if (queries.count == 0) { // nothing left for it: computes a head again and adds zero
        queries = {queries.first % queriesPerKv, 1};
        share.repeats = true;
    }
    share.firstKvHead = head;
    share.kvHeads = 1;
    share.firstHead = head * queriesPerKv + queries.first;
    share.heads = queries.count;
}

Status tooNarrow(std::uint32_t ranks, std::uint32_t most) {
    return Status(Code::OptionInvalid,
                  {{"option", "split"},
                   {"value", "tensor over " + std::to_string(ranks) + " GPUs"},
                   {"expected", "this model can be divided among " + std::to_string(most) +
                                    " at most; name fewer devices"}});
}

} // namespace

Result<std::vector<RankShare>> shareTensors(const ModelConfig& config, std::uint32_t ranks,
                                            std::span<const std::uint32_t> shares) {
    const std::uint32_t most =
        std::min({kMostRanks, ceilDivide(config.intermediateSize, kSmallGroup),
                  ceilDivide(config.vocabularySize, kTokenGroup)});
    if (ranks > 1 && config.architecture == Architecture::Gpt2)
        return Status(Code::OptionInvalid,
                      {{"option", "split"},
                       {"value", "tensor"},
                       {"expected", "a gpt2 model runs whole on one GPU; name one device"}});
    if (ranks == 0 || ranks > most)
        return tooNarrow(ranks, most);
    if (!shares.empty() &&
        (shares.size() != ranks || std::find(shares.begin(), shares.end(), 0U) != shares.end()))
        return Status(Code::OptionInvalid, {{"option", "device"},
                                            {"value", std::to_string(shares.size()) + " shares"},
                                            {"expected", "one above 0 for each GPU"}});
    std::vector<std::uint64_t> weights(ranks, 1);
    std::copy(shares.begin(), shares.end(), weights.begin());
    // Whole tiles where nobody gets much more than another for it.
    const bool wide = config.intermediateSize >= kGroup * ranks;
    const std::uint32_t innerGroup = wide ? kGroup : kSmallGroup;
    const std::uint32_t tokenGroup =
        config.vocabularySize >= 4 * kGroup * ranks ? kGroup : kTokenGroup;
    std::vector<RankShare> dealt(ranks);
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
        RankShare& share = dealt[rank];
        shareHeads(config, weights, rank, share);
        const Stretch inner = weighedGroups(config.intermediateSize, innerGroup, weights, rank);
        share.firstInner = inner.first;
        share.inner = inner.count;
        const Stretch tokens = weighedGroups(config.vocabularySize, tokenGroup, weights, rank);
        share.firstToken = tokens.first;
        share.tokens = tokens.count;
    }
    return dealt;
}

ModelConfig rankConfig(const ModelConfig& config, const RankShare& share) {
    ModelConfig part = config;
    part.headCount = share.heads;
    part.kvHeadCount = share.kvHeads;
    part.intermediateSize = share.inner;
    return part;
}

} // namespace engine
