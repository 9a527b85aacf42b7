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
// The warps of a block meet in shared memory; the last block of a row and KV head to arrive adds
// up the splits, in their order. Sums are fp32.
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
// Preconditions: the rows are of different sequences; partials hold rows * splits <= planned.
// History: before, finishQkv + attention (one position a lane) + combine: 8 + 55 + 7 us on
// qwen2-1.5b at 1,024 positions.
#include "kernels/cuda/attention_fused.cuh"

namespace kernels::cuda {

namespace {

using namespace fused;

/// The queries of head lane / 4 as A operands, in the order of the keys' bytes.
template<typename T, int kDim>
__device__ void queryOperands(const Fixed<kDim>& fixed, std::uint32_t (&a)[kDim / 16][4]) {
    using S = Shape<T, kDim>;
    const float* q = fixed.query[threadIdx.x % 32 / 4];
    const std::uint32_t quarter = threadIdx.x % 4;
#pragma unroll
    for (int i = 0; i < S::kKeyPieces; ++i) {
        constexpr int kPieceDims = 16 / sizeof(T);
        const float* from = q + (i * 4 + quarter) * kPieceDims;
#pragma unroll
        for (int j = 0; j < kPieceDims / 4; ++j) {
            const float4 v = *reinterpret_cast<const float4*>(from + j * 4);
            std::uint32_t(&to)[4] = a[i * (kPieceDims / 4) + j];
            if constexpr (S::kInt8) { // masks leave bytes 0 and 2, then 1 and 3
                splitPair(v.x, v.z, to[0], to[1]);
                splitPair(v.y, v.w, to[2], to[3]);
            } else {
                splitPair(v.x, v.y, to[0], to[1]);
                splitPair(v.z, v.w, to[2], to[3]);
            }
        }
    }
}

/// scores[unit][e]: head lane / 4, position 8 unit + 2 (lane % 4) + e, without the keys' scales.
template<typename T, int kDim>
__device__ void scoreChunk(const std::byte* slot, const std::uint32_t (&a)[kDim / 16][4],
                           float (&scores)[2][2]) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
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
        for (int e = 0; e < 2; ++e)
            scores[unit][e] = sums[0][e] + sums[0][e + 2] + sums[1][e] + sums[1][e + 2];
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
                            const std::byte* slot, const Bias<kDim>& bias,
                            const std::uint32_t (&a)[kDim / 16][4], Running<kDim>& run) {
    using S = Shape<T, kDim>;
    const std::uint32_t quarter = threadIdx.x % 4;
    float scores[2][2];
    scoreChunk<T, kDim>(slot, a, scores);
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
        constexpr std::uint32_t kBatch = 8; // loads under way at once
        for (std::uint32_t base = 0; base < place.active; base += kBatch) {
            float2 own[kBatch];
            float4 values[kBatch];
#pragma unroll
            for (std::uint32_t s = 0; s < kBatch; ++s) {
                const std::size_t at = from + min(base + s, place.active - 1);
                own[s] = __ldcg(tops + at);
                values[s] = __ldcg(reinterpret_cast<const float4*>(task.partials + at * kDim + d));
            }
#pragma unroll
            for (std::uint32_t s = 0; s < kBatch; ++s) {
                if (base + s >= place.active)
                    break;
                const float higher = fmaxf(top, own[s].x);
                const float shrink = exp2Fast(top - higher);
                const float factor = exp2Fast(own[s].x - higher);
                top = higher;
                sum.x = sum.x * shrink + factor * values[s].x;
                sum.y = sum.y * shrink + factor * values[s].y;
                sum.z = sum.z * shrink + factor * values[s].z;
                sum.w = sum.w * shrink + factor * values[s].w;
                weight = weight * shrink + factor * own[s].y;
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

/// The warps' sums of a block; its result, or its part of it.
template<int kDim>
__device__ void finishBlock(const Attention& task, const Place& place, Fixed<kDim>& fixed,
                            Running<kDim>& run, float* sums) {
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    run.weight += __shfl_xor_sync(kAllLanes, run.weight, 1);
    run.weight += __shfl_xor_sync(kAllLanes, run.weight, 2);
    __syncthreads(); // the rings are free
    constexpr int kLaneDims = kDim / 8;
    float* mine = sums + (warp * kHeads + group) * kDim + quarter * 2 * kLaneDims;
#pragma unroll
    for (int j = 0; j < kLaneDims; ++j) {
        mine[j] = run.acc[j][0] + run.acc[j][2];
        mine[kLaneDims + j] = run.acc[j][1] + run.acc[j][3];
    }
    if (quarter == 0) {
        fixed.tops[warp][group] = run.top;
        fixed.weights[warp][group] = run.weight;
    }
    __syncthreads();
    const std::size_t all = std::size_t{task.count} * task.heads * task.splits;
    auto* tops = reinterpret_cast<float2*>(task.partials + all * kDim);
    for (std::uint32_t at = threadIdx.x; at < place.heads * kDim; at += blockDim.x) {
        const std::uint32_t head = at / kDim;
        float top = -INFINITY;
        for (std::uint32_t w = 0; w < warps(); ++w)
            top = fmaxf(top, fixed.tops[w][head]);
        float sum = 0;
        float weight = 0;
        for (std::uint32_t w = 0; w < warps(); ++w) {
            const float factor = exp2Fast(fixed.tops[w][head] - top); // 0 for a warp without chunks
            sum += factor * sums[w * kHeads * kDim + at];
            weight += factor * fixed.weights[w][head];
        }
        if (place.active == 1) {
            storeResult(task, std::size_t{place.row} * task.outStride + place.firstHead * kDim + at,
                        sum / weight);
            continue;
        }
        const std::size_t to =
            (std::size_t{place.row} * task.heads + place.firstHead + head) * task.splits +
            blockIdx.x;
        task.partials[to * kDim + at % kDim] = sum;
        if (at % kDim == 0)
            tops[to] = make_float2(top, weight);
    }
    if (place.active == 1)
        return;
    std::uint32_t* arrivals = task.arrivals + std::size_t{place.row} * task.heads + place.firstHead;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) {
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

template<typename T, int kDim>
__global__ void __launch_bounds__(kMostWarps * 32)
    fusedKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task) {
    using S = Shape<T, kDim>;
    extern __shared__ __align__(16) std::byte shared[];
    letNextStart();
    const Place place = placeOf(task);
    if (place.begin >= place.end)
        return;
    const std::uint32_t warp = threadIdx.x / 32;
    const bool biased = task.keyBias != nullptr;
    const std::uint32_t slotBytes = S::slotBytes(biased);
    std::byte* ring = shared + warp * S::kDepth * slotBytes;
    std::byte* behind = shared + warps() * S::kDepth * slotBytes;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(behind);
    auto& bias = *reinterpret_cast<Bias<kDim>*>(behind + (sizeof(Fixed<kDim>) + 15) / 16 * 16);

    std::uint32_t ahead = place.begin + warp;
    std::uint32_t page = ahead < place.end ? place.pages[ahead / 2] : 0;
    std::uint32_t fetched = 0;
    const auto fetch = [&] {
        if (ahead < place.end) {
            fetchChunk<T, kDim>(task, place, ahead, page,
                                sharedAddress(ring) + fetched * slotBytes);
            fetched = fetched + 1 == S::kDepth ? 0 : fetched + 1;
            ahead += warps();
            page = ahead < place.end ? place.pages[ahead / 2] : 0;
        }
        commitAsync();
    };
    for (int i = 0; i < S::kDepth - 1; ++i)
        fetch();
    const float* angles = finish.rope.block(place.position);
    for (std::uint32_t i = threadIdx.x; i < 2 * finish.rope.pairs; i += blockDim.x)
        fixed.angles[i] = angles[std::size_t{i} * kPagePositions];
    for (std::uint32_t i = place.heads * kDim + threadIdx.x; i < kHeads * kDim; i += blockDim.x)
        fixed.query[i / kDim][i % kDim] = 0;
    if (biased) {
        const std::uint32_t width = 2 * task.rope.pairs;
        for (std::uint32_t i = warp; i < kChunk; i += warps())
            for (std::uint32_t c = threadIdx.x % 32 * 4; c < width; c += 128)
                *reinterpret_cast<float4*>(&bias.turns[i][c]) =
                    *reinterpret_cast<const float4*>(task.turns + i * width + c);
        for (std::uint32_t d = threadIdx.x; d < kDim; d += blockDim.x)
            bias.key[d] = task.keyBias[place.kvHead * kDim + d];
    }
    __syncthreads();
    waitForPrevious();

    // The block that holds the new position also finishes and appends its key and value.
    const std::uint32_t lastChunk = place.position / kChunk;
    const bool appends = lastChunk >= place.begin && lastChunk < place.end;
    const std::uint32_t jobs = place.heads + (appends ? 2 : 0);
    for (std::uint32_t which = warp; which < jobs; which += warps())
        finishHead<T, kDim>(finish, task, place, fixed, which);
    __syncthreads();
    if (biased) {
        fillBias<kDim>(task, fixed, bias);
        __syncthreads();
    }
    std::uint32_t a[kDim / 16][4];
    queryOperands<T, kDim>(fixed, a);
    Running<kDim> run;
    std::uint32_t used = 0;
    for (std::uint32_t chunk = place.begin + warp; chunk < place.end; chunk += warps()) {
        waitAsync<S::kDepth - 2>();
        __syncwarp();
        fetch();
        std::byte* slot = ring + used * slotBytes;
        if (chunk == lastChunk)
            patchChunk<T, kDim>(fixed, place.position % kChunk, slot);
        attendChunk<T, kDim>(task, place, chunk, slot, bias, a, run);
        used = used + 1 == S::kDepth ? 0 : used + 1;
    }
    finishBlock<kDim>(task, place, fixed, run, reinterpret_cast<float*>(shared));
}

template<typename T, int kDim>
cudaError_t launch(const QkvFinish& finish, const Attention& task, const DeviceLimits& limits,
                   cudaStream_t stream) {
    using S = Shape<T, kDim>;
    const std::uint32_t groups = ceilDivide(task.heads / task.kv.kvHeads, kHeads);
    const dim3 grid(task.splits, task.kv.kvHeads * groups, task.count);
    const bool biased = task.keyBias != nullptr;
    const std::uint32_t blockWarps = limits.hopper ? kMostWarps : kMostWarps / 2;
    // Small enough to start beside a block of the projections.
    const std::size_t shared = blockWarps * S::kDepth * S::slotBytes(biased) +
                               (sizeof(Fixed<kDim>) + 15) / 16 * 16 +
                               (biased ? sizeof(Bias<kDim>) : 0);
    const auto kernel = fusedKernel<T, kDim>;
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(kernel, grid, blockWarps * 32, shared, stream, limits.hopper, finish, task);
}

} // namespace

bool finishAndAttendTakes(const QkvFinish& finish, const Attention& task) {
    const bool dim = task.kv.headDim == 64 || task.kv.headDim == 128;
    return dim && task.kv.kind != KvKind::F32 && finish.rope.pairs % 4 == 0 &&
           2 * finish.rope.pairs <= task.kv.headDim && task.heads % task.kv.kvHeads == 0;
}

cudaError_t finishAndAttend(const QkvFinish& finish, const Attention& task,
                            const DeviceLimits& limits, cudaStream_t stream) {
    if (!finishAndAttendTakes(finish, task))
        return cudaErrorInvalidValue;
    if (task.kv.kind == KvKind::Int8)
        return task.kv.headDim == 64 ? launch<std::int8_t, 64>(finish, task, limits, stream)
                                     : launch<std::int8_t, 128>(finish, task, limits, stream);
    return task.kv.headDim == 64 ? launch<__nv_bfloat16, 64>(finish, task, limits, stream)
                                 : launch<__nv_bfloat16, 128>(finish, task, limits, stream);
}

} // namespace kernels::cuda
