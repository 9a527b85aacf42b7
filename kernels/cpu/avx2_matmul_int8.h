#pragma once
// Integer matrix product by AVX2. Contract: KernelTable::matmulInt8.

#include "kernels/cpu_kernels.h"

namespace kernels::avx2 {

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride);

} // namespace kernels::avx2
