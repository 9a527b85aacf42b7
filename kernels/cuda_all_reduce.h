#pragma once
// Kernels that several GPUs ("ranks") run together: sums with residual and RMSNorm, and the
// exchange of logits. Ranks write straight into one another's memory (peer access); nothing here
// uses multicast. Method and places: kernels/all_reduce_layout.h.
//
// Every rank must launch the same calls in the same order. A kernel that waits for another rank
// gives up after `limit_ns`, sets `fault` and goes on with what there is, so that nothing hangs:
// the caller looks at `fault` before it uses results. It sets `fault` itself where a launch failed:
// whoever waits for it gives up within milliseconds.

#include "kernels/all_reduce_layout.h"
#include "kernels/cuda_kernels.h"

namespace kernels::cuda {

/// What a rank knows of the others. Copied into every launch.
struct RankLinks {
    std::uint32_t rank = 0;
    ReduceLayout layout;
    std::byte* windows[kMostRanks] = {}; // [ranks] ReduceLayout::bytes() each
    std::uint32_t* fault = nullptr;      // one word of host memory, shared by all ranks
    std::uint64_t limit_ns = 0;
    bool sharesDevice = false; // tests run several ranks on one GPU: no kernel may start early
};

/// residual += the sum of every rank's part, in the order of the ranks. All but one-shot sums leave
/// the residual with the rows' owners alone unless `spread` is set.
struct ResidualSum {
    const float* part = nullptr; // [rows][stride] of this rank; stride of the layout
    float* residual = nullptr;   // [rows][stride]
    std::uint32_t rows = 0;
    std::uint32_t columns = 0;
    std::uint32_t parity = 0; // sums take turns: 0, 1, 0, 1 ...

    // RMSNorm of the new residual as bf16 rows [rows][stride], padding zero; nullptr = none.
    const float* normWeight = nullptr;
    float eps = 0;
    bool preparedOrder = false; // as prepareTensorRows() orders columns
    DigitRows digits;           // instead of bf16 where they have values; one-shot sums alone

    // Everybody's rows.
    std::uint16_t* normed[kMostRanks] = {};
    float* residuals[kMostRanks] = {};
    bool spread = false;
};
cudaError_t sumResidual(const ResidualSum& task, const RankLinks& links, const DeviceLimits& limits,
                        cudaStream_t stream);
/// How sumResidual() adds up so many rows (kernels/all_reduce_layout.h).
enum class SumMethod : std::uint8_t { OneShot, TwoShot, Copied };
SumMethod sumMethod(std::uint32_t rows, const RankLinks& links, const DeviceLimits& limits);

/// Writes columns [first, first + count) of `rows` rows of this rank's memory to the same place in
/// everybody's, and waits until everybody has done so. With 0 rows it is a meeting of all ranks.
struct RowGather {
    float* memories[kMostRanks] = {}; // [rows][stride]
    std::uint32_t rows = 0;
    std::uint32_t stride = 0;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t slot = 2; // gathers that follow one another take turns: 2, 3, 2 ...
};
cudaError_t gatherRows(const RowGather& task, const RankLinks& links, cudaStream_t stream);

/// Loads every kernel of these functions on the current device. A kernel is otherwise loaded when
/// it is launched first, which may wait for kernels that wait for another rank.
cudaError_t loadRankKernels();

/// Makes a window ready: everything absent, all flags down.
cudaError_t clearWindow(std::byte* window, const ReduceLayout& layout, cudaStream_t stream);

} // namespace kernels::cuda
