#pragma once
// EvalRunner: an executor loaded for measuring, and sequences stepped by hand: what verify,
// perplexity and bench share. One thread.

#include "engine/runtime/evaluate.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace engine {

struct EvalSequence {
    std::vector<TokenId> tokens;
    std::uint32_t computed = 0; // tokens with KV
    std::vector<PageId> pages;
    SlotId slot = kNoSlot;
};

/// The next rows of one sequence in a step.
struct EvalPart {
    EvalSequence* sequence = nullptr;
    std::uint32_t rows = 0;
    std::function<Want(std::uint32_t position)> want; // empty = Want::Nothing
};

struct EvalPlan {
    NumberFormats formats;
    std::uint32_t context = 0;     // longest sequence [tokens]
    std::uint32_t totalTokens = 0; // of all sequences together, for the pages
    std::uint32_t sequences = 1;   // each may waste part of a page
    std::uint32_t slotCount = 1;
    std::uint32_t maxBatchRows = 512;
    std::uint64_t seed = 1; // order of the pages
    // What automatic activations are chosen by (activationTokens()); empty = fixed ids.
    std::vector<TokenId> activationTokens;
    const std::atomic<bool>* stop = nullptr; // ends the load; may be null
};

class EvalRunner {
  public:
    /// Checks that the plan fits, then loads.
    static Result<std::unique_ptr<EvalRunner>> create(const ModelConfig& config,
                                                      std::shared_ptr<const TensorSource> source,
                                                      std::unique_ptr<Executor> executor,
                                                      const EvalPlan& plan);

    Executor& executor() { return *m_executor; }
    /// Runs the parts as one batch and moves the sequences on.
    Result<BatchResult> run(std::span<const EvalPart> parts);
    /// The same in two halves, so that a second step is under way while the first is waited for:
    /// its tokens may be kLastSampled. Two at most; the oldest is finished first.
    Result<Ticket> start(std::span<const EvalPart> parts);
    Result<BatchResult> finish(Ticket ticket);
    /// The same rows through Executor::checkStages(); the sequences stay where they are.
    Result<std::vector<StageError>> checkStages(std::span<const EvalPart> parts);
    /// Gives a sequence's pages back.
    void release(EvalSequence& sequence);
    /// Forgets all sequences; all KV and workspace become NaN and the pages are shuffled anew.
    void reset(std::uint64_t seed);

  private:
    EvalRunner(std::unique_ptr<Executor> executor, std::uint32_t pageCount, std::uint64_t seed);
    Result<Batch> makeBatch(std::span<const EvalPart> parts);

    std::unique_ptr<Executor> m_executor;
    std::uint32_t m_pageCount = 0;
    std::vector<PageId> m_free;
};

} // namespace engine
