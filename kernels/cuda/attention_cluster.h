#pragma once
// Attention of a row by clusters of blocks (attention_cluster.cu), for attention_fused.cu.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// attendFinished() (kernels/cuda_attend_finished.h) of eight splits a row, on sm_90.
cudaError_t attendByCluster(const QkvFinish& finish, const Attention& task,
                            std::uint32_t finishedFrom, cudaStream_t stream);

} // namespace kernels::cuda
