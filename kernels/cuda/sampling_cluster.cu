// Sampling by a cluster of 8 blocks a row (sm_90): the vocabulary lies in their shared memory, and
// every pass over it takes an eighth of the time of one block.
//
// The steps and definitions are those of sampling.cu; where that one gathers candidates, here every
// block keeps the weights of its stretch of ids. Blocks publish their sums into each other's shared
// memory and add them in the order of ranks, so that the same logits give the same token.
// A cut is tallied by warp, in the order of ids, once: the draw goes from block to warp by that.
// Shapes: logits fp32 [rows][vocabulary]. Precondition: one job a group.
// History: sampling.cu, one block, 209 us on 151,936 flat logits; passes of their own for what the
// tally says, 42 us.
#include "kernels/cuda/sampling_cluster.cuh"

namespace kernels::cuda {

using namespace sampling;

namespace {

/// What the cut leaves of a stretch of ids: its candidates above the cut weigh `above`, `tied` are
/// as heavy as the cut, behind `ties` others of those.
__device__ double keptOf(const Cut& cut, double above, std::uint32_t tied, std::uint32_t ties) {
    const std::uint32_t count = min(tied, cut.ties - min(ties, cut.ties));
    return above + static_cast<double>(count) * cut.weight;
}

/// The lane with whose own weight, in the order of lanes, more than `left` is reached, should
/// rounding leave a rest the last that has any; -1: none has. `left` becomes what is left there.
__device__ int crossingLane(double own, double& left) {
    const double upTo = sumToLane(own);
    const unsigned filled = __ballot_sync(kAllLanes, own > 0);
    const unsigned crossed = __ballot_sync(kAllLanes, own > 0 && left < upTo);
    const int lane =
        crossed != 0 ? __ffs(static_cast<int>(crossed)) - 1 : 31 - __clz(static_cast<int>(filled));
    left -= __shfl_sync(kAllLanes, upTo - own, max(lane, 0));
    return lane;
}

} // namespace

/// Logits of the block's stretch with bias, penalties and mask.
__device__ void Sampler::load(const Sampling& task, const SlotState& state, std::uint32_t slot,
                              const float* logits) {
    // All of them under way at once; plain loads would wait for each other behind the stores.
    const float* from = logits + begin;
    const std::uint32_t whole = reinterpret_cast<std::uintptr_t>(from) % 16 == 0 ? size / 4 : 0;
    for (std::uint32_t i = threadIdx.x; i < whole; i += kThreads)
        copyAsync16(sharedAddress(values + i * 4), from + i * 4, 16);
    for (std::uint32_t i = whole * 4 + threadIdx.x; i < size; i += kThreads)
        copyAsyncSmall<4>(sharedAddress(values + i), from + i, 4);
    commitAsync();
    waitAsync<0>();
    __syncthreads();
    if (state.biasCount > 0 && threadIdx.x == 0) {
        // In order: a token may be named twice.
        const TokenBias* biases = task.biases + std::size_t{slot} * kMostBiases;
        for (std::uint32_t i = 0; i < state.biasCount; ++i) {
            const std::uint32_t at = static_cast<std::uint32_t>(biases[i].token) - begin;
            if (biases[i].token >= 0 && at < size)
                values[at] += biases[i].bias;
        }
    }
    if (state.biasCount > 0)
        __syncthreads();
    const std::uint32_t* counts = task.counts + std::size_t{slot} * task.vocabulary + begin;
    const std::uint32_t* mask = task.masks + std::size_t{slot} * ((task.vocabulary + 31) / 32);
    if (state.penalizes != 0 || state.masked != 0)
        for (std::uint32_t i = threadIdx.x; i < size; i += kThreads) {
            float logit = values[i];
            if (state.penalizes != 0)
                logit = penalized(state, logit, counts[i]);
            const std::uint32_t id = begin + i;
            if (state.masked != 0 && (mask[id / 32] >> (id % 32) & 1U) == 0)
                logit = -INFINITY;
            values[i] = logit;
        }
    __syncthreads();
}

__device__ Best Sampler::argmax() {
    Best best;
    for (std::uint32_t i = threadIdx.x; i < size; i += kThreads)
        if (values[i] > best.logit)
            best.logit = values[i], best.token = static_cast<std::int32_t>(begin + i);
    const auto meet = [&] {
        for (int offset = 16; offset > 0; offset /= 2) {
            const float logit = __shfl_xor_sync(kAllLanes, best.logit, offset);
            best.take(logit, __shfl_xor_sync(kAllLanes, best.token, offset));
        }
    };
    meet();
    if (threadIdx.x % 32 == 0)
        shared.best[threadIdx.x / 32] = best;
    __syncthreads();
    best = shared.best[threadIdx.x % 32];
    meet();
    Message mine;
    mine.logit = best.logit;
    mine.token = best.token;
    const Message* all = exchange(mine);
    best = {};
    for (std::uint32_t r = 0; r < kRanks; ++r)
        best.take(all[r].logit, all[r].token);
    return best;
}

__device__ Cut Sampler::cutTopK(std::uint32_t k, std::uint32_t candidates) {
    Cut cut;
    if (k >= candidates)
        return cut;
    cut.weight = threshold<true>(Bits(0), k, 0, false);
    cut.ties = k - heavier.number;
    return cut;
}

/// A weight that the cut by `topP` cannot be below: from the cut on there are 1 - topP of the
/// weight, among no more than all candidates.
__device__ float Sampler::lowestOf(float topP, double total) const {
    return static_cast<float>(0.5 * (1.0 - topP) * total / (kRanks * static_cast<double>(each)));
}

/// The shortest prefix of the order that weighs at least `topP` of `total`, within `before`.
__device__ Cut Sampler::cutTopP(const Bits& bits, double total, float topP, const Cut& before,
                                bool begun) {
    Cut cut;
    const double target = total * topP;
    cut.weight = threshold<false>(bits, target, lowestOf(topP, total), begun);
    if (cut.weight < before.weight)
        return before;
    const double missing = target - heavier.sum;
    cut.ties = cut.weight > 0 && missing > 0
                   ? static_cast<std::uint32_t>(fmin(ceil(missing / cut.weight), 4e9))
                   : 1U;
    if (cut.weight == before.weight && cut.ties > before.ties)
        cut.ties = before.ties;
    return cut;
}

/// Walks what the cut leaves in the order of ids until `share` of its weight is behind: from block
/// to block and warp to warp by what was tallied, then through the warp's stretch. Only threads of
/// the block and warp in which that happens return the token, all others kNoSample.
__device__ std::int32_t Sampler::draw(const Cut& cut, double share) {
    if (tallied != cut.weight)
        tallyAt(cut.weight);
    const std::uint32_t lane = threadIdx.x % 32;
    std::uint32_t ties = 0; // before the block
    double total = 0;
    std::uint32_t last = 0; // the last block that has any, should rounding leave a rest
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        const double weight = keptOf(cut, tallies[r].sum, tallies[r].ties, ties);
        total += weight;
        last = weight > 0 ? r : last;
        ties += tallies[r].ties;
    }
    double left = share * total;
    ties = 0;
    std::uint32_t block = 0;
    for (; block < last; ++block) {
        const double weight = keptOf(cut, tallies[block].sum, tallies[block].ties, ties);
        if (left < weight)
            break;
        left -= weight;
        ties += tallies[block].ties;
    }
    if (block != cluster.rank())
        return kNoSample;
    // A lane has a warp's sum.
    ties += sumToLane(shared.ties[lane]) - shared.ties[lane];
    const int chosen = crossingLane(keptOf(cut, shared.sums[lane], shared.ties[lane], ties), left);
    if (static_cast<int>(threadIdx.x / 32) != chosen)
        return kNoSample;
    return walk(cut, __shfl_sync(kAllLanes, ties, chosen), left);
}

/// By one warp: the candidate of its stretch behind which no more than `left` of the weight lies.
/// `ties`: those before the stretch. Every lane has a part of it, in the order of ids.
__device__ std::int32_t Sampler::walk(const Cut& cut, std::uint32_t ties, double left) {
    const std::uint32_t lane = threadIdx.x % 32;
    const Stretch all = stretchOf(threadIdx.x / 32);
    const std::uint32_t count = (all.end - all.begin + 31) / 32;
    const std::uint32_t first = all.begin + lane * count;
    double above = 0;
    std::uint32_t tied = 0;
    std::uint32_t in = lane % max(count, 1U); // so that lanes read from banks of their own
    for (std::uint32_t i = 0; i < count; ++i, in = in + 1 == count ? 0 : in + 1) {
        const float weight = first + in < all.end ? values[first + in] : kNoWeight;
        above += weight > cut.weight ? weight : 0.0F;
        tied += weight == cut.weight ? 1 : 0;
    }
    ties += sumToLane(tied) - tied;
    const int chosen = crossingLane(keptOf(cut, above, tied, ties), left);
    std::int32_t token = kNoSample; // the crossing, or so far the last one left
    if (static_cast<int>(lane) == chosen)
        for (std::uint32_t at = first; at < min(first + count, all.end); ++at) {
            const float weight = values[at];
            if (weight <= 0 || weight < cut.weight || (weight == cut.weight && ties++ >= cut.ties))
                continue;
            token = static_cast<std::int32_t>(begin + at);
            if (left < weight)
                break;
            left -= weight;
        }
    return __shfl_sync(kAllLanes, token, max(chosen, 0));
}

/// Logits become weights, kNoWeight what is no candidate; with `bins` the heavier ones also begin
/// the histograms of threshold(). Sums of this thread.
__device__ void Sampler::weigh(const SlotState& state, float top, const Bits* bits, double& total,
                               std::uint32_t& candidates) {
    const float scale = 1.0F / state.temperature;
    const float lowest = bits != nullptr ? lowestOf(state.topP, 1) : INFINITY;
    constexpr std::uint32_t kBatch = 4; // reads under way at once
    for (std::uint32_t first = threadIdx.x; first < size; first += kBatch * kThreads) {
        float x[kBatch];
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t at = first + i * kThreads;
            x[i] = at < size ? (values[at] - top) * scale : -INFINITY;
        }
#pragma unroll
        for (std::uint32_t i = 0; i < kBatch; ++i) {
            const std::uint32_t at = first + i * kThreads;
            const bool candidate = x[i] > -INFINITY; // a NaN is none
            const float weight = candidate ? expf(x[i]) : kNoWeight;
            if (at < size)
                values[at] = weight;
            if (candidate) {
                ++candidates;
                total += x[i] > -40.0F ? weight : 0.0F;
            }
            if (weight >= lowest)
                addToBin<false>(weight, bits->prefix(weight, 0));
        }
    }
}

/// Temperature, filters, draw. See draw() for who returns the token.
__device__ std::int32_t Sampler::choose(const SlotState& state, float top, std::uint32_t position) {
    const bool nucleus = state.topP < 1.0F;
    const std::uint32_t topK = state.topK > 0 ? static_cast<std::uint32_t>(state.topK) : 0;
    const bool begun = nucleus && topK == 0;
    const Bits bits(lowestOf(state.topP, 1)); // the best weighs 1 alone
    double total = 0;
    std::uint32_t candidates = 0;
    weigh(state, top, begun ? &bits : nullptr, total, candidates);
    if (nucleus || topK > 0)
        clusterSum(total, candidates);
    else
        __syncthreads();
    Cut cut;
    if (topK > 0)
        cut = cutTopK(topK, candidates);
    if (nucleus) {
        if (topK > 0) {
            clearHistograms(); // cutTopK() ended with an exchange
            __syncthreads();
            if (topK < candidates)
                total = heavier.sum + static_cast<double>(cut.ties) * cut.weight;
        }
        cut = cutTopP(bits, total, state.topP, cut, begun);
    }
    if (state.minP > cut.weight) // what it leaves of those as heavy as the cut is nothing
        cut = {state.minP, 0xFFFFFFFFU};
    return draw(cut, uniform(state.seed, state.sampleNumber, position));
}

namespace {

/// kResident: blocks a multiprocessor; one has more registers, two sample twice as many rows at
/// once.
template<int kResident>
__global__ void __launch_bounds__(kThreads, kResident)
    clusterKernel(const __grid_constant__ Sampling task) {
    extern __shared__ __align__(16) std::byte memory[];
    auto& shared = *reinterpret_cast<Shared*>(memory);
    auto* values = reinterpret_cast<float*>(memory + sizeof(Shared));
    const Cluster cluster;
    cluster.arrive();
    const std::uint32_t each = idsOfBlock(task.vocabulary);
    const std::uint32_t begin = min(cluster.rank() * each, task.vocabulary);
    Sampler sampler{cluster, shared, values, begin, min(each, task.vocabulary - begin), each};
    sampler.clearHistograms();
    waitForPrevious();
    const std::uint32_t group = blockIdx.x / kRanks;
    const SampleJob job = task.jobs[task.groups[group]];
    const SlotState state = task.slots[job.slot];
    sampler.load(task, state, job.slot, task.logits + std::size_t{job.logitsRow} * task.vocabulary);
    cluster.wait(); // nobody writes to a block that has not started
    const Best best = sampler.argmax();
    std::int32_t token = cluster.rank() == 0 && threadIdx.x < 32 ? best.token : kNoSample;
    bool decides = cluster.rank() == 0 && threadIdx.x == 0;
    if (best.token != kNoSample && state.temperature >= kGreedyTemperature && !isinf(best.logit)) {
        token = sampler.choose(state, best.logit, job.position);
        decides = token != kNoSample && threadIdx.x % 32 == 0;
    }
    if (decides) {
        if (token != kNoSample && state.penalizes != 0)
            ++task.counts[std::size_t{job.slot} * task.vocabulary + token];
        task.lastTokens[job.slot] = token;
        task.tokens[job.result] = token;
    }
    // Nobody leaves while others read its memory: an exchange is behind the last of that.
}

std::size_t sharedBytes(const Sampling& task) {
    return sizeof(Shared) + std::size_t{idsOfBlock(task.vocabulary)} * sizeof(float);
}

} // namespace

bool sampleClusterTakes(const Sampling& task, const DeviceLimits& limits) {
    return limits.hopper && task.oneJobEach && sharedBytes(task) <= limits.sharedBytes;
}

cudaError_t sampleCluster(const Sampling& task, cudaStream_t stream) {
    const std::size_t shared = sharedBytes(task);
    const auto launch = [&](auto kernel) {
        const cudaError_t error = allowSharedBeside(kernel, shared);
        return error != cudaSuccess ? error
                                    : launchClusters(kernel, dim3(task.groupCount * kRanks), kRanks,
                                                     kThreads, shared, stream, true, task);
    };
    // Clusters with a block a multiprocessor: two in each of at least seven groups of them (GPCs).
    constexpr std::uint32_t kAtOnce = 14;
    return task.groupCount <= kAtOnce ? launch(clusterKernel<1>) : launch(clusterKernel<2>);
}

} // namespace kernels::cuda
