#pragma once
// Attention of many rows on Hopper's warpgroup tensor cores; what prefillAttention() takes where it
// can.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// What prefillAttentionPrepares() says yes to: heads of 64 or 128, bf16 or int8 KV, a key bias
/// only where pages are widened.
cudaError_t hopperAttention(const Attention& task, const DeviceLimits& limits, cudaStream_t stream);

/// Fills Attention::widened: of a page keys and values as bf16 KV has them, then what rounding lost
/// of keys with a bias.
cudaError_t widenPages(const Attention& task, cudaStream_t stream);

} // namespace kernels::cuda
