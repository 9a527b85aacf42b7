// Decode attention of many rows with at most four query heads a KV head (llama, qwen3): finishes
// queries, key and value of one new token a sequence, appends key and value to the cache, and
// attends over the paged KV, all in one kernel, as attention_fused.cu does for few rows.
//
// What differs: keys and values are the A operand of mma.sync, so that 16 positions or dimensions
// meet 8 columns, which are four query heads times the two bf16 halves that together keep 16 bits
// of a query or probability. That halves products, sums and registers against eight heads as rows,
// and so two blocks of eight warps, or four of four, share a multiprocessor: while one starts or
// ends, others stream. A lane (g, q) = (lane / 4, lane % 4) holds the scores of head q at positions
// g and g + 8 and the sums of head q for its kDim / 8 dimensions; between them probabilities pass
// through one transposition.
// Grid, work list, rings and the order of sums: attention_fused.cu.
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: the rows are of different sequences; partials hold rows * splits <= planned.
#include "kernels/cuda/attention_fused.cuh"
#include "kernels/cuda/digits.cuh"

namespace kernels::cuda {

namespace {

using namespace fused;

constexpr std::uint32_t kFewHeads = 4;
/// Chunks of a warp's ring: two blocks of eight warps fit a multiprocessor.
template<typename T, int kDim>
constexpr int kUsualRing = Shape<T, kDim>::kInt8 ? 3 : 2;

__device__ std::uint32_t transposePairs(std::uint32_t pair) {
    std::uint32_t out;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(out) : "r"(pair));
    return out;
}

/// Column lane / 4 of the B operand: query head lane / 8, one half of it, in the order of the keys'
/// bytes.
template<typename T, int kDim>
__device__ void queryColumns(const Fixed<kDim>& fixed, std::uint32_t (&b)[kDim / 16][2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    const float* q = fixed.query[lane / 8];
    const bool lowHalf = lane / 4 % 2 != 0;
    constexpr int kPieceDims = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < S::kKeyPieces; ++i) {
        const float* from = q + (i * 4 + lane % 4) * kPieceDims;
#pragma unroll
        for (int j = 0; j < kPieceDims / 4; ++j) {
            const float4 v = *reinterpret_cast<const float4*>(from + j * 4);
            std::uint32_t halves[2][2];
            if constexpr (S::kInt8) { // masks leave bytes 0 and 2, then 1 and 3
                splitPair(v.x, v.z, halves[0][0], halves[0][1]);
                splitPair(v.y, v.w, halves[1][0], halves[1][1]);
            } else {
                splitPair(v.x, v.y, halves[0][0], halves[0][1]);
                splitPair(v.z, v.w, halves[1][0], halves[1][1]);
            }
            std::uint32_t(&to)[2] = b[i * (kPieceDims / 4) + j];
            to[0] = lowHalf ? halves[0][1] : halves[0][0];
            to[1] = lowHalf ? halves[1][1] : halves[1][0];
        }
    }
}

/// scores[half]: head lane % 4, position lane / 4 + 8 half, without the keys' scales.
template<typename T, int kDim>
__device__ void scorePositions(const std::byte* slot, const std::uint32_t (&b)[kDim / 16][2],
                               float (&scores)[2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    float sums[2][4] = {};
#pragma unroll
    for (int i = 0; i < S::kKeyPieces; ++i) {
        const uint4 first = *reinterpret_cast<const uint4*>(slot + (i * 32 + lane) * 16);
        const uint4 second =
            *reinterpret_cast<const uint4*>(slot + ((S::kKeyPieces + i) * 32 + lane) * 16);
        if constexpr (S::kInt8) {
            const std::uint32_t upper[4] = {first.x, first.y, first.z, first.w};
            const std::uint32_t lower[4] = {second.x, second.y, second.z, second.w};
#pragma unroll
            for (int w = 0; w < 4; ++w) {
                const std::uint32_t a[4] = {plainInt8(upper[w]), plainInt8(lower[w]),
                                            plainInt8(upper[w] >> 8), plainInt8(lower[w] >> 8)};
                mmaBf16(sums[w % 2], a, b[i * 4 + w][0], b[i * 4 + w][1]);
            }
        } else {
            const std::uint32_t left[4] = {first.x, second.x, first.y, second.y};
            const std::uint32_t right[4] = {first.z, second.z, first.w, second.w};
            mmaBf16(sums[0], left, b[i * 2][0], b[i * 2][1]);
            mmaBf16(sums[1], right, b[i * 2 + 1][0], b[i * 2 + 1][1]);
        }
    }
    scores[0] = sums[0][0] + sums[0][1] + sums[1][0] + sums[1][1];
    scores[1] = sums[0][2] + sums[0][3] + sums[1][2] + sums[1][3];
}

/// acc += V^T p; tile j holds dimensions 2 j and 2 j + 1 of each group of four lanes.
template<typename T, int kDim>
__device__ void addValues(const std::byte* values, const std::uint32_t (&p)[2],
                          float (&acc)[kDim / 16][4]) {
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
    for (int j = 0; j < kDim / 16; ++j) {
        std::uint32_t a[4];
#pragma unroll
        for (int d = 0; d < 2; ++d) {
            const int at = 2 * j + d; // dimension of the lane
            if constexpr (S::kInt8) {
                const std::uint32_t selector =
                    0x0400U + static_cast<std::uint32_t>(at % 4) * 0x0101U;
                a[d] = plainInt8(permute(words[0][at / 4], words[1][at / 4], selector));
                a[2 + d] = plainInt8(permute(words[2][at / 4], words[3][at / 4], selector));
            } else {
                const std::uint32_t selector = at % 2 == 0 ? 0x5410U : 0x7632U;
                a[d] = permute(words[0][at / 2], words[1][at / 2], selector);
                a[2 + d] = permute(words[2][at / 2], words[3][at / 2], selector);
            }
        }
        mmaBf16(acc[j], a, p[0], p[1]);
    }
}

/// Softmax and values of this warp's chunks.
template<int kDim>
struct Running {
    float top = -INFINITY; // of head lane % 4
    float weight = 0;      // this lane's part
    float acc[kDim / 16][4] = {};
};

template<typename T, int kDim>
__device__ void attendChunk(const Place& place, std::uint32_t chunk, const std::byte* slot,
                            const std::uint32_t (&b)[kDim / 16][2], Running<kDim>& run) {
    using S = Shape<T, kDim>;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    float scores[2];
    scorePositions<T, kDim>(slot, b, scores);
    const auto* scales = reinterpret_cast<const float*>(slot + 2 * S::kSideBytes);
    const std::uint32_t left = place.position + 1 - chunk * kChunk; // positions that count
    float top = run.top;
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half) {
        if constexpr (S::kInt8)
            scores[half] *= scales[group + half * 8];
        if (group + half * 8 >= left)
            scores[half] = -INFINITY;
        top = fmaxf(top, scores[half]);
    }
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 4));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 8));
    top = fmaxf(top, __shfl_xor_sync(kAllLanes, top, 16));
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
    std::uint32_t p[2];
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half) {
        float weight = exp2Fast(scores[half] - top);
        run.weight += weight;
        if constexpr (S::kInt8) // a scale behind the end may be anything
            weight = weight > 0 ? weight * scales[kChunk + group + half * 8] : 0.0F;
        const float high = roundBf16(weight);
        p[half] = transposePairs(packBf16(high, weight - high));
    }
    addValues<T, kDim>(slot + S::kSideBytes, p, run.acc);
}

/// Dimensions d..d+3 of one head of a row; a warp holds the whole head.
template<int kDim>
__device__ void storeResult(const Attention& task, const Place& place, std::uint32_t head,
                            std::uint32_t d, float4 v) {
    const std::uint32_t column = (place.firstHead + head) * kDim + d;
    if constexpr (kDim == 128)
        if (task.digits.values != nullptr) {
            writeDigits(task.digits, place.row, column, v);
            return;
        }
    const std::size_t at = std::size_t{place.row} * task.outStride + column;
    if (task.preparedOut != nullptr) { // as gemm_wgmma.cuh wants them
        const std::uint32_t first = column % 16 * 4 + column % 64 / 16 * 2; // of the first pair
        auto* to = reinterpret_cast<std::uint32_t*>(task.preparedOut + at / 64 * 64 + first);
        to[0] = packBf16(v.x, v.y);
        to[4] = packBf16(v.z, v.w);
        return;
    }
    if (task.roundedOut != nullptr)
        *reinterpret_cast<uint2*>(task.roundedOut + at) =
            make_uint2(packBf16(v.x, v.y), packBf16(v.z, v.w));
    else
        *reinterpret_cast<float4*>(task.out + at) = v;
}

/// The splits of one row and KV head, in their order. By the last block to arrive.
template<int kDim>
__device__ void combine(const Attention& task, const Place& place) {
    constexpr std::uint32_t kLanes = kDim / 4; // of a head
    const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
    const auto* tops = reinterpret_cast<const float2*>(task.partials + all * kDim);
    const std::size_t first = (std::size_t{place.row} * task.heads + place.firstHead) * task.splits;
    for (std::uint32_t i = threadIdx.x; i < place.heads * kLanes; i += blockDim.x) {
        const std::uint32_t head = i / kLanes;
        const std::uint32_t d = i % kLanes * 4;
        const std::size_t from = first + head * task.splits;
        float4 sum = make_float4(0, 0, 0, 0);
        float weight = 0;
        float top = -INFINITY;
        for (std::uint32_t s = 0; s < place.active; ++s) {
            const float2 own = __ldcg(tops + from + s);
            const float4 part =
                __ldcg(reinterpret_cast<const float4*>(task.partials + (from + s) * kDim + d));
            const float higher = fmaxf(top, own.x);
            const float shrink = exp2Fast(top - higher);
            const float factor = exp2Fast(own.x - higher);
            top = higher;
            sum.x = sum.x * shrink + factor * part.x;
            sum.y = sum.y * shrink + factor * part.y;
            sum.z = sum.z * shrink + factor * part.z;
            sum.w = sum.w * shrink + factor * part.w;
            weight = weight * shrink + factor * own.y;
        }
        const float inverse = 1.0F / weight;
        storeResult<kDim>(
            task, place, head, d,
            make_float4(sum.x * inverse, sum.y * inverse, sum.z * inverse, sum.w * inverse));
    }
}

/// The warps' sums of a block; its result, or its part of it.
template<int kDim>
__device__ void finishBlock(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            Running<kDim>& run, float* sums) {
    constexpr std::uint32_t kLanes = kDim / 4; // of a head
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t head = threadIdx.x % 4;
#pragma unroll
    for (int offset = 4; offset < 32; offset *= 2)
        run.weight += __shfl_xor_sync(kAllLanes, run.weight, offset);
    __syncthreads(); // the rings are free
    constexpr int kLaneDims = kDim / 8;
    float* mine = sums + (warp * kFewHeads + head) * kDim + group * kLaneDims;
#pragma unroll
    for (int j = 0; j < kDim / 16; j += 2)
        *reinterpret_cast<float4*>(mine + 2 * j) = make_float4(
            run.acc[j][0] + run.acc[j][1], run.acc[j][2] + run.acc[j][3],
            run.acc[j + 1][0] + run.acc[j + 1][1], run.acc[j + 1][2] + run.acc[j + 1][3]);
    if (group == 0) {
        fixed.tops[warp][head] = run.top;
        fixed.weights[warp][head] = run.weight;
    }
    __syncthreads();
    const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
    auto* tops = reinterpret_cast<float2*>(task.partials + all * kDim);
    for (std::uint32_t i = threadIdx.x; i < place.heads * kLanes; i += blockDim.x) {
        const std::uint32_t h = i / kLanes;
        const std::uint32_t d = i % kLanes * 4;
        float top = -INFINITY;
        for (std::uint32_t w = 0; w < warps(); ++w)
            top = fmaxf(top, fixed.tops[w][h]);
        float4 sum = make_float4(0, 0, 0, 0);
        float weight = 0;
        for (std::uint32_t w = 0; w < warps(); ++w) {
            const float factor = exp2Fast(fixed.tops[w][h] - top); // 0 for a warp without chunks
            const float4 v =
                *reinterpret_cast<const float4*>(sums + (w * kFewHeads + h) * kDim + d);
            sum.x += factor * v.x;
            sum.y += factor * v.y;
            sum.z += factor * v.z;
            sum.w += factor * v.w;
            weight += factor * fixed.weights[w][h];
        }
        if (place.active == 1) {
            const float inverse = 1.0F / weight;
            storeResult<kDim>(
                task, place, h, d,
                make_float4(sum.x * inverse, sum.y * inverse, sum.z * inverse, sum.w * inverse));
            continue;
        }
        const std::size_t to =
            (std::size_t{place.row} * task.heads + place.firstHead + h) * task.splits + blockIdx.x;
        *reinterpret_cast<float4*>(task.partials + to * kDim + d) = sum;
        if (d == 0)
            tops[to] = make_float2(top, weight);
    }
    if (place.active == 1)
        return;
    std::uint32_t* arrivals = task.arrivals + std::size_t{place.row} * task.heads + place.firstHead;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
        delayAtRandom();
        fixed.last = atomicAdd(arrivals, 1U) + 1 == place.active ? 1 : 0;
        if (fixed.last != 0)
            *arrivals = 0;
    }
    __syncthreads();
    if (fixed.last == 0)
        return;
    __threadfence();
    combine<kDim>(task, place);
}

template<typename T, int kDim, int kRing>
__global__ void __launch_bounds__(kMostWarps * 32, 2)
    rowsKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
               const __grid_constant__ Sizes sizes) {
    using S = Shape<T, kDim>;
    extern __shared__ __align__(16) std::byte shared[];
    letNextStart();
    Place place;
    placeHeads(sizes, place);
    placeChunks<false>(task, sizes, place);
    if (place.begin >= place.end)
        return;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t slotBytes = S::slotBytes(false);
    std::byte* ring = shared + warp * kRing * slotBytes;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(shared + warps() * kRing * slotBytes);

    std::uint32_t ahead = place.begin + warp;
    std::uint32_t page = ahead < place.end ? place.pages[ahead / 2] : 0;
    std::uint32_t fetched = 0;
    const auto fetch = [&] {
        if (ahead < place.end) {
            fetchChunk<T, kDim>(task, sizes, place, ahead, page,
                                sharedAddress(ring) + fetched * slotBytes);
            fetched = fetched + 1 == kRing ? 0 : fetched + 1;
            ahead += warps();
            page = ahead < place.end ? place.pages[ahead / 2] : 0;
        }
        commitAsync();
    };
    for (int i = 0; i < kRing - 1; ++i)
        fetch();
    const float* angles = finish.rope.block(place.position);
    for (std::uint32_t i = threadIdx.x; i < 2 * finish.rope.pairs; i += blockDim.x)
        fixed.angles[i] = angles[std::size_t{i} * kPagePositions];
    for (std::uint32_t i = place.heads * kDim + threadIdx.x; i < kFewHeads * kDim; i += blockDim.x)
        fixed.query[i / kDim][i % kDim] = 0;
    __syncthreads();
    waitForPrevious();

    // The block that holds the new position also finishes and appends its key and value.
    const std::uint32_t lastChunk = place.position / kChunk;
    const bool appends = lastChunk >= place.begin && lastChunk < place.end;
    const std::uint32_t jobs = place.heads + (appends ? 2 : 0);
    for (std::uint32_t which = warp; which < jobs; which += warps())
        finishHead<T, kDim>(finish, task, sizes, place, fixed, which);
    __syncthreads();
    std::uint32_t b[kDim / 16][2];
    queryColumns<T, kDim>(fixed, b);
    Running<kDim> run;
    std::uint32_t used = 0;
    for (std::uint32_t chunk = place.begin + warp; chunk < place.end; chunk += warps()) {
        waitAsync<kRing - 2>();
        __syncwarp();
        fetch();
        std::byte* slot = ring + used * slotBytes;
        if (chunk == lastChunk)
            patchChunk<T, kDim>(fixed, place.position % kChunk, slot);
        attendChunk<T, kDim>(place, chunk, slot, b, run);
        used = used + 1 == kRing ? 0 : used + 1;
    }
    finishBlock<kDim>(task, place, fixed, run, reinterpret_cast<float*>(shared));
}

template<typename T, int kDim, int kRing = kUsualRing<T, kDim>>
cudaError_t launch(const QkvFinish& finish, const Attention& task, const DeviceLimits& limits,
                   cudaStream_t stream) {
    using S = Shape<T, kDim>;
    const dim3 grid(task.splits, task.kv.kvHeads, task.count);
    // Two blocks of eight warps fit a multiprocessor, or four of four.
    const bool many = grid.x * grid.y * grid.z > 2 * limits.multiprocessors;
    const std::uint32_t blockWarps = many ? kMostWarps / 2 : kMostWarps;
    const std::size_t shared =
        blockWarps * kRing * S::slotBytes(false) + (sizeof(Fixed<kDim>) + 15) / 16 * 16;
    const auto kernel = rowsKernel<T, kDim, kRing>;
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(kernel, grid, blockWarps * 32, shared, stream, limits.hopper, finish, task,
                        sizesOf(task));
}

} // namespace

bool finishAndAttendRowsTakes(const QkvFinish& finish, const Attention& task) {
    return finishAndAttendTakes(finish, task) && task.keyBias == nullptr &&
           task.heads <= kFewHeads * task.kv.kvHeads;
}

cudaError_t finishAndAttendRows(const QkvFinish& finish, const Attention& task,
                                const DeviceLimits& limits, cudaStream_t stream) {
    if (!finishAndAttendRowsTakes(finish, task) ||
        (task.digits.values != nullptr && task.kv.headDim != 128))
        return cudaErrorInvalidValue;
    if (task.kv.kind == KvKind::Int8)
        return task.kv.headDim == 64 ? launch<std::int8_t, 64>(finish, task, limits, stream)
                                     : launch<std::int8_t, 128>(finish, task, limits, stream);
    return task.kv.headDim == 64 ? launch<__nv_bfloat16, 64>(finish, task, limits, stream)
                                 : launch<__nv_bfloat16, 128>(finish, task, limits, stream);
}

} // namespace kernels::cuda
