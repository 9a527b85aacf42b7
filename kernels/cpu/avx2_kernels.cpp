// The AVX2 table. The only files compiled for AVX2 are this one and avx2_matmul_int8.cpp.

#include "kernels/cpu/avx2_matmul_int8.h"
#include "kernels/cpu/dispatch.h"
#include "kernels/cpu/lanes_avx2.h"
#include "kernels/cpu/scalar_kernels.h"
#include "kernels/cpu/vector_attention.h"
#include "kernels/cpu/vector_draw.h"
#include "kernels/cpu/vector_matmul.h"
#include "kernels/cpu/vector_peak.h"
#include "kernels/cpu/vector_rows.h"

namespace kernels::avx2 {

const KernelTable kTable = {vector::matmul<Lanes>,
                            matmulInt8,
                            scalar::dequantizeRow,
                            vector::quantizeRow<Lanes>,
                            vector::roundToBf16<Lanes>,
                            vector::rmsNorm<Lanes>,
                            vector::layerNorm<Lanes>,
                            vector::add<Lanes>,
                            vector::swiglu<Lanes>,
                            vector::biasGelu<Lanes>,
                            vector::rope<Lanes>,
                            vector::storeKv<Lanes>,
                            vector::attention<Lanes>,
                            vector::firstLargest<Lanes>,
                            vector::drawWeights<Lanes>,
                            vector::spinFloat<Lanes>,
                            spinInt8};

} // namespace kernels::avx2
