#pragma once
// Attention of a row by clusters of blocks (attention_cluster.cu), for attention_fused.cu.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

constexpr std::uint32_t kClusterSplits = 8;
constexpr std::uint32_t kOneMoreSplits = 9;
constexpr std::uint32_t kWideSplits = 16;

/// attendFinished() (kernels/cuda_attend_finished.h) of kClusterSplits a row, or of kOneMoreSplits
/// or kWideSplits where attentionClusterSplits() says so.
cudaError_t attendByCluster(const QkvFinish& finish, const Attention& task,
                            std::uint32_t finishedFrom, cudaStream_t stream);

} // namespace kernels::cuda
