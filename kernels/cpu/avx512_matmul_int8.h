#pragma once
// Integer matrix product by AVX-512 VNNI. Contract: KernelTable::matmulInt8.

#include "kernels/cpu_kernels.h"

namespace kernels::avx512 {

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride);

} // namespace kernels::avx512
