#pragma once
// What sampling by a cluster of blocks (sampling_cluster.cu) is made of: what the blocks tell each
// other, tallies of their candidates, and the weight at which a number or a share of them is
// reached.

#include "kernels/cuda/cluster.cuh"
#include "kernels/cuda/sampling_weights.cuh"

namespace kernels::cuda::sampling {

constexpr std::uint32_t kThreads = 512;
constexpr std::uint32_t kWarps = kThreads / 32;
constexpr std::uint32_t kRounds = 6; // tallies of a sample: of all, two of each filter, the draw's

/// Ids of a block, of the last ones fewer: whole 16 bytes of logits.
__host__ __device__ constexpr std::uint32_t idsOfBlock(std::uint32_t vocabulary,
                                                       std::uint32_t ranks) {
    return (vocabulary + ranks * 4 - 1) / (ranks * 4) * 4;
}

/// Two words as they follow each other in memory.
__device__ inline std::uint64_t joined(std::uint32_t first, std::uint32_t second) {
    return std::uint64_t{second} << 32 | first;
}

/// What every block tells this one at a time.
template<typename T, std::uint32_t kRanks>
struct Inbox {
    Arrivals arrivals;
    T from[kRanks];
    static_assert(sizeof(T) % 8 == 0);

    __device__ void expect() { arrivals.expect(sizeof(from)); }
    /// Part `i`, of 8 bytes, of what block `own` says to block `rank`.
    __device__ void send(std::uint32_t own, std::uint32_t i, std::uint64_t part,
                         std::uint32_t rank) {
        arrivals.send(reinterpret_cast<std::uint64_t*>(&from[own]) + i, part, rank);
    }
};
/// Sums over the segments of a histogram, or the bins of a segment.
struct Sums {
    std::uint64_t of[kSegments];
};

template<std::uint32_t kRanks>
struct alignas(16) Shared { // weights lie behind it
    Inbox<Best, kRanks> bests;
    Inbox<Tally, kRanks> tallies[kRounds]; // each is used once
    Inbox<Sums, kRanks> sums[2];           // by turns, read by the first warp
    // Histograms of number or weight in fixed point: one is filled while the other is cleared.
    std::uint64_t bins[2][kBins];
    Tally ofWarps[kWarps];
    Best bestOfWarps[kWarps];
    Crossing crossing;
};

/// A place in what a cut leaves of a stretch of ids, in their order.
struct Point {
    double left = 0;        // weight before it
    std::uint32_t ties = 0; // candidates as heavy as the cut before the stretch
};

/// What a row samples by, as far as it is known before its logits are there.
struct Setting {
    float scale;        // of logits
    std::uint32_t topK; // 0: all
    float topP;         // 1: all
    float minP;
    float lowest; // weight that a cut by top-p cannot be below
    double share; // of the weight, in front of the token: by the first warp
};

template<std::uint32_t kRanks>
struct Sampler {
    Cluster cluster;
    Shared<kRanks>& shared;
    // Logits, then weights, of ids [begin, begin + size); behind them NaN, then kNoWeight, up to
    // whole vectors. A thread reads and writes the same ones in every pass.
    float4* vectors;
    std::uint32_t begin;
    std::uint32_t size;
    std::uint32_t round = 0;     // of tallies
    std::uint32_t histogram = 0; // that is filled or read
    std::uint32_t sumsRead = 0;  // by the first warp
    float tallied = kNoWeight;   // what the last tallies are about
    Tally heavier;               // of all blocks

    /// The vectors of a warp, in the order of ids.
    struct Stretch {
        std::uint32_t begin, end;
    };
    __device__ Stretch stretchOf(std::uint32_t warp) const {
        const std::uint32_t count = (size + 3) / 4;
        const std::uint32_t share = (count + kWarps - 1) / kWarps;
        const std::uint32_t from = min(warp * share, count);
        return {from, min(from + share, count)};
    }
    __device__ Stretch stretch() const { return stretchOf(threadIdx.x / 32); }
    __device__ void fetch(const float* logits);
    __device__ void adjust(const Sampling& task, const SlotState& state, std::uint32_t slot);
    __device__ Best argmax();
    __device__ Tally meet(const Tally& mine, bool publishes);
    __device__ void tally(const Range& range);
    __device__ void open();
    __device__ std::uint64_t readSums();
    __device__ void addToBin(std::uint32_t bin, std::uint32_t share);
    __device__ void fillHistogram(const Filter& filter, const Range& range, int below);
    __device__ void publishHistogram();
    __device__ Crossing cross(std::uint64_t missing);
    __device__ void findLast(const Filter& filter, bool begun);
    __device__ Tally weigh(const Setting& setting, float top, bool begins);
    __device__ Cut cutBy(const Filter& filter, const Cut& before, bool begun);
    __device__ std::int32_t draw(const Cut& cut, double share);
    __device__ std::int32_t walk(const Cut& cut, Stretch all, Point point);
    __device__ std::int32_t choose(const Setting& setting, float top);
};

/// Adds up over all threads of the cluster; leaves the tallies of the blocks, and of this one's
/// warps. `publishes`: the histogram is complete.
template<std::uint32_t kRanks>
__device__ inline Tally Sampler<kRanks>::meet(const Tally& mine, bool publishes) {
    const std::uint32_t lane = threadIdx.x % 32;
    Tally all = mine.ofWarp();
    if (lane == 0)
        shared.ofWarps[threadIdx.x / 32] = all;
    __syncthreads();
    if (publishes)
        publishHistogram();
    auto& inbox = shared.tallies[round++];
    if (threadIdx.x < 32) {
        all = (lane < kWarps ? shared.ofWarps[lane] : Tally()).ofWarp();
        if (lane < kRanks) {
            inbox.send(cluster.rank(), 0, all.sum, lane);
            inbox.send(cluster.rank(), 1, joined(all.number, all.ties), lane);
            inbox.send(cluster.rank(), 2, joined(all.lightest, all.heaviest), lane);
        }
    }
    inbox.arrivals.wait();
    return (lane < kRanks ? inbox.from[lane] : Tally()).ofWarp();
}

/// Weight and number of the candidates above a range of weights, the number of those within, and
/// which weights they have.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::tally(const Range& range) {
    const Stretch own = stretch();
    double sum = 0;
    Tally mine;
#pragma unroll 1
    for (std::uint32_t i = own.begin + threadIdx.x % 32; i < own.end; i += 32) {
        const float4 vector = vectors[i];
        const float w[4] = {vector.x, vector.y, vector.z, vector.w};
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            sum += w[c] > range.heaviest ? w[c] : 0.0F;
            mine.number += w[c] > range.heaviest ? 1 : 0;
            if (range.has(w[c])) { // few
                ++mine.ties;
                mine.lightest = min(mine.lightest, __float_as_uint(w[c]));
                mine.heaviest = max(mine.heaviest, __float_as_uint(w[c]));
            }
        }
    }
    mine.sum = toFixed(sum);
    heavier = meet(mine, false);
}

/// Before the blocks meet for the first time.
template<std::uint32_t kRanks>
__device__ inline void Sampler<kRanks>::open() {
    if (threadIdx.x == 0) {
        shared.bests.arrivals.open();
        for (auto& inbox : shared.tallies)
            inbox.arrivals.open();
        for (auto& inbox : shared.sums)
            inbox.arrivals.open();
        Arrivals::showOpen();
        shared.bests.expect();
        for (auto& inbox : shared.tallies)
            inbox.expect();
        for (auto& inbox : shared.sums)
            inbox.expect();
    }
    for (std::uint32_t i = threadIdx.x; i < kBins; i += kThreads)
        shared.bins[0][i] = 0;
}

/// Adds to a bin. Bins have 64 bits, additions 32 and a carry: few of a block's sums need one, and
/// 64 bits would be added by trial.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::addToBin(std::uint32_t bin, std::uint32_t share) {
    auto* words = reinterpret_cast<std::uint32_t*>(&shared.bins[histogram % 2][bin]);
    if (atomicAdd(words, share) + share < share)
        atomicAdd(words + 1, 1U);
}

/// The histogram of the candidates of a range, a level below that of which it is a bin.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::fillHistogram(const Filter& filter, const Range& range,
                                               int below) {
    const std::uint32_t first = __float_as_uint(range.lightest);
    const Stretch mine = stretch();
#pragma unroll 1
    for (std::uint32_t i = mine.begin + threadIdx.x % 32; i < mine.end; i += 32) {
        const float4 vector = vectors[i];
        const float w[4] = {vector.x, vector.y, vector.z, vector.w};
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (range.has(w[c]))
                addToBin((__float_as_uint(w[c]) - first) >> below, filter.share(w[c]));
    }
    __syncthreads();
    publishHistogram();
}

/// Tells all blocks the sums over the segments of this block's histogram, which is complete.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::publishHistogram() {
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll 1
    for (std::uint32_t segment = threadIdx.x / 32; segment < kSegments; segment += kWarps) {
        const std::uint64_t sum = warpSum(shared.bins[histogram % 2][segment * 32 + lane]);
        if (lane < kRanks) // two inboxes a histogram
            shared.sums[0].send(cluster.rank(), segment, sum, lane);
    }
}

/// By the first warp: a lane's sum over the blocks of what they sent next.
template<std::uint32_t kRanks>
__device__ inline std::uint64_t Sampler<kRanks>::readSums() {
    auto& inbox = shared.sums[sumsRead % 2];
    inbox.arrivals.wait(sumsRead / 2);
    ++sumsRead;
    if (threadIdx.x == 0)
        inbox.expect(); // before this block sends what others wait for before they send again
    __syncwarp();
    std::uint64_t sum = 0;
#pragma unroll
    for (std::uint32_t r = 0; r < kRanks; ++r)
        sum += inbox.from[r].of[threadIdx.x];
    return sum;
}

/// The bin of all blocks' histogram, which they publish, in which the sum from the highest down
/// reaches `missing`. Sums are exact, as the numbers are integers.
template<std::uint32_t kRanks>
__device__ inline Crossing Sampler<kRanks>::cross(std::uint64_t missing) {
    const std::uint32_t lane = threadIdx.x % 32;
    for (std::uint32_t i = threadIdx.x; i < kBins; i += kThreads)
        shared.bins[(histogram + 1) % 2][i] = 0;
    if (threadIdx.x < 32) {
        Crossing crossing;
        const std::uint32_t segment = crossLanes(readSums(), missing, crossing);
        // All have read the sums over segments that have sent these.
        const std::uint64_t own = shared.bins[histogram % 2][segment * 32 + lane];
#pragma unroll
        for (std::uint32_t r = 0; r < kRanks; ++r)
            shared.sums[1].send(cluster.rank(), lane, own, r);
        crossing.bin = segment * 32 + crossLanes(readSums(), missing, crossing);
        if (lane == 0)
            shared.crossing = crossing;
    }
    __syncthreads();
    ++histogram;
    return shared.crossing;
}

/// The weight of the last candidate that the filter takes; leaves the tally at it. Histograms over
/// up to ten bits of the weight each, in fixed point, so that the order of the additions does not
/// matter; every block adds up those of all. Two of them mostly leave one weight, which the tally
/// finds, else a third does. `begun`: the first histogram is filled and published.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::findLast(const Filter& filter, bool begun) {
    const Bits& bits = filter.bits;
    Range range = bits.all();
    std::uint64_t missing =
        __double2ull_ru(filter.byNumber ? filter.target : filter.target * double{kFixedPoint});
#pragma unroll 1 // its instructions are fetched once
    for (std::uint32_t level = 0; level < kLevels; ++level) {
        if (level > 0 || !begun)
            fillHistogram(filter, range, bits.below(level));
        const Crossing crossing = cross(missing);
        missing -= crossing.above;
        range = bits.bin(range, level, crossing.bin);
        if (level == 0)
            continue;
        tally(range);
        tallied = range.lightest;
        if (heavier.lightest == heavier.heaviest) {
            tallied = __uint_as_float(heavier.heaviest);
            return;
        }
    }
}

} // namespace kernels::cuda::sampling
