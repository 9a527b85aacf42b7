#pragma once
// What the host allows and asks of kernels that run in clusters of blocks (cluster.cuh).

#include "kernels/cuda/common.cuh"

#include <atomic>

namespace kernels::cuda {

constexpr std::uint32_t kPortableCluster = 8; // blocks of a cluster on any card

/// As allowSharedBeside(), for clusters of `blocks` blocks.
template<typename Kernel>
cudaError_t allowCluster(Kernel kernel, std::uint32_t blocks, std::size_t shared) {
    if (blocks > kPortableCluster)
        if (const cudaError_t error =
                cudaFuncSetAttribute(kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
            error != cudaSuccess)
            return error;
    return allowSharedBeside(kernel, shared);
}

/// Clusters of K::kBlocks blocks of the kernel K::kEntry that run at once, with so much shared
/// memory a block; 0 where the device has no such clusters. Asked once.
template<class K>
std::uint32_t clustersAtOnce(unsigned threads, std::size_t shared) {
    static std::atomic<std::uint32_t> known{0}; // and 1
    if (const std::uint32_t count = known.load(std::memory_order_relaxed); count > 0)
        return count - 1;
    cudaLaunchAttribute attribute = {};
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = K::kBlocks;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(K::kBlocks);
    config.blockDim = dim3(threads);
    config.dynamicSmemBytes = shared;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int count = 0;
    if (allowCluster(K::kEntry, K::kBlocks, shared) != cudaSuccess ||
        cudaOccupancyMaxActiveClusters(&count, K::kEntry, &config) != cudaSuccess)
        count = 0;
    (void)cudaGetLastError(); // no such cluster
    known.store(static_cast<std::uint32_t>(count) + 1, std::memory_order_relaxed);
    return static_cast<std::uint32_t>(count);
}

} // namespace kernels::cuda
