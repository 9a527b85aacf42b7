#pragma once
// The digit GEMM with stages that are let go in other ways: what its fence is for, and costs.
// Everything else is gemm_digits.cuh.
#include "kernels/cuda/gemm_digits_launch.cuh"

namespace tests {

using namespace kernels::cuda;

/// When lane 0 of a warp arrives at the barrier of a stage that its warp has read.
enum class Release {
    Warp,   // behind __syncwarp() alone: loads may still be under way
    Fenced, // behind a fence between the proxies in each lane, as gemm_digits.cuh does
    Used    // once the values that were read are in registers
};

/// digitGemm() of one buffer of sums.
template<int kTokens, int kStages, Release kRelease>
__device__ void variantGemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    using S = DigitShared<kTokens, kStages>;
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t start = sharedAddress(sharedBytes);
    const std::uint32_t base = (start + 1023) / 1024 * 1024;
    const std::uint32_t full = base + kStages * (S::kTiles + S::kScales);
    const std::uint32_t empty = full + kStages * 8;
    const std::uint32_t warp = threadIdx.x / 32;
    letNextStart();
    if (threadIdx.x == kConsumerWarps * 32) {
        for (int i = 0; i < kStages; ++i) {
            initBarrier(full + i * 8, 1);
            initBarrier(empty + i * 8, kConsumerWarps);
        }
        fenceBarriers();
    }
    __syncthreads();
    const DigitShare share = digitShare<kTokens>(task);
    if (warp >= kConsumerWarps) {
        if (threadIdx.x % 32 == 0)
            copyDigits<kTokens, kStages>(task, share, base, full);
        __syncwarp();
        if (share.splits > 1) {
            syncCluster();
            syncCluster();
        }
        return;
    }
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    TensorLane lane{};
    lane.localRow = (gated ? warp * 8 : warp * 16) + threadIdx.x % 32 / 4;
    lane.tile = share.tile;
    lane.token = share.token;
    lane.halves[0] = tileHalf(task, lane.tile, 0);
    lane.halves[1] = gated ? TileHalf{1, lane.halves[0].row}
                           : TileHalf{lane.halves[0].matrix, lane.halves[0].row + 8};
    RowScales scales;
    scales.start(task, lane);
    scales.fetch(share.first);
    std::byte* const memory = sharedBytes + (base - start);
    const auto* tokenScales =
        reinterpret_cast<const float*>(memory + kStages * S::kTiles) + threadIdx.x % 4 * 2;
    const std::uint32_t none = task.columnGroups >> 31; // 0, which the compiler does not know
    const std::uint32_t mine = base + warp / 4 * 64 * kGroupColumns;
    float totals[kTokens / 2];
#pragma unroll
    for (float& total : totals)
        total = 0;
    std::int32_t sums[S::kChunk];
    RingPlace place;
    waitForPrevious();
    for (std::uint32_t group = share.first; group < share.end; ++group) {
        const float rowScale[2] = {halfToFloat(scales.bits[0]), halfToFloat(scales.bits[1])};
        scales.fetch(group + 1 < share.end ? group + 1 : group);
        const std::uint32_t weights = mine + place.stage * S::kTiles;
        const std::uint32_t rows = base + place.stage * S::kTiles + S::kWeights;
        const float* own = tokenScales + place.stage * kTokens;
        std::uint32_t read = 0;
        waitBarrier(full + place.stage * 8, place.parity);
#pragma unroll
        for (int chunk = 0; chunk < S::kChunks; ++chunk) {
            beginDigits<S::kChunk>(weights, rows + chunk * S::kChunkBytes, sums);
            waitProducts<0>();
#pragma unroll
            for (std::int32_t& sum : sums)
                settle(sum);
            if (kRelease == Release::Used)
#pragma unroll
                for (int i = 0; i < S::kChunk / 8; ++i)
                    read |= __float_as_uint(own[chunk * S::kChunk + i * 8]) |
                            __float_as_uint(own[chunk * S::kChunk + i * 8 + 1]);
            promoteDigits<S::kChunk>(sums, own + chunk * S::kChunk, rowScale,
                                     totals + chunk * (S::kChunk / 2));
        }
        if (kRelease == Release::Fenced)
            fenceShared();
        // An address that comes from every value read waits for all of them.
        releaseStage<1>(empty + place.stage * 8 + (read & none));
        place.next<kStages>();
    }
    if (share.splits > 1) {
        addShares<kTokens>(task, lane, share.splits, base, totals);
        syncCluster();
    } else {
        writeTile<kTokens>(task, lane, totals);
    }
#endif
}

template<int kTokens, int kStages, Release kRelease, int kResident>
__global__ void __launch_bounds__(kDigitThreads, kResident)
    variantKernel(const __grid_constant__ TensorGemm task) {
    variantGemm<kTokens, kStages, kRelease>(task);
}

} // namespace tests
