// Sampling by a cluster of 8 blocks a row (sm_90): the vocabulary lies in their shared memory, and
// every pass over it takes an eighth of the time of one block.
//
// The steps and definitions are those of sampling.cu; where that one gathers candidates, here every
// block keeps the weights of its stretch of ids. Blocks publish their sums into each other's shared
// memory and add them in the order of ranks, so that the same logits give the same token.
// Shapes: logits fp32 [rows][vocabulary]. Precondition: one job a group.
// History: sampling.cu, one block, 209 us on 151,936 flat logits.
#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/sampling.cuh"

namespace kernels::cuda {

namespace {

constexpr std::uint32_t kRanks = 8;
constexpr std::uint32_t kThreads = 1024;
constexpr std::uint32_t kWarps = kThreads / 32;
constexpr std::uint32_t kBins = 1024; // ten bits of a weight
constexpr std::uint32_t kLevels = 3;
constexpr std::uint32_t kRounds = 12; // exchanges of a sample
constexpr float kNoWeight = -1;       // not a candidate

/// What one block tells the others.
struct Message {
    double sum = 0;
    std::uint32_t count = 0;
    float logit = 0;
    std::int32_t token = 0;
};
struct Shared {
    Message inbox[kRounds][kRanks]; // each is written once a sample
    double sums[kWarps];
    std::uint32_t counts[kWarps];
    Best best[kWarps];
    // Histograms of number or weight in fixed point; low 14 bits and the rest apart.
    std::uint32_t high[kLevels][kBins];
    std::uint32_t low[kLevels][kBins];
    double crossingSum;
    std::uint32_t crossingBin;

    /// Before a threshold. Nobody may still read those of the last one.
    __device__ void clearHistograms() {
        for (std::uint32_t i = threadIdx.x; i < kLevels * kBins; i += kThreads)
            high[i / kBins][i % kBins] = low[i / kBins][i % kBins] = 0;
    }
};

struct Sampler {
    Cluster cluster;
    Shared& shared;
    float* values; // [each]: logits, then weights, of ids [begin, begin + size)
    std::uint32_t begin;
    std::uint32_t size;
    std::uint32_t each; // the largest size of a block's
    std::uint32_t round = 0;

    /// Gives `mine` of thread 0 to all blocks and waits for theirs.
    __device__ const Message* exchange(const Message& mine) {
        if (threadIdx.x < kRanks) {
            // All lanes of the first warp hold the same message.
            Shared* other = cluster.in(&shared, threadIdx.x);
            other->inbox[round][cluster.rank()] = mine;
        }
        cluster.sync();
        return shared.inbox[round++];
    }
    /// Sum and count over the block in every thread of the first warp.
    __device__ void blockSum(double& sum, std::uint32_t& count) {
        sum = warpSumDouble(sum);
        count = __reduce_add_sync(kAllLanes, count);
        __syncthreads();
        if (threadIdx.x % 32 == 0)
            shared.sums[threadIdx.x / 32] = sum, shared.counts[threadIdx.x / 32] = count;
        __syncthreads();
        sum = warpSumDouble(shared.sums[threadIdx.x % 32]);
        count = __reduce_add_sync(kAllLanes, shared.counts[threadIdx.x % 32]);
    }
    /// Sum and count over the cluster in every thread.
    __device__ void clusterSum(double& sum, std::uint32_t& count) {
        blockSum(sum, count);
        Message mine;
        mine.sum = sum;
        mine.count = count;
        const Message* all = exchange(mine);
        sum = 0;
        count = 0;
        for (std::uint32_t r = 0; r < kRanks; ++r)
            sum += all[r].sum, count += all[r].count;
    }
    __device__ void load(const Sampling& task, const SlotState& state, std::uint32_t slot,
                         const float* logits);
    __device__ Best argmax();
    __device__ void countAbove(float weight, bool strictly, double& sum, std::uint32_t& number);
    template<bool kByNumber>
    __device__ float threshold(double target, float floor);
    __device__ Cut cutTopK(std::uint32_t k, std::uint32_t candidates);
    __device__ double weightOf(const Cut& cut);
    __device__ Cut cutTopP(double total, float topP, const Cut& before);
    __device__ std::int32_t draw(const Cut& cut, float minP, double share);
    __device__ std::int32_t choose(const SlotState& state, float top, std::uint32_t position);
};

/// Logits of the block's stretch with bias, penalties and mask.
__device__ void Sampler::load(const Sampling& task, const SlotState& state, std::uint32_t slot,
                              const float* logits) {
    // All of them under way at once; plain loads would wait for each other behind the stores.
    for (std::uint32_t i = threadIdx.x; i < size; i += kThreads)
        copyAsyncSmall<4>(sharedAddress(values + i), logits + begin + i, 4);
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

/// Weight and number of the candidates at or above (or only above) a weight.
__device__ void Sampler::countAbove(float weight, bool strictly, double& sum,
                                    std::uint32_t& number) {
    sum = 0;
    number = 0;
    for (std::uint32_t i = threadIdx.x; i < size; i += kThreads) {
        const float w = values[i];
        if (w >= 0 && (strictly ? w > weight : w >= weight))
            sum += w, ++number;
    }
    clusterSum(sum, number);
}

/// The largest weight such that it and all heavier candidates reach `target`: by their number, or
/// by their weight. Three histograms over ten bits of the weight each, in fixed point, so that the
/// order of the additions does not matter; every block adds up those of all. Weights below `floor`,
/// at least 0, are known to lie behind it.
template<bool kByNumber>
__device__ float Sampler::threshold(double target, float floor) {
    constexpr float kFixed = 268435456.0F; // 2^28
    std::uint32_t prefix = 0;
    double missing = kByNumber ? target : target * static_cast<double>(kFixed);
    for (std::uint32_t level = 0; level < kLevels; ++level) {
        const int shift = 20 - 10 * static_cast<int>(level);
        std::uint32_t* high = shared.high[level];
        std::uint32_t* low = shared.low[level];
        for (std::uint32_t i = threadIdx.x; i < size; i += kThreads) {
            const float weight = values[i];
            const std::uint32_t bits = __float_as_uint(weight);
            if (weight < floor || bits >> (shift + 10) != prefix)
                continue;
            const std::uint32_t bin = bits >> shift & (kBins - 1);
            const std::uint32_t share =
                kByNumber ? 1U : static_cast<std::uint32_t>(__float2uint_rn(weight * kFixed));
            if ((share & 16383U) != 0)
                atomicAdd(&low[bin], share & 16383U);
            if (share >> 14 != 0)
                atomicAdd(&high[bin], share >> 14);
        }
        if (threadIdx.x == 0)
            shared.crossingBin = 0, shared.crossingSum = 0;
        cluster.sync();
        double own = 0;
        for (std::uint32_t r = 0; r < kRanks; ++r) {
            own += static_cast<double>(cluster.in(high, r)[threadIdx.x]) * 16384.0 +
                   static_cast<double>(cluster.in(low, r)[threadIdx.x]);
        }
        // What lies at or above this thread's bin; exact, as the numbers are integers.
        const std::uint32_t lane = threadIdx.x % 32;
        double here = own;
        for (int offset = 1; offset < 32; offset *= 2) {
            const double other = __shfl_down_sync(kAllLanes, here, offset);
            if (lane + offset < 32)
                here += other;
        }
        if (lane == 0)
            shared.sums[threadIdx.x / 32] = here;
        __syncthreads();
        for (std::uint32_t w = threadIdx.x / 32 + 1; w < kWarps; ++w)
            here += shared.sums[w];
        if (here >= missing && here - own < missing)
            shared.crossingBin = threadIdx.x, shared.crossingSum = here - own;
        __syncthreads();
        prefix = prefix << 10 | shared.crossingBin;
        missing -= shared.crossingSum;
        __syncthreads();
    }
    return __uint_as_float(prefix);
}

__device__ Cut Sampler::cutTopK(std::uint32_t k, std::uint32_t candidates) {
    Cut cut;
    if (k >= candidates)
        return cut;
    cut.weight = threshold<true>(k, 0);
    double sum = 0;
    std::uint32_t heavier = 0;
    countAbove(cut.weight, true, sum, heavier);
    cut.ties = k - heavier;
    return cut;
}

__device__ double Sampler::weightOf(const Cut& cut) {
    double sum = 0;
    std::uint32_t number = 0;
    const bool all = cut.ties == 0xFFFFFFFFU;
    countAbove(cut.weight, !all, sum, number);
    return all ? sum : sum + static_cast<double>(cut.ties) * cut.weight;
}

/// The shortest prefix of the order that weighs at least `topP` of `total`, within `before`.
__device__ Cut Sampler::cutTopP(double total, float topP, const Cut& before) {
    Cut cut;
    const double target = total * topP;
    // From the cut on there are 1 - topP of the weight, among no more than all candidates.
    const double floor = 0.5 * (1.0 - topP) * total / (kRanks * static_cast<double>(each));
    cut.weight = threshold<false>(target, static_cast<float>(floor));
    if (cut.weight < before.weight)
        return before;
    double heavier = 0;
    std::uint32_t number = 0;
    countAbove(cut.weight, true, heavier, number);
    const double missing = target - heavier;
    cut.ties = cut.weight > 0 && missing > 0
                   ? static_cast<std::uint32_t>(fmin(ceil(missing / cut.weight), 4e9))
                   : 1U;
    if (cut.weight == before.weight && cut.ties > before.ties)
        cut.ties = before.ties;
    return cut;
}

/// Whether the cut and min-p leave a candidate; `ties` counts those as heavy as the cut before the
/// warp's 32, and is moved on.
__device__ bool stays(float weight, const Cut& cut, float minP, std::uint32_t& ties) {
    const unsigned tied = __ballot_sync(kAllLanes, weight == cut.weight);
    const std::uint32_t rank = ties + __popc(tied & ((1U << threadIdx.x % 32) - 1));
    ties += __popc(tied);
    return weight >= minP && weight >= 0 &&
           (weight > cut.weight || (weight == cut.weight && rank < cut.ties));
}

/// Walks what the cut and min-p leave in the order of ids until `share` of its weight is behind.
/// Only threads of the block and warp in which that happens return the token, all others kNoSample.
__device__ std::int32_t Sampler::draw(const Cut& cut, float minP, double share) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t rank = cluster.rank();
    const std::uint32_t each = (size + kThreads - 1) / kThreads * 32;
    const std::uint32_t from = min(warp * each, size);
    const std::uint32_t to = min(from + each, size);
    const auto at = [&](std::uint32_t base) {
        return base + lane < to ? values[base + lane] : kNoWeight;
    };
    // Ties before this warp: of lower ranks and of its own block's lower warps.
    std::uint32_t tiesBefore = 0;
    if (cut.ties != 0xFFFFFFFFU) {
        std::uint32_t ties = 0;
        for (std::uint32_t base = from; base < to; base += 32)
            ties += __popc(__ballot_sync(kAllLanes, at(base) == cut.weight));
        double none = 0;
        std::uint32_t blockTies = lane == 0 ? ties : 0;
        blockSum(none, blockTies);
        for (std::uint32_t w = 0; w < warp; ++w)
            tiesBefore += shared.counts[w];
        Message mine;
        mine.count = blockTies;
        const Message* all = exchange(mine);
        for (std::uint32_t r = 0; r < rank; ++r)
            tiesBefore += all[r].count;
    }
    std::uint32_t ties = tiesBefore;
    double sum = 0;
    for (std::uint32_t base = from; base < to; base += 32) {
        const float weight = at(base);
        sum += stays(weight, cut, minP, ties) ? weight : 0.0F;
    }
    std::uint32_t ignored = 0;
    double blockTotal = sum;
    blockSum(blockTotal, ignored); // leaves the warps' sums in shared.sums
    Message mine;
    mine.sum = blockTotal;
    const Message* all = exchange(mine);
    double total = 0;
    std::uint32_t last = 0; // the last block that has any, should rounding leave a rest
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        total += all[r].sum;
        last = all[r].sum > 0 ? r : last;
    }
    double left = share * total;
    std::uint32_t block = 0;
    while (block < last && left >= all[block].sum)
        left -= all[block++].sum;
    if (block != rank)
        return kNoSample;
    last = 0;
    for (std::uint32_t w = 0; w < kWarps; ++w)
        last = shared.sums[w] > 0 ? w : last;
    std::uint32_t chosen = 0;
    while (chosen < last && left >= shared.sums[chosen])
        left -= shared.sums[chosen++];
    if (warp != chosen)
        return kNoSample;
    std::int32_t token = kNoSample;
    ties = tiesBefore;
    for (std::uint32_t base = from; base < to; base += 32) {
        const float weight = at(base);
        const bool kept = stays(weight, cut, minP, ties);
        double upTo = kept ? weight : 0.0;
        for (int offset = 1; offset < 32; offset *= 2) {
            const double other = __shfl_up_sync(kAllLanes, upTo, offset);
            if (lane >= static_cast<std::uint32_t>(offset))
                upTo += other;
        }
        const unsigned any = __ballot_sync(kAllLanes, kept);
        const unsigned behind = __ballot_sync(kAllLanes, kept && left < upTo);
        if (any != 0) // the crossing, or so far the last one left
            token = static_cast<std::int32_t>(begin + base) +
                    (behind != 0 ? __ffs(static_cast<int>(behind)) - 1
                                 : 31 - __clz(static_cast<int>(any)));
        if (behind != 0)
            break;
        left -= __shfl_sync(kAllLanes, upTo, 31);
    }
    return token;
}

/// Temperature, filters, draw. See draw() for who returns the token.
__device__ std::int32_t Sampler::choose(const SlotState& state, float top, std::uint32_t position) {
    const float scale = 1.0F / state.temperature;
    double total = 0;
    std::uint32_t candidates = 0;
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
        }
    }
    const bool nucleus = state.topP < 1.0F;
    const std::uint32_t topK = state.topK > 0 ? static_cast<std::uint32_t>(state.topK) : 0;
    if (nucleus || topK > 0)
        clusterSum(total, candidates);
    else
        __syncthreads();
    Cut cut;
    if (topK > 0)
        cut = cutTopK(topK, candidates);
    if (nucleus) {
        if (topK > 0) {
            shared.clearHistograms(); // cutTopK() ended with an exchange
            total = weightOf(cut);    // and this has barriers
        }
        cut = cutTopP(total, state.topP, cut);
    }
    return draw(cut, state.minP, uniform(state.seed, state.sampleNumber, position));
}

/// kResident: blocks a multiprocessor; one has more registers, two sample twice as many rows at
/// once.
template<int kResident>
__global__ void __launch_bounds__(kThreads, kResident)
    clusterKernel(const __grid_constant__ Sampling task) {
    extern __shared__ __align__(16) std::byte memory[];
    auto& shared = *reinterpret_cast<Shared*>(memory);
    auto* values = reinterpret_cast<float*>(memory + sizeof(Shared));
    shared.clearHistograms();
    waitForPrevious();
    const std::uint32_t group = blockIdx.x / kRanks;
    const SampleJob job = task.jobs[task.groups[group]];
    const SlotState state = task.slots[job.slot];
    const std::uint32_t each = (task.vocabulary + kRanks - 1) / kRanks;
    const Cluster cluster;
    const std::uint32_t begin = min(cluster.rank() * each, task.vocabulary);
    Sampler sampler{cluster, shared, values, begin, min(each, task.vocabulary - begin), each};
    sampler.load(task, state, job.slot, task.logits + std::size_t{job.logitsRow} * task.vocabulary);
    cluster.sync(); // nobody writes to a block that has not started
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
    cluster.sync(); // nobody leaves while others read its memory
}

std::size_t sharedBytes(const Sampling& task) {
    return sizeof(Shared) + (std::size_t{task.vocabulary} + kRanks - 1) / kRanks * sizeof(float);
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
    constexpr std::uint32_t kAtOnce = 16; // clusters, with a block a multiprocessor
    return task.groupCount <= kAtOnce ? launch(clusterKernel<1>) : launch(clusterKernel<2>);
}

} // namespace kernels::cuda
