#pragma once
// What sampling by a cluster of blocks (sampling_cluster.cu) is made of: what the blocks tell each
// other, tallies of their candidates, and the weight at which a number or a share of them is
// reached.

#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/sampling.cuh"

namespace kernels::cuda::sampling {

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
    std::uint32_t lightest = 0; // bits of a weight
    std::uint32_t heaviest = 0;
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
    std::uint32_t lightest[kWarps];
    std::uint32_t heaviest[kWarps];
    Best best[kWarps];
    // Histograms of number or weight in fixed point: low 14 bits and the rest. Those of one
    // threshold, so that two blocks fit a multiprocessor.
    uint2 bins[kLevels][kBins];
    std::uint64_t binSums[kWarps];
    Crossing crossings[kLevels];
};

static_assert(sizeof(Shared) % 16 == 0); // weights lie behind it

/// Sum over the lanes up to this one.
template<typename T>
__device__ T sumToLane(T v) {
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const T other = __shfl_up_sync(kAllLanes, v, offset);
        if (threadIdx.x % 32 >= offset)
            v += other;
    }
    return v;
}

/// Candidates heavier than a range of weights, and which it has.
struct Tally {
    double sum = 0; // of the heavier ones
    std::uint32_t number = 0;
    std::uint32_t lightest = 0xFFFFFFFFU; // bits of weights of the range
    std::uint32_t heaviest = 0;
};

/// How a weight's bits are dealt out to the histograms of the levels. Weights of at least 2^-32
/// leave the last level so few bits that it mostly is not needed.
struct Bits {
    std::uint32_t first; // bits of the lightest weight
    bool fine;

    __device__ explicit Bits(float lightest) {
        constexpr std::uint32_t kFine = 0x3F800001U - (1U << 28); // up to 1: 28 bits
        fine = __float_as_uint(lightest) >= kFine;
        first = fine ? kFine : 0;
    }
    /// The bits that levels up to this one leave out.
    __device__ int below(std::uint32_t level) const {
        return static_cast<int>(2 - level) * 10 - (fine && level < 2 ? 2 : 0);
    }
    /// All bits that levels up to this one have.
    __device__ std::uint32_t prefix(float weight, std::uint32_t level) const {
        return (__float_as_uint(weight) - first) >> below(level);
    }
    /// Bins of the level.
    __device__ int width(std::uint32_t level) const {
        return level == 0 ? 10 : below(level - 1) - below(level);
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
    std::uint32_t level = 0;          // histogram that is filled or read
    const Message* tallies = nullptr; // of the blocks; of the warps: sums, counts (ties)
    float tallied = kNoWeight;        // what they are about
    Tally heavier;                    // of all blocks

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
    template<bool kRange>
    __device__ void tally(float lightest, float heaviest);
    __device__ void tallyAt(float weight) { tally<false>(weight, weight), tallied = weight; }
    __device__ void clearHistograms();
    template<bool kByNumber>
    __device__ void addToBin(float weight, std::uint32_t bin);
    template<bool kByNumber>
    __device__ void fillHistogram(const Bits& bits, float floor, std::uint32_t prefix);
    __device__ Crossing cross(std::uint64_t missing);
    template<bool kByNumber>
    __device__ float threshold(const Bits& bits, double target, float floor, bool begun);
    __device__ float lowestOf(float topP, double total) const;
    __device__ void weigh(const SlotState& state, float top, const Bits* bits, double& total,
                          std::uint32_t& candidates);
    __device__ Cut cutTopK(std::uint32_t k, std::uint32_t candidates);
    __device__ Cut cutTopP(const Bits& bits, double total, float topP, const Cut& before,
                           bool begun);
    __device__ std::int32_t draw(const Cut& cut, double share);
    __device__ std::int32_t walk(const Cut& cut, std::uint32_t ties, double left);
    __device__ std::int32_t choose(const SlotState& state, float top, std::uint32_t position);
};

/// Weight and number of the candidates above a range of weights, and in `tallies` those of every
/// block, with the number of candidates within (ties, if the range is one weight). A warp counts
/// the stretch of ids that it would draw from.
template<bool kRange>
__device__ void Sampler::tally(float lightest, float heaviest) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const Stretch own = stretchOf(warp);
    double sum = 0;
    std::uint32_t number = 0;
    Message mine;
    mine.lightest = 0xFFFFFFFFU;
#pragma unroll 4
    for (std::uint32_t i = own.begin + lane; i < own.end; i += 32) {
        const float w = values[i];
        const bool within = kRange ? w >= lightest && w <= heaviest : w == heaviest;
        sum += w > heaviest ? w : 0.0F;
        number += w > heaviest ? 1 : 0;
        mine.ties += within ? 1 : 0;
        if (kRange && within) {
            mine.lightest = min(mine.lightest, __float_as_uint(w));
            mine.heaviest = max(mine.heaviest, __float_as_uint(w));
        }
    }
    mine.ties = __reduce_add_sync(kAllLanes, mine.ties);
    if constexpr (kRange) {
        mine.lightest = __reduce_min_sync(kAllLanes, mine.lightest);
        mine.heaviest = __reduce_max_sync(kAllLanes, mine.heaviest);
    }
    if (lane == 0) {
        shared.ties[warp] = mine.ties;
        if constexpr (kRange)
            shared.lightest[warp] = mine.lightest, shared.heaviest[warp] = mine.heaviest;
    }
    blockSum(sum, number); // leaves those of the warps
    mine.sum = sum;
    mine.count = number;
    mine.ties = __reduce_add_sync(kAllLanes, shared.ties[lane]);
    if constexpr (kRange) {
        mine.lightest = __reduce_min_sync(kAllLanes, shared.lightest[lane]);
        mine.heaviest = __reduce_max_sync(kAllLanes, shared.heaviest[lane]);
    }
    tallies = exchange(mine);
    heavier = {};
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        heavier.sum += tallies[r].sum, heavier.number += tallies[r].count;
        heavier.lightest = min(heavier.lightest, tallies[r].lightest);
        heavier.heaviest = max(heavier.heaviest, tallies[r].heaviest);
    }
}

/// Before a threshold. Nobody may still read those of the last one; the block meets before it adds.
__device__ inline void Sampler::clearHistograms() {
    for (std::uint32_t i = threadIdx.x; i < kLevels * kBins; i += kThreads)
        shared.bins[i / kBins][i % kBins] = make_uint2(0, 0);
    if (threadIdx.x < kLevels)
        shared.crossings[threadIdx.x] = {};
    level = 0;
}

template<bool kByNumber>
__device__ void Sampler::addToBin(float weight, std::uint32_t bin) {
    constexpr float kFixed = kFixedPoint;
    uint2& to = shared.bins[level][bin];
    const std::uint32_t share =
        kByNumber ? 1U : static_cast<std::uint32_t>(__float2uint_rn(weight * kFixed));
    if ((share & 16383U) != 0)
        atomicAdd(&to.x, share & 16383U);
    if (share >> 14 != 0)
        atomicAdd(&to.y, share >> 14);
}

/// The level's histogram of the candidates of a bin of the level before.
template<bool kByNumber>
__device__ void Sampler::fillHistogram(const Bits& bits, float floor, std::uint32_t prefix) {
    const int width = bits.width(level);
    for (std::uint32_t i = threadIdx.x; i < size; i += kThreads) {
        const float weight = values[i];
        const std::uint32_t own = bits.prefix(weight, level);
        if (weight >= floor && own >> width == prefix)
            addToBin<kByNumber>(weight, own - (prefix << width));
    }
    cluster.sync();
}

/// The bin of all blocks' histogram in which the sum from the highest down reaches `missing`; the
/// blocks have met since they filled it. Sums are exact, as the numbers are integers.
__device__ inline Crossing Sampler::cross(std::uint64_t missing) {
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    std::uint64_t own = 0; // of this thread's bin
#pragma unroll
    for (std::uint32_t r = 0; r < kRanks; ++r) {
        const uint2 bin = cluster.in(shared.bins[level], r)[threadIdx.x];
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
        shared.crossings[level] = {here - own, threadIdx.x};
    __syncthreads();
    return shared.crossings[level++];
}

/// The largest weight such that it and all heavier candidates reach `target`: by their number, or
/// by their weight; leaves the tally at it. Histograms over up to ten bits of the weight each, in
/// fixed point, so that the order of the additions does not matter; every block adds up those of
/// all. Two of them mostly leave one weight, which the tally finds, else a third does. Weights
/// below `floor`, at least 0, are known to lie behind it. `begun`: the first histogram is filled,
/// and the blocks have met since.
template<bool kByNumber>
__device__ float Sampler::threshold(const Bits& bits, double target, float floor, bool begun) {
    std::uint32_t prefix = 0;
    std::uint64_t missing = __double2ull_ru(kByNumber ? target : target * double{kFixedPoint});
#pragma unroll 1
    for (;;) {
        if (!begun)
            fillHistogram<kByNumber>(bits, floor, prefix);
        begun = false;
        const std::uint32_t at = level;
        const Crossing crossing = cross(missing);
        prefix = (prefix << bits.width(at)) + crossing.bin;
        missing -= crossing.above;
        const std::uint32_t lightest = bits.first + (prefix << bits.below(at));
        if (at == 2) {
            tallyAt(__uint_as_float(lightest));
            return tallied;
        }
        if (at == 1) {
            const std::uint32_t heaviest = lightest + (1U << bits.below(at)) - 1;
            tally<true>(__uint_as_float(lightest), __uint_as_float(heaviest));
            if (heavier.lightest == heavier.heaviest) {
                tallied = __uint_as_float(heavier.heaviest);
                return tallied;
            }
        }
    }
}

} // namespace kernels::cuda::sampling
