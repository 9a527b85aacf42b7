// Checks and times the GEMM of channel_gemm.cuh; beside it, where there is one, cuBLASLt's of int8
// with int32 out. Needs a Hopper GPU. usage: inglenook_channel_gemm [check|time]...  default: both
#include "kernels/cuda/gemm_launch.cuh"
#include "tests/bench/case_share.h"
#include "tests/bench/channel_gemm.cuh"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cublasLt.h>
#include <dlfcn.h>
#include <functional>
#include <vector>

using namespace kernels::cuda;
using tests::hashedLong;

namespace {

/// Near normal, standard deviation 40.
__global__ void fillBytes(std::int8_t* out, std::size_t count, std::uint64_t seed) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x) {
        const std::uint32_t h = hashedLong((i + seed) * 2 + 1);
        const float sum =
            static_cast<float>((h & 255) + (h >> 8 & 255) + (h >> 16 & 255) + (h >> 24)) - 510.0F;
        out[i] = static_cast<std::int8_t>(fminf(fmaxf(rintf(sum * 0.27F), -127), 127));
    }
}
__global__ void fillScales(float* out, std::uint32_t count, std::uint64_t seed) {
    for (std::uint32_t i = threadIdx.x; i < count; i += blockDim.x)
        out[i] = 0.001F + static_cast<float>(hashedLong(i + seed) % 1000) * 1e-5F;
}
/// Slow twin: one thread an output; out fp32.
__global__ void slowProduct(const std::int8_t* weights, const float* weightScales,
                            const std::int8_t* tokens, const float* tokenScales, std::uint32_t rows,
                            std::uint32_t columns, float* out) {
    const std::uint32_t row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows)
        return;
    std::int32_t sum = 0;
    for (std::uint32_t k = 0; k < columns; ++k)
        sum +=
            weights[std::size_t{row} * columns + k] * tokens[std::size_t{blockIdx.y} * columns + k];
    out[std::size_t{blockIdx.y} * rows + row] =
        static_cast<float>(sum) * weightScales[row] * tokenScales[blockIdx.y];
}

template<typename T>
T* allocate(std::size_t count) {
    void* memory = nullptr;
    CHECK(cudaMalloc(&memory, count * sizeof(T)));
    CHECK(cudaMemset(memory, 0xFF, count * sizeof(T)));
    return static_cast<T*>(memory);
}

struct Shape {
    std::uint32_t tokens;
    std::uint32_t rows;
    std::uint32_t columns;
};

/// Operands of a product; `copies` of the weights and the tokens, for timing.
struct Operands {
    Shape shape;
    std::size_t weightBytes;
    std::size_t tokenBytes;
    std::int8_t* weights;
    std::int8_t* tokens;
    float* weightScales;
    float* tokenScales;
    std::uint16_t* out;

    Operands(const Shape& s, std::uint32_t copies)
        : shape(s),
          weightBytes(std::size_t{s.rows} * s.columns),
          tokenBytes(std::size_t{s.tokens} * s.columns),
          weights(allocate<std::int8_t>(weightBytes * copies)),
          tokens(allocate<std::int8_t>(tokenBytes * copies)),
          weightScales(allocate<float>(s.rows)),
          tokenScales(allocate<float>(s.tokens)),
          out(allocate<std::uint16_t>(std::size_t{s.tokens} * s.rows)) {
        fillBytes<<<1024, 256>>>(weights, weightBytes * copies, 1);
        fillBytes<<<1024, 256>>>(tokens, tokenBytes * copies, 77777777);
        fillScales<<<1, 256>>>(weightScales, s.rows, 5);
        fillScales<<<1, 256>>>(tokenScales, s.tokens, 6);
        CHECK(cudaDeviceSynchronize());
    }
    ~Operands() {
        (void)cudaFree(weights);
        (void)cudaFree(tokens);
        (void)cudaFree(weightScales);
        (void)cudaFree(tokenScales);
        (void)cudaFree(out);
    }
    Operands(const Operands&) = delete;
    Operands& operator=(const Operands&) = delete;
};

cudaError_t launchChannelGemm(const Operands& in, std::uint32_t copy, cudaStream_t stream) {
    const Shape& s = in.shape;
    ChannelGemm task;
    CHECK(describeMatrix(task.weights, in.weights + in.weightBytes * copy, s.columns, s.rows,
                         kChannelColumns, kTileRows, true));
    CHECK(describeMatrix(task.tokens, in.tokens + in.tokenBytes * copy, s.columns, s.tokens,
                         kChannelColumns, kChannelTokens / 2, true));
    CHECK(describeMatrix(task.out, in.out, std::uint64_t{s.rows} * 2, s.tokens, 128, kChannelTokens,
                         true));
    task.weightScales = in.weightScales;
    task.tokenScales = in.tokenScales;
    task.rows = s.rows;
    task.tokenCount = s.tokens;
    task.steps = s.columns / kChannelColumns;
    task.tokenTiles = ceilDivide(s.tokens, kChannelTokens);
    task.units = ceilDivide(s.rows, 2 * kTileRows) * task.tokenTiles;
    constexpr int kBytes = ChannelShared::kBytes;
    static const std::uint32_t resident =
        activeClusters(channelGemmKernel, kChannelThreads, kBytes, 2);
    if (const cudaError_t error = allowShared(channelGemmKernel, kBytes); error != cudaSuccess)
        return error;
    return launchClusters(channelGemmKernel, dim3(std::min(task.units, resident) * 2), 2,
                          kChannelThreads, kBytes, stream, false, task);
}

int checkAll() {
    const Shape shapes[] = {{1, 64, 128},      {3, 8, 256},       {256, 256, 384},
                            {257, 264, 128},   {100, 1000, 1024}, {513, 640, 512},
                            {300, 4096, 4096}, {33, 14336, 4096}, {2048, 1024, 14336}};
    int failures = 0;
    for (const Shape& s : shapes) {
        if (!tests::isMyCase(double(s.tokens) * s.rows * s.columns))
            continue;
        const Operands in(s, 1);
        const std::size_t count = std::size_t{s.tokens} * s.rows;
        float* slow = allocate<float>(count);
        CHECK(launchChannelGemm(in, 0, nullptr));
        slowProduct<<<dim3(ceilDivide(s.rows, 128), s.tokens), 128>>>(
            in.weights, in.weightScales, in.tokens, in.tokenScales, s.rows, s.columns, slow);
        CHECK(cudaDeviceSynchronize());
        std::vector<float> expected(count);
        std::vector<std::uint16_t> out(count);
        CHECK(cudaMemcpy(expected.data(), slow, count * 4, cudaMemcpyDeviceToHost));
        CHECK(cudaMemcpy(out.data(), in.out, count * 2, cudaMemcpyDeviceToHost));
        (void)cudaFree(slow);
        double difference = 0;
        double norm = 0;
        for (std::size_t i = 0; i < count; ++i) {
            const float v = __bfloat162float(__ushort_as_bfloat16(out[i]));
            const float slowly = __bfloat162float(__float2bfloat16_rn(expected[i]));
            difference += (double{v} - slowly) * (double{v} - slowly);
            norm += double{slowly} * slowly;
        }
        const double error = std::sqrt(difference / norm);
        const bool good = error <= 1e-4; // sums are exact; both are rounded
        failures += good ? 0 : 1;
        std::printf("%5u x %5u x %5u: %.2e%s\n", s.tokens, s.rows, s.columns, error,
                    good ? "" : " FAILED");
    }
    std::printf("%d failed\n", failures);
    return failures;
}

/// cuBLASLt as far as this program needs it, opened at run time.
struct Lt {
    decltype(&cublasLtCreate) create = nullptr;
    decltype(&cublasLtMatmulDescCreate) descCreate = nullptr;
    decltype(&cublasLtMatmulDescSetAttribute) descSet = nullptr;
    decltype(&cublasLtMatrixLayoutCreate) layoutCreate = nullptr;
    decltype(&cublasLtMatmulPreferenceCreate) preferenceCreate = nullptr;
    decltype(&cublasLtMatmulPreferenceSetAttribute) preferenceSet = nullptr;
    decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
    decltype(&cublasLtMatmul) matmul = nullptr;
    cublasLtHandle_t handle = nullptr;

    bool open() {
        void* library = dlopen("libcublasLt.so.13", RTLD_NOW);
        if (library == nullptr)
            library = dlopen("libcublasLt.so", RTLD_NOW);
        if (library == nullptr)
            return false;
        const auto find = [&](auto& function, const char* name) {
            function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
            return function != nullptr;
        };
        return find(create, "cublasLtCreate") && find(descCreate, "cublasLtMatmulDescCreate") &&
               find(descSet, "cublasLtMatmulDescSetAttribute") &&
               find(layoutCreate, "cublasLtMatrixLayoutCreate") &&
               find(preferenceCreate, "cublasLtMatmulPreferenceCreate") &&
               find(preferenceSet, "cublasLtMatmulPreferenceSetAttribute") &&
               find(heuristic, "cublasLtMatmulAlgoGetHeuristic") &&
               find(matmul, "cublasLtMatmul") && create(&handle) == CUBLAS_STATUS_SUCCESS;
    }
};

/// Median us of a launch that takes the number of a copy of its operands.
double timed(std::uint32_t copies, const std::function<void(std::uint32_t)>& launch) {
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    constexpr std::uint32_t kInner = 12;
    std::vector<double> times;
    for (int round = 0; round < 8; ++round) {
        CHECK(cudaEventRecord(begin));
        for (std::uint32_t i = 0; i < kInner; ++i)
            launch(i % copies);
        CHECK(cudaEventRecord(end));
        CHECK(cudaEventSynchronize(end));
        float ms = 0;
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        if (round > 0)
            times.push_back(ms * 1000.0 / kInner);
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

/// The same product by cuBLASLt, int32 out; 0 where it has none.
double timeLt(const Lt& lt, const Operands& in, std::uint32_t copies) {
    const Shape& s = in.shape;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t a;
    cublasLtMatrixLayout_t b;
    cublasLtMatrixLayout_t c;
    cublasLtMatmulPreference_t preference;
    const cublasOperation_t transposed = CUBLAS_OP_T;
    constexpr std::size_t kWorkspace = 32 << 20;
    const std::size_t workspaceBytes = kWorkspace;
    lt.descCreate(&desc, CUBLAS_COMPUTE_32I, CUDA_R_32I);
    lt.descSet(desc, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof transposed);
    lt.layoutCreate(&a, CUDA_R_8I, s.columns, s.rows, s.columns);
    lt.layoutCreate(&b, CUDA_R_8I, s.columns, s.tokens, s.columns);
    lt.layoutCreate(&c, CUDA_R_32I, s.rows, s.tokens, s.rows);
    lt.preferenceCreate(&preference);
    lt.preferenceSet(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspaceBytes,
                     sizeof workspaceBytes);
    cublasLtMatmulHeuristicResult_t found[8];
    int count = 0;
    if (lt.heuristic(lt.handle, desc, a, b, c, c, preference, 8, found, &count) !=
            CUBLAS_STATUS_SUCCESS ||
        count == 0)
        return 0;
    auto* workspace = allocate<std::byte>(kWorkspace);
    auto* out = allocate<std::int32_t>(std::size_t{s.tokens} * s.rows);
    double best = 0;
    for (int i = 0; i < count; ++i) {
        const std::int32_t one = 1;
        const std::int32_t zero = 0;
        bool good = true;
        const double us = timed(copies, [&](std::uint32_t copy) {
            good &=
                lt.matmul(lt.handle, desc, &one, in.weights + in.weightBytes * copy, a,
                          in.tokens + in.tokenBytes * copy, b, &zero, out, c, out, c,
                          &found[i].algo, workspace, kWorkspace, nullptr) == CUBLAS_STATUS_SUCCESS;
        });
        if (good && (best == 0 || us < best))
            best = us;
    }
    (void)cudaFree(workspace);
    (void)cudaFree(out);
    return best;
}

void timeAll() {
    Lt lt;
    const bool reference = lt.open();
    if (!reference)
        std::printf("cuBLASLt is not here\n");
    const Shape shapes[] = {
        {2048, 14336, 4096}, {2048, 4096, 14336}, {2048, 28672, 4096}, {2048, 4096, 4096}};
    for (const Shape& s : shapes) {
        constexpr double kRotating = 240e6; // more than the cache holds
        const double each = double(s.rows) * s.columns + double(s.tokens) * s.columns;
        const auto copies = static_cast<std::uint32_t>(std::ceil(kRotating / each));
        const Operands in(s, copies);
        const double tera = 2.0 * s.tokens * s.rows * s.columns / 1e6;
        const double own =
            timed(copies, [&](std::uint32_t copy) { CHECK(launchChannelGemm(in, copy, nullptr)); });
        std::printf("%u x %u x %u: %.1f us, %.0f TOP/s", s.tokens, s.rows, s.columns, own,
                    tera / own);
        if (const double us = reference ? timeLt(lt, in, copies) : 0; us > 0)
            std::printf("; cuBLASLt, int32 out: %.1f us, %.0f", us, tera / us);
        std::printf("\n");
    }
}

} // namespace

int main(int argc, char** argv) {
    if (!tests::deviceLimits().hopper) {
        std::printf("skipped: the GEMM needs a Hopper GPU\n");
        return 0;
    }
    const auto time = [] {
        timeAll();
        return 0;
    };
    return tests::runParts(argc, argv, {{"check", checkAll}, {"time", time}});
}
