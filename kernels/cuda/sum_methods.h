#pragma once
// The three ways to add up over several GPUs that sumResidual() chooses from, and what it asks
// them. Shapes and errors: kernels/cuda_all_reduce.h. Internal to kernels/cuda.

#include "kernels/cuda_all_reduce.h"

#include <algorithm>

namespace kernels::cuda {

/// Ranks on one GPU: blocks that wait hold half of its multiprocessors at most. Some of what
/// another rank does before it comes here takes a whole one, or a cluster of them, and would
/// otherwise never start.
inline std::uint32_t roomOfShared(const RankLinks& links, const DeviceLimits& limits) {
    return std::max(1U, limits.multiprocessors / 2 / links.layout.ranks);
}

/// Blocks of a row of `stride` floats in a one-shot sum.
std::uint32_t oneShotBlocks(std::uint32_t stride, const DeviceLimits& limits);

cudaError_t sumOneShot(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                       cudaStream_t stream);
cudaError_t sumTwoShot(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                       cudaStream_t stream);
cudaError_t sumCopied(const ResidualSum& task, const RankLinks& links, cudaStream_t stream);

/// See loadRankKernels().
cudaError_t loadOneShotKernels();
cudaError_t loadTwoShotKernels();
cudaError_t loadCopiedKernels();

/// Loads these on the current device.
template<class... Kernels>
cudaError_t loadKernels(Kernels... kernels) {
    cudaFuncAttributes attributes; // asking for them loads the kernel
    cudaError_t error = cudaSuccess;
    ((error = error == cudaSuccess ? cudaFuncGetAttributes(&attributes, kernels) : error), ...);
    return error;
}

} // namespace kernels::cuda
