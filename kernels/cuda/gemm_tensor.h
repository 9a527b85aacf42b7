#pragma once
// What the Hopper GEMMs take: descriptions of matrices for the bulk tensor copies, made on the host
// and passed by value. Internal to kernels/cuda.
#include "kernels/cuda_kernels.h"

#include <cuda.h>

namespace kernels::cuda {

/// See gemm_wgmma.cuh.
struct TensorGemm {
    CUtensorMap weightMaps[kGemvMatrices];
    CUtensorMap tokenMap;
    const std::uint16_t* scales[kGemvMatrices] = {};
    const std::uint16_t* minima[kGemvMatrices] = {};
    float* outs[kGemvMatrices] = {};
    std::uint32_t outStrides[kGemvMatrices] = {};
    std::uint32_t rows[kGemvMatrices] = {};
    std::uint32_t firstTiles[kGemvMatrices] = {};
    std::uint32_t matrixCount = 0;
    std::uint32_t groupsPerRow = 0;
    std::uint32_t groupShift = 7;   // columns a scale: 1 << groupShift
    std::uint32_t columnGroups = 0; // of 128 columns of the activations
    std::uint32_t tokens = 0;
    std::uint32_t tokenTiles = 0;
    std::uint32_t units = 0; // tiles of a cluster
    Epilogue epilogue = Epilogue::Store;
    std::uint16_t* activated = nullptr; // SwiGlu: bf16 [tokens][activatedStride], prepared order
    std::uint32_t activatedStride = 0;
    const float* tokenScales = nullptr; // int8 activations: see gemm_w8a8.cuh
    std::uint32_t tokenScaleStride = 0;
    float* shares = nullptr; // sums of divided tiles: see gemm_even.cuh
    std::uint32_t* arrivals = nullptr;
};

/// A matrix of `rows` rows of `rowBytes` bytes, cut into boxes of boxBytes x boxRows; behind the
/// last row come zeros.
cudaError_t describeMatrix(CUtensorMap& map, const void* memory, std::uint64_t rowBytes,
                           std::uint64_t rows, std::uint32_t boxBytes, std::uint32_t boxRows,
                           bool swizzled);

/// Two matrices of equal shape as one: eight rows of `first`, eight of `second` and so on, in boxes
/// of 128 bytes x 128 rows. `second` lies behind `first` in memory; rows a multiple of 8.
cudaError_t describePairs(CUtensorMap& map, const void* first, const void* second,
                          std::uint64_t rowBytes, std::uint64_t rows);

/// Two planes of `rows` rows of `rowBytes` bytes, one behind the other, planeRows rows apart, in
/// boxes of 128 bytes x boxRows x both; behind the last row come zeros.
cudaError_t describePlanes(CUtensorMap& map, const void* memory, std::uint64_t rowBytes,
                           std::uint64_t rows, std::uint64_t planeRows, std::uint32_t boxRows);

} // namespace kernels::cuda
