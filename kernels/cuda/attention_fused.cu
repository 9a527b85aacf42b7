// Decode attention: finishes queries, key and value of one new token a sequence, appends key and
// value to the cache, and attends over the paged KV, all in one kernel.
//
// Grid (splits, KV heads x groups of 8 query heads, rows), fixed for a number of rows; the share of
// a block follows on the device from the row's length. A warp takes chunks of 16 positions in turn
// and keeps kDepth of them under way in its own ring (cp.async); the first are fetched before the
// block waits for the projections, because old pages depend on nothing in this step.
// - Scores: mma.sync with the query heads as A: rows 0..7 hold what bf16 keeps of the queries, rows
//   8..15 what it loses, so that 16 bits of the query count. Keys are B, straight from the cache.
// - Key bias outside of the cache (qwen2): + cos(p) u + sin(p) v over all pairs, in tf32 with both
//   operands split in two (22 bits). The angle of a chunk's first position turns u and v; the 16
//   positions within use one table.
// - Softmax online, a lane holding one head: its factors need no exchange. exp2, so the scale of
//   the queries carries log2(e).
// - Values: probabilities (again two bf16 halves) times V; bytes of two positions meet in one word.
// The warps of a block meet in shared memory. Eight splits are a cluster of blocks, which add up
// through each other's shared memory; of other numbers, the last block of a row and KV head to
// arrive adds them up. Both in the order of the splits. Sums are fp32.
// What a block executes once comes from L2 first: loops stay loops where latency allows it.
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: rows that are not finished (attendFinished()) are of different sequences;
// partials hold rows * splits <= planned.
// History: before, finishQkv + attention (one position a lane) + combine: 8 + 55 + 7 us on
// qwen2-1.5b at 1,024 positions.
#include "kernels/cuda/attention_fused.cuh"
#include "kernels/cuda_attend_finished.h"

namespace kernels::cuda {

using namespace fused;

namespace {

constexpr int kDepth = 2; // chunks a warp keeps under way

static_assert(kMostWarps == kClusterSplits); // a warp sends what a block of the cluster adds up
constexpr std::uint32_t kSumPitch = 33;      // neither writing nor reading meets one bank twice
template<int kDim>
constexpr std::uint32_t kWarpSums = kDim / 4 * kSumPitch; // of one warp
static_assert(kWarpSums<64> * 4 <= Shape<std::int8_t, 64>::slotBytes(false) &&
              kWarpSums<128> * 4 <= Shape<std::int8_t, 128>::slotBytes(false));

/// scores[unit][e]: head lane / 4, position 8 unit + 2 (lane % 4) + e, without the keys' scales.
template<typename T, int kDim>
__device__ void scoreChunk(const std::byte* slot, const Few<kDim>& few, float (&scores)[2][2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    std::uint32_t a[kDim / 16][4];
#pragma unroll
    for (int i = 0; i < kDim / 16; ++i) {
        const uint4 v = few.operands[i][lane];
        a[i][0] = v.x, a[i][1] = v.y, a[i][2] = v.z, a[i][3] = v.w;
    }
#pragma unroll 1 // its instructions are fetched once
    for (int unit = 0; unit < 2; ++unit) {
        float sums[2][4] = {};
#pragma unroll
        for (int i = 0; i < S::kKeyPieces; ++i) {
            const uint4 raw = *reinterpret_cast<const uint4*>(
                slot + ((unit * S::kKeyPieces + i) * 32 + lane) * 16);
            if constexpr (S::kInt8) {
                const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
                for (int w = 0; w < 4; ++w)
                    mmaBf16(sums[w % 2], a[i * 4 + w], plainInt8(words[w]),
                            plainInt8(words[w] >> 8));
            } else {
                mmaBf16(sums[0], a[i * 2], raw.x, raw.y);
                mmaBf16(sums[1], a[i * 2 + 1], raw.z, raw.w);
            }
        }
#pragma unroll
        for (int e = 0; e < 2; ++e) {
            const float score = sums[0][e] + sums[0][e + 2] + sums[1][e] + sums[1][e + 2];
            scores[0][e] = unit == 0 ? score : scores[0][e];
            scores[1][e] = score;
        }
    }
}

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
    const std::uint32_t quarter = threadIdx.x % 4;
    float scores[2][2];
    scoreChunk<T, kDim>(slot, few, scores);
    const auto* scales = reinterpret_cast<const float*>(slot + 2 * S::kSideBytes);
    if constexpr (S::kInt8)
#pragma unroll
        for (int unit = 0; unit < 2; ++unit) {
            const float2 s = *reinterpret_cast<const float2*>(scales + unit * 8 + quarter * 2);
            scores[unit][0] *= s.x;
            scores[unit][1] *= s.y;
        }
    if (task.keyBias != nullptr) {
        float added[2][2];
        biasScores<kDim>(bias,
                         reinterpret_cast<const float*>(slot + 2 * S::kSideBytes + S::kScaleBytes),
                         task.rope.pairs, added);
#pragma unroll
        for (int i = 0; i < 4; ++i)
            scores[i / 2][i % 2] += added[i / 2][i % 2];
    }
    const std::uint32_t left = place.position + 1 - chunk * kChunk; // positions that count
    float top = run.top;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (i / 2 * 8 + quarter * 2 + i % 2 >= left)
            scores[i / 2][i % 2] = -INFINITY;
        top = fmaxf(top, scores[i / 2][i % 2]);
    }
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 1));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 2));
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
#pragma unroll
    for (int unit = 0; unit < 2; ++unit) {
        float p0 = exp2Fast(scores[unit][0] - top);
        float p1 = exp2Fast(scores[unit][1] - top);
        run.weight += p0 + p1;
        if constexpr (S::kInt8) {
            const float2 s =
                *reinterpret_cast<const float2*>(scales + kChunk + unit * 8 + quarter * 2);
            p0 = p0 > 0 ? p0 * s.x : 0.0F; // a scale behind the end may be anything
            p1 = p1 > 0 ? p1 * s.y : 0.0F;
        }
        splitPair(p0, p1, p[unit * 2], p[unit * 2 + 1]);
    }
    addValues<T, kDim>(slot + S::kSideBytes, p, run.acc);
}

__device__ void storeResult(const Attention& task, std::size_t at, float value) {
    if (task.roundedOut != nullptr)
        task.roundedOut[at] = __bfloat16_as_ushort(__float2bfloat16_rn(value));
    else
        task.out[at] = value;
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

/// The blocks of a cluster, which are the splits of a row: each sends the others their part of the
/// dimensions of its own sums, and adds up its own part in the order of the splits. Precondition:
/// the blocks have met since they began.
template<int kDim>
__device__ void combineCluster(const Attention& task, const Place& place, const Fixed<kDim>& fixed,
                               Few<kDim>& few, const float* sums, std::uint32_t pitch) {
    const Cluster cluster;
    const std::uint32_t share = place.heads * (kDim / kClusterSplits); // at most kDim
    const std::uint32_t rank = cluster.rank();
    if (place.begin < place.end)
        for (std::uint32_t i = threadIdx.x % 32; i < share; i += 32) {
            const std::uint32_t part = threadIdx.x / 32; // for the block of this rank
            const std::uint32_t at = part * share + i;
            const BlockSum block = sumWarps(fixed, sums, pitch, place.warps, at);
            *cluster.in(&few.inbox[rank][i], part) = block.sum;
            if (i == 0 || at % kDim == 0)
                *cluster.in(&few.totals[rank][at / kDim - part * share / kDim], part) =
                    make_float2(block.top, block.weight);
        }
    cluster.sync();
    for (std::uint32_t i = threadIdx.x; i < share; i += blockDim.x) {
        const std::uint32_t at = rank * share + i;
        const std::uint32_t head = at / kDim - rank * share / kDim;
        float2 totals[kClusterSplits];
        float values[kClusterSplits];
        float top = -INFINITY;
#pragma unroll
        for (std::uint32_t s = 0; s < kClusterSplits; ++s) {
            totals[s] = few.totals[s][head];
            values[s] = few.inbox[s][i];
            top = fmaxf(top, s < place.active ? totals[s].x : -INFINITY);
        }
        float sum = 0;
        float weight = 0;
#pragma unroll
        for (std::uint32_t s = 0; s < kClusterSplits; ++s) {
            const bool there = s < place.active;
            const float factor = there ? exp2Fast(totals[s].x - top) : 0.0F;
            sum = fmaf(factor, there ? values[s] : 0.0F, sum);
            weight = fmaf(factor, there ? totals[s].y : 0.0F, weight);
        }
        storeResult(task, std::size_t{place.row} * task.outStride + place.firstHead * kDim + at,
                    sum / weight);
    }
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
template<int kDim, bool kCluster>
__device__ void finishBlock(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            Few<kDim>& few, Running<kDim>& run, float* sums, std::uint32_t pitch) {
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
    if constexpr (kCluster)
        combineCluster<kDim>(task, place, fixed, few, sums, pitch);
    else if (place.active > 1)
        combineLast<kDim>(task, place, fixed, sums, pitch);
    else
        for (std::uint32_t at = threadIdx.x; at < place.heads * kDim; at += blockDim.x) {
            const BlockSum block = sumWarps(fixed, sums, pitch, place.warps, at);
            storeResult(task, std::size_t{place.row} * task.outStride + place.firstHead * kDim + at,
                        block.sum / block.weight);
        }
}

/// The rest, once the projections are there and the block has met since openBlock().
template<typename T, int kDim, bool kCluster>
__device__ void attendBlock(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                            const Place& place, ChunkRing<T, kDim, kDepth>& ring, std::byte* shared,
                            std::byte* behind) {
    using L = Layout<T, kDim, kDepth>;
    const std::uint32_t warp = threadIdx.x / 32;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(behind);
    auto& few = *reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes);
    auto& bias = *reinterpret_cast<Bias<kDim>*>(behind + L::kFixedBytes + sizeof(Few<kDim>));
    const std::uint32_t lastChunk = place.position / kChunk;
    const std::uint32_t jobs = place.jobs();
#pragma unroll 1
    for (std::uint32_t which = warp; which < jobs; which += place.warps) {
        finishHead<T, kDim>(finish, task, sizes, place, fixed, which);
        if (which >= place.heads)
            continue;
        storeOperands<T, kDim>(fixed.query[which], which, few);
        if (task.keyBias != nullptr)
            fillBias<kDim>(task, fixed.query[which], which, bias);
    }
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
    finishBlock<kDim, kCluster>(task, place, fixed, few, run, reinterpret_cast<float*>(shared),
                                kDepth * ring.slotBytes / 4);
}

template<typename T, int kDim, bool kCluster>
__global__ void __launch_bounds__(kMostWarps * 32, 2)
    fusedKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
                const __grid_constant__ Sizes sizes) {
    extern __shared__ __align__(16) std::byte shared[];
    using L = Layout<T, kDim, kDepth>;
    letNextStart();
    const Cluster cluster;
    if constexpr (kCluster)
        cluster.arrive();
    Place place;
    placeHeads(sizes, place);
    std::byte* behind =
        shared + L::behindRings(kCluster ? kMostWarps : blockDim.x / 32, task.keyBias != nullptr);
    fetchTables<T, kDim, kDepth>(task, place, behind);
    placeChunks<kCluster>(task, sizes, place);
    if (place.begin >= place.end) {
        if constexpr (kCluster) { // for its part of the dimensions
            cluster.wait();
            waitForPrevious();
            combineCluster<kDim>(task, place, *reinterpret_cast<Fixed<kDim>*>(behind),
                                 *reinterpret_cast<Few<kDim>*>(behind + L::kFixedBytes), nullptr,
                                 0);
        }
        return;
    }
    if (place.finished) // its pages were written in this step
        waitForPrevious();
    auto ring = openBlock<T, kDim, kDepth>(finish, task, sizes, place, firstPage(place), shared);
    if (threadIdx.x < place.jobs())
        announceHead<kDim>(finish, place, threadIdx.x);
    waitAsync<kDepth - 1>(); // tables and angles
    __syncthreads();
    if constexpr (kCluster)
        cluster.wait(); // nobody writes to a block that has not started
    waitForPrevious();
    attendBlock<T, kDim, kCluster>(finish, task, sizes, place, ring, shared, behind);
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
    const bool clusters = limits.hopper && task.splits == kClusterSplits;
    const auto kernel = clusters ? fusedKernel<T, kDim, true> : fusedKernel<T, kDim, false>;
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchClusters(kernel, grid, clusters ? kClusterSplits : 1, blockWarps * 32, shared,
                          stream, limits.hopper, finish, task, sizes);
}

} // namespace

bool finishAndAttendTakes(const QkvFinish& finish, const Attention& task) {
    const bool dim = task.kv.headDim == 64 || task.kv.headDim == 128;
    return dim && task.kv.kind != KvKind::F32 && finish.rope.pairs % 4 == 0 &&
           2 * finish.rope.pairs <= task.kv.headDim && task.heads % task.kv.kvHeads == 0;
}

cudaError_t attendFinished(const QkvFinish& finish, const Attention& task,
                           std::uint32_t finishedFrom, const DeviceLimits& limits,
                           cudaStream_t stream) {
    if (!finishAndAttendTakes(finish, task))
        return cudaErrorInvalidValue;
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
