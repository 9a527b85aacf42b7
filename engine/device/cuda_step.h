#pragma once
// CudaStep: a batch as the launches of one step see it, and the answers that come back: what one
// GPU and several have in common. Part of libinglenook_cuda.so.

#include "engine/device/batch.h"
#include "kernels/cuda_kernels.h"

#include <cstdint>
#include <string>
#include <vector>

namespace engine {

/// Rows whose logits are computed and sampled together.
constexpr std::uint32_t kCudaHeadRows = 128;

/// Steps that may be in flight: one computes, the next one is ready. Each has a place of its own
/// for what it uploads and brings back, by turns.
constexpr std::uint32_t kCudaStepsInFlight = 2;

/// What a batch uploads; the same layout in pinned memory and on the device.
struct CudaBatch {
    kernels::cuda::Row* rows = nullptr;       // [maxRows]
    std::uint32_t* wanted = nullptr;          // [maxRows] rows that want output
    kernels::cuda::SampleJob* jobs = nullptr; // [maxRows]
    std::uint32_t* groups = nullptr;          // [2 * maxRows + 2] first job of each group
    std::uint32_t* pages = nullptr;           // [pageCapacity], last: only the used part travels
};

/// A stretch of wanted rows that shares one pass over the head.
struct CudaHeadPass {
    std::uint32_t first = 0; // into CudaBatch::wanted
    std::uint32_t count = 0;
    std::uint32_t firstGroup = 0; // into CudaBatch::groups; groupCount + 1 entries
    std::uint32_t groupCount = 0;
    std::uint32_t jobCount = 0;
    std::vector<std::uint32_t> toHost; // of its rows: raw logits the host asked for
};

/// Shape of one step: everything the launches depend on.
struct CudaStep {
    std::uint32_t rows = 0;
    std::uint32_t singles = 0;   // leading rows that are alone in their sequences: decoding
    std::uint32_t splits = 1;    // of attention, for the singles (for all where there are none)
    std::uint32_t firstPage = 0; // in CudaBatch::pages, of the rows behind the singles
    std::uint32_t pages = 0;     // from there on
    std::uint64_t pagesSeen = 0; // sum over those rows
    bool single() const { return singles == rows; } // every row is alone in its sequence
    std::vector<CudaHeadPass> passes;
    std::uint32_t buffer = 0; // below kCudaStepsInFlight: which of the batches on the device is its
    /// [wanted] pinned, of this buffer: where sampled tokens go. Every device may write to pinned
    /// memory, at the address that the host knows it by. nullptr: nobody looks at them.
    std::int32_t* tokens = nullptr;
};

/// What a batch may be.
struct CudaStepLimits {
    std::uint32_t maxRows = 0;
    std::uint32_t context = 0;
    std::uint64_t pageCapacity = 0; // of all tables together
    std::uint32_t pageCount = 0;    // KV pages there are
    std::uint32_t vocabulary = 0;
};

/// InternalError or ContextExceeded say what is wrong. `sampled`: of every slot, whether it has
/// sampled a token since it was set.
Status checkBatch(const Batch& batch, const CudaStepLimits& limits,
                  const std::vector<bool>& sampled);

/// What describeBatch() found.
struct DescribedBatch {
    CudaStep step;                // all but `splits`, `buffer` and `tokens`
    std::uint64_t pages = 0;      // how many travel
    std::uint64_t hostLogits = 0; // rows of logits the host asked for
    std::uint32_t longest = 0;    // positions
};
/// Fills the pinned batch. The batch was checked.
DescribedBatch describeBatch(const Batch& batch, const CudaBatch& to);

/// Every row decodes and only its token is asked for: the shape depends on counts alone.
bool isPureDecode(const Batch& batch);

/// Results from the tokens [wanted] and the raw logits [hostLogits][vocabulary] of a step.
void answerBatch(const Batch& batch, const std::int32_t* tokens, const float* logits,
                 std::uint32_t vocabulary, BatchResult& result);

/// Rows and KV bytes of a step's timings; a token's KV is `tokenBytes`.
StepTimings timingsOfBatch(const Batch& batch, std::int64_t total_ns, std::uint64_t weightBytes,
                           std::uint64_t tokenBytes);

} // namespace engine
