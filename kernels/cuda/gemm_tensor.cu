// Tensor maps for the bulk tensor copies. The driver's function is looked up at run time, so that
// the library loads without a driver.
#include "kernels/cuda/gemm_tensor.h"

#include <atomic>

namespace kernels::cuda {

namespace {

using EncodeTiled = decltype(&cuTensorMapEncodeTiled);

/// Kept once it was found: a call that fails once need not fail again.
EncodeTiled encodeFunction() {
    static std::atomic<EncodeTiled> found{nullptr};
    if (const EncodeTiled known = found; known != nullptr)
        return known;
    void* function = nullptr;
    cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
    constexpr unsigned kVersion = 12000;
    if (cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &function, kVersion,
                                         cudaEnableDefault, &result) != cudaSuccess ||
        result != cudaDriverEntryPointSuccess)
        return nullptr;
    found = reinterpret_cast<EncodeTiled>(function);
    return found;
}

} // namespace

cudaError_t describeMatrix(CUtensorMap& map, const void* memory, std::uint64_t rowBytes,
                           std::uint64_t rows, std::uint32_t boxBytes, std::uint32_t boxRows,
                           bool swizzled) {
    const EncodeTiled encode = encodeFunction();
    if (encode == nullptr)
        return cudaErrorNotSupported;
    const cuuint64_t sizes[2] = {rowBytes, rows};
    const cuuint64_t strides[1] = {rowBytes};
    const cuuint32_t box[2] = {boxBytes, boxRows};
    const cuuint32_t steps[2] = {1, 1};
    const CUresult result =
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 2, const_cast<void*>(memory), sizes, strides,
               box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
               swizzled ? CU_TENSOR_MAP_SWIZZLE_128B : CU_TENSOR_MAP_SWIZZLE_NONE,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t describePairs(CUtensorMap& map, const void* first, const void* second,
                          std::uint64_t rowBytes, std::uint64_t rows) {
    const EncodeTiled encode = encodeFunction();
    if (encode == nullptr)
        return cudaErrorNotSupported;
    const auto distance = static_cast<cuuint64_t>(static_cast<const std::byte*>(second) -
                                                  static_cast<const std::byte*>(first));
    const cuuint64_t sizes[4] = {rowBytes, 8, 2, rows / 8};
    const cuuint64_t strides[3] = {rowBytes, distance, rowBytes * 8};
    const cuuint32_t box[4] = {128, 8, 2, 8};
    const cuuint32_t steps[4] = {1, 1, 1, 1};
    const CUresult result =
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 4, const_cast<void*>(first), sizes, strides,
               box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

cudaError_t describePlanes(CUtensorMap& map, const void* memory, std::uint64_t rowBytes,
                           std::uint64_t rows, std::uint64_t planeRows, std::uint32_t boxRows) {
    const EncodeTiled encode = encodeFunction();
    if (encode == nullptr)
        return cudaErrorNotSupported;
    const cuuint64_t sizes[3] = {rowBytes, rows, 2};
    const cuuint64_t strides[2] = {rowBytes, rowBytes * planeRows};
    const cuuint32_t box[3] = {128, boxRows, 2};
    const cuuint32_t steps[3] = {1, 1, 1};
    const CUresult result =
        encode(&map, CU_TENSOR_MAP_DATA_TYPE_UINT8, 3, const_cast<void*>(memory), sizes, strides,
               box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    return result == CUDA_SUCCESS ? cudaSuccess : cudaErrorInvalidValue;
}

} // namespace kernels::cuda
