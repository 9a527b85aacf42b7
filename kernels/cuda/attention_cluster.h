#pragma once
// Attention of a row by clusters of blocks (attention_cluster.cu), for attention_fused.cu.

#include "kernels/cuda_attend_finished.h"

namespace kernels::cuda {

constexpr std::uint32_t kClusterSplits = kAttentionClusters[0];
constexpr std::uint32_t kOneMoreSplits = kAttentionClusters[1];
constexpr std::uint32_t kWideSplits = kAttentionClusters[2];

/// Whether so many splits are those of a cluster, and `clusters` of them run at once or, of
/// kClusterSplits, also in turn.
bool attendsByCluster(std::uint32_t splits, std::uint32_t clusters, const DeviceLimits& limits);
/// Whether the blocks of a cluster write a row as digits.
bool clusterHands(const Attention& task);
/// attendFinished() (kernels/cuda_attend_finished.h) of a row's splits where attendsByCluster().
cudaError_t attendByCluster(const QkvFinish& finish, const Attention& task,
                            std::uint32_t finishedFrom, cudaStream_t stream);

} // namespace kernels::cuda
