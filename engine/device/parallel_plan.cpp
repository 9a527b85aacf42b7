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

namespace {

/// How full GPUs are that hold the layers up to some one: the fullest, and how uneven they are.
struct Fullness {
    double most = 0;
    double spread = 0; // sum of bytes times fullness: least where all are as full
    std::uint32_t firstLayer = 0;

    bool operator<(const Fullness& other) const {
        return most != other.most ? most < other.most : spread < other.spread;
    }
};

/// A GPU of `room` with `fixed` bytes beside those of its layers.
Fullness added(const Fullness& before, std::uint64_t layers, std::uint64_t fixed,
               std::uint64_t room) {
    const double bytes = layers == 0 ? 0.0 : static_cast<double>(layers + fixed);
    const double full = bytes / static_cast<double>(std::max<std::uint64_t>(room, 1));
    return {std::max(before.most, full), before.spread + bytes * full, 0};
}

} // namespace

Result<std::vector<LayerShare>> shareLayers(const ModelConfig& config,
                                            std::span<const std::uint64_t> layers,
                                            std::span<const std::uint64_t> fixed,
                                            std::span<const std::uint64_t> room) {
    const std::size_t gpus = room.size();
    if (config.layerNorm)
        return Status(Code::OptionInvalid,
                      {{"option", "split"},
                       {"value", "layer"},
                       {"expected", "a gpt2 model runs whole on one GPU; name one device"}});
    if (gpus == 0 || gpus > kMostRanks)
        return Status(Code::OptionInvalid, {{"option", "device"},
                                            {"value", std::to_string(gpus) + " GPUs"},
                                            {"expected", "at most " + std::to_string(kMostRanks)}});
    const std::size_t count = layers.size();
    std::vector<std::uint64_t> before(count + 1, 0); // bytes of the layers before one
    std::partial_sum(layers.begin(), layers.end(), before.begin() + 1);
    // [gpus][layers + 1]: the best way for the GPUs up to this one to hold so many layers.
    std::vector<std::vector<Fullness>> best(gpus, std::vector<Fullness>(count + 1));
    for (std::size_t end = 0; end <= count; ++end)
        best[0][end] = added({}, before[end], fixed[0], room[0]);
    for (std::size_t gpu = 1; gpu < gpus; ++gpu)
        for (std::size_t end = 0; end <= count; ++end)
            for (std::size_t first = 0; first <= end; ++first) {
                Fullness way =
                    added(best[gpu - 1][first], before[end] - before[first], fixed[gpu], room[gpu]);
                way.firstLayer = static_cast<std::uint32_t>(first);
                if (first == 0 || way < best[gpu][end])
                    best[gpu][end] = way;
            }
    std::vector<LayerShare> shares(gpus);
    auto end = static_cast<std::uint32_t>(count);
    for (std::size_t gpu = gpus; gpu-- > 0;) {
        const std::uint32_t first = best[gpu][end].firstLayer;
        shares[gpu] = {first, end - first, gpu == 0, gpu + 1 == gpus};
        end = first;
    }
    return shares;
}

ModelConfig stretchConfig(const ModelConfig& config, const LayerShare& share) {
    ModelConfig part = config;
    part.layerCount = share.layers;
    return part;
}

} // namespace engine
