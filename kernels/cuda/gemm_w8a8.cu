// The W8A8 GEMM of gemm_w8a8.cuh, and which kernel takes which weights.
#include "kernels/cuda/gemm_kinds.h"
#include "kernels/cuda/gemm_w8a8_launch.cuh"

namespace kernels::cuda {

bool tensorGemmTakes(WeightKind kind) {
    return kind != WeightKind::F32;
}

cudaError_t tensorGemm(const TensorProduct& product, const PreparedRows& x,
                       const DeviceLimits& limits, cudaStream_t stream) {
    switch (product.matrices[0].kind) {
    case WeightKind::Int8:
        return tensorGemmInt8(product, x, limits, stream);
    case WeightKind::Int4:
        return tensorGemmInt4(product, x, limits, stream);
    case WeightKind::Int4Min:
        return tensorGemmInt4Min(product, x, limits, stream);
    case WeightKind::Int4Zero:
        return tensorGemmInt4Zero(product, x, limits, stream);
    case WeightKind::BF16:
        return tensorGemmBF16(product, x, limits, stream);
    case WeightKind::F32:
        break;
    }
    return cudaErrorInvalidValue;
}

bool int8GemmTakes(const TensorProduct& product) {
    for (std::uint32_t i = 0; i < product.matrixCount; ++i)
        if (product.matrices[i].kind != WeightKind::Int8 || product.matrices[i].group != 128)
            return false;
    if (product.epilogue != Epilogue::SwiGlu)
        return true;
    return product.matrices[0].rows % 8 == 0 &&
           product.matrices[0].values < product.matrices[1].values;
}

cudaError_t int8Gemm(const TensorProduct& product, const Int8Rows& x, const DeviceLimits&,
                     cudaStream_t stream) {
    return launchInt8Gemm(product, x, stream);
}

} // namespace kernels::cuda
