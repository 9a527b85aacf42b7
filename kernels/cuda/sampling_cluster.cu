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
constexpr std::uint32_t kRounds = 12;       // exchanges of a sample
constexpr float kNoWeight = -1;             // not a candidate
constexpr float kFixedPoint = 268435456.0F; // 2^28: weights in histograms

/// Ids of a block, of the last ones fewer: whole 16 bytes of logits.
__host__ __device__ constexpr std::uint32_t idsOfBlock(std::uint32_t vocabulary) {
    return (vocabulary + kRanks * 4 - 1) / (kRanks * 4) * 4;
}

/// What one block tells the others.
struct Message {
    double sum = 0;
    std::uint32_t count = 0;
    std::uint32_t ties = 0;
    float logit = 0;
    std::int32_t token = 0;
};
/// Where a sum over bins, from the highest down, reaches what was asked for.
struct Crossing {
    std::uint64_t above = 0; // of the higher bins
    std::uint32_t bin = 0;
};
struct Shared {
    Message inbox[kRounds][kRanks]; // each is written once a sample
    double sums[kWarps];
    std::uint32_t counts[kWarps];
    std::uint32_t ties[kWarps];
    Best best[kWarps];
    // Histograms of number or weight in fixed point: low 14 bits and the rest.
    uint2 bins[2 * kLevels][kBins];
    std::uint64_t binSums[kWarps];
    Crossing crossings[2 * kLevels];
};

static_assert(sizeof(Shared) % 16 == 0); // weights lie behind it

/// Sum over the lanes up to this one.
__device__ double sumToLane(double v) {
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const double other = __shfl_up_sync(kAllLanes, v, offset);
        if (threadIdx.x % 32 >= offset)
            v += other;
    }
    return v;
}

/// Candidates heavier than a weight.
struct Tally {
    double sum = 0;
    std::uint32_t number = 0;
};

struct Sampler {
    Cluster cluster;
    Shared& shared;
    float* values; // [each]: logits, then weights, of ids [begin, begin + size)
    std::uint32_t begin;
    std::uint32_t size;
    std::uint32_t each; // the largest size of a block's
    std::uint32_t round = 0;
    std::uint32_t histogram = 0;
    const Message* tallies = nullptr; // of the blocks; of the warps: sums, counts (ties)
    float tallied = kNoWeight;        // what they are about

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
    /// What a warp tallies and walks, in the order of ids.
    struct Stretch {
        std::uint32_t begin, end;
    };
    __device__ Stretch stretchOf(std::uint32_t warp) const {
        const std::uint32_t each = (size + kThreads - 1) / kThreads * 32;
        const std::uint32_t begin = min(warp * each, size);
        return {begin, min(begin + each, size)};
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
    __device__ Tally tally(float weight);
    template<bool kByNumber>
    __device__ void addToBin(float weight, int shift);
    __device__ Crossing cross(std::uint64_t missing);
    template<bool kByNumber>
    __device__ float threshold(double target, float floor, bool begun);
    __device__ float lowestOf(float topP, double total) const;
    __device__ void weigh(const SlotState& state, float top, bool bins, double& total,
                          std::uint32_t& candidates);
    __device__ Cut cutTopK(std::uint32_t k, std::uint32_t candidates);
    __device__ double weightOf(const Cut& cut);
    __device__ Cut cutTopP(double total, float topP, const Cut& before, bool begun);
    __device__ std::int32_t draw(const Cut& cut, double share);
    __device__ std::int32_t walk(const Cut& cut, std::uint32_t ties, double left);
    __device__ std::int32_t choose(const SlotState& state, float top, std::uint32_t position);
};

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

/// Weight and number of the candidates above a weight, and in `tallies` those of every block, with
/// the number of ties. A warp counts the stretch of ids that it would draw from.
__device__ Tally Sampler::tally(float weight) {
    const std::uint32_t lane = threadIdx.x % 32;
    const Stretch own = stretchOf(threadIdx.x / 32);
    double sum = 0;
    std::uint32_t number = 0;
    std::uint32_t ties = 0;
#pragma unroll 4
    for (std::uint32_t i = own.begin + lane; i < own.end; i += 32) {
        const float w = values[i];
        sum += w > weight ? w : 0.0F;
        number += w > weight ? 1 : 0;
        ties += w == weight ? 1 : 0;
    }
    Message mine;
    mine.ties = __reduce_add_sync(kAllLanes, ties);
    if (lane == 0)
        shared.ties[threadIdx.x / 32] = mine.ties;
    blockSum(sum, number); // leaves those of the warps
    mine.sum = sum;
    mine.count = number;
    mine.ties = __reduce_add_sync(kAllLanes, shared.ties[lane]);
    tallies = exchange(mine);
    tallied = weight;
    Tally all;
    for (std::uint32_t r = 0; r < kRanks; ++r)
        all.sum += tallies[r].sum, all.number += tallies[r].count;
    return all;
}

/// Adds a candidate to the bin of its ten bits from `shift` on.
template<bool kByNumber>
__device__ void Sampler::addToBin(float weight, int shift) {
    constexpr float kFixed = kFixedPoint;
    uint2& bin = shared.bins[histogram][__float_as_uint(weight) >> shift & (kBins - 1)];
    const std::uint32_t share =
        kByNumber ? 1U : static_cast<std::uint32_t>(__float2uint_rn(weight * kFixed));
    if ((share & 16383U) != 0)
        atomicAdd(&bin.x, share & 16383U);
    if (share >> 14 != 0)
        atomicAdd(&bin.y, share >> 14);
}

/// The bin of all blocks' histogram in which the sum from the highest down reaches `missing`; the
/// blocks have met since they filled it. Sums are exact, as the numbers are integers.
__device__ Crossing Sampler::cross(std::uint64_t missing) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    std::uint64_t own = 0; // of this thread's bin
#pragma unroll
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        const uint2 bin = cluster.in(shared.bins[histogram], r)[threadIdx.x];
        own += (std::uint64_t{bin.y} << 14) + bin.x;
    }
    std::uint64_t here = own; // at or above this thread's bin
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const std::uint64_t other = __shfl_down_sync(kAllLanes, here, offset);
        here += lane + offset < 32 ? other : 0;
    }
    if (lane == 0)
        shared.binSums[warp] = here;
    __syncthreads();
    std::uint64_t higher = lane > warp ? shared.binSums[lane] : 0;
    for (int offset = 16; offset > 0; offset /= 2)
        higher += __shfl_xor_sync(kAllLanes, higher, offset);
    here += higher;
    if (here >= missing && here - own < missing)
        shared.crossings[histogram] = {here - own, threadIdx.x};
    __syncthreads();
    return shared.crossings[histogram++];
}

/// The largest weight such that it and all heavier candidates reach `target`: by their number, or
/// by their weight. Three histograms over ten bits of the weight each, in fixed point, so that the
/// order of the additions does not matter; every block adds up those of all. Weights below `floor`,
/// at least 0, are known to lie behind it. `begun`: the first histogram is filled, and the blocks
/// have met since.
template<bool kByNumber>
__device__ float Sampler::threshold(double target, float floor, bool begun) {
    std::uint32_t prefix = 0;
    std::uint64_t missing = __double2ull_ru(kByNumber ? target : target * double{kFixedPoint});
    for (int shift = 20; shift >= 0; shift -= 10) {
        if (!begun) {
            for (std::uint32_t i = threadIdx.x; i < size; i += kThreads) {
                const float weight = values[i];
                if (weight >= floor && __float_as_uint(weight) >> (shift + 10) == prefix)
                    addToBin<kByNumber>(weight, shift);
            }
            cluster.sync();
        }
        begun = false;
        const Crossing crossing = cross(missing);
        prefix = prefix << 10 | crossing.bin;
        missing -= crossing.above;
    }
    return __uint_as_float(prefix);
}

__device__ Cut Sampler::cutTopK(std::uint32_t k, std::uint32_t candidates) {
    Cut cut;
    if (k >= candidates)
        return cut;
    cut.weight = threshold<true>(k, 0, false);
    cut.ties = k - tally(cut.weight).number;
    return cut;
}

/// Weight of what cutTopK() left.
__device__ double Sampler::weightOf(const Cut& cut) {
    const bool all = cut.ties == 0xFFFFFFFFU;
    const Tally above = tally(all ? kNoWeight : cut.weight);
    return all ? above.sum : above.sum + static_cast<double>(cut.ties) * cut.weight;
}

/// A weight that the cut by `topP` cannot be below: from the cut on there are 1 - topP of the
/// weight, among no more than all candidates.
__device__ float Sampler::lowestOf(float topP, double total) const {
    return static_cast<float>(0.5 * (1.0 - topP) * total / (kRanks * static_cast<double>(each)));
}

/// The shortest prefix of the order that weighs at least `topP` of `total`, within `before`.
__device__ Cut Sampler::cutTopP(double total, float topP, const Cut& before, bool begun) {
    Cut cut;
    const double target = total * topP;
    cut.weight = threshold<false>(target, lowestOf(topP, total), begun);
    if (cut.weight < before.weight) {
        cluster.sync(); // nobody leaves while others read its histograms
        return before;
    }
    const double missing = target - tally(cut.weight).sum;
    cut.ties = cut.weight > 0 && missing > 0
                   ? static_cast<std::uint32_t>(fmin(ceil(missing / cut.weight), 4e9))
                   : 1U;
    if (cut.weight == before.weight && cut.ties > before.ties)
        cut.ties = before.ties;
    return cut;
}

/// Whether the cut leaves a candidate; `ties` counts those as heavy as the cut before the warp's
/// 32, and is moved on.
__device__ bool stays(float weight, const Cut& cut, std::uint32_t& ties) {
    const unsigned tied = __ballot_sync(kAllLanes, weight == cut.weight);
    const std::uint32_t rank = ties + __popc(tied & ((1U << threadIdx.x % 32) - 1));
    ties += __popc(tied);
    return weight > cut.weight || (weight == cut.weight && rank < cut.ties);
}

/// Walks what the cut leaves in the order of ids until `share` of its weight is behind: from block
/// to block and warp to warp by what was tallied, then through the warp's stretch. Only threads of
/// the block and warp in which that happens return the token, all others kNoSample.
__device__ std::int32_t Sampler::draw(const Cut& cut, double share) {
    if (tallied != cut.weight)
        tally(cut.weight);
    const std::uint32_t lane = threadIdx.x % 32;
    std::uint32_t ties = 0; // before the block or warp that is looked at
    const auto kept = [&](double above, std::uint32_t tied) {
        const std::uint32_t count = min(tied, cut.ties - min(ties, cut.ties));
        return above + static_cast<double>(count) * cut.weight;
    };
    double total = 0;
    std::uint32_t last = 0; // the last block that has any, should rounding leave a rest
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        const double weight = kept(tallies[r].sum, tallies[r].ties);
        total += weight;
        last = weight > 0 ? r : last;
        ties += tallies[r].ties;
    }
    double left = share * total;
    ties = 0;
    std::uint32_t block = 0;
    for (; block < last; ++block) {
        const double weight = kept(tallies[block].sum, tallies[block].ties);
        if (left < weight)
            break;
        left -= weight;
        ties += tallies[block].ties;
    }
    if (block != cluster.rank())
        return kNoSample;
    // A lane has a warp's sum.
    std::uint32_t upToTies = shared.ties[lane];
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const std::uint32_t other = __shfl_up_sync(kAllLanes, upToTies, offset);
        upToTies += lane >= offset ? other : 0;
    }
    ties += upToTies - shared.ties[lane];
    const double own = kept(shared.sums[lane], shared.ties[lane]);
    const double upTo = sumToLane(own);
    const unsigned filled = __ballot_sync(kAllLanes, own > 0);
    const unsigned crossed = __ballot_sync(kAllLanes, own > 0 && left < upTo);
    if (filled == 0)
        return kNoSample;
    const int chosen =
        crossed != 0 ? __ffs(static_cast<int>(crossed)) - 1 : 31 - __clz(static_cast<int>(filled));
    if (threadIdx.x / 32 != static_cast<std::uint32_t>(chosen))
        return kNoSample;
    left -= __shfl_sync(kAllLanes, upTo - own, chosen);
    return walk(cut, __shfl_sync(kAllLanes, ties, chosen), left);
}

/// By one warp: the candidate of its stretch behind which no more than `left` of the weight lies.
/// `ties`: those before the stretch.
__device__ std::int32_t Sampler::walk(const Cut& cut, std::uint32_t ties, double left) {
    const std::uint32_t lane = threadIdx.x % 32;
    const Stretch own = stretchOf(threadIdx.x / 32);
    std::int32_t token = kNoSample;
    for (std::uint32_t base = own.begin; base < own.end; base += 32) {
        const float weight = base + lane < own.end ? values[base + lane] : kNoWeight;
        const bool kept = stays(weight, cut, ties);
        const double upTo = sumToLane(kept ? weight : 0.0);
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

/// Logits become weights, kNoWeight what is no candidate; with `bins` the heavier ones also begin
/// the histograms of threshold(). Sums of this thread.
__device__ void Sampler::weigh(const SlotState& state, float top, bool bins, double& total,
                               std::uint32_t& candidates) {
    const float scale = 1.0F / state.temperature;
    const float lowest = bins ? lowestOf(state.topP, 1) : INFINITY; // the best weighs 1 alone
    constexpr std::uint32_t kBatch = 4;                             // reads under way at once
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
                addToBin<false>(weight, 20);
        }
    }
}

/// Temperature, filters, draw. See draw() for who returns the token.
__device__ std::int32_t Sampler::choose(const SlotState& state, float top, std::uint32_t position) {
    const bool nucleus = state.topP < 1.0F;
    const std::uint32_t topK = state.topK > 0 ? static_cast<std::uint32_t>(state.topK) : 0;
    const bool begun = nucleus && topK == 0;
    double total = 0;
    std::uint32_t candidates = 0;
    weigh(state, top, begun, total, candidates);
    if (nucleus || topK > 0)
        clusterSum(total, candidates);
    else
        __syncthreads();
    Cut cut;
    if (topK > 0)
        cut = cutTopK(topK, candidates);
    if (nucleus) {
        if (topK > 0)
            total = weightOf(cut);
        cut = cutTopP(total, state.topP, cut, begun);
    }
    if (state.minP > cut.weight) // what it leaves of those as heavy as the cut is nothing
        cut = {state.minP, 0xFFFFFFFFU};
    return draw(cut, uniform(state.seed, state.sampleNumber, position));
}

__global__ void __launch_bounds__(kThreads) clusterKernel(const __grid_constant__ Sampling task) {
    extern __shared__ __align__(16) std::byte memory[];
    auto& shared = *reinterpret_cast<Shared*>(memory);
    auto* values = reinterpret_cast<float*>(memory + sizeof(Shared));
    const Cluster cluster;
    cluster.arrive();
    for (std::uint32_t i = threadIdx.x; i < 2 * kLevels * kBins; i += kThreads)
        shared.bins[i / kBins][i % kBins] = make_uint2(0, 0);
    if (threadIdx.x < 2 * kLevels)
        shared.crossings[threadIdx.x] = {};
    waitForPrevious();
    const std::uint32_t group = blockIdx.x / kRanks;
    const SampleJob job = task.jobs[task.groups[group]];
    const SlotState state = task.slots[job.slot];
    const std::uint32_t each = idsOfBlock(task.vocabulary);
    const std::uint32_t begin = min(cluster.rank() * each, task.vocabulary);
    Sampler sampler{cluster, shared, values, begin, min(each, task.vocabulary - begin), each};
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
    if (const cudaError_t error = allowSharedBeside(clusterKernel, shared); error != cudaSuccess)
        return error;
    return launchClusters(clusterKernel, dim3(task.groupCount * kRanks), kRanks, kThreads, shared,
                          stream, true, task);
}

} // namespace kernels::cuda
