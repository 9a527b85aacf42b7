#pragma once
// The slow, obvious kernels that every fast one is compared with. Contracts: kernels/cpu_kernels.h.

#include "kernels/cpu_kernels.h"

namespace kernels::scalar {

void matmul(const PackedMatrix& weights, RowRange range, const FloatRows& x, float* out,
            std::size_t outStride);
void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride);
void dequantizeRow(const PackedMatrix& weights, std::uint32_t row, float* out);
void quantizeRow(const float* x, const Int8Rows& rows, std::uint32_t m);
void roundToBf16(float* x, std::size_t count);
void rmsNorm(const float* x, const float* weight, std::uint32_t count, float eps, float* out);
void layerNorm(const float* x, const float* weight, const float* bias, std::uint32_t count,
               float eps, float* out);
void add(float* x, const float* y, std::size_t count);
void swiglu(const float* gate, const float* up, std::size_t count, float* out);
void biasGelu(const float* x, const float* bias, std::size_t count, float* out);
void rope(float* head, const RopeTables& tables, std::uint32_t position);
void storeKv(const KvLayout& layout, std::byte* pageLayer, std::uint32_t kvHead,
             std::uint32_t position, const float* key, const float* value);
void attention(const AttentionTask& task);
std::size_t firstLargest(const float* x, std::size_t count);
DrawWeights drawWeights(const DrawTask& task);
std::uint64_t spinFloat(std::uint64_t rounds);
std::uint64_t spinInt8(std::uint64_t rounds);

} // namespace kernels::scalar
