// The oracle's operations on single rows, and its table.

#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/float_bits.h"
#include "kernels/cpu/scalar_kernels.h"

#include <cmath>

namespace kernels::scalar {

void roundToBf16(float* x, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        x[i] = bf16ToFloat(floatToBf16(x[i]));
}

void rmsNorm(const float* x, const float* weight, std::uint32_t count, float eps, float* out) {
    double squares = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        squares += static_cast<double>(x[i]) * x[i];
    const auto factor = static_cast<float>(1.0 / std::sqrt(squares / count + eps));
    for (std::uint32_t i = 0; i < count; ++i)
        out[i] = x[i] * factor * weight[i];
}

void layerNorm(const float* x, const float* weight, const float* bias, std::uint32_t count,
               float eps, float* out) {
    double sum = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        sum += x[i];
    const double mean = sum / count;
    double squares = 0;
    for (std::uint32_t i = 0; i < count; ++i)
        squares += (x[i] - mean) * (x[i] - mean);
    const double factor = 1.0 / std::sqrt(squares / count + eps);
    for (std::uint32_t i = 0; i < count; ++i)
        out[i] = static_cast<float>((x[i] - mean) * factor) * weight[i] + bias[i];
}

void add(float* x, const float* y, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        x[i] += y[i];
}

void swiglu(const float* gate, const float* up, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
}

void biasGelu(const float* x, const float* bias, std::size_t count, float* out) {
    constexpr double kSlope = 0.79788456080286535588; // sqrt(2 / pi)
    for (std::size_t i = 0; i < count; ++i) {
        const double y = static_cast<double>(x[i]) + bias[i];
        out[i] = static_cast<float>(y / 2 * (1 + std::tanh(kSlope * (y + 0.044715 * y * y * y))));
    }
}

void rope(float* head, const RopeTables& tables, std::uint32_t position) {
    const float* cosine = tables.block(position) + position % kPagePositions;
    const float* sine = cosine + std::size_t{tables.pairs} * kPagePositions;
    for (std::uint32_t i = 0; i < tables.pairs; ++i) {
        const bool adjacent = tables.pairing == Pairing::Adjacent;
        float& a = head[adjacent ? 2 * i : i];
        float& b = head[adjacent ? 2 * i + 1 : i + tables.pairs];
        const float c = cosine[i * kPagePositions];
        const float s = sine[i * kPagePositions];
        const float turned = a * c - b * s;
        b = b * c + a * s;
        a = turned;
    }
}

const KernelTable kTable = {matmul,    matmulInt8, dequantizeRow, quantizeRow,  roundToBf16,
                            rmsNorm,   layerNorm,  add,           swiglu,       biasGelu,
                            rope,      storeKv,    attention,     firstLargest, drawWeights,
                            spinFloat, spinInt8};

} // namespace kernels::scalar
