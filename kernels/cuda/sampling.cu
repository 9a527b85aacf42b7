// Sampling: bias, penalties, mask; argmax or temperature, top-k, top-p, min-p and a draw.
//
// One block a slot; its rows follow one another, because each counts its token for the next. The
// definitions are those of engine/device/cpu_sampler.h, its oracle. No sort: candidates near the
// best are gathered in the order of ids, a threshold on the weight is found by histograms over its
// bits (weights are positive floats, whose bits ascend with them), and the draw walks what is left
// in the order of ids. Every sum has a fixed order, so the same logits give the same token. Random
// numbers: Philox4x32-10. Decode on sm_90 goes through sampling_cluster.cu.
// Shapes: logits fp32 [rows][vocabulary]. A NaN logit is never chosen.
#include "kernels/cuda/sampling.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 1024;
constexpr int kWarps = kThreads / 32;
constexpr std::int32_t kNone = kNoSample;

/// Memory of one block.
struct Shared {
    double sums[kWarps];
    std::uint32_t counts[kWarps];
    float best[kWarps];
    std::int32_t bestToken[kWarps];
    std::uint32_t high[kThreads]; // histogram
    std::uint32_t low[kThreads];
    double sum;
    std::uint32_t bin;
    std::int32_t token;
};

/// Sum and count over the block, the same in every thread.
__device__ void blockSum(Shared& shared, double& sum, std::uint32_t& count) {
    sum = warpSumDouble(sum);
    count = __reduce_add_sync(kAllLanes, count);
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        shared.sums[threadIdx.x / 32] = sum;
        shared.counts[threadIdx.x / 32] = count;
    }
    __syncthreads();
    sum = warpSumDouble(shared.sums[threadIdx.x % 32]);
    count = __reduce_add_sync(kAllLanes, shared.counts[threadIdx.x % 32]);
}

/// Highest logit, lowest id on a tie, NaN never.
__device__ std::int32_t argmaxOf(Shared& shared, const float* logits, std::uint32_t vocabulary) {
    float best = -INFINITY;
    std::int32_t token = kNone;
    for (std::uint32_t i = threadIdx.x; i < vocabulary; i += kThreads)
        if (logits[i] > best)
            best = logits[i], token = static_cast<std::int32_t>(i);
    const auto take = [&](float otherBest, std::int32_t other) {
        if (other != kNone &&
            (token == kNone || otherBest > best || (otherBest == best && other < token)))
            best = otherBest, token = other;
    };
    for (int offset = 16; offset > 0; offset /= 2)
        take(__shfl_xor_sync(kAllLanes, best, offset), __shfl_xor_sync(kAllLanes, token, offset));
    __syncthreads();
    if (threadIdx.x % 32 == 0)
        shared.best[threadIdx.x / 32] = best, shared.bestToken[threadIdx.x / 32] = token;
    __syncthreads();
    best = -INFINITY;
    token = kNone;
    for (int w = 0; w < kWarps; ++w)
        take(shared.best[w], shared.bestToken[w]);
    return token;
}

__device__ void adjust(const Sampling& task, const SlotState& state, std::uint32_t slot,
                       float* logits) {
    if (state.biasCount > 0 && threadIdx.x == 0) {
        // In order: a token may be named twice.
        const TokenBias* biases = task.biases + std::size_t{slot} * kMostBiases;
        for (std::uint32_t i = 0; i < state.biasCount; ++i)
            if (biases[i].token >= 0 &&
                static_cast<std::uint32_t>(biases[i].token) < task.vocabulary)
                logits[biases[i].token] += biases[i].bias;
    }
    __syncthreads();
    if (state.penalizes != 0) {
        const std::uint32_t* counts = task.counts + std::size_t{slot} * task.vocabulary;
        for (std::uint32_t i = threadIdx.x; i < task.vocabulary; i += kThreads)
            logits[i] = penalized(state, logits[i], counts[i]);
    }
    if (state.masked != 0) {
        const std::uint32_t* mask = task.masks + std::size_t{slot} * ((task.vocabulary + 31) / 32);
        for (std::uint32_t i = threadIdx.x; i < task.vocabulary; i += kThreads)
            if ((mask[i / 32] >> (i % 32) & 1U) == 0)
                logits[i] = -INFINITY;
    }
    __syncthreads();
}

/// The warp's stretch of [0, size) in the order of ids.
struct Stretch {
    std::uint32_t begin;
    std::uint32_t end;
};
__device__ Stretch stretchOf(std::uint32_t size) {
    const std::uint32_t each = (size + kWarps * 32 - 1) / (kWarps * 32) * 32;
    const std::uint32_t begin = threadIdx.x / 32 * each;
    const std::uint32_t end = begin + each;
    return {begin < size ? begin : size, end < size ? end : size};
}

/// Gathers those with (logit - top) * scale >= floor, ascending ids; returns how many.
__device__ std::uint32_t gather(Shared& shared, const float* logits, std::uint32_t vocabulary,
                                float top, float scale, float floor, Candidate* out) {
    const Stretch stretch = stretchOf(vocabulary);
    const std::uint32_t lane = threadIdx.x % 32;
    std::uint32_t count = 0;
    const auto keeps = [&](std::uint32_t i) {
        return i < stretch.end && logits[i] != -INFINITY && (logits[i] - top) * scale >= floor;
    };
    for (std::uint32_t i = stretch.begin; i < stretch.end; i += 32)
        count += __popc(__ballot_sync(kAllLanes, keeps(i + lane)));
    __syncthreads();
    if (lane == 0)
        shared.counts[threadIdx.x / 32] = count;
    __syncthreads();
    std::uint32_t at = 0;
    std::uint32_t total = 0;
    for (std::uint32_t w = 0; w < kWarps; ++w) {
        at += w < threadIdx.x / 32 ? shared.counts[w] : 0;
        total += shared.counts[w];
    }
    for (std::uint32_t i = stretch.begin; i < stretch.end; i += 32) {
        const bool keep = keeps(i + lane);
        const unsigned ballot = __ballot_sync(kAllLanes, keep);
        if (keep)
            out[at + __popc(ballot & ((1U << lane) - 1))] = {expf((logits[i + lane] - top) * scale),
                                                             static_cast<std::int32_t>(i + lane)};
        at += __popc(ballot);
    }
    __syncthreads();
    return total;
}

/// Weight and number of the candidates at or above (or only above) a weight.
__device__ void countAbove(Shared& shared, const Candidate* candidates, std::uint32_t count,
                           float weight, bool strictly, double& sum, std::uint32_t& number) {
    sum = 0;
    number = 0;
    for (std::uint32_t i = threadIdx.x; i < count; i += kThreads) {
        const float w = candidates[i].weight;
        if (strictly ? w > weight : w >= weight)
            sum += w, ++number;
    }
    blockSum(shared, sum, number);
}

/// Turns bins [1024] (one a thread) into what lies at or above this thread's bin.
__device__ double atOrAbove(Shared& shared, double value) {
    const std::uint32_t lane = threadIdx.x % 32;
    for (int offset = 1; offset < 32; offset *= 2) {
        const double other = __shfl_down_sync(kAllLanes, value, offset);
        if (lane + offset < 32)
            value += other;
    }
    __syncthreads();
    if (lane == 0)
        shared.sums[threadIdx.x / 32] = value;
    __syncthreads();
    for (std::uint32_t w = threadIdx.x / 32 + 1; w < kWarps; ++w)
        value += shared.sums[w];
    return value;
}

/// The largest weight such that it and all heavier candidates reach `target`: by their number, or
/// by their weight. Three histograms over ten bits of the weight each, in fixed point, so that the
/// order of the additions does not matter.
template<bool kByNumber>
__device__ float threshold(Shared& shared, const Candidate* candidates, std::uint32_t count,
                           double target) {
    constexpr float kFixed = 268435456.0F; // 2^28
    std::uint32_t prefix = 0;
    double missing = kByNumber ? target : target * static_cast<double>(kFixed);
    for (int shift = 20; shift >= 0; shift -= 10) {
        shared.high[threadIdx.x] = 0;
        shared.low[threadIdx.x] = 0;
        if (threadIdx.x == 0)
            shared.bin = 0, shared.sum = 0;
        __syncthreads();
        for (std::uint32_t i = threadIdx.x; i < count; i += kThreads) {
            const float weight = candidates[i].weight;
            const std::uint32_t bits = __float_as_uint(weight);
            if (bits >> (shift + 10) != prefix)
                continue;
            const std::uint32_t bin = bits >> shift & 1023U;
            const std::uint32_t share =
                kByNumber ? 1U : static_cast<std::uint32_t>(__float2uint_rn(weight * kFixed));
            atomicAdd(&shared.low[bin], share & 16383U);
            if (share >> 14 != 0)
                atomicAdd(&shared.high[bin], share >> 14);
        }
        __syncthreads();
        const double own = static_cast<double>(shared.high[threadIdx.x]) * 16384.0 +
                           static_cast<double>(shared.low[threadIdx.x]);
        const double here = atOrAbove(shared, own);
        if (here >= missing && here - own < missing)
            shared.bin = threadIdx.x, shared.sum = here - own;
        __syncthreads();
        prefix = prefix << 10 | shared.bin;
        missing -= shared.sum;
        __syncthreads();
    }
    return __uint_as_float(prefix);
}

__device__ Cut cutTopK(Shared& shared, const Candidate* candidates, std::uint32_t count,
                       std::uint32_t k) {
    Cut cut;
    if (k >= count)
        return cut;
    cut.weight = threshold<true>(shared, candidates, count, k);
    double sum = 0;
    std::uint32_t heavier = 0;
    countAbove(shared, candidates, count, cut.weight, true, sum, heavier);
    cut.ties = k - heavier;
    return cut;
}

__device__ double weightOf(Shared& shared, const Candidate* candidates, std::uint32_t count,
                           const Cut& cut) {
    double sum = 0;
    std::uint32_t number = 0;
    if (cut.ties == 0xFFFFFFFFU) {
        countAbove(shared, candidates, count, cut.weight, false, sum, number);
        return sum;
    }
    countAbove(shared, candidates, count, cut.weight, true, sum, number);
    return sum + static_cast<double>(cut.ties) * cut.weight;
}

/// The shortest prefix of the order that weighs at least `target`, within `before`.
__device__ Cut cutTopP(Shared& shared, const Candidate* candidates, std::uint32_t count,
                       double target, const Cut& before) {
    Cut cut;
    cut.weight = threshold<false>(shared, candidates, count, target);
    if (cut.weight < before.weight)
        return before;
    double heavier = 0;
    std::uint32_t number = 0;
    countAbove(shared, candidates, count, cut.weight, true, heavier, number);
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
__device__ bool stays(const Candidate& c, bool exists, const Cut& cut, float minP,
                      std::uint32_t& ties) {
    const unsigned tied = __ballot_sync(kAllLanes, exists && c.weight == cut.weight);
    const std::uint32_t rank = ties + __popc(tied & ((1U << threadIdx.x % 32) - 1));
    ties += __popc(tied);
    return exists && c.weight >= minP &&
           (c.weight > cut.weight || (c.weight == cut.weight && rank < cut.ties));
}

/// Walks what the cut and min-p leave in the order of ids until `share` of its weight is behind.
__device__ std::int32_t draw(Shared& shared, const Candidate* candidates, std::uint32_t count,
                             const Cut& cut, float minP, double share) {
    const Stretch stretch = stretchOf(count);
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t warp = threadIdx.x / 32;
    const auto at = [&](std::uint32_t base) {
        return base + lane < stretch.end ? candidates[base + lane] : Candidate{-1.0F, kNone};
    };
    std::uint32_t ties = 0;
    for (std::uint32_t base = stretch.begin; base < stretch.end; base += 32)
        ties += __popc(__ballot_sync(kAllLanes, at(base).weight == cut.weight));
    __syncthreads();
    if (lane == 0)
        shared.counts[warp] = ties;
    if (threadIdx.x == 0)
        shared.token = kNone;
    __syncthreads();
    std::uint32_t tiesBefore = 0;
    for (std::uint32_t w = 0; w < warp; ++w)
        tiesBefore += shared.counts[w];
    double sum = 0;
    ties = tiesBefore;
    for (std::uint32_t base = stretch.begin; base < stretch.end; base += 32) {
        const Candidate c = at(base);
        sum += stays(c, base + lane < stretch.end, cut, minP, ties) ? c.weight : 0.0F;
    }
    sum = warpSumDouble(sum);
    if (lane == 0)
        shared.sums[warp] = sum;
    __syncthreads();
    double total = 0;
    for (const double part : shared.sums)
        total += part;
    double left = share * total;
    std::uint32_t last = 0; // the last warp that has any, should rounding leave a rest
    for (std::uint32_t w = 0; w < kWarps; ++w)
        last = shared.sums[w] > 0 ? w : last;
    std::uint32_t mine = 0;
    while (mine < last && left >= shared.sums[mine])
        left -= shared.sums[mine++];
    if (warp == mine) {
        std::int32_t token = kNone;
        ties = tiesBefore;
        for (std::uint32_t base = stretch.begin; base < stretch.end; base += 32) {
            const Candidate c = at(base);
            const bool kept = stays(c, base + lane < stretch.end, cut, minP, ties);
            double upTo = kept ? c.weight : 0.0;
            for (int offset = 1; offset < 32; offset *= 2) {
                const double other = __shfl_up_sync(kAllLanes, upTo, offset);
                if (lane >= static_cast<std::uint32_t>(offset))
                    upTo += other;
            }
            const unsigned any = __ballot_sync(kAllLanes, kept);
            const unsigned behind = __ballot_sync(kAllLanes, kept && left < upTo);
            if (any != 0) // the crossing, or so far the last one left
                token = __shfl_sync(kAllLanes, c.token,
                                    behind != 0 ? __ffs(static_cast<int>(behind)) - 1
                                                : 31 - __clz(static_cast<int>(any)));
            if (behind != 0)
                break;
            left -= __shfl_sync(kAllLanes, upTo, 31);
        }
        if (lane == 0)
            shared.token = token;
    }
    __syncthreads();
    return shared.token;
}

/// Temperature, filters, draw.
__device__ std::int32_t choose(Shared& shared, const Sampling& task, const SlotState& state,
                               const float* logits, Candidate* candidates, std::uint32_t position,
                               std::int32_t best) {
    const float top = logits[best];
    const float scale = 1.0F / state.temperature;
    const std::uint32_t topK = state.topK > 0 ? static_cast<std::uint32_t>(state.topK) : 0;
    const bool nucleus = state.topP < 1.0F;
    double total = 0;
    std::uint32_t ignored = 0;
    if (nucleus && topK == 0) {
        for (std::uint32_t i = threadIdx.x; i < task.vocabulary; i += kThreads)
            if (const float x = (logits[i] - top) * scale; x > -40.0F)
                total += expf(x);
        blockSum(shared, total, ignored);
    }
    // Those near the best first; all only when the filters want more.
    constexpr float kDepth = 12.0F;
    const bool filtered = topK > 0 || nucleus || state.minP > 0;
    std::uint32_t count = 0;
    bool enough = false;
    if (filtered) {
        count = gather(shared, logits, task.vocabulary, top, scale, -kDepth, candidates);
        const double sum = weightOf(shared, candidates, count, {});
        enough = topK > 0  ? count >= topK
                 : nucleus ? sum >= total * state.topP
                           : expf(-kDepth) < state.minP;
    }
    if (!enough)
        count = gather(shared, logits, task.vocabulary, top, scale, -INFINITY, candidates);
    Cut cut;
    if (topK > 0)
        cut = cutTopK(shared, candidates, count, topK);
    if (nucleus) {
        if (topK > 0)
            total = weightOf(shared, candidates, count, cut);
        cut = cutTopP(shared, candidates, count, total * state.topP, cut);
    }
    return draw(shared, candidates, count, cut, state.minP,
                uniform(state.seed, state.sampleNumber, position));
}

__global__ void __launch_bounds__(kThreads) sampleKernel(const __grid_constant__ Sampling task) {
    __shared__ Shared shared;
    Candidate* candidates = task.candidates + std::size_t{blockIdx.x} * task.vocabulary;
    for (std::uint32_t at = task.groups[blockIdx.x]; at < task.groups[blockIdx.x + 1]; ++at) {
        const SampleJob job = task.jobs[at];
        const SlotState state = task.slots[job.slot];
        float* logits = task.logits + std::size_t{job.logitsRow} * task.vocabulary;
        adjust(task, state, job.slot, logits);
        std::int32_t token = argmaxOf(shared, logits, task.vocabulary);
        if (token != kNone && state.temperature >= kGreedyTemperature && !isinf(logits[token]))
            token = choose(shared, task, state, logits, candidates, job.position, token);
        if (threadIdx.x == 0) {
            if (token != kNone && state.penalizes != 0)
                ++task.counts[std::size_t{job.slot} * task.vocabulary + token];
            task.lastTokens[job.slot] = token;
            task.tokens[job.result] = token;
        }
        __syncthreads();
    }
}

} // namespace

cudaError_t sample(const Sampling& task, const DeviceLimits& limits, cudaStream_t stream) {
    if (sampleClusterTakes(task, limits))
        return sampleCluster(task, limits, stream);
    sampleKernel<<<task.groupCount, kThreads, 0, stream>>>(task);
    return cudaGetLastError();
}

} // namespace kernels::cuda
