// Decode attention: finishes queries, key and value of one new token a sequence, appends key and
// value to the cache, and attends over the paged KV, all in one kernel.
//
// Grid (splits, KV heads x groups of 8 query heads, rows), fixed for a number of rows; the share of
// a block follows on the device from the row's length. A warp takes chunks of 16 positions in turn
// and keeps kDepth of them under way in its own ring (cp.async); the first are fetched before the
// block waits for the projections, because old pages depend on nothing in this step.
// - Scores: mma.sync with the query heads as A: rows 0..7 hold what bf16 keeps of the queries, rows
//   8..15 what it loses, so that 16 bits of the query count. Keys are B, straight from the cache.
// - Key bias outside of the cache (qwen2): + cos(p) u + sin(p) v over all pairs, in fp16 with both
//   operands split in two (22 bits). The angle of a chunk's first position turns u and v; the 16
//   positions within use one table.
// - Softmax online, a lane holding one head: its factors need no exchange. exp2, so the scale of
//   the queries carries log2(e).
// - Values: probabilities (again two bf16 halves) times V; bytes of two positions meet in one word.
// The warps of a block meet in shared memory; the last block of a row and KV head to arrive adds up
// the splits in their order. Sums are fp32. Eight splits are attention_cluster.cu's.
// What a block executes once comes from L2 first: loops stay loops where latency allows it.
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: rows that are not finished (attendFinished()) are of different sequences;
// partials hold rows * splits <= planned.
// History: before, finishQkv + attention (one position a lane) + combine: 8 + 55 + 7 us on
// qwen2-1.5b at 1,024 positions.
#include "kernels/cuda/attention_chunk.cuh"
#include "kernels/cuda/attention_cluster.h"
#include "kernels/cuda_attend_finished.h"

namespace kernels::cuda {

using namespace fused;

namespace {

constexpr int kDepth = 2; // chunks a warp keeps under way

constexpr std::uint32_t kSumPitch = 33; // neither writing nor reading meets one bank twice
template<int kDim>
constexpr std::uint32_t kWarpSums = kDim / 4 * kSumPitch; // of one warp
static_assert(kWarpSums<64> * 4 <= Shape<std::int8_t, 64>::slotBytes(false) &&
              kWarpSums<128> * 4 <= Shape<std::int8_t, 128>::slotBytes(false));

/// acc += p V. The lane's probabilities are A; its group of lanes reads kLaneDims dimensions of V.
template<typename T, int kDim>
__device__ void addValues(const std::byte* values, const std::uint32_t (&p)[4],
                          float (&acc)[kDim / 8][4]) {
    using S = Shape<T, kDim>;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    constexpr int kWords = S::kLaneDims * sizeof(T) / 4;
    std::uint32_t words[4][kWords]; // positions 2q, 2q + 1, 2q + 8, 2q + 9
#pragma unroll
    for (int r = 0; r < 4; ++r) {
        const std::uint32_t row = quarter * 2 + r % 2 + r / 2 * 8;
        const std::byte* from = values + row * S::kRowBytes;
        if constexpr (kWords == 2) {
            const uint2 raw = *reinterpret_cast<const uint2*>(from + group * 8);
            words[r][0] = raw.x, words[r][1] = raw.y;
        } else {
#pragma unroll
            for (int i = 0; i < kWords / 4; ++i) {
                const uint4 raw = *reinterpret_cast<const uint4*>(
                    from + S::swizzle(row, group * (kWords / 4) + i) * 16);
                words[r][i * 4] = raw.x, words[r][i * 4 + 1] = raw.y;
                words[r][i * 4 + 2] = raw.z, words[r][i * 4 + 3] = raw.w;
            }
        }
    }
#pragma unroll
    for (int j = 0; j < S::kLaneDims; ++j) {
        std::uint32_t b0 = 0;
        std::uint32_t b1 = 0;
        if constexpr (S::kInt8) {
            const std::uint32_t selector = 0x0400U + static_cast<std::uint32_t>(j % 4) * 0x0101U;
            b0 = plainInt8(permute(words[0][j / 4], words[1][j / 4], selector));
            b1 = plainInt8(permute(words[2][j / 4], words[3][j / 4], selector));
        } else {
            const std::uint32_t selector = j % 2 == 0 ? 0x5410U : 0x7632U;
            b0 = permute(words[0][j / 2], words[1][j / 2], selector);
            b1 = permute(words[2][j / 2], words[3][j / 2], selector);
        }
        mmaBf16(acc[j], p, b0, b1);
    }
}

/// Softmax and values of this warp's chunks.
template<int kDim>
struct Running {
    float top = -INFINITY; // of head lane / 4
    float weight = 0;      // this lane's part
    float acc[kDim / 8][4] = {};
};

template<typename T, int kDim>
__device__ void attendChunk(const Attention& task, const Place& place, std::uint32_t chunk,
                            const std::byte* slot, const Bias<kDim>& bias, const Few<kDim>& few,
                            Running<kDim>& run) {
    using S = Shape<T, kDim>;
    float scores[2][2];
    scoreKeys<T, kDim>(slot, few, scores);
    if (task.keyBias != nullptr)
        addBias<kDim>(bias, S::angles(slot), task.rope.pairs, scores);
    maskScores(place, chunk, scores);
    const float top = highestScore(scores, run.top);
    const float shrink = exp2Fast(run.top - top);
    run.top = top;
    if (__any_sync(kAllLanes, shrink != 1.0F)) {
        run.weight *= shrink;
#pragma unroll
        for (auto& tile : run.acc)
#pragma unroll
            for (float& v : tile)
                v *= shrink;
    }
    std::uint32_t p[4];
    run.weight += weighChunk<T, kDim>(slot, scores, top, p);
    addValues<T, kDim>(slot + S::kSideBytes, p, run.acc);
}

/// The splits of one row and KV head, in their order. By the last block to arrive.
template<int kDim>
__device__ void combine(const Attention& task, const Place& place) {
    const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
    const auto* tops = reinterpret_cast<const float2*>(task.partials + all * kDim);
    const std::size_t first = (std::size_t{place.row} * task.heads + place.firstHead) * task.splits;
    for (std::uint32_t i = threadIdx.x; i < place.heads * (kDim / 4); i += blockDim.x) {
        const std::uint32_t head = i / (kDim / 4);
        const std::uint32_t d = i % (kDim / 4) * 4;
        const std::size_t from = first + head * task.splits;
        float4 sum = make_float4(0, 0, 0, 0);
        float weight = 0;
        float top = -INFINITY;
        constexpr std::uint32_t kBatch = 12; // loads under way at once
        for (std::uint32_t base = 0; base < place.active; base += kBatch) {
            float2 own[kBatch];
            float4 values[kBatch];
            float higher = top;
#pragma unroll
            for (std::uint32_t s = 0; s < kBatch; ++s) {
                const std::size_t at = from + min(base + s, place.active - 1);
                own[s] = __ldcg(tops + at);
                values[s] = __ldcg(reinterpret_cast<const float4*>(task.partials + at * kDim + d));
            }
#pragma unroll
            for (std::uint32_t s = 0; s < kBatch; ++s)
                higher = fmaxf(higher, own[s].x);
            const float shrink = exp2Fast(top - higher);
            top = higher;
            sum.x *= shrink, sum.y *= shrink, sum.z *= shrink, sum.w *= shrink;
            weight *= shrink;
#pragma unroll
            for (std::uint32_t s = 0; s < kBatch; ++s) {
                const float factor = base + s < place.active ? exp2Fast(own[s].x - top) : 0.0F;
                sum.x = fmaf(factor, values[s].x, sum.x);
                sum.y = fmaf(factor, values[s].y, sum.y);
                sum.z = fmaf(factor, values[s].z, sum.z);
                sum.w = fmaf(factor, values[s].w, sum.w);
                weight = fmaf(factor, own[s].y, weight);
            }
        }
        const std::size_t to =
            std::size_t{place.row} * task.outStride + (place.firstHead + head) * kDim + d;
        storeResult(task, to, sum.x / weight);
        storeResult(task, to + 1, sum.y / weight);
        storeResult(task, to + 2, sum.z / weight);
        storeResult(task, to + 3, sum.w / weight);
    }
}

/// A block's own sums: highest score, weight and value of dimension `at` of all its heads.
struct BlockSum {
    float top = -INFINITY;
    float weight = 0;
    float sum = 0;
};
template<int kDim>
__device__ BlockSum sumWarps(const Fixed<kDim>& fixed, const float* sums, std::uint32_t pitch,
                             std::uint32_t warps,
                             std::uint32_t at) { // all reads are under way at once
    constexpr std::uint32_t kLaneDims = kDim / 8;
    const std::uint32_t head = at / kDim;
    const std::uint32_t from = at % kDim % (2 * kLaneDims) * kSumPitch + head * 4 +
                               at % kDim / (2 * kLaneDims); // as lanes left it
    float tops[kMostWarps];
    float weights[kMostWarps];
    float values[kMostWarps];
    BlockSum block;
#pragma unroll
    for (std::uint32_t w = 0; w < kMostWarps; ++w) {
        const bool there = w < warps;
        tops[w] = there ? fixed.tops[w][head] : -INFINITY;
        weights[w] = there ? fixed.weights[w][head] : 0.0F;
        values[w] = there ? sums[w * pitch + from] : 0.0F;
    }
#pragma unroll
    for (std::uint32_t w = 0; w < kMostWarps; ++w)
        block.top = fmaxf(block.top, tops[w]);
#pragma unroll
    for (std::uint32_t w = 0; w < kMostWarps; ++w) {
        const float factor = exp2Fast(tops[w] - block.top); // 0 without chunks
        block.sum = fmaf(factor, values[w], block.sum);
        block.weight = fmaf(factor, weights[w], block.weight);
    }
    return block;
}

/// The splits through global memory; the last of a row's blocks to arrive adds them up.
template<int kDim>
__device__ void combineLast(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            const float* sums, std::uint32_t pitch) {
    const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
    auto* tops = reinterpret_cast<float2*>(task.partials + all * kDim);
    for (std::uint32_t at = threadIdx.x; at < place.heads * kDim; at += blockDim.x) {
        const BlockSum block = sumWarps(fixed, sums, pitch, place.warps, at);
        const std::size_t to =
            (std::size_t{place.row} * task.heads + place.firstHead + at / kDim) * task.splits +
            place.split;
        task.partials[to * kDim + at % kDim] = block.sum;
        if (at % kDim == 0)
            tops[to] = make_float2(block.top, block.weight);
    }
    std::uint32_t* arrivals = task.arrivals + std::size_t{place.row} * task.heads + place.firstHead;
    __syncthreads();
    if (threadIdx.x == 0) {
        fixed.last = arriveAndSee(arrivals) + 1 == place.active ? 1 : 0;
        if (fixed.last != 0)
            *arrivals = 0;
    }
    __syncthreads();
    if (fixed.last != 0)
        combine<kDim>(task, place);
}

/// The warps' sums of a block; its result, or its part of it. `sums`: the warps' rings, `pitch`
/// floats apart; a warp is done with its own.
template<int kDim>
__device__ void finishBlock(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            Running<kDim>& run, float* sums, std::uint32_t pitch) {
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    run.weight += __shfl_xor_sync(kAllLanes, run.weight, 1);
    run.weight += __shfl_xor_sync(kAllLanes, run.weight, 2);
    __syncwarp();
    constexpr std::uint32_t kLaneDims = kDim / 8;
    float* mine = sums + warp * pitch + threadIdx.x % 32;
#pragma unroll
    for (std::uint32_t j = 0; j < kLaneDims; ++j) {
        mine[j * kSumPitch] = run.acc[j][0] + run.acc[j][2];
        mine[(kLaneDims + j) * kSumPitch] = run.acc[j][1] + run.acc[j][3];
    }
    if (quarter == 0) {
        fixed.tops[warp][group] = run.top;
        fixed.weights[warp][group] = run.weight;
    }
    __syncthreads();
    if (place.active > 1)
        combineLast<kDim>(task, place, fixed, sums, pitch);
    else
        for (std::uint32_t at = threadIdx.x; at < place.heads * kDim; at += blockDim.x) {
            const BlockSum block = sumWarps(fixed, sums, pitch, place.warps, at);
            storeResult(task, std::size_t{place.row} * task.outStride + place.firstHead * kDim + at,
                        block.sum / block.weight);
        }
}

/// The rest, once the projections are there and the block has met since openBlock().
template<typename T, int kDim>
__device__ void attendBlock(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, ChunkRing<T, kDim, kDepth>& ring, std::byte* shared,
                            std::byte* behind) {
    using L = Layout<T, kDim, kDepth>;
    const std::uint32_t warp = threadIdx.x / 32;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(behind);
    auto& few = *reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes);
    auto& bias = *reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes + sizeof(Few<kDim>));
    const std::uint32_t lastChunk = place.position / kChunk;
    finishHeads<T, kDim>(finish, task, sizes, place, queryBias<kDim>(finish, place, warp), fixed,
                         few, bias);
    __syncthreads();
    Running<kDim> run;
    std::uint32_t used = 0;
#pragma unroll 1
    for (std::uint32_t chunk = place.begin + warp; chunk < place.end; chunk += place.warps) {
        waitAsync<kDepth - 2>();
        __syncwarp();
        ring.fetch(task, sizes, place);
        std::byte* slot = ring.slots + used * ring.slotBytes;
        if (chunk == lastChunk && !place.finished)
            patchChunk<T, kDim>(fixed, place.position % kChunk, slot);
        attendChunk<T, kDim>(task, place, chunk, slot, bias, few, run);
        used = used + 1 == kDepth ? 0 : used + 1;
    }
    finishBlock<kDim>(task, place, fixed, run, reinterpret_cast<float*>(shared),
                      kDepth * ring.slotBytes / 4);
}

template<typename T, int kDim>
__global__ void __launch_bounds__(kMostWarps * 32, 2)
    fusedKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
                const __grid_constant__ Sizes sizes) {
    extern __shared__ __align__(16) std::byte shared[];
    using L = Layout<T, kDim, kDepth>;
    letNextStart();
    Place place;
    placeHeads(sizes, place);
    std::byte* behind = shared + L::behindRings(warps(), task.keyBias != nullptr);
    fetchTables<T, kDim, kDepth>(task, place, behind);
    placeChunks(task, sizes, warps(), warps(), place);
    if (place.begin >= place.end)
        return;
    if (place.finished) // its pages were written in this step
        waitForPrevious();
    auto ring = openBlock<T, kDim, kDepth>(finish, task, sizes, place, firstPage(place), shared);
    if (threadIdx.x < place.jobs())
        announceHead<kDim>(finish, place, threadIdx.x);
    waitAsync<kDepth - 1>(); // tables and angles
    if (task.keyBias != nullptr)
        splitTurns<kDim>(task.rope.pairs, *reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes +
                                                                         sizeof(Few<kDim>)));
    __syncthreads();
    waitForPrevious();
    attendBlock<T, kDim>(finish, task, sizes, place, ring, shared, behind);
}

template<typename T, int kDim>
cudaError_t launch(const QkvFinish& finish, const Attention& task, std::uint32_t finishedFrom,
                   const DeviceLimits& limits, cudaStream_t stream) {
    Sizes sizes = sizesOf(task);
    sizes.finishedFrom = finishedFrom;
    const dim3 grid(task.splits, task.kv.kvHeads * sizes.groups, task.count);
    const bool biased = task.keyBias != nullptr;
    const std::uint32_t blockWarps = limits.hopper ? kMostWarps : kMostWarps / 2;
    // Small enough to start beside a block of the projections.
    const std::size_t shared = Layout<T, kDim, kDepth>::bytes(blockWarps, biased);
    const auto kernel = fusedKernel<T, kDim>;
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(kernel, grid, blockWarps * 32, shared, stream, limits.hopper, finish, task,
                        sizes);
}

std::uint32_t clustersOf(const Attention& task) {
    return task.count * task.kv.kvHeads * sizesOf(task).groups;
}

} // namespace

bool finishAndAttendTakes(const QkvFinish& finish, const Attention& task) {
    const bool dim = task.kv.headDim == 64 || task.kv.headDim == 128;
    return dim && task.kv.kind != KvKind::F32 && finish.rope.pairs % 4 == 0 &&
           2 * finish.rope.pairs <= task.kv.headDim && task.heads % task.kv.kvHeads == 0;
}

bool finishAndAttendHands(const Attention& task, const DeviceLimits& limits) {
    return task.count == 1 && clusterHands(task) &&
           attendsByCluster(task.splits, clustersOf(task), limits);
}

bool finishAndAttendAsks(const Attention& task, const DeviceLimits& limits) {
    return task.count == 1 && 2 * clustersOf(task) * task.splits <= limits.multiprocessors &&
           attendsByCluster(task.splits, clustersOf(task), limits);
}

cudaError_t attendFinished(const QkvFinish& finish, const Attention& task,
                           std::uint32_t finishedFrom, const DeviceLimits& limits,
                           cudaStream_t stream) {
    if (!finishAndAttendTakes(finish, task))
        return cudaErrorInvalidValue;
    if (task.handedOut != nullptr && !finishAndAttendHands(task, limits))
        return cudaErrorNotSupported;
    if (attendsByCluster(task.splits, clustersOf(task), limits))
        return attendByCluster(finish, task, finishedFrom, stream);
    const auto put = [&](auto launchKind) {
        return launchKind(finish, task, finishedFrom, limits, stream);
    };
    if (task.kv.kind == KvKind::Int8)
        return task.kv.headDim == 64 ? put(launch<std::int8_t, 64>) : put(launch<std::int8_t, 128>);
    return task.kv.headDim == 64 ? put(launch<__nv_bfloat16, 64>) : put(launch<__nv_bfloat16, 128>);
}

cudaError_t finishAndAttend(const QkvFinish& finish, const Attention& task,
                            const DeviceLimits& limits, cudaStream_t stream) {
    return attendFinished(finish, task, task.count, limits, stream);
}

} // namespace kernels::cuda
