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

void add(float* x, const float* y, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i)
        x[i] += y[i];
}

void swiglu(const float* gate, const float* up, std::size_t count, float* out) {
    for (std::size_t i = 0; i < count; ++i)
        out[i] = gate[i] / (1.0F + std::exp(-gate[i])) * up[i];
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

const KernelTable kTable = {matmul,    matmulInt8,   dequantizeRow, quantizeRow, roundToBf16,
                            rmsNorm,   add,          swiglu,        rope,        storeKv,
                            attention, firstLargest, drawWeights,   spinFloat,   spinInt8};

} // namespace kernels::scalar
