#pragma once
// GEMM of int8 weights and int8 activations on Hopper's warpgroup tensor cores: prefill.
//
// out[m][n] = sum over groups g of 128 columns: sx[m][r(g)] sw[n][g] sum over k in g of x[m][k]
// w[n][k], a run r being four groups (512 columns), whose activations share a scale; a row's last
// run may be shorter. Weights are the M operand, tokens N. Shapes: W int8 [N][K padded to 128],
// scales fp16 [N][K / 128]; x int8 [M][K padded], token scales fp32 [runs][stride] in the order of
// int8ScalePlace, stride >= M rounded up to 256.
//
// Operations on sums take as long as the products, wherever they stand, so there are few of them:
// no conversion to fp32, and token scales are met once a run. For one weight row and one token,
// with S_g the integer sum over the run up to group g, s the run's token scale and w_g the weights'
// scales:
//     total / s = (total before / s before) (s before / s) + sum over g of S_g (w_g - w_(g+1)),
// w behind the last group being 0: sums run on from group to group, so nothing sets them to zero,
// and what a sum is multiplied with depends on the weight row alone. The sums begin at T
// (kSumTop), so that none is ever negative; non-negative integers below 2^24 are floats as they lie
// in their registers, in units of 2^-149 (most of them subnormal, at which multiplications run at
// full speed). T leaves with the factor that brings a total to the next run's token scale: one
// multiplication and addition for both, beside the products. That is an operation a sum and group
// and two a run, 1.5 in all.
// Rounding: totals stand among terms of up to T w_g; an error of about T 2^-25 a group, against
// sums of some 10,000: 1e-5 to 3e-5.
//
// A block computes 128 weight rows x 256 tokens: a warp that copies tiles, one that brings row
// factors, one that brings token factors (gemm_w8a8_bring.cuh), two warpgroups of 64 rows each. A
// warpgroup keeps sums for 128 tokens only, so that it goes through a run once for each half (part)
// of the tokens: weights stay for both parts, tokens for one step. Tiles of weights and of tokens
// have a ring each.
#include "kernels/cuda/gemm_w8a8_bring.cuh"

namespace kernels::cuda {

/// What a thread of the warpgroups keeps: 64 weight rows x 256 tokens, and where it is.
struct Int8Worker {
    using S = Int8Shared;
    std::uint32_t base;
    std::uint32_t weightPlace;     // of the warpgroup, in a slot of weights
    std::uint32_t rowPlace;        // in offsets and factors
    std::uint32_t tokenPlace;      // in ratios and token scales
    RingPlace tokens;              // of the step that comes next
    RingPlace scales;              // of the run
    std::uint32_t firstWeight = 0; // slot of the run's first group
    // 0, which the compiler does not know: T put into a sum by way of its old value keeps it from
    // doing that while the old values are still needed, in 64 more registers.
    std::int32_t nothing;
    std::int32_t sums[kUnitTokens / 2];
    float totals[kInt8Tokens / 2];

    __device__ Int8Worker(const TensorGemm& task, std::uint32_t from, std::uint32_t warp)
        : base(from), nothing(static_cast<std::int32_t>(task.units >> 31)) {
        const std::uint32_t lane = threadIdx.x % 32;
        weightPlace = warp / 4 * (kTileRows / 2 * kGroupColumns);
        rowPlace = (warp * 16 + lane / 4) * 4;
        tokenPlace = lane % 4 * 16;
#pragma unroll
        for (std::int32_t& sum : sums)
            sum = kSumTop;
    }
    __device__ std::uint32_t scaleBase() const {
        return base + S::kScales + scales.stage * S::kScaleBytes;
    }
    __device__ static std::uint32_t weightSlot(std::uint32_t slot) {
        return slot < S::kWeightSlots ? slot : slot - S::kWeightSlots;
    }
    __device__ void setToTop(std::int32_t& sum) const {
        sum = (sum & nothing) | kSumTop;
        settle(sum);
    }
    __device__ void waitForTiles() const {
        waitBarrier(base + S::kFull + tokens.stage * 8, tokens.parity);
    }
    __device__ void startProducts(std::uint32_t weightSlot) {
        const SharedTiles rows(base + weightSlot * S::kSlot + weightPlace);
        const SharedTiles tile(base + S::kTokens + tokens.stage * S::kSlot);
        fenceProducts();
#pragma unroll
        for (int j = 0; j < 4; ++j)
            productInt8<true>(sums, rows.at(j * 32), tile.at(j * 32));
        commitProducts();
    }
    /// act(total, a token's value at `from`, index of the total's row) for all totals of a part.
    template<class Act>
    __device__ void forPart(int part, std::uint32_t from, Act act) {
        constexpr int kBlocks = kUnitTokens / 16;
        constexpr int kAhead = 2; // blocks of sixteen tokens, as registers allow
        from += tokenPlace + part * (kUnitTokens * 4);
        float4 ready[kAhead];
#pragma unroll
        for (int i = 0; i < kAhead; ++i)
            ready[i] = loadShared(from + i * 64);
#pragma unroll
        for (int i = 0; i < kBlocks; ++i) {
            const float4 v = ready[i % kAhead];
            if (i + kAhead < kBlocks)
                ready[i % kAhead] = loadShared(from + (i + kAhead) * 64);
            const float values[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
            for (int j = 0; j < 8; ++j) // two blocks of eight, two rows, two tokens
                act(totals[part * (kUnitTokens / 2) + i * 8 + j], values[j / 4 * 2 + j % 2],
                    j / 2 % 2);
        }
    }
    /// Totals of a part to the run's token scale, T taken off.
    __device__ void changeScale(int part) {
        const std::uint32_t at = scaleBase();
        const float offsets[2] = {loadSharedFloat(at + S::kOffsets + rowPlace),
                                  loadSharedFloat(at + S::kOffsets + rowPlace + 32)};
        forPart(part, at + S::kRatios, [&](float& total, float ratio, int row) {
            total = fmaf(total, ratio, offsets[row]);
        });
    }
    /// A group of a run for one part. `more`: another step of the tile follows.
    template<int kPart, bool kFirst>
    __device__ void step(std::uint32_t group, bool more) {
        if constexpr (kFirst)
#pragma unroll
            for (std::int32_t& sum : sums)
                setToTop(sum);
        const std::uint32_t slot = weightSlot(firstWeight + group);
        startProducts(slot);
        if constexpr (kFirst) { // beside the products
            if (kPart == 0)
                waitBarrier(base + S::kFullScales + scales.stage * 8, scales.parity);
            changeScale(kPart);
        }
        const std::uint32_t at = scaleBase() + S::kFactors + group * (kTileRows * 4) + rowPlace;
        float factors[2] = {loadSharedFloat(at), loadSharedFloat(at + 32)};
        const std::uint32_t done = base + S::kEmptyTokens + tokens.stage * 8;
        tokens.next<S::kTokenSlots>();
        if (more) // a branch, which keeps what stands before it beside the products
            waitForTiles();
        waitProducts<0>();
        releaseStage<1>(done); // products have read it, nothing else did
        if constexpr (kPart == 1)
            releaseStage<1>(base + S::kEmptyWeights + slot * 8);
        settle(factors[0]); // so that sums are read behind the wait; settled themselves they
        settle(factors[1]); // would no longer rest between products
#pragma unroll
        for (int i = 0; i < kUnitTokens / 2; ++i) {
            float& total = totals[kPart * (kUnitTokens / 2) + i];
            total = fmaf(__int_as_float(sums[i]), factors[i / 2 % 2], total);
            settle(total);
        }
    }
    /// A run. `end`: the tile's last.
    __device__ void run(std::uint32_t groups, bool end) {
        step<0, true>(0, true);
        for (std::uint32_t group = 1; group < groups; ++group)
            step<0, false>(group, true);
        step<1, true>(0, groups > 1 || !end);
        for (std::uint32_t group = 1; group < groups; ++group)
            step<1, false>(group, group + 1 < groups || !end);
        firstWeight = weightSlot(firstWeight + groups);
    }
    /// Factors are stored, not copied, so that a barrier alone orders reads before the next stores;
    /// every lane arrives for itself, which racecheck can follow and costs nothing.
    __device__ void finishRun() {
        arrive(base + S::kEmptyScales + scales.stage * 8);
        scales.next<S::kScaleSlots>();
    }
    /// Totals of the tile as they are to be written; behind its last run.
    __device__ void finishTotals() {
        const std::uint32_t at = scaleBase() + S::kTokenScales;
#pragma unroll
        for (int part = 0; part < kUnits; ++part)
            forPart(part, at, [](float& total, float scale, int) { total *= scale; });
    }
};

__device__ inline void startInt8Barriers(std::uint32_t base) {
    using S = Int8Shared;
    for (int i = 0; i < S::kTokenSlots; ++i) {
        initBarrier(base + S::kFull + i * 8, 1);
        initBarrier(base + S::kEmptyTokens + i * 8, kConsumerWarps);
    }
    for (int i = 0; i < S::kWeightSlots; ++i)
        initBarrier(base + S::kEmptyWeights + i * 8, kConsumerWarps);
    for (int i = 0; i < S::kScaleSlots; ++i) {
        initBarrier(base + S::kFullScales + i * 8, 2 * 32); // rows, tokens
        initBarrier(base + S::kEmptyScales + i * 8, kConsumerWarps * 32);
    }
    fenceBarriers();
}

/// The computing warpgroups.
__device__ inline void multiplyInt8Tiles(const TensorGemm& task, std::uint32_t base,
                                         std::uint32_t warp) {
    const bool gated = task.epilogue == Epilogue::SwiGlu;
    const Int8Runs runs(task);
    Int8Worker worker(task, base, warp);
    for (std::uint32_t unit = blockIdx.x; unit < task.units; unit += gridDim.x) {
#pragma unroll
        for (float& total : worker.totals)
            total = 0;
        worker.waitForTiles();
        for (std::uint32_t run = 0; run < runs.count; ++run) {
            const bool end = run + 1 == runs.count;
            worker.run(runs.groups(run), end);
            if (end)
                worker.finishTotals();
            worker.finishRun();
        }
        TensorLane lane{};
        lane.localRow = (gated ? warp * 8 : warp * 16) + threadIdx.x % 32 / 4;
        lane.tile = int8Tile(task, unit);
        lane.token = int8Token(task, unit);
        lane.halves[0] = tileHalf(task, lane.tile, 0);
        lane.halves[1] = gated ? TileHalf{1, lane.halves[0].row}
                               : TileHalf{lane.halves[0].matrix, lane.halves[0].row + 8};
        writeTile<kInt8Tokens>(task, lane, worker.totals);
    }
}

__device__ inline void int8Gemm(const TensorGemm& task) {
#ifdef INGLENOOK_HOPPER
    extern __shared__ std::byte sharedBytes[];
    const std::uint32_t base = (sharedAddress(sharedBytes) + 1023) / 1024 * 1024;
    const std::uint32_t warp = __shfl_sync(kAllLanes, threadIdx.x / 32, 0); // known to be uniform
    if (threadIdx.x == 0)
        startInt8Barriers(base);
    __syncthreads();
    if (warp >= kConsumerWarps) {
        giveUpRegisters<56>();
        if (warp == kConsumerWarps && threadIdx.x % 32 == 0)
            copyInt8Tiles(task, base);
        if (warp == kConsumerWarps + 1)
            bringRowFactors(task, base);
        if (warp == kConsumerWarps + 2)
            bringTokenFactors(task, base);
        return;
    }
    takeRegisters<224>();
    multiplyInt8Tiles(task, base, warp);
#endif
}

} // namespace kernels::cuda
