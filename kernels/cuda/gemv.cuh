#pragma once
// The body of every GEMV: 1 to 8 activation rows against a weight matrix, for decode.
//
// Bound by reading the weights once. A warp takes two weight rows (neighbours, or gate and up of
// one output) and reads 16 bytes a lane, kUnroll loads ahead. Activations lie in shared memory,
// normed and rounded by the block itself, in the order in which lanes read them: element j of the
// E columns a lane takes from a chunk sits at [chunk][j / V][lane][j % V], V = 16 bytes' worth, so
// that every read is 16 bytes wide and free of bank conflicts. Bytes become floats by PRMT; sums
// are fp32; scales meet sums of one group.
//
// Shapes: W [N][K padded to 128], x [M][K]. Preconditions: equal kind and K of all matrices,
// 16-byte aligned rows, xStride a multiple of 4.

#include "kernels/cuda/common.cuh"

namespace kernels::cuda {

constexpr int kGemvThreads = 256;
constexpr int kGemvWarps = kGemvThreads / 32;
constexpr int kWarpRows = 2;

/// Columns a lane takes from 16 bytes, and how they become floats.
struct F32Weights {
    static constexpr int kColumns = 4;
    static constexpr bool kScaled = false;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    static __device__ float value(const std::uint32_t (&raw)[4], int column) {
        return __uint_as_float(raw[column]);
    }
};
struct Bf16Weights {
    static constexpr int kColumns = 8;
    static constexpr bool kScaled = false;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    static __device__ float value(const std::uint32_t (&raw)[4], int column) {
        return column % 2 == 0 ? bf16Low(raw[column / 2]) : bf16High(raw[column / 2]);
    }
};
struct Int8Weights {
    static constexpr int kColumns = 16;
    static constexpr bool kScaled = true;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    static __device__ float value(const std::uint32_t (&raw)[4], int column) {
        return byteOnMagic(raw[column / 4] ^ 0x80808080U, column % 4) - (kMagic + 128.0F);
    }
};
struct Int4Weights {
    static constexpr int kColumns = 32;
    static constexpr bool kScaled = true;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    static __device__ float nibble(const std::uint32_t (&raw)[4], int column) {
        const std::uint32_t word = raw[column % 16 / 4] >> (column / 16 * 4);
        return byteOnMagic(word & 0x0F0F0F0FU, column % 4);
    }
    static __device__ float value(const std::uint32_t (&raw)[4], int column) {
        return nibble(raw, column) - (kMagic + 8.0F);
    }
};
struct Int4MinWeights {
    static constexpr int kColumns = 32;
    static constexpr bool kScaled = true;
    static constexpr bool kMinima = true;
    static constexpr bool kZeroPoints = false;
    static __device__ float value(const std::uint32_t (&raw)[4], int column) {
        return Int4Weights::nibble(raw, column) - kMagic;
    }
};
/// Minima are what the zero points in the scales stand for.
struct Int4ZeroWeights : Int4MinWeights {
    static constexpr bool kZeroPoints = true;
};

/// Sixteen bytes of activations as floats.
__device__ inline void readActivations(const float* at, float (&out)[4]) {
    const float4 v = *reinterpret_cast<const float4*>(at);
    out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
}
__device__ inline void readActivations(const __nv_bfloat16* at, float (&out)[8]) {
    const uint4 v = *reinterpret_cast<const uint4*>(at);
    out[0] = bf16Low(v.x), out[1] = bf16High(v.x), out[2] = bf16Low(v.y), out[3] = bf16High(v.y);
    out[4] = bf16Low(v.z), out[5] = bf16High(v.z), out[6] = bf16Low(v.w), out[7] = bf16High(v.w);
}
__device__ inline void writeActivations(float* at, float4 v) {
    *reinterpret_cast<float4*>(at) = v;
}
__device__ inline void writeActivations(__nv_bfloat16* at, float4 v) {
    *reinterpret_cast<uint2*>(at) = make_uint2(packBf16(v.x, v.y), packBf16(v.z, v.w));
}

/// Four columns from k of one row, zero behind the last.
__device__ inline float4 readColumns(const float* row, std::uint32_t k, std::uint32_t columns) {
    if (k >= columns)
        return make_float4(0, 0, 0, 0);
    float4 v = *reinterpret_cast<const float4*>(row + k);
    if (k + 1 >= columns)
        v.y = 0;
    if (k + 2 >= columns)
        v.z = 0;
    if (k + 3 >= columns)
        v.w = 0;
    return v;
}

/// 1 / rms of every row, by the whole block.
template<int M>
__device__ void rowScales(const Gemv& task, std::uint32_t columns, float (&inverse)[M]) {
    __shared__ float sums[M][kGemvWarps];
#pragma unroll
    for (int m = 0; m < M; ++m) {
        const std::uint32_t row = m < task.rows ? m : task.rows - 1;
        const float* x = task.x + std::size_t{task.rowMap ? task.rowMap[row] : row} * task.xStride;
        float sum = 0;
        for (std::uint32_t k = threadIdx.x * 4; k < columns; k += kGemvThreads * 4) {
            const float4 v = readColumns(x, k, columns);
            sum += v.x * v.x + v.y * v.y + v.z * v.z + v.w * v.w;
        }
        sum = warpSum(sum);
        if (threadIdx.x % 32 == 0)
            sums[m][threadIdx.x / 32] = sum;
    }
    __syncthreads();
#pragma unroll
    for (int m = 0; m < M; ++m) {
        float sum = 0;
        for (int w = 0; w < kGemvWarps; ++w)
            sum += sums[m][w];
        inverse[m] = 1.0F / sqrtf(sum / static_cast<float>(columns) + task.eps);
    }
}

/// Normed, rounded rows in the lanes' order; zeros behind the last column.
template<int M, typename X, int E>
__device__ void fillActivations(const Gemv& task, X* shared, std::uint32_t columns,
                                std::uint32_t stored) {
    constexpr int V = 16 / sizeof(X);
    float inverse[M];
    if (task.normWeight != nullptr)
        rowScales<M>(task, columns, inverse);
#pragma unroll
    for (int m = 0; m < M; ++m) {
        const std::uint32_t row = m < task.rows ? m : task.rows - 1;
        const float* x = task.x + std::size_t{task.rowMap ? task.rowMap[row] : row} * task.xStride;
        for (std::uint32_t k = threadIdx.x * 4; k < stored; k += kGemvThreads * 4) {
            float4 v = readColumns(x, k, columns);
            if (task.normWeight != nullptr) {
                const float* w = task.normWeight + k;
                v.x = k < columns ? v.x * inverse[m] * w[0] : 0;
                v.y = k + 1 < columns ? v.y * inverse[m] * w[1] : 0;
                v.z = k + 2 < columns ? v.z * inverse[m] * w[2] : 0;
                v.w = k + 3 < columns ? v.w * inverse[m] * w[3] : 0;
            }
            if (task.roundInput) {
                v.x = roundBf16(v.x), v.y = roundBf16(v.y);
                v.z = roundBf16(v.z), v.w = roundBf16(v.w);
            }
            const std::uint32_t chunk = k / (32 * E);
            const std::uint32_t within = k % (32 * E);
            const std::uint32_t lane = within / E;
            const std::uint32_t part = within % E / V;
            X* at = shared + static_cast<std::size_t>(m) * stored + chunk * (32 * E) +
                    (part * 32 + lane) * V + within % V;
            writeActivations(at, v);
        }
    }
    __syncthreads();
}

template<class W>
__device__ void addPiece(float (&total)[kWarpRows], const float (&dot)[kWarpRows], float sumX,
                         const float (&scale)[kWarpRows], const float (&minimum)[kWarpRows]) {
#pragma unroll
    for (int r = 0; r < kWarpRows; ++r) {
        if constexpr (W::kMinima)
            total[r] += scale[r] * dot[r] + minimum[r] * sumX;
        else if constexpr (W::kScaled)
            total[r] += scale[r] * dot[r];
        else
            total[r] += dot[r];
    }
}

template<class W, int M, typename X, bool kSwiGlu>
__global__ void __launch_bounds__(kGemvThreads, 2) gemvKernel(const __grid_constant__ Gemv task) {
    constexpr int E = W::kColumns;
    constexpr int V = 16 / sizeof(X);
    constexpr int kUnroll = M <= 2 ? 4 : 2;
    static_assert(E % V == 0);
    extern __shared__ __align__(16) unsigned char sharedBytes[];
    X* shared = reinterpret_cast<X*>(sharedBytes);
    const std::uint32_t columns = task.matrices[0].columns;
    const std::uint32_t padded = (columns + kColumnPadding - 1) / kColumnPadding * kColumnPadding;
    const std::uint32_t chunks = (padded + 32 * E - 1) / (32 * E);
    const std::uint32_t stored = chunks * 32 * E;
    fillActivations<M, X, E>(task, shared, columns, stored);

    const std::uint32_t lane = threadIdx.x % 32;
    const std::size_t rowBytes = std::size_t{padded} / E * 16;
    const std::uint32_t group = task.matrices[0].group;
    const std::uint32_t groups = W::kScaled ? padded / group : 0;
    const std::uint32_t groupShift = group == 32 ? 5 : 7;
    std::uint32_t unit = blockIdx.x * kGemvWarps + threadIdx.x / 32;
    for (;; unit += gridDim.x * kGemvWarps) {
        // Which two weight rows this is.
        std::uint32_t index = 0;
        std::uint32_t first = unit;
        if constexpr (!kSwiGlu) {
            first = unit * kWarpRows;
            while (index < task.matrixCount &&
                   first >= (task.matrices[index].rows + kWarpRows - 1) / kWarpRows * kWarpRows) {
                first -= (task.matrices[index].rows + kWarpRows - 1) / kWarpRows * kWarpRows;
                ++index;
            }
            if (index == task.matrixCount)
                break;
        } else if (first >= task.matrices[0].rows) {
            break;
        }
        const std::byte* values[kWarpRows];
        const std::uint16_t* scales[kWarpRows];
        const std::uint16_t* minima[kWarpRows];
#pragma unroll
        for (int r = 0; r < kWarpRows; ++r) {
            const Matrix& matrix = task.matrices[kSwiGlu ? r : index];
            std::uint32_t row = kSwiGlu ? first : first + r;
            if (row >= matrix.rows)
                row = matrix.rows - 1;
            values[r] = matrix.values + row * rowBytes;
            if constexpr (W::kScaled)
                scales[r] = matrix.scales + std::size_t{row} * groups;
            if constexpr (W::kMinima && !W::kZeroPoints)
                minima[r] = matrix.minima + std::size_t{row} * groups;
        }

        float total[M][kWarpRows] = {};
        for (std::uint32_t chunk = 0; chunk < chunks; chunk += kUnroll) {
            uint4 raw[kUnroll][kWarpRows];
            std::uint16_t scaleBits[kUnroll][kWarpRows] = {};
            std::uint16_t minimumBits[kUnroll][kWarpRows] = {};
#pragma unroll
            for (int u = 0; u < kUnroll; ++u) {
                const std::uint32_t column = ((chunk + u) * 32 + lane) * E;
#pragma unroll
                for (int r = 0; r < kWarpRows; ++r) {
                    raw[u][r] = make_uint4(0, 0, 0, 0);
                    if (column < padded) {
                        raw[u][r] = loadStream(values[r] + std::size_t{column} / E * 16);
                        if constexpr (W::kScaled)
                            scaleBits[u][r] = __ldg(scales[r] + (column >> groupShift));
                        if constexpr (W::kMinima && !W::kZeroPoints)
                            minimumBits[u][r] = __ldg(minima[r] + (column >> groupShift));
                    }
                }
            }
#pragma unroll
            for (int u = 0; u < kUnroll; ++u) {
                if (chunk + u >= chunks)
                    break;
                std::uint32_t words[kWarpRows][4];
                float scale[kWarpRows] = {};
                float minimum[kWarpRows] = {};
#pragma unroll
                for (int r = 0; r < kWarpRows; ++r) {
                    words[r][0] = raw[u][r].x, words[r][1] = raw[u][r].y;
                    words[r][2] = raw[u][r].z, words[r][3] = raw[u][r].w;
                    scale[r] = halfToFloat(scaleBits[u][r]);
                    if constexpr (W::kZeroPoints)
                        minimum[r] = -scale[r] * zeroPoint(scaleBits[u][r]);
                    else
                        minimum[r] = halfToFloat(minimumBits[u][r]);
                }
                float dot[M][kWarpRows] = {};
                float sumX[M] = {};
#pragma unroll
                for (int part = 0; part < E / V; ++part) {
                    float w[kWarpRows][V];
#pragma unroll
                    for (int r = 0; r < kWarpRows; ++r)
#pragma unroll
                        for (int v = 0; v < V; ++v)
                            w[r][v] = W::value(words[r], part * V + v);
#pragma unroll
                    for (int m = 0; m < M; ++m) {
                        float x[V];
                        readActivations(shared + static_cast<std::size_t>(m) * stored +
                                            std::size_t{chunk + u} * (32 * E) +
                                            (part * 32 + lane) * V,
                                        x);
#pragma unroll
                        for (int v = 0; v < V; ++v) {
#pragma unroll
                            for (int r = 0; r < kWarpRows; ++r)
                                dot[m][r] = fmaf(w[r][v], x[v], dot[m][r]);
                            if constexpr (W::kMinima)
                                sumX[m] += x[v];
                        }
                    }
                }
#pragma unroll
                for (int m = 0; m < M; ++m)
                    addPiece<W>(total[m], dot[m], sumX[m], scale, minimum);
            }
        }
#pragma unroll
        for (int m = 0; m < M; ++m) {
            const float a = warpSum(total[m][0]);
            const float b = warpSum(total[m][1]);
            if (lane != 0 || m >= task.rows)
                continue;
            if constexpr (kSwiGlu) {
                task.outs[0][static_cast<std::size_t>(m) * task.outStrides[0] + first] =
                    a / (1.0F + expf(-a)) * b;
            } else {
                float* out =
                    task.outs[index] + static_cast<std::size_t>(m) * task.outStrides[index] + first;
                const bool adds = task.epilogue == Epilogue::Add;
                out[0] = adds ? out[0] + a : a;
                if (first + 1 < task.matrices[index].rows)
                    out[1] = adds ? out[1] + b : b;
            }
        }
    }
}

template<class W, int M, typename X>
cudaError_t launchGemv(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    const std::uint32_t chunk = 32 * W::kColumns;
    const std::size_t stored = ceilDivide(task.matrices[0].paddedColumns(), chunk) * chunk;
    const std::size_t shared = stored * M * sizeof(X);
    std::uint32_t units = 0;
    if (task.epilogue == Epilogue::SwiGlu)
        units = task.matrices[0].rows;
    else
        for (std::uint32_t i = 0; i < task.matrixCount; ++i)
            units += ceilDivide(task.matrices[i].rows, kWarpRows);
    const std::uint32_t resident = limits.multiprocessors * (shared > 100 * 1024 ? 1 : 2);
    const std::uint32_t wanted = ceilDivide(units, kGemvWarps);
    const std::uint32_t blocks = wanted < resident ? wanted : resident;
    const auto kernel =
        task.epilogue == Epilogue::SwiGlu ? gemvKernel<W, M, X, true> : gemvKernel<W, M, X, false>;
    if (const cudaError_t error = allowShared(kernel, shared); error != cudaSuccess)
        return error;
    kernel<<<blocks, kGemvThreads, shared, stream>>>(task);
    return cudaGetLastError();
}

/// How many rows of `columns` fit into a block's shared memory.
inline std::uint32_t rowsThatFit(std::uint32_t columns, std::size_t elementBytes,
                                 const DeviceLimits& limits) {
    const std::size_t row = (std::size_t{columns} + 1023) / 1024 * 1024 * elementBytes;
    return static_cast<std::uint32_t>((limits.sharedBytes - 2048) / row);
}

/// The same task for rows [first, first + count).
inline Gemv rowsOf(const Gemv& task, std::uint32_t first, std::uint32_t count) {
    Gemv part = task;
    part.rows = count;
    if (task.rowMap != nullptr)
        part.rowMap = task.rowMap + first;
    else
        part.x = task.x + std::size_t{first} * task.xStride;
    for (std::uint32_t i = 0; i < kGemvMatrices; ++i)
        if (task.outs[i] != nullptr)
            part.outs[i] = task.outs[i] + std::size_t{first} * task.outStrides[i];
    return part;
}

/// Splits the rows so that they fit, and picks the smallest kernel that holds them.
template<class W, typename X>
cudaError_t runGemv(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    const std::uint32_t fit = rowsThatFit(task.matrices[0].paddedColumns(), sizeof(X), limits);
    if (fit == 0)
        return cudaErrorInvalidValue;
    const std::uint32_t most = fit >= 8 ? 8 : fit >= 4 ? 4 : fit >= 2 ? 2 : 1;
    for (std::uint32_t first = 0; first < task.rows; first += most) {
        const std::uint32_t left = task.rows - first;
        const std::uint32_t count = left < most ? left : most;
        const Gemv part = rowsOf(task, first, count);
        cudaError_t error = cudaSuccess;
        if (count == 1)
            error = launchGemv<W, 1, X>(part, limits, stream);
        else if (count == 2)
            error = launchGemv<W, 2, X>(part, limits, stream);
        else if (count <= 4)
            error = launchGemv<W, 4, X>(part, limits, stream);
        else
            error = launchGemv<W, 8, X>(part, limits, stream);
        if (error != cudaSuccess)
            return error;
    }
    return cudaSuccess;
}

/// bf16 activations when they were rounded anyway.
template<class W>
cudaError_t runGemvAny(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    if constexpr (W::kColumns >= 8)
        if (task.roundInput)
            return runGemv<W, __nv_bfloat16>(task, limits, stream);
    return runGemv<W, float>(task, limits, stream);
}

cudaError_t gemvInt8(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t gemvInt4(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t gemvInt4Min(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t gemvInt4Zero(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);
cudaError_t gemvFloat(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream);

} // namespace kernels::cuda
