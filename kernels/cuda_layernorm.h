#pragma once
// CUDA kernels of models with LayerNorm, GELU and learned positions (gpt2). Conventions:
// kernels/cuda_kernels.h.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// Where finished rows go: fp32 [rows][stride], or bf16 [rows][stride] with stride a multiple of
/// kColumnPadding and the padding written zero, in plain order or in that of prepareTensorRows().
struct RowTarget {
    float* values = nullptr;
    std::uint16_t* rounded = nullptr; // instead of values
    std::uint32_t stride = 0;
    bool prepared = false; // order of rounded rows
};

/// residual += added + addedBias, then LayerNorm: (x - mean) / sqrt(variance + eps) * weight +
/// bias, and the rounding that the next product asks for, in one kernel.
struct AddLayerNorm {
    float* residual = nullptr; // [*][stride]
    std::uint32_t stride = 0;
    const float* added = nullptr; // [*][addedStride]: what the last product gave, or nullptr
    std::uint32_t addedStride = 0;
    const float* addedBias = nullptr;      // [columns], with added
    const std::uint32_t* rowMap = nullptr; // [rows] of residual and added; nullptr = in order
    const float* weight = nullptr;         // [columns]
    const float* bias = nullptr;           // [columns]
    float eps = 0;
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    RowTarget out;
};
cudaError_t addLayerNorm(const AddLayerNorm& task, cudaStream_t stream);

/// gelu(x + bias), gelu(y) = y / 2 (1 + tanh(sqrt(2 / pi) (y + 0.044715 y^3))), rounded as the next
/// product asks for. `out` may be x.
struct BiasGelu {
    const float* x = nullptr; // [rows][stride]
    std::uint32_t stride = 0;
    const float* bias = nullptr; // [columns]
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    RowTarget out;
};
cudaError_t biasGelu(const BiasGelu& task, cudaStream_t stream);

/// x[row] += table[its position]; table [positions][columns].
cudaError_t addPositions(const float* table, std::uint32_t columns, const Row* rows,
                         std::uint32_t count, float* x, std::uint32_t stride, cudaStream_t stream);

} // namespace kernels::cuda
