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
#include "kernels/cuda/qkv_head.cuh"

namespace kernels::cuda {

namespace {

constexpr std::uint32_t kMostWarps = 8;   // 4 where a block has less shared memory
constexpr std::uint32_t kChunk = 16;      // positions
constexpr std::uint32_t kHeads = 8;       // query heads of a block
constexpr std::uint32_t kTurnPitch = 136; // floats of a row of turns: no bank conflicts
constexpr float kLog2E = 1.4426950408889634F;

__device__ std::uint32_t warps() {
    return blockDim.x / 32;
}

template<typename T, int kDim>
struct Shape {
    static constexpr bool kInt8 = sizeof(T) == 1;
    static constexpr std::uint32_t kRowBytes = kDim * sizeof(T);
    static constexpr std::uint32_t kSideBytes = kChunk * kRowBytes; // keys or values of a chunk
    static constexpr std::uint32_t kScaleBytes = kInt8 ? 2 * kChunk * 4 : 0;
    static constexpr std::uint32_t kAngleBytes = kDim * 4; // of the chunk's first position
    static constexpr int kDepth = 2;
    static constexpr int kKeyPieces = kRowBytes / 64; // 16 bytes a lane of a key
    static constexpr int kLaneDims = kDim / 8;        // of the values, a group of four lanes

    static __host__ __device__ std::uint32_t slotBytes(bool biased) {
        return 2 * kSideBytes + kScaleBytes + (biased ? kAngleBytes : 0);
    }
    /// Which 16 bytes of a value row lie where: the four lanes of a group read four rows at once.
    static __device__ std::uint32_t swizzle(std::uint32_t row, std::uint32_t column) {
        if constexpr (kRowBytes == 256)
            return column ^ (row >> 1 & 1U) ^ (row & 4U);
        else if constexpr (kRowBytes == 128)
            return column ^ (row & 6U);
        else
            return column;
    }
};

/// Shared memory behind the rings.
template<int kDim>
struct Fixed {
    float query[kHeads][kDim];
    float angles[kDim];   // of the new position
    float fresh[2][kDim]; // key and value of the new token
    float freshScale[2];
    std::uint32_t last; // this block arrived last
    float tops[kMostWarps][kHeads];
    float weights[kMostWarps][kHeads];
    __align__(16) unsigned char stored[2][kDim * 2]; // key and value as the cache holds them
};
/// Shared memory of a key bias outside of the cache.
template<int kDim>
struct Bias {
    float2 uv[kHeads][kDim / 2 + 4]; // pairs; other banks for other heads
    float rest[kHeads];              // of dimensions that do not turn
    float key[kDim];                 // the bias itself
    float turns[kChunk][kTurnPitch];
};

__device__ std::uint32_t highTf32(float v) {
    return __float_as_uint(v) & 0xFFFFE000U;
}
__device__ std::uint32_t lowTf32(float v) {
    return __float_as_uint(v - __uint_as_float(highTf32(v)));
}
__device__ float exp2Fast(float v) {
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(v));
    return r;
}

/// Two floats as bf16, and what that lost.
__device__ void splitPair(float a, float b, std::uint32_t& high, std::uint32_t& low) {
    high = packBf16(a, b);
    low = packBf16(a - bf16Low(high), b - bf16High(high));
}
/// Bytes 0 and 2 of a word as two bf16 integers.
__device__ std::uint32_t plainInt8(std::uint32_t bytes) {
    return subtractBf16((bytes & 0x007F007FU) | 0x43004300U, (bytes & 0x00800080U) | 0x43004300U);
}

/// What a block works on.
struct Place {
    std::uint32_t row;
    std::uint32_t kvHead;
    std::uint32_t firstHead;
    std::uint32_t heads; // 1..8
    std::uint32_t position;
    std::uint32_t begin; // chunks
    std::uint32_t end;
    std::uint32_t active; // splits that have any
    const std::uint32_t* pages;
};
__device__ Place placeOf(const Attention& task) {
    Place place;
    const std::uint32_t headsPerKv = task.heads / task.kv.kvHeads;
    const std::uint32_t groups = (headsPerKv + kHeads - 1) / kHeads;
    place.row = blockIdx.z;
    place.kvHead = blockIdx.y / groups;
    const std::uint32_t first = blockIdx.y % groups * kHeads;
    place.firstHead = place.kvHead * headsPerKv + first;
    place.heads = min(headsPerKv - first, kHeads);
    const Row row = task.rows[blockIdx.z];
    place.position = row.position;
    place.pages = task.pages + row.pageOffset;
    const std::uint32_t chunks = row.position / kChunk + 1;
    const std::uint32_t each = (chunks + task.splits - 1) / task.splits;
    const std::uint32_t share = (each + warps() - 1) / warps() * warps();
    place.active = (chunks + share - 1) / share;
    place.begin = blockIdx.x * share;
    place.end = min(place.begin + share, chunks);
    return place;
}

/// Puts one chunk under way; positions from the new one on become zeros.
template<typename T, int kDim>
__device__ void fetchChunk(const Attention& task, const Place& place, std::uint32_t chunk,
                           std::uint32_t page, std::uint32_t slot) {
    using S = Shape<T, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    const std::uint32_t half = chunk % 2 * kChunk; // a page is two chunks
    const std::byte* base = task.pool + std::size_t{page} * task.pageStride;
    const std::size_t head = std::size_t{place.kvHead} * kPagePositions + half;
    const std::byte* keys = base + head * S::kRowBytes;
    const std::byte* values = base + task.kv.valuesOffset() + head * S::kRowBytes;
    const std::uint32_t old = place.position - chunk * kChunk; // may exceed the chunk
#pragma unroll
    for (std::uint32_t unit = 0; unit < 2; ++unit) {
        const std::uint32_t position = unit * 8 + lane / 4;
        const std::byte* from = keys + position * S::kRowBytes + lane % 4 * 16;
#pragma unroll
        for (int i = 0; i < S::kKeyPieces; ++i)
            copyAsync16(slot + ((unit * S::kKeyPieces + i) * 32 + lane) * 16, from + i * 64,
                        position < old ? 16 : 0);
    }
    constexpr std::uint32_t kColumns = S::kRowBytes / 16;
#pragma unroll
    for (std::uint32_t i = 0; i < kColumns / 2; ++i) {
        const std::uint32_t row = (i * 32 + lane) / kColumns;
        const std::uint32_t column = lane % kColumns;
        copyAsync16(slot + S::kSideBytes + row * S::kRowBytes + S::swizzle(row, column) * 16,
                    values + row * S::kRowBytes + column * 16, row < old ? 16 : 0);
    }
    if constexpr (S::kInt8) {
        const std::size_t offset =
            lane < 4 ? task.kv.keyScalesOffset() : task.kv.valueScalesOffset();
        if (lane < 8)
            copyAsync16(slot + 2 * S::kSideBytes + lane * 16,
                        base + offset + head * 4 + lane % 4 * 16, 16);
    }
    if (task.keyBias != nullptr) {
        const float* angles = task.rope.block(chunk * kChunk);
        for (std::uint32_t i = lane; i < 2 * task.rope.pairs; i += 32)
            copyAsyncSmall<4>(slot + 2 * S::kSideBytes + S::kScaleBytes + i * 4,
                              angles + std::size_t{i} * kPagePositions, 4);
    }
}

/// One head of the new token: bias, norm, rotation; keys and values go to the cache as well.
template<typename T, int kDim>
__device__ void finishHead(const QkvFinish& finish, const Attention& task, const Place& place,
                           Fixed<kDim>& fixed, std::uint32_t which) {
    const std::uint32_t lane = threadIdx.x % 32;
    if (which < place.heads) {
        const std::uint32_t at = (place.firstHead + which) * kDim;
        loadHead(finish.query + std::size_t{place.row} * finish.queryStride + at,
                 finish.queryBias != nullptr ? finish.queryBias + at : nullptr, finish.queryNorm,
                 finish.eps, kDim, fixed.query[which]);
        rotateHead(fixed.angles, 1, finish.rope.pairs, finish.rope.adjacent, fixed.query[which]);
        for (std::uint32_t d = lane; d < kDim; d += 32)
            fixed.query[which][d] *= task.scale * kLog2E;
        return;
    }
    const std::uint32_t side = which - place.heads; // 0 key, 1 value
    const bool isKey = side == 0;
    const std::uint32_t at = place.kvHead * kDim;
    const float* from =
        (isKey ? finish.key : finish.value) + std::size_t{place.row} * finish.kvStride;
    const float* bias = isKey ? finish.keyBias : finish.valueBias;
    float* head = fixed.fresh[side];
    loadHead(from + at, bias != nullptr ? bias + at : nullptr, isKey ? finish.keyNorm : nullptr,
             finish.eps, kDim, head);
    if (isKey)
        rotateHead(fixed.angles, 1, finish.rope.pairs, finish.rope.adjacent, head);
    const std::uint32_t inPage = place.position % kPagePositions;
    std::byte* page =
        finish.pool + std::size_t{place.pages[place.position / kPagePositions]} * finish.pageStride;
    const std::size_t row = std::size_t{place.kvHead} * kPagePositions + inPage;
    T* to = reinterpret_cast<T*>(page + (isKey ? 0 : finish.kv.valuesOffset())) + row * kDim;
    T* stored = reinterpret_cast<T*>(fixed.stored[side]);
    if constexpr (Shape<T, kDim>::kInt8) {
        const float scale = int8Scale(head, kDim);
        for (std::uint32_t d = lane; d < kDim; d += 32)
            to[d] = stored[d] = toInt8(head[d], scale);
        if (lane == 0) {
            fixed.freshScale[side] = scale;
            std::byte* scales =
                page + (isKey ? finish.kv.keyScalesOffset() : finish.kv.valueScalesOffset());
            reinterpret_cast<float*>(scales)[row] = scale;
        }
    } else {
        for (std::uint32_t d = lane; d < kDim; d += 32)
            to[d] = stored[d] = __float2bfloat16_rn(head[d]);
    }
}

/// The new token's key and value into their place in the chunk that holds its position.
template<typename T, int kDim>
__device__ void patchChunk(const Fixed<kDim>& fixed, std::uint32_t inChunk, std::byte* slot) {
    using S = Shape<T, kDim>;
    constexpr std::uint32_t kColumns = S::kRowBytes / 16;
    const std::uint32_t lane = threadIdx.x % 32;
    if (lane < kColumns) {
        const std::uint32_t unit = inChunk / 8;
        const std::uint32_t owner = inChunk % 8 * 4 + lane % 4;
        *reinterpret_cast<uint4*>(slot + ((unit * S::kKeyPieces + lane / 4) * 32 + owner) * 16) =
            reinterpret_cast<const uint4*>(fixed.stored[0])[lane];
        *reinterpret_cast<uint4*>(slot + S::kSideBytes + inChunk * S::kRowBytes +
                                  S::swizzle(inChunk, lane) * 16) =
            reinterpret_cast<const uint4*>(fixed.stored[1])[lane];
    }
    if constexpr (S::kInt8)
        if (lane < 2)
            reinterpret_cast<float*>(slot + 2 * S::kSideBytes)[lane * kChunk + inChunk] =
                fixed.freshScale[lane];
    __syncwarp();
}

/// u, v of every pair and q b of the dimensions that do not turn; table of turns.
template<int kDim>
__device__ void fillBias(const Attention& task, const Fixed<kDim>& fixed, Bias<kDim>& shared) {
    const std::uint32_t pairs = task.rope.pairs;
    const float* bias = shared.key;
    for (std::uint32_t at = threadIdx.x; at < kHeads * pairs; at += blockDim.x) {
        const std::uint32_t head = at / pairs;
        const std::uint32_t i = at % pairs;
        const std::uint32_t a = task.rope.adjacent ? 2 * i : i;
        const std::uint32_t b = task.rope.adjacent ? 2 * i + 1 : i + pairs;
        const float* q = fixed.query[head];
        shared.uv[head][i] =
            make_float2(q[a] * bias[a] + q[b] * bias[b], q[b] * bias[a] - q[a] * bias[b]);
    }
    if (threadIdx.x < kHeads) {
        float rest = 0;
        for (std::uint32_t d = 2 * pairs; d < kDim; ++d)
            rest += fixed.query[threadIdx.x][d] * bias[d];
        shared.rest[threadIdx.x] = rest;
    }
}

/// What the bias adds to the scores of a chunk: head = lane / 4, positions 8 unit + 2 (lane % 4).
template<int kDim>
__device__ void biasScores(const Bias<kDim>& shared, const float* angles, std::uint32_t pairs,
                           float (&scores)[2][2]) {
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    float sums[2][2][4] = {};
    for (std::uint32_t i = quarter; i < pairs; i += 4) {
        const float cosine = angles[i];
        const float sine = angles[pairs + i];
        const float2 uv = shared.uv[group][i];
        const float u = uv.x * cosine + uv.y * sine;
        const float v = uv.y * cosine - uv.x * sine;
        const std::uint32_t a[4] = {highTf32(u), lowTf32(u), highTf32(v), lowTf32(v)};
#pragma unroll
        for (int unit = 0; unit < 2; ++unit) {
            const float2 turn =
                *reinterpret_cast<const float2*>(&shared.turns[unit * 8 + group][i * 2]);
            mmaTf32(sums[unit][0], a, highTf32(turn.x), highTf32(turn.y));
            mmaTf32(sums[unit][1], a, lowTf32(turn.x), lowTf32(turn.y));
        }
    }
#pragma unroll
    for (int unit = 0; unit < 2; ++unit)
#pragma unroll
        for (int e = 0; e < 2; ++e)
            scores[unit][e] = sums[unit][0][e] + sums[unit][0][e + 2] + sums[unit][1][e] +
                              sums[unit][1][e + 2] + shared.rest[group];
}

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
