#pragma once
// Puts the Hopper GEMMs on a stream: tensor maps, grid, cluster.
#include "kernels/cuda/gemm_even.cuh"
#include "kernels/cuda/gemm_tall.cuh"
#include "kernels/cuda/gemm_wgmma.cuh"

#include <algorithm>
#include <array>
#include <atomic>

namespace kernels::cuda {

/// Two blocks fit a multiprocessor when tiles are small.
constexpr int residentBlocks(int tokens) {
    return tokens <= 32 ? 2 : 1;
}
constexpr int tensorThreads(int tokens) {
    return tokens == 256 ? 384 : 288; // registers move between whole warpgroups only
}

template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
__global__ void __launch_bounds__(tensorThreads(kTokens), residentBlocks(kTokens))
    tensorGemmKernel(const __grid_constant__ TensorGemm task) {
    tensorGemm<kKind, kTokens, kParts, kStages, kShare>(task);
}

template<WeightKind kKind, int kTokens, int kStages>
__global__ void __launch_bounds__(tensorThreads(kTokens), 1)
    evenGemmKernel(const __grid_constant__ TensorGemm task) {
    evenGemm<kKind, kTokens, kStages>(task);
}

template<WeightKind kKind, int kTokens>
__global__ void __launch_bounds__(kTallThreads, 1)
    tallGemmKernel(const __grid_constant__ TensorGemm task) {
    tallGemm<kKind, kTokens>(task);
}

/// How many clusters run at once; 0 where the device does not say. Not every multiprocessor finds a
/// partner.
template<typename Kernel>
std::uint32_t activeClusters(Kernel kernel, int threads, std::size_t shared,
                             std::uint32_t cluster) {
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = cluster;
    attribute.val.clusterDim.y = 1;
    attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(cluster);
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = shared;
    config.attrs = &attribute;
    config.numAttrs = 1;
    int count = 0;
    if (allowShared(kernel, shared) != cudaSuccess ||
        cudaOccupancyMaxActiveClusters(&count, kernel, &config) != cudaSuccess)
        return 0;
    return static_cast<std::uint32_t>(count);
}

/// activeClusters() of a kernel, at least 1, in `known` from the first answer on: a device that is
/// broken gives none, and the next one is asked again.
template<typename Kernel>
std::uint32_t rememberClusters(std::atomic<std::uint32_t>& known, Kernel kernel, int threads,
                               std::size_t shared, std::uint32_t cluster) {
    std::uint32_t count = known.load(std::memory_order_relaxed);
    if (count == 0) {
        count = activeClusters(kernel, threads, shared, cluster);
        known.store(count, std::memory_order_relaxed);
    }
    return std::max(count, 1U);
}

template<typename Kernel>
cudaError_t launchGemm(Kernel kernel, const TensorGemm& task, std::uint32_t blocks, int threads,
                       std::size_t shared, std::uint32_t cluster, cudaStream_t stream) {
    if (const cudaError_t error = allowShared(kernel, shared); error != cudaSuccess)
        return error;
    return launchClusters(kernel, dim3(blocks), cluster, static_cast<unsigned>(threads), shared,
                          stream, startsEarly(task.tokens), task);
}

/// Everything but maps: `share` blocks of a cluster work on neighbouring tiles of rows.
inline TensorGemm describeProduct(const TensorProduct& product, int tokens, int share) {
    TensorGemm task;
    task.matrixCount = product.matrixCount;
    task.epilogue = product.epilogue;
    task.tokens = product.rows;
    task.tokenTiles = ceilDivide(product.rows, static_cast<std::uint32_t>(tokens));
    task.activated = product.activated;
    task.activatedStride = product.activatedStride;
    const Matrix& first = product.matrices[0];
    task.groupsPerRow = first.groupsPerRow();
    task.groupShift = first.group == 32 ? 5 : 7;
    task.columnGroups = first.paddedColumns() / 128;
    std::uint32_t tiles = 0;
    for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
        const Matrix& matrix = product.matrices[i];
        task.scales[i] = matrix.scales;
        task.minima[i] = matrix.minima;
        task.outs[i] = product.outs[i];
        task.outStrides[i] = product.outStrides[i];
        task.rows[i] = matrix.rows;
        task.firstTiles[i] = tiles;
        tiles += ceilDivide(matrix.rows, kTileRows);
    }
    if (product.epilogue == Epilogue::SwiGlu)
        tiles = product.activatedStride / (kTileRows / 2);
    task.units = ceilDivide(tiles, static_cast<std::uint32_t>(share)) * task.tokenTiles;
    return task;
}

/// The maps of weights that go to the tensor cores as int8, groups of columns in turn.
inline cudaError_t describeInt8Weights(TensorGemm& task, const TensorProduct& product) {
    const Matrix& first = product.matrices[0];
    if (product.epilogue == Epilogue::SwiGlu)
        return describePairs(task.weightMaps[0], first.values, product.matrices[1].values,
                             first.rowBytes(), first.rows);
    cudaError_t error = cudaSuccess;
    for (std::uint32_t i = 0; i < product.matrixCount && error == cudaSuccess; ++i)
        error = describeMatrix(task.weightMaps[i], product.matrices[i].values,
                               product.matrices[i].rowBytes(), product.matrices[i].rows,
                               kGroupColumns, kTileRows, true);
    return error;
}

/// The maps of weights and tokens.
template<WeightKind kKind, int kTokens, int kParts>
cudaError_t describeTiles(TensorGemm& task, const TensorProduct& product, const PreparedRows& x,
                          int boxTokens) {
    using T = WeightTile<kKind, kParts>;
    for (std::uint32_t i = 0; i < product.matrixCount; ++i) {
        const Matrix& matrix = product.matrices[i];
        if (const cudaError_t error =
                describeMatrix(task.weightMaps[i], matrix.values, matrix.rowBytes(), matrix.rows,
                               T::kBoxBytes, kTileRows / 2, T::kSwizzled);
            error != cudaSuccess)
            return error;
    }
    return describeMatrix(task.tokenMap, x.high, std::uint64_t{x.paddedColumns} * 2, product.rows,
                          kTokenRowBytes, static_cast<std::uint32_t>(boxTokens), true);
}

/// `splits`: blocks of a cluster that share K; 1 with kShare > 1.
template<WeightKind kKind, int kTokens, int kParts, int kStages, int kShare>
cudaError_t launchTensorGemm(const TensorProduct& product, const PreparedRows& x,
                             std::uint32_t splits, cudaStream_t stream) {
    using S = TensorShared<kKind, kTokens, kParts, kStages>;
    TensorGemm task = describeProduct(product, kTokens, kShare);
    if (const cudaError_t error =
            describeTiles<kKind, kTokens, kParts>(task, product, x, kTokens / kShare);
        error != cudaSuccess)
        return error;
    const auto kernel = tensorGemmKernel<kKind, kTokens, kParts, kStages, kShare>;
    constexpr int kThreads = tensorThreads(kTokens);
    if (splits > 1) // one tile a cluster
        return launchGemm(kernel, task, task.units * splits, kThreads, S::kBytes, splits, stream);
    static std::atomic<std::uint32_t> known{0};
    const std::uint32_t resident = rememberClusters(known, kernel, kThreads, S::kBytes, kShare);
    return launchGemm(kernel, task, std::min(task.units, resident) * kShare, kThreads, S::kBytes,
                      kShare, stream);
}

/// One block a multiprocessor, equal parts of all tiles.
template<WeightKind kKind, int kTokens, int kStages>
cudaError_t launchEvenGemm(const TensorProduct& product, const PreparedRows& x,
                           const DeviceLimits& limits, cudaStream_t stream) {
    using S = TensorShared<kKind, kTokens, kEvenParts, kStages>;
    TensorGemm task = describeProduct(product, kTokens, 1);
    if (const cudaError_t error =
            describeTiles<kKind, kTokens, kEvenParts>(task, product, x, kTokens);
        error != cudaSuccess)
        return error;
    constexpr std::uint32_t kLeast = 4; // pieces that pay for meeting
    const std::uint32_t pieces = task.units * task.columnGroups;
    const std::uint32_t blocks =
        std::min(limits.multiprocessors, std::max(pieces / kLeast, task.units));
    const std::size_t room = std::size_t{2} * blocks * kTileRows * kTokens;
    if (product.room.sums != nullptr && product.room.floats >= room &&
        product.room.tiles >= task.units) {
        task.shares = product.room.sums;
        task.arrivals = product.room.arrivals;
    }
    const auto kernel = evenGemmKernel<kKind, kTokens, kStages>;
    if (const cudaError_t error = allowShared(kernel, S::kBytes); error != cudaSuccess)
        return error;
    return launchKernel(kernel,
                        dim3(task.shares != nullptr ? blocks : std::min(blocks, task.units)),
                        tensorThreads(kTokens), S::kBytes, stream, true, task);
}

/// Blocks of a cluster that share K: as many as let the clusters of all `units` run at once. 0: not
/// even one block for each of them.
template<WeightKind kKind, int kTokens>
std::uint32_t tallSplits(std::uint32_t units, std::uint32_t columnGroups) {
    using S = typename TallForm<kKind, kTokens>::Shared;
    static const auto resident = [] { // clusters of so many blocks
        std::array<std::uint32_t, kMostInCluster + 1> clusters{};
        for (std::uint32_t blocks = 1; blocks <= kMostInCluster; ++blocks)
            clusters[blocks] =
                activeClusters(tallGemmKernel<kKind, kTokens>, kTallThreads, S::kBytes, blocks);
        return clusters;
    }();
    std::uint32_t splits = std::min(columnGroups, kMostInCluster);
    while (splits > 0 && units > resident[splits])
        --splits;
    return splits;
}

/// Two tiles of rows a cluster of `splits` blocks.
template<WeightKind kKind, int kTokens>
cudaError_t launchTallGemm(const TensorProduct& product, const PreparedRows& x,
                           std::uint32_t splits, cudaStream_t stream) {
    using S = typename TallForm<kKind, kTokens>::Shared;
    TensorGemm task = describeProduct(product, kTokens, kTallTiles);
    if (const cudaError_t error =
            describeTiles<kKind, kTokens, S::kParts>(task, product, x, kTokens);
        error != cudaSuccess)
        return error;
    const auto kernel = tallGemmKernel<kKind, kTokens>;
    if (const cudaError_t error = allowShared(kernel, S::kBytes); error != cudaSuccess)
        return error;
    return launchClusters(kernel, dim3(task.units * splits), splits, kTallThreads, S::kBytes,
                          stream, true, task);
}

/// Blocks that share K so that few tiles still keep the device busy.
inline std::uint32_t splitsFor(const TensorProduct& product, int tokens,
                               const DeviceLimits& limits) {
    const std::uint32_t units = describeProduct(product, tokens, 1).units;
    const std::uint32_t most = tokens <= 32 ? 4 : 2; // what is added up costs more than it brings
    std::uint32_t splits = 1;
    while (splits < most && units * splits * 2 <= limits.multiprocessors)
        splits *= 2;
    return splits;
}

/// Tiles of 256 tokens, pairs of blocks that fetch them together.
template<WeightKind kKind>
cudaError_t launchManyRows(const TensorProduct& product, const PreparedRows& x,
                           cudaStream_t stream) {
    constexpr int kStages = kKind == WeightKind::BF16 ? 4 : kKind == WeightKind::Int8 ? 5 : 6;
    return launchTensorGemm<kKind, 256, 1, kStages, 2>(product, x, 1, stream);
}

/// 65 to 256 rows, one or two tiles of kTokens: tiles of 256 weight rows where all of them run at
/// once. Else two tiles' rows as one of 256; one tile's as tall tiles, too, where their last round
/// leaves few multiprocessors without work, or as equal parts of tiles of 128 rows.
template<WeightKind kKind, int kTokens>
cudaError_t launchBatchGemm(const TensorProduct& product, const PreparedRows& x,
                            const DeviceLimits& limits, cudaStream_t stream) {
    const TensorGemm task = describeProduct(product, kTokens, kTallTiles);
    const std::uint32_t splits = tallSplits<kKind, kTokens>(task.units, task.columnGroups);
    if (splits > 0)
        return launchTallGemm<kKind, kTokens>(product, x, splits, stream);
    if (task.tokenTiles > 1)
        return launchManyRows<kKind>(product, x, stream);
    const std::uint32_t rounds = ceilDivide(task.units, limits.multiprocessors);
    if (rounds * limits.multiprocessors * 2 <= task.units * 3)
        return launchTallGemm<kKind, kTokens>(product, x, 1, stream);
    constexpr int kStages = kKind == WeightKind::BF16 ? 3 : kKind == WeightKind::Int8 ? 4 : 5;
    return launchEvenGemm<kKind, 128, kStages>(product, x, limits, stream);
}

/// The variant for the number of rows.
template<WeightKind kKind>
cudaError_t launchTensorKind(const TensorProduct& product, const PreparedRows& x,
                             const DeviceLimits& limits, cudaStream_t stream) {
    constexpr bool kInt8 = kKind == WeightKind::Int8;
    constexpr bool kBf16 = kKind == WeightKind::BF16;
    const auto splits = [&](int tokens) { return splitsFor(product, tokens, limits); };
    if (product.rows <= 16)
        return launchTensorGemm < kKind, 16, kBf16 || kInt8 ? 2 : 4,
               kBf16   ? 2
               : kInt8 ? 5
                       : 4,
               1 > (product, x, splits(16), stream);
    if (product.rows <= 32)
        return launchTensorGemm < kKind, 32, kBf16 || kInt8 ? 2 : 4,
               kBf16   ? 2
               : kInt8 ? 4
                       : 3,
               1 > (product, x, splits(32), stream);
    if (product.rows <= 64)
        return launchTensorGemm < kKind, 64, kBf16 || kInt8 ? 2 : 4, kInt8 ? 6 : 4,
               1 > (product, x, splits(64), stream);
    if (product.rows > 256)
        return launchManyRows<kKind>(product, x, stream);
    const bool narrow = product.rows <= 96 || (product.rows > 128 && product.rows <= 192);
    return narrow ? launchBatchGemm<kKind, 96>(product, x, limits, stream)
                  : launchBatchGemm<kKind, 128>(product, x, limits, stream);
}

} // namespace kernels::cuda
