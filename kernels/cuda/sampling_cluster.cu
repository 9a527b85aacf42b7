// Sampling by a cluster of 8 or 16 blocks a row (sm_90): the vocabulary lies in their shared
// memory, and every pass over it takes that part of the time of one block.
//
// The steps and definitions are those of sampling.cu; where that one gathers candidates, here every
// block keeps the weights of its stretch of ids. Blocks send each other their sums; a block waits
// for those of all by counting bytes, no barrier of the cluster is met but the first. Sums are
// whole numbers, so that the same logits give the same token.
// - The best logit, the weights, the sum of all and a histogram of the heavier ones.
// - A filter ends in a bin of it: the blocks tell each other the sums of its 32 segments, then the
//   bins of the segment in which that is. So too within the bin, and mostly one weight is left.
// - The candidates above are tallied by warp, in the order of ids: the draw goes from block to warp
//   to lane to id by that, in the first warp of a block.
// Few rows have clusters of 16, as many as run at once; more rows 8, two blocks a multiprocessor.
// Shapes: logits fp32 [rows][vocabulary]. Precondition: one job a group.
// History: GPU_NOTES.md: one block, 209 us on 151,936 flat logits; 8 blocks that met at barriers
// and read each other's histograms, 28 us.
#include "kernels/cuda/sampling_cluster.cuh"

#include "kernels/cuda/cluster_launch.cuh"

namespace kernels::cuda {

using namespace sampling;

namespace {

/// The stretch consists of the lanes' parts, whose candidates above the cut weigh `above`, `tied`
/// are as heavy: in which part the point lies, should rounding leave a rest the last that has any;
/// -1: none has. The point becomes one of that part.
__device__ int enterPart(const Cut& cut, double above, std::uint32_t tied, Point& point) {
    const std::uint32_t ties = point.ties + sumToLane(tied) - tied;
    const std::uint32_t count = min(tied, cut.ties - min(ties, cut.ties));
    const double own = above + static_cast<double>(count) * cut.weight;
    const double upTo = sumToLane(own);
    const unsigned filled = __ballot_sync(kAllLanes, own > 0);
    const unsigned crossed = __ballot_sync(kAllLanes, own > 0 && point.left < upTo);
    const int lane =
        crossed != 0 ? __ffs(static_cast<int>(crossed)) - 1 : 31 - __clz(static_cast<int>(filled));
    point.left -= __shfl_sync(kAllLanes, upTo - own, max(lane, 0));
    point.ties = __shfl_sync(kAllLanes, ties, max(lane, 0));
    return lane;
}

} // namespace

/// Begins to load the logits of the block's stretch.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::fetch(const float* logits) {
    // All of them under way at once; plain loads would wait for each other behind the stores.
    const float* from = logits + begin;
    const bool aligned = reinterpret_cast<std::uintptr_t>(from) % 16 == 0;
    const Stretch own = stretch();
#pragma unroll 1
    for (std::uint32_t i = own.begin + threadIdx.x % 32; i < own.end; i += 32) {
        if (aligned && i * 4 + 4 <= size) {
            copyAsync16(sharedAddress(vectors + i), from + i * 4, 16);
            continue;
        }
        auto* values = reinterpret_cast<float*>(vectors);
        for (std::uint32_t at = i * 4; at < i * 4 + 4; ++at)
            if (at < size)
                copyAsyncSmall<4>(sharedAddress(values + at), from + at);
            else
                values[at] = NAN;
    }
    commitAsync();
}

/// Bias, penalties and mask, once the logits are there.
template<std::uint32_t kRanks>
__device__ void Sampler<kRanks>::adjust(const Sampling& task, const SlotState& state,
                                        std::uint32_t slot) {
    waitAsync<0>();
    if (state.biasCount == 0 && state.penalizes == 0 && state.masked == 0)
        return;
    auto* values = reinterpret_cast<float*>(vectors);
    __syncthreads();
    if (threadIdx.x == 0) { // in order: a token may be named twice
        const TokenBias* biases = task.biases + std::size_t{slot} * kMostBiases;
        for (std::uint32_t i = 0; i < state.biasCount; ++i) {
            const std::uint32_t at = static_cast<std::uint32_t>(biases[i].token) - begin;
            if (biases[i].token >= 0 && at < size)
                values[at] += biases[i].bias;
        }
    }
    __syncthreads();
    const std::uint32_t* counts = task.counts + std::size_t{slot} * task.vocabulary + begin;
    const std::uint32_t* mask = task.masks + std::size_t{slot} * ((task.vocabulary + 31) / 32);
#pragma unroll 1
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

template<std::uint32_t kRanks>
__device__ Best Sampler<kRanks>::argmax() {
    const std::uint32_t lane = threadIdx.x % 32;
    const Stretch own = stretch();
    Best best;
#pragma unroll 1
    for (std::uint32_t i = own.begin + lane; i < own.end; i += 32) {
        const float4 vector = vectors[i];
        const float logit[4] = {vector.x, vector.y, vector.z, vector.w};
#pragma unroll
        for (std::uint32_t c = 0; c < 4; ++c)
            if (logit[c] > best.logit)
                best.logit = logit[c], best.token = static_cast<std::int32_t>(begin + i * 4 + c);
    }
    best = warpBest(best);
    if (lane == 0)
        shared.bestOfWarps[threadIdx.x / 32] = best;
    __syncthreads();
    cluster.wait(); // nobody writes to a block that has not started
    if (threadIdx.x < 32) {
        best = warpBest(lane < kWarps ? shared.bestOfWarps[lane] : Best());
        if (lane < kRanks)
            shared.bests.send(
                cluster.rank(), 0,
                joined(__float_as_uint(best.logit), static_cast<std::uint32_t>(best.token)), lane);
    }
    shared.bests.arrivals.wait();
    return warpBest(lane < kRanks ? shared.bests.from[lane] : Best());
}

/// What the filter leaves of what `before` has left.
template<std::uint32_t kRanks>
__device__ Cut Sampler<kRanks>::cutBy(const Filter& filter, const Cut& before, bool begun) {
    findLast(filter, begun);
    if (tallied < before.weight)
        return before;
    Cut cut;
    cut.weight = tallied;
    cut.ties = 1;
    const double missing =
        filter.target - (filter.byNumber ? heavier.number : fromFixed(heavier.sum));
    if (heavier.ties > 1 && missing > 0 && tallied > 0)
        cut.ties = static_cast<std::uint32_t>(
            fmin(ceil(filter.byNumber ? missing : missing / tallied), 4e9));
    if (cut.weight == before.weight && cut.ties > before.ties)
        cut.ties = before.ties;
    return cut;
}

/// Walks what the cut leaves in the order of ids until `share` of its weight is behind: from block
/// to block and warp to warp by what was tallied, then through the warp's stretch. The first warp
/// does it, the others have done their part. Only in the block that has the token it is returned,
/// else kNoSample.
template<std::uint32_t kRanks>
__device__ std::int32_t Sampler<kRanks>::draw(const Cut& cut, double share) {
    if (tallied != cut.weight)
        tally({cut.weight, cut.weight});
    if (threadIdx.x >= 32)
        return kNoSample;
    Point point;
    point.left = share * (fromFixed(heavier.sum) +
                          static_cast<double>(min(heavier.ties, cut.ties)) * cut.weight);
    // A lane has a block's tally, then a warp's.
    const std::uint32_t lane = threadIdx.x;
    const Tally block = lane < kRanks ? shared.tallies[round - 1].from[lane] : Tally();
    if (enterPart(cut, fromFixed(block.sum), block.ties, point) != static_cast<int>(cluster.rank()))
        return kNoSample;
    const Tally warp = lane < kWarps ? shared.ofWarps[lane] : Tally();
    const int chosen = enterPart(cut, fromFixed(warp.sum), warp.ties, point);
    return walk(cut, stretchOf(static_cast<std::uint32_t>(max(chosen, 0))), point);
}

/// By one warp: the candidate of a warp's stretch at the point. Lanes have equal parts, then parts
/// of one of those, until a part is one id.
template<std::uint32_t kRanks>
__device__ std::int32_t Sampler<kRanks>::walk(const Cut& cut, Stretch all, Point point) {
    const auto* values = reinterpret_cast<const float*>(vectors);
    const std::uint32_t lane = threadIdx.x;
    std::uint32_t from = all.begin * 4;
    std::uint32_t end = all.end * 4;
    std::uint32_t part = 0;
#pragma unroll 1
    do {
        part = (end - from + 31) / 32;
        const std::uint32_t first = from + lane * part;
        double above = 0;
        std::uint32_t tied = 0;
        constexpr std::uint32_t kBatch = 4; // reads under way at once
#pragma unroll 1
        for (std::uint32_t i = 0; i < part; i += kBatch)
#pragma unroll
            for (std::uint32_t j = i; j < i + kBatch; ++j) {
                const std::uint32_t turned = lane % part + j; // lanes read from different banks
                const std::uint32_t at = first + (turned < part ? turned : turned - part);
                const float weight = j < part && at < end ? values[at] : kNoWeight;
                above += weight > cut.weight ? weight : 0.0F;
                tied += weight == cut.weight ? 1 : 0;
            }
        const int chosen = enterPart(cut, above, tied, point);
        if (chosen < 0)
            return kNoSample;
        from += static_cast<std::uint32_t>(chosen) * part;
        end = min(from + part, end);
    } while (part > 1);
    return static_cast<std::int32_t>(begin + from);
}

/// Logits become weights, kNoWeight what is no candidate; `begins`: the heavier ones make the
/// first histogram of top-p. Weight and number of this thread's candidates.
template<std::uint32_t kRanks>
__device__ Tally Sampler<kRanks>::weigh(const Setting& setting, float top, bool begins) {
    const Bits bits(setting.lowest);
    const std::uint32_t first = __float_as_uint(bits.all().lightest);
    const float heavyFrom = begins ? setting.lowest : INFINITY;
    const Stretch own = stretch();
    std::uint64_t heavy = 0; // as the histogram has them
    double light = 0;
    Tally all;
#pragma unroll 1
    for (std::uint32_t i = own.begin + threadIdx.x % 32; i < own.end; i += 32) {
        const float4 logits = vectors[i];
        float w[4] = {logits.x, logits.y, logits.z, logits.w};
#pragma unroll
        for (int c = 0; c < 4; ++c) {
            const float x = (w[c] - top) * setting.scale;
            const bool candidate = x > -INFINITY; // a NaN is none
            w[c] = candidate ? expf(x) : kNoWeight;
            all.number += candidate ? 1 : 0;
        }
        vectors[i] = make_float4(w[0], w[1], w[2], w[3]);
#pragma unroll
        for (int c = 0; c < 4; ++c)
            if (w[c] >= heavyFrom) {
                const std::uint32_t share = fixedShare(w[c]);
                heavy += share;
                addToBin((__float_as_uint(w[c]) - first) >> bits.below(0), share);
            } else {
                light += fmaxf(w[c], 0);
            }
    }
    all.sum = toFixed(light) + heavy * static_cast<std::uint64_t>(kFixedSum / kFixedPoint);
    return all;
}

/// Temperature, filters, draw. See draw() for who returns the token.
template<std::uint32_t kRanks>
__device__ std::int32_t Sampler<kRanks>::choose(const Setting& setting, float top) {
    const bool nucleus = setting.topP < 1.0F;
    const bool begun = nucleus && setting.topK == 0;
    Tally all = weigh(setting, top, begun);
    if (nucleus || setting.topK > 0)
        all = meet(all, begun);
    double total = fromFixed(all.sum);
    Cut cut;
#pragma unroll 1 // its instructions are fetched once
    for (const bool byNumber : {true, false}) {
        if (byNumber ? setting.topK == 0 || setting.topK >= all.number : !nucleus)
            continue;
        const Filter filter = byNumber ? Filter{true, static_cast<double>(setting.topK), Bits(0)}
                                       : Filter{false, total * setting.topP, Bits(setting.lowest)};
        cut = cutBy(filter, cut, begun);
        if (byNumber)
            total = fromFixed(heavier.sum) + static_cast<double>(cut.ties) * cut.weight;
    }
    if (setting.minP > cut.weight) // what it leaves of those as heavy as the cut is nothing
        cut = {setting.minP, 0xFFFFFFFFU};
    return draw(cut, setting.share);
}

namespace {

constexpr std::uint32_t kWide = 16; // blocks of a row where rows are few

/// See Setting. The best candidate weighs 1 alone: those from a cut by top-p on have 1 - topP of
/// the weight, and are no more than all.
__device__ Setting settingOf(const SlotState& state, const SampleJob& job,
                             std::uint32_t vocabulary) {
    Setting setting;
    setting.scale = 1.0F / state.temperature;
    setting.topK = state.topK > 0 ? static_cast<std::uint32_t>(state.topK) : 0;
    setting.topP = state.topP;
    setting.minP = state.minP;
    setting.lowest = 0.5F * (1.0F - state.topP) / static_cast<float>(vocabulary);
    setting.share = threadIdx.x < 32 ? uniform(state.seed, state.sampleNumber, job.position) : 0;
    return setting;
}

/// Blocks of eight share a multiprocessor with another row's.
template<std::uint32_t kRanks>
__global__ void __launch_bounds__(kThreads, kRanks == kWide ? 1 : 2)
    clusterKernel(const __grid_constant__ Sampling task) {
    extern __shared__ __align__(16) std::byte memory[];
    auto& shared = *reinterpret_cast<Shared<kRanks>*>(memory);
    auto* vectors = reinterpret_cast<float4*>(memory + sizeof(Shared<kRanks>));
    const std::uint32_t each = idsOfBlock(task.vocabulary, kRanks);
    const Cluster cluster;
    const std::uint32_t begin = min(cluster.rank() * each, task.vocabulary);
    Sampler<kRanks> sampler{cluster, shared, vectors, begin, min(each, task.vocabulary - begin)};
    sampler.open();
    cluster.arriveOpen();
    // Jobs and slots were there before the step began.
    const std::uint32_t group = blockIdx.x / kRanks;
    const SampleJob job = task.jobs[task.groups[group]];
    const SlotState state = task.slots[job.slot];
    waitForPrevious();
    sampler.fetch(task.logits + std::size_t{job.logitsRow} * task.vocabulary);
    const Setting setting = settingOf(state, job, task.vocabulary); // while they are under way
    sampler.adjust(task, state, job.slot);
    const Best best = sampler.argmax();
    std::int32_t token = cluster.rank() == 0 ? best.token : kNoSample;
    bool decides = cluster.rank() == 0;
    if (best.token != kNoSample && state.temperature >= kGreedyTemperature && !isinf(best.logit)) {
        token = sampler.choose(setting, best.logit);
        decides = token != kNoSample;
    }
    if (decides && threadIdx.x == 0) {
        if (token != kNoSample && state.penalizes != 0)
            ++task.counts[std::size_t{job.slot} * task.vocabulary + token];
        task.lastTokens[job.slot] = token;
        task.tokens[job.result] = token;
    }
    // Nobody leaves while others send: all of that has been waited for.
}

template<std::uint32_t kRanks>
struct ClusterKernel {
    static constexpr auto kEntry = clusterKernel<kRanks>;
    static constexpr std::uint32_t kBlocks = kRanks;

    static std::size_t sharedBytes(std::uint32_t vocabulary) {
        return sizeof(Shared<kRanks>) + std::size_t{idsOfBlock(vocabulary, kRanks)} * sizeof(float);
    }
    static cudaError_t launch(const Sampling& task, cudaStream_t stream) {
        const std::size_t shared = sharedBytes(task.vocabulary);
        if (const cudaError_t error = allowCluster(kEntry, kBlocks, shared); error != cudaSuccess)
            return error;
        return launchClusters(kEntry, dim3(task.groupCount * kRanks), kRanks, kThreads, shared,
                              stream, true, task);
    }
};

} // namespace

bool sampleClusterTakes(const Sampling& task, const DeviceLimits& limits) {
    return limits.hopper && task.oneJobEach &&
           ClusterKernel<kPortableCluster>::sharedBytes(task.vocabulary) <= limits.sharedBytes;
}

cudaError_t sampleCluster(const Sampling& task, const DeviceLimits& limits, cudaStream_t stream) {
    // A block a multiprocessor.
    const auto wideAtOnce = [&] {
        return clustersAtOnce<ClusterKernel<kWide>>(kThreads, aloneOnMultiprocessor(limits));
    };
    if (task.sharesDevice || task.groupCount > wideAtOnce())
        return ClusterKernel<kPortableCluster>::launch(task, stream);
    // From how many rows on steps take the other depends on the device: the first loads both.
    cudaFuncAttributes attributes;
    const cudaError_t error =
        cudaFuncGetAttributes(&attributes, ClusterKernel<kPortableCluster>::kEntry);
    return error != cudaSuccess ? error : ClusterKernel<kWide>::launch(task, stream);
}

} // namespace kernels::cuda
