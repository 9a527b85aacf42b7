#pragma once
// Attention of many rows on Hopper's warpgroup tensor cores; what prefillAttention() takes where it
// can.

#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// What prefillAttentionPrepares() says yes to: heads of 64 or 128, bf16 or int8 KV, no key bias
/// outside the cache.
/// `turns`: the two computing warpgroups issue their products in turns.
cudaError_t hopperAttention(const Attention& task, const DeviceLimits& limits, bool turns,
                            cudaStream_t stream);

} // namespace kernels::cuda
