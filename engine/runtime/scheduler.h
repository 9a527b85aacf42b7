#pragma once
// Scheduler: decides what one resident model computes next. A step is schedule -> run ->
// postprocess.
//
// Every running sequence that waits for one token gives one row; prompts give chunks, sized so that
// a step stays short enough for a Stop to be felt at once and, beside running answers, shorter
// still. When pages run out the youngest sequence gives its pages back and is computed again later;
// when it is alone, its context is full. A reproducible request never shares a batch. What the
// prefix cache knows of a prompt is not computed again, and of several prompts that begin alike
// only one computes the beginning.
// Engine thread only.

#include "engine/device/executor.h"
#include "engine/runtime/kv_cache.h"
#include "engine/runtime/sequence.h"
#include "engine/runtime/snapshot.h"
#include "engine/stats/step_ring.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace engine {

class Scheduler {
  public:
    /// The executor is loaded with `plan`. `totals` are the engine's counters and outlive this.
    /// `steps`, if there is one, hears of every step.
    Scheduler(std::shared_ptr<const ModelInfo> model, std::unique_ptr<Executor> executor,
              const ExecutorPlan& plan, Snapshot& totals,
              std::shared_ptr<StepRing> steps = nullptr);
    ~Scheduler();

    void add(std::shared_ptr<Sequence> sequence);
    /// False when no such request is here.
    bool cancel(RequestId id);
    bool endReasoning(RequestId id);
    bool setPriority(RequestId id, Priority priority);
    /// Ends every request with this reason.
    void finishAll(FinishReason reason, const Status& status);

    bool hasWork() const { return !m_waiting.empty() || !m_running.empty(); }
    /// The best priority among its requests; P2 when idle.
    Priority bestPriority() const;
    /// One step. A Dead executor gives its reason, after every request was answered.
    Status step();

    const std::shared_ptr<const ModelInfo>& model() const { return m_model; }
    const KvCache& cache() const { return m_cache; }
    ModelSnapshot modelSnapshot() const;
    void describeRequests(std::vector<RequestSnapshot>& out) const;
    Executor& executor() { return *m_executor; }

  private:
    struct Part { // the rows of one sequence in the batch
        Sequence* sequence = nullptr;
        std::uint32_t rows = 0;
        bool wantsToken = false;
    };

    void dropCancelled();
    void joinWaiting();
    bool join(Sequence& sequence);
    std::vector<Sequence*> chooseGroup();
    Batch schedule(std::vector<Part>& parts);
    void addRows(Sequence& sequence, std::uint32_t rows, Batch& batch, std::vector<Part>& parts);
    bool makeRoom(Sequence& sequence, std::uint32_t rows, const std::vector<Part>& parts);
    bool growWritable(Sequence& sequence, std::uint32_t tokens);
    bool readyToPrefill(Sequence& sequence, const std::vector<Part>& parts);
    void hashPages(Sequence& sequence, std::size_t pages);
    void adoptPages(Sequence& sequence);
    bool adoptChunk(Sequence& sequence);
    void adoptSimilar(Sequence& sequence);
    std::uint32_t pagesWanted(Sequence& sequence);
    bool isComputedBy(const Sequence& other, const Sequence& sequence) const;
    void keepPages(Sequence& sequence);
    void countCached(Sequence& sequence, std::uint32_t from);
    void preempt(Sequence& sequence);
    std::uint32_t chunkRows(bool besideAnswers) const;
    void postprocess(const std::vector<Part>& parts, const BatchResult& result);
    void count(const BatchResult& result, const std::vector<Part>& parts, Clock::duration took);
    void noteStep(const std::vector<Part>& parts, Clock::time_point begin, Clock::duration took);
    void noteFinished(const Sequence& sequence, FinishReason reason);
    void tellQueuePositions();
    void finish(Sequence& sequence, FinishReason reason, Status status = {});
    void sweep();

    std::shared_ptr<const ModelInfo> m_model;
    std::unique_ptr<Executor> m_executor;
    KvCache m_cache;
    PrefixCache m_prefixes;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_reproducibleRows = 0; // of a chunk
    std::vector<SlotId> m_freeSlots;
    std::deque<std::shared_ptr<Sequence>> m_waiting;  // by priority, then age
    std::vector<std::shared_ptr<Sequence>> m_running; // oldest first
    double m_prefillRate = 0; // rows a second, running mean; 0 = not known yet
    bool m_sharedTurn = true; // shared batch or reproducible request next
    std::uint64_t m_evictionsCounted = 0;
    Snapshot& m_totals;
    std::shared_ptr<StepRing> m_steps; // may be null
};

} // namespace engine
