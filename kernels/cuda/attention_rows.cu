// Decode attention of many rows with at most four query heads a KV head (llama, qwen3): finishes
// queries, key and value of one new token a sequence, appends key and value to the cache, and
// attends over the paged KV, all in one kernel, as attention_fused.cu does for few rows.
//
// What differs: keys and values are the A operand of mma.sync, so that 16 positions or dimensions
// meet 8 columns, which are four query heads times the two halves that together keep 16 bits of a
// query or probability: bf16, or digits where the cache holds int8 (attention_rows_digits.cuh).
// That halves products, sums and registers against eight heads as rows, and so two blocks share a
// multiprocessor: while one starts or ends, the other streams. A lane (g, q) = (lane / 4, lane % 4)
// holds the scores of head q at positions g and g + 8 and the sums of head q for its kDim / 8
// dimensions; between them probabilities pass through one transposition.
//
// A warp takes every warps()th chunk of its block's part of a row. How blocks end and the parts of
// a row meet: attention_rows_sums.cuh.
//
// Shapes: query, key, value fp32 [rows][stride]; head dim 64 or 128; KvLayout bf16 or int8.
//
// Preconditions: the rows are of different sequences; partials hold rows * splits <= planned.
#include "kernels/attention_parts.h"
#include "kernels/cuda/attention_rows_digits.cuh"

namespace kernels::cuda {

namespace {

using namespace fused;

constexpr int kRing = 3; // chunks of a warp: two blocks of eight warps fit a multiprocessor

/// Whether so many parts meet in memory, of a row whose parts are long, that their meeting waits
/// behind what the next launch asks for, and warps without a head can ask for more bit by bit.
__device__ bool beginsSlowly(const Place& place) {
    constexpr std::uint32_t kManyParts = 8;
    return place.isLong() && place.active >= kManyParts && place.warps > place.heads;
}

/// Chunks that every warp asks for before the kernel ahead is done. What ends that kernel and
/// begins this one waits in the memory's queue behind them; with one of a long part the memory has
/// nothing to do meanwhile.
__device__ int earlyChunks(const Place& place) {
    return place.isLong() && !beginsSlowly(place) ? 2 : 1;
}

/// Column lane / 4 of the B operand: query head lane / 8, one half of it, in the order of the keys'
/// bytes.
template<int kDim>
__device__ void queryColumns(const Fixed<kDim>& fixed, std::uint32_t (&b)[kDim / 16][2]) {
    const std::uint32_t lane = threadIdx.x % 32;
    const float* q = fixed.query[lane / 8];
    const bool lowHalf = lane / 4 % 2 != 0;
#pragma unroll
    for (int i = 0; i < kDim / 32; ++i) {
        const float* from = q + (i * 4 + lane % 4) * 8;
#pragma unroll
        for (int j = 0; j < 2; ++j) {
            const float4 v = *reinterpret_cast<const float4*>(from + j * 4);
            std::uint32_t halves[2][2];
            splitPair(v.x, v.y, halves[0][0], halves[0][1]);
            splitPair(v.z, v.w, halves[1][0], halves[1][1]);
            std::uint32_t(&to)[2] = b[i * 2 + j];
            to[0] = lowHalf ? halves[0][1] : halves[0][0];
            to[1] = lowHalf ? halves[1][1] : halves[1][0];
        }
    }
}

/// scores[half]: head lane % 4, position lane / 4 + 8 half.
template<int kDim>
__device__ void scorePositions(const std::byte* slot, const std::uint32_t (&b)[kDim / 16][2],
                               float (&scores)[2]) {
    using S = Shape<__nv_bfloat16, kDim>;
    const std::uint32_t lane = threadIdx.x % 32;
    float sums[2][4] = {};
#pragma unroll
    for (int i = 0; i < S::kKeyPieces; ++i) {
        const uint4 first = *reinterpret_cast<const uint4*>(slot + (i * 32 + lane) * 16);
        const uint4 second =
            *reinterpret_cast<const uint4*>(slot + ((S::kKeyPieces + i) * 32 + lane) * 16);
        const std::uint32_t left[4] = {first.x, second.x, first.y, second.y};
        const std::uint32_t right[4] = {first.z, second.z, first.w, second.w};
        mmaBf16(sums[0], left, b[i * 2][0], b[i * 2][1]);
        mmaBf16(sums[1], right, b[i * 2 + 1][0], b[i * 2 + 1][1]);
    }
    scores[0] = sums[0][0] + sums[0][1] + sums[1][0] + sums[1][1];
    scores[1] = sums[0][2] + sums[0][3] + sums[1][2] + sums[1][3];
}

/// acc += V^T p; tile j holds dimensions 2 j and 2 j + 1 of each group of four lanes.
template<int kDim>
__device__ void addBf16Values(const std::byte* values, const std::uint32_t (&p)[2],
                              float (&acc)[kDim / 16][4]) {
    using S = Shape<__nv_bfloat16, kDim>;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    const std::uint32_t quarter = threadIdx.x % 4;
    constexpr int kWords = S::kLaneDims / 2;
    std::uint32_t words[4][kWords]; // positions 2q, 2q + 1, 2q + 8, 2q + 9
#pragma unroll
    for (int r = 0; r < 4; ++r) {
        const std::uint32_t row = quarter * 2 + r % 2 + r / 2 * 8;
        const std::byte* from = values + row * S::kRowBytes;
#pragma unroll
        for (int i = 0; i < kWords / 4; ++i) {
            const uint4 raw = *reinterpret_cast<const uint4*>(
                from + S::swizzle(row, group * (kWords / 4) + i) * 16);
            words[r][i * 4] = raw.x, words[r][i * 4 + 1] = raw.y;
            words[r][i * 4 + 2] = raw.z, words[r][i * 4 + 3] = raw.w;
        }
    }
#pragma unroll
    for (int j = 0; j < kDim / 16; ++j) {
        std::uint32_t a[4];
#pragma unroll
        for (int d = 0; d < 2; ++d) { // dimension 2 j + d of the lane
            const std::uint32_t selector = d == 0 ? 0x5410U : 0x7632U;
            a[d] = permute(words[0][j], words[1][j], selector);
            a[2 + d] = permute(words[2][j], words[3][j], selector);
        }
        mmaBf16(acc[j], a, p[0], p[1]);
    }
}

/// Queries as a warp's lanes multiply bf16 keys with them, and the products.
template<typename T, int kDim>
struct Queries {
    std::uint32_t b[kDim / 16][2];
    __device__ explicit Queries(const Fixed<kDim>& fixed) { queryColumns<kDim>(fixed, b); }
    __device__ void scores(const std::byte* slot, float (&out)[2]) const {
        scorePositions<kDim>(slot, b, out);
    }
    __device__ static void addValues(const std::byte* values, const float (&weights)[2],
                                     Running<kDim, false>& run) {
        std::uint32_t p[2];
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float high = roundBf16(weights[half]);
            p[half] = transpose8x8(packBf16(high, weights[half] - high));
        }
        addBf16Values<kDim>(values, p, run.acc);
    }
};
template<int kDim>
struct Queries<std::int8_t, kDim> : QueryDigits<kDim> {
    using QueryDigits<kDim>::QueryDigits;
};

template<typename T, int kDim>
__device__ void attendChunk(const Place& place, std::uint32_t chunk, const std::byte* slot,
                            const Queries<T, kDim>& queries,
                            Running<kDim, Shape<T, kDim>::kInt8>& run) {
    using S = Shape<T, kDim>;
    const std::uint32_t group = threadIdx.x % 32 / 4;
    float scores[2];
    queries.scores(slot, scores);
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
    float weights[2];
#pragma unroll
    for (std::uint32_t half = 0; half < 2; ++half) {
        weights[half] = exp2Fast(scores[half] - top);
        run.weight += weights[half];
        if constexpr (S::kInt8) // a scale behind the end may be anything
            weights[half] =
                weights[half] > 0 ? weights[half] * scales[kChunk + group + half * 8] : 0.0F;
    }
    queries.addValues(slot + S::kSideBytes, weights, run);
}

/// The block's heads and its part of its row's positions: whole turns of its warps.
__device__ void placeRow(const Attention& task, const Sizes& sizes, Place& place) {
    place.kvHead = blockIdx.x; // neighbours take the same pages
    place.split = blockIdx.y;
    place.row = blockIdx.z;
    const Row row = task.rows[place.row];
    place.firstHead = place.kvHead * sizes.headsPerKv;
    place.heads = sizes.headsPerKv;
    place.position = row.position;
    place.finished = false;
    place.pages = task.pages + row.pageOffset;
    place.lastPage = place.pages[row.position / kPagePositions];
    place.warps = warps();
    const std::uint32_t chunks = row.position / kChunk + 1;
    const std::uint32_t turns = (chunks + place.warps - 1) / place.warps;
    const RowParts parts(turns, task.splits);
    place.active = parts.count;
    const bool has = place.split < parts.count;
    place.begin = has ? parts.begin(place.split) * place.warps : chunks;
    place.end = has ? min(parts.begin(place.split + 1) * place.warps, chunks) : chunks;
}

/// What a warp fetches: every warps()th chunk, the pages of 32 of them looked up at once.
template<typename T, int kDim>
struct Stream {
    std::byte* ring;
    std::uint32_t ahead; // chunk
    std::uint32_t turn = 0;
    std::uint32_t pages = 0; // of this lane's turn of 32
    std::uint32_t slot = 0;

    /// The warp's next chunk, if there is one, into the slot that is free.
    __device__ void fetch(const Attention& task, const Sizes& sizes, const Place& place) {
        if (turn % 32 == 0) {
            const std::uint32_t chunk = ahead + threadIdx.x % 32 * place.warps;
            pages = chunk < place.end ? place.pages[chunk / 2] : 0;
        }
        if (ahead < place.end)
            fetchChunk<T, kDim>(task, sizes, place, ahead,
                                __shfl_sync(kAllLanes, pages, static_cast<int>(turn % 32)),
                                sharedAddress(ring) + slot * Shape<T, kDim>::slotBytes(false));
        commitAsync();
        ahead += place.warps;
        ++turn;
        slot = slot + 1 == kRing ? 0 : slot + 1;
    }
};

/// What a block does until its queries are there: asks for the first chunks and finishes its heads,
/// which it asks for ahead of the rest of the rings.
template<typename T, int kDim>
__device__ void openRow(const QkvFinish& finish, const Attention& task, const Sizes& sizes,
                        const Place& place, Fixed<kDim>& fixed, Stream<T, kDim>& stream) {
    const std::uint32_t warp = threadIdx.x / 32;
    const int early = earlyChunks(place);
    for (int i = 0; i < early; ++i)
        stream.fetch(task, sizes, place);
    const float* angles = finish.rope.block(place.position);
    for (std::uint32_t i = threadIdx.x; i < 2 * finish.rope.pairs; i += blockDim.x)
        fixed.angles[i] = angles[std::size_t{i} * kPagePositions];
    for (std::uint32_t i = place.heads * kDim + threadIdx.x; i < kFewHeads * kDim; i += blockDim.x)
        fixed.query[i / kDim][i % kDim] = 0;
    __syncthreads();
    // The block that holds the new position also finishes and appends its key and value.
    const std::uint32_t jobs = place.jobs();
    if (warp >= jobs && beginsSlowly(place))
        while (stream.turn < kRing) { // it could not go on before the first one has come anyway
            waitAsync<0>();
            stream.fetch(task, sizes, place);
        }
    waitForPrevious();
    const auto fillRing = [&] {
        while (stream.turn < kRing)
            stream.fetch(task, sizes, place);
    };
    for (std::uint32_t which = warp; which < jobs; which += warps())
        finishHead<T, kDim>(finish, task, sizes, place, fixed, which, fillRing);
    fillRing();
    __syncthreads();
}

template<typename T, int kDim>
__global__ void __launch_bounds__(kMostWarps * 32, 2)
    rowsKernel(const __grid_constant__ QkvFinish finish, const __grid_constant__ Attention task,
               const __grid_constant__ Sizes sizes) {
    using S = Shape<T, kDim>;
    extern __shared__ __align__(16) std::byte shared[];
    letNextStart();
    Place place;
    placeRow(task, sizes, place);
    if (place.begin >= place.end)
        return;
    const std::uint32_t warp = threadIdx.x / 32;
    const std::uint32_t slotBytes = S::slotBytes(false);
    std::byte* ring = shared + warp * kRing * slotBytes;
    auto& fixed = *reinterpret_cast<Fixed<kDim>*>(shared + warps() * kRing * slotBytes);
    Stream<T, kDim> stream{ring, place.begin + warp};
    openRow<T, kDim>(finish, task, sizes, place, fixed, stream);
    const Queries<T, kDim> queries(fixed);
    Running<kDim, S::kInt8> run;
    std::uint32_t used = 0;
    for (std::uint32_t chunk = place.begin + warp; chunk < place.end; chunk += warps()) {
        waitAsync<kRing - 1>();
        __syncwarp();
        std::byte* slot = ring + used * slotBytes;
        if (chunk == place.position / kChunk)
            patchChunk<T, kDim>(fixed, place.position % kChunk, slot);
        attendChunk<T, kDim>(place, chunk, slot, queries, run);
        __syncwarp(); // everybody has read it
        stream.fetch(task, sizes, place);
        used = used + 1 == kRing ? 0 : used + 1;
    }
    finishBlock<kDim>(task, place, fixed, run, reinterpret_cast<float*>(shared));
}

template<typename T, int kDim>
cudaError_t launch(const QkvFinish& finish, const Attention& task, const DeviceLimits& limits,
                   cudaStream_t stream) {
    using S = Shape<T, kDim>;
    const std::uint32_t slotBytes = S::slotBytes(false);
    // Two blocks fit a multiprocessor.
    const std::uint32_t blockWarps = slotBytes > 6144 ? kMostWarps / 2 : kMostWarps;
    const std::size_t shared =
        blockWarps * kRing * slotBytes + (sizeof(Fixed<kDim>) + 15) / 16 * 16;
    const auto kernel = rowsKernel<T, kDim>;
    if (const cudaError_t error = allowSharedBeside(kernel, shared); error != cudaSuccess)
        return error;
    return launchKernel(kernel, dim3(task.kv.kvHeads, task.splits, task.count), blockWarps * 32,
                        shared, stream, limits.hopper, finish, task, sizesOf(task));
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
