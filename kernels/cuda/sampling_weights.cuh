#pragma once
// Weights of candidates for sampling by a cluster of blocks (sampling_cluster.cuh): sums in fixed
// point, which no order of additions changes, of a thread's, a warp's or a block's candidates, and
// how histograms over the bits of a weight find the one at which a filter ends.

#include "kernels/cuda/sampling.cuh"

namespace kernels::cuda::sampling {

constexpr std::uint32_t kBins = 1024;   // ten bits of a weight
constexpr std::uint32_t kSegments = 32; // of the bins, as many bins each
constexpr std::uint32_t kLevels = 3;
constexpr float kNoWeight = -1;             // not a candidate
constexpr float kFixedPoint = 268435456.0F; // 2^28: weights in histograms
constexpr double kFixedSum = 0x1p36;        // and sums of them

/// Sums of weights that do not depend on the order of the additions.
__device__ inline std::uint64_t toFixed(double sum) {
    return __double2ull_rn(sum * kFixedSum);
}
__device__ inline double fromFixed(std::uint64_t sum) {
    return static_cast<double>(sum) / kFixedSum;
}

/// What a weight adds to a histogram of weights.
__device__ inline std::uint32_t fixedShare(float weight) {
    constexpr float kFixed = kFixedPoint;
    return __float2uint_rn(weight * kFixed);
}

/// Sum over the warp, in every lane.
__device__ inline std::uint64_t warpSum(std::uint64_t v) {
    constexpr std::uint32_t kLow = (1U << 22) - 1; // 32 of them are less than 2^32
    const std::uint32_t low = __reduce_add_sync(kAllLanes, static_cast<std::uint32_t>(v) & kLow);
    const std::uint32_t middle =
        __reduce_add_sync(kAllLanes, static_cast<std::uint32_t>(v >> 22) & kLow);
    const std::uint32_t high = __reduce_add_sync(kAllLanes, static_cast<std::uint32_t>(v >> 44));
    return (std::uint64_t{high} << 44) + (std::uint64_t{middle} << 22) + low;
}
/// What a thread, a warp or a block has of candidates.
struct Tally {
    std::uint64_t sum = 0;                // weight of the heavier ones, fixed point
    std::uint32_t number = 0;             // of those
    std::uint32_t ties = 0;               // of those within the range, mostly of one weight
    std::uint32_t lightest = 0xFFFFFFFFU; // bits of weights of the range
    std::uint32_t heaviest = 0;

    /// Of the warp, in every lane.
    __device__ Tally ofWarp() const {
        return {warpSum(sum), __reduce_add_sync(kAllLanes, number),
                __reduce_add_sync(kAllLanes, ties), __reduce_min_sync(kAllLanes, lightest),
                __reduce_max_sync(kAllLanes, heaviest)};
    }
};
/// The best of the warp's, in every lane.
__device__ inline Best warpBest(const Best& own) {
    // Bits that ascend with the logit; 0: none. Zeros are alike.
    const std::uint32_t bits = __float_as_uint(own.logit + 0.0F);
    const std::uint32_t flipped = (bits >> 31) != 0 ? ~bits : bits | 0x80000000U;
    const std::uint32_t key = own.token == kNoSample ? 0 : flipped;
    const std::uint32_t highest = __reduce_max_sync(kAllLanes, key);
    const auto token = static_cast<std::uint32_t>(own.token); // the largest, if none
    Best best;
    best.token = static_cast<std::int32_t>(
        __reduce_min_sync(kAllLanes, key == highest ? token : 0xFFFFFFFFU));
    if (highest != 0)
        best.logit = __uint_as_float((highest >> 31) != 0 ? highest & 0x7FFFFFFFU : ~highest);
    return best;
}
/// Sum over the lanes up to this one.
template<typename T>
__device__ T sumToLane(T v) {
#pragma unroll
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const T other = __shfl_up_sync(kAllLanes, v, offset);
        if (threadIdx.x % 32 >= offset)
            v += other;
    }
    return v;
}
/// Sum over the lanes from this one on.
__device__ inline std::uint64_t sumFromLane(std::uint64_t v) {
#pragma unroll
    for (std::uint32_t offset = 1; offset < 32; offset *= 2) {
        const std::uint64_t other = __shfl_down_sync(kAllLanes, v, offset);
        if (threadIdx.x % 32 + offset < 32)
            v += other;
    }
    return v;
}

/// Weights from one to another, both among them.
struct Range {
    float lightest;
    float heaviest;

    __device__ bool has(float weight) const { return weight >= lightest && weight <= heaviest; }
};

/// How a weight's bits are dealt out to the histograms of the levels. Weights of at least 2^-32
/// leave the last level so few bits that it mostly is not needed.
struct Bits {
    bool fine;

    /// `lightest`: no weight below it is asked for.
    __device__ explicit Bits(float lightest) { fine = __float_as_uint(lightest) >= kFine; }
    /// Of the first level.
    __device__ Range all() const { return {__uint_as_float(fine ? kFine : 0), 1}; }
    /// The bits that levels up to this one leave out.
    __device__ int below(std::uint32_t level) const {
        return static_cast<int>(2 - level) * 10 - (fine && level < 2 ? 2 : 0);
    }
    /// A bin of the level within a bin of the level before.
    __device__ Range bin(const Range& range, std::uint32_t level, std::uint32_t index) const {
        const std::uint32_t first = __float_as_uint(range.lightest) + (index << below(level));
        return {__uint_as_float(first), __uint_as_float(first + (1U << below(level)) - 1)};
    }

  private:
    static constexpr std::uint32_t kFine = 0x3F800001U - (1U << 28); // up to 1: 28 bits
};

/// A filter by order: the heaviest candidates that reach a number (top-k) or a weight (top-p).
struct Filter {
    bool byNumber;
    double target;
    Bits bits; // of the weights that it may end at

    /// What a weight counts for.
    __device__ std::uint32_t share(float weight) const {
        return byNumber ? 1U : fixedShare(weight);
    }
};

/// Where a sum over bins, from the highest down, reaches what was asked for.
struct Crossing {
    std::uint64_t above = 0; // of the higher bins
    std::uint32_t bin = 0;
};
/// Within the lanes, from the last down: where the sum reaches `missing`. What the lanes behind
/// have is taken off it.
__device__ inline std::uint32_t crossLanes(std::uint64_t own, std::uint64_t& missing,
                                           Crossing& crossing) {
    const std::uint64_t from = sumFromLane(own);
    const unsigned reached = __ballot_sync(kAllLanes, from >= missing);
    const int lane = reached != 0 ? 31 - __clz(static_cast<int>(reached)) : 0;
    const std::uint64_t behind =
        reached != 0 ? __shfl_sync(kAllLanes, from - own, lane) : std::uint64_t{0};
    missing -= behind;
    crossing.above += behind;
    return static_cast<std::uint32_t>(lane);
}

} // namespace kernels::cuda::sampling
