// GEMM on bf16 tensor cores for more rows than a GEMV takes (prefill, batches).
//
// out[m][n] = sum over k of x[m][k] w[n][k]. Weights are the M operand of mma.sync m16n8k16, tokens
// its N. Integer weights become exact bf16 integers in shared memory (|q| <= 128 fits eight bits);
// the fp32 sums of one scale group meet the scale, so nothing but the activations is rounded. With
// PreparedRows::low every product is computed twice, for activations of 16 bits.
// Shapes: W [N][K padded to 128], x bf16 [M][K padded], out fp32 [M][outStride].
// Preconditions: kinds BF16, Int8 (group 128 or 32), Int4 (group 32).
// A block computes 128 weight rows x 64 tokens in steps of 64 columns, two buffers of shared
// memory: while one is multiplied, the next is on its way through registers.
#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

namespace {

constexpr int kThreads = 256;
constexpr int kBlockRows = 128; // weight rows
constexpr int kBlockTokens = 64;
constexpr int kStep = 64;          // columns
constexpr int kStride = kStep + 8; // bf16 in shared memory: ldmatrix without bank conflicts

struct Tile {
    __nv_bfloat16 weights[kBlockRows][kStride];
    __nv_bfloat16 high[kBlockTokens][kStride];
};
struct SplitTile : Tile {
    __nv_bfloat16 low[kBlockTokens][kStride];
};

struct Task {
    Matrix weights;
    const std::uint16_t* high;
    const std::uint16_t* low;
    std::uint32_t padded;
    std::uint32_t tokens;
    float* out;
    std::uint32_t outStride;
    bool adds;
};

/// Two exact integers, each on top of 2^23, as a bf16 pair.
__device__ std::uint32_t pairOf(float a, float b, float offset) {
    return permute(__float_as_uint(a - offset), __float_as_uint(b - offset), 0x7632);
}
/// Four bytes as bf16 integers.
__device__ uint2 fourOf(std::uint32_t word, float offset) {
    return make_uint2(pairOf(byteOnMagic(word, 0), byteOnMagic(word, 1), offset),
                      pairOf(byteOnMagic(word, 2), byteOnMagic(word, 3), offset));
}
__device__ void storeFour(__nv_bfloat16* at, uint2 v) {
    *reinterpret_cast<uint2*>(at) = v;
}

/// 16-byte pieces of a weight tile a thread moves, and how one becomes bf16.
template<WeightKind kKind>
struct Pieces;
template<>
struct Pieces<WeightKind::BF16> {
    static constexpr int kColumns = 8;
    static __device__ void store(__nv_bfloat16* at, uint4 raw) {
        *reinterpret_cast<uint4*>(at) = raw;
    }
};
template<>
struct Pieces<WeightKind::Int8> {
    static constexpr int kColumns = 16;
    static __device__ void store(__nv_bfloat16* at, uint4 raw) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
        for (int i = 0; i < 4; ++i)
            storeFour(at + i * 4, fourOf(words[i] ^ 0x80808080U, kMagic + 128.0F));
    }
};
template<>
struct Pieces<WeightKind::Int4> {
    static constexpr int kColumns = 32;
    static __device__ void store(__nv_bfloat16* at, uint4 raw) {
        const std::uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            storeFour(at + i * 4, fourOf(words[i] & 0x0F0F0F0FU, kMagic + 8.0F));
            storeFour(at + 16 + i * 4, fourOf(words[i] >> 4 & 0x0F0F0F0FU, kMagic + 8.0F));
        }
    }
};

template<WeightKind kKind>
struct Loads {
    static constexpr int kPerRow = kStep / Pieces<kKind>::kColumns;
    static constexpr int kWeights = kBlockRows * kPerRow / kThreads;
    static constexpr int kTokens = kBlockTokens * kStep / 8 / kThreads;
    uint4 weights[kWeights];
    uint4 high[kTokens];
    uint4 low[kTokens];
};

template<WeightKind kKind, bool kSplit>
__device__ void load(const Task& task, std::uint32_t firstRow, std::uint32_t firstToken,
                     std::uint32_t column, Loads<kKind>& loads) {
    using L = Loads<kKind>;
    const std::size_t rowBytes = std::size_t{task.padded} / Pieces<kKind>::kColumns * 16;
#pragma unroll
    for (int i = 0; i < L::kWeights; ++i) {
        const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
        std::uint32_t row = firstRow + piece / L::kPerRow;
        row = row < task.weights.rows ? row : task.weights.rows - 1;
        const std::size_t at = column / Pieces<kKind>::kColumns + piece % L::kPerRow;
        loads.weights[i] = loadStream(task.weights.values + row * rowBytes + at * 16);
    }
#pragma unroll
    for (int i = 0; i < L::kTokens; ++i) {
        const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
        const std::uint32_t token = firstToken + piece / 8;
        const std::size_t at = std::size_t{token} * task.padded + column + piece % 8 * 8;
        loads.high[i] = make_uint4(0, 0, 0, 0);
        loads.low[i] = make_uint4(0, 0, 0, 0);
        if (token < task.tokens) {
            loads.high[i] = *reinterpret_cast<const uint4*>(task.high + at);
            if constexpr (kSplit)
                loads.low[i] = *reinterpret_cast<const uint4*>(task.low + at);
        }
    }
}

template<WeightKind kKind, bool kSplit, class T>
__device__ void store(T& tile, const Loads<kKind>& loads) {
    using L = Loads<kKind>;
#pragma unroll
    for (int i = 0; i < L::kWeights; ++i) {
        const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
        Pieces<kKind>::store(
            &tile.weights[piece / L::kPerRow][piece % L::kPerRow * Pieces<kKind>::kColumns],
            loads.weights[i]);
    }
#pragma unroll
    for (int i = 0; i < L::kTokens; ++i) {
        const int piece = static_cast<int>(threadIdx.x) + i * kThreads;
        *reinterpret_cast<uint4*>(&tile.high[piece / 8][piece % 8 * 8]) = loads.high[i];
        if constexpr (kSplit)
            *reinterpret_cast<uint4*>(&tile.low[piece / 8][piece % 8 * 8]) = loads.low[i];
    }
}

/// Fragments of 32 tokens x 16 columns for four mma.
__device__ void loadTokens(std::uint32_t (&b)[4][2], const __nv_bfloat16 (*rows)[kStride],
                           int column) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
#pragma unroll
    for (int pair = 0; pair < 2; ++pair) {
        std::uint32_t r[4];
        loadMatrices(r, &rows[pair * 16 + lane % 8 + lane / 16 * 8][column + lane / 8 % 2 * 8]);
        b[pair * 2][0] = r[0], b[pair * 2][1] = r[1];
        b[pair * 2 + 1][0] = r[2], b[pair * 2 + 1][1] = r[3];
    }
}

/// sums[m][n][4] of a warp: 2 x 16 weight rows, 4 x 8 tokens.
using Sums = float[2][4][4];

template<bool kSplit, class T>
__device__ void multiply(const T& tile, int warpRow, int warpToken, int column, Sums& sums) {
    const int lane = static_cast<int>(threadIdx.x) % 32;
    std::uint32_t a[2][4];
#pragma unroll
    for (int m = 0; m < 2; ++m)
        loadMatrices(a[m], &tile.weights[warpRow + m * 16 + lane % 16][column + lane / 16 * 8]);
    std::uint32_t b[4][2];
    loadTokens(b, tile.high + warpToken, column);
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int n = 0; n < 4; ++n)
            mmaBf16(sums[m][n], a[m], b[n][0], b[n][1]);
    if constexpr (kSplit) {
        loadTokens(b, tile.low + warpToken, column);
#pragma unroll
        for (int m = 0; m < 2; ++m)
#pragma unroll
            for (int n = 0; n < 4; ++n)
                mmaBf16(sums[m][n], a[m], b[n][0], b[n][1]);
    }
}

/// Ends a scale group: total += scale of the weight row * sums.
__device__ void scaleGroup(const Task& task, std::uint32_t row, std::uint32_t group, Sums& sums,
                           Sums& total) {
    const std::uint32_t groups = task.padded / task.weights.group;
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            std::uint32_t n = row + m * 16 + half * 8;
            n = n < task.weights.rows ? n : task.weights.rows - 1;
            const float scale = halfToFloat(task.weights.scales[std::size_t{n} * groups + group]);
#pragma unroll
            for (int t = 0; t < 4; ++t)
#pragma unroll
                for (int i = 0; i < 2; ++i) {
                    total[m][t][half * 2 + i] += scale * sums[m][t][half * 2 + i];
                    sums[m][t][half * 2 + i] = 0;
                }
        }
}

__device__ void write(const Task& task, std::uint32_t row, std::uint32_t token, const Sums& total) {
#pragma unroll
    for (int m = 0; m < 2; ++m)
#pragma unroll
        for (int t = 0; t < 4; ++t)
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const std::uint32_t n = row + m * 16 + i / 2 * 8;
                const std::uint32_t at = token + t * 8 + i % 2;
                if (n >= task.weights.rows || at >= task.tokens)
                    continue;
                float* out = task.out + std::size_t{at} * task.outStride + n;
                *out = task.adds ? *out + total[m][t][i] : total[m][t][i];
            }
}

/// kGroup: columns a scale (128, 32), or 0 without scales.
template<WeightKind kKind, int kGroup, bool kSplit>
__global__ void __launch_bounds__(kThreads, kSplit ? 1 : 2)
    gemmKernel(const __grid_constant__ Task task) {
    using T = std::conditional_t<kSplit, SplitTile, Tile>;
    extern __shared__ __align__(16) unsigned char sharedBytes[];
    T* tiles = reinterpret_cast<T*>(sharedBytes);
    const std::uint32_t firstRow = blockIdx.x * kBlockRows;
    const std::uint32_t firstToken = blockIdx.y * kBlockTokens;
    const int warp = static_cast<int>(threadIdx.x) / 32;
    const int lane = static_cast<int>(threadIdx.x) % 32;
    const int warpRow = warp % 4 * 32;
    const int warpToken = warp / 4 * 32;
    const std::uint32_t ownRow = firstRow + warpRow + lane / 4;
    const std::uint32_t ownToken = firstToken + warpToken + lane % 4 * 2;
    const std::uint32_t steps = task.padded / kStep;

    Sums sums = {};
    Sums total = {};
    Loads<kKind> loads;
    load<kKind, kSplit>(task, firstRow, firstToken, 0, loads);
    store<kKind, kSplit>(tiles[0], loads);
    __syncthreads();
    for (std::uint32_t step = 0; step < steps; ++step) {
        if (step + 1 < steps)
            load<kKind, kSplit>(task, firstRow, firstToken, (step + 1) * kStep, loads);
        const T& tile = tiles[step % 2];
#pragma unroll
        for (int column = 0; column < kStep; column += 16) {
            multiply<kSplit>(tile, warpRow, warpToken, column, sums);
            if (kGroup == 32 && column % 32 == 16)
                scaleGroup(task, ownRow, (step * kStep + column) / 32, sums, total);
        }
        if (kGroup == 128 && step % 2 == 1)
            scaleGroup(task, ownRow, step / 2, sums, total);
        if (step + 1 < steps)
            store<kKind, kSplit>(tiles[(step + 1) % 2], loads);
        __syncthreads();
    }
    if constexpr (kGroup == 0)
        write(task, ownRow, ownToken, sums);
    else
        write(task, ownRow, ownToken, total);
}

template<WeightKind kKind, int kGroup>
cudaError_t launch(const Task& task, cudaStream_t stream) {
    const dim3 grid(ceilDivide(task.weights.rows, kBlockRows),
                    ceilDivide(task.tokens, kBlockTokens));
    const bool split = task.low != nullptr;
    const std::size_t shared = 2 * (split ? sizeof(SplitTile) : sizeof(Tile));
    const auto kernel = split ? gemmKernel<kKind, kGroup, true> : gemmKernel<kKind, kGroup, false>;
    if (const cudaError_t error = allowShared(kernel, shared); error != cudaSuccess)
        return error;
    kernel<<<grid, kThreads, shared, stream>>>(task);
    return cudaGetLastError();
}

} // namespace

bool gemmTakes(WeightKind kind) {
    return kind == WeightKind::BF16 || kind == WeightKind::Int8 || kind == WeightKind::Int4;
}

cudaError_t gemm(const Matrix& weights, const PreparedRows& x, std::uint32_t rows, float* out,
                 std::uint32_t outStride, Epilogue epilogue, cudaStream_t stream) {
    const Task task{weights, x.high, x.low,     x.paddedColumns,
                    rows,    out,    outStride, epilogue == Epilogue::Add};
    switch (weights.kind) {
    case WeightKind::BF16:
        return launch<WeightKind::BF16, 0>(task, stream);
    case WeightKind::Int8:
        return weights.group == 128 ? launch<WeightKind::Int8, 128>(task, stream)
                                    : launch<WeightKind::Int8, 32>(task, stream);
    case WeightKind::Int4:
        return launch<WeightKind::Int4, 32>(task, stream);
    case WeightKind::F32:
    case WeightKind::Int4Min:
    case WeightKind::Int4Zero:
        break;
    }
    return cudaErrorInvalidValue;
}

} // namespace kernels::cuda
