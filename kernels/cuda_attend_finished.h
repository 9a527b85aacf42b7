#pragma once
// Attention of rows that decode beside rows of prompts, each for itself. Included by the engine.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// finishAndAttend() of which the rows from `finishedFrom` on went through finishQkv() before:
/// their queries are turned, their keys and values in their pages. So these rows, unlike those
/// before, may be neighbours in one sequence. What finishAndAttendTakes().
cudaError_t attendFinished(const QkvFinish& finish, const Attention& task,
                           std::uint32_t finishedFrom, const DeviceLimits& limits,
                           cudaStream_t stream);

/// Blocks that a cluster may have: each is a kernel of its own.
constexpr std::uint32_t kAttentionClusters[] = {8, 9, 16};
/// Splits of finishAndAttend() for contexts of up to 2,048 positions whose blocks meet in a
/// cluster: of `clusters` KV heads times rows times groups of eight query heads; 0: none do.
std::uint32_t attentionClusterSplits(std::uint32_t clusters, const DeviceLimits& limits);

} // namespace kernels::cuda
