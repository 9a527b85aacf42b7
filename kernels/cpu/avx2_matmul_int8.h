#pragma once
// Integer matrix product by AVX2. Contracts: KernelTable::matmulInt8 and spinInt8.

#include "kernels/cpu_kernels.h"

namespace kernels::avx2 {

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride);
std::uint64_t spinInt8(std::uint64_t rounds);

} // namespace kernels::avx2
