#pragma once
// Scheduler: decides what one resident model computes next. A step is schedule -> run ->
// postprocess.
//
// Every running sequence that waits for one token gives one row; prompts give chunks, sized by the
// step budget so that a step stays short enough for a Stop to be felt at once and, beside running
// answers, for those not to stall. Who joins next is the service order's choice; an interactive
// request takes the slot of a batch or agent's one when none is free. When pages run out the
// youngest sequence gives its pages back and is computed again later; when it is alone, its context
// is full. On a device that runs ahead the next step is submitted before the last one is read.
// A reproducible request never shares a batch. What the prefix cache knows of a prompt is
// not computed again, and of several prompts that begin alike only one computes the beginning.
// Engine thread only.

#include "engine/device/executor.h"
#include "engine/runtime/admission.h"
#include "engine/runtime/kv_cache.h"
#include "engine/runtime/latency_stats.h"
#include "engine/runtime/sequence.h"
#include "engine/runtime/service_order.h"
#include "engine/runtime/snapshot.h"
#include "engine/runtime/step_budget.h"
#include "engine/runtime/step_hold.h"
#include "engine/stats/step_ring.h"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace engine {

/// What the schedulers of all models share; outlives them.
struct SchedulerServices {
    Admission& admission;
    LatencyStats& latencies;
    Snapshot& totals; // the engine's counters
    TimeSource time;
    std::shared_ptr<StepRing> steps{}; // hears of every step; may be null
};

class Scheduler {
  public:
    /// The executor is loaded with `plan`.
    Scheduler(std::shared_ptr<const ModelInfo> model, std::unique_ptr<Executor> executor,
              const ExecutorPlan& plan, SchedulerServices services);
    ~Scheduler();

    void setSettings(const AdmissionSettings& settings);
    /// The sequence's ticket says that admission let it in.
    void add(std::shared_ptr<Sequence> sequence);
    /// False when no such request is here.
    bool cancel(RequestId id);
    bool endReasoning(RequestId id);
    bool setPriority(RequestId id, Priority priority);
    /// Ends every request with this reason.
    void finishAll(FinishReason reason, const Status& status);

    /// Host memory that all models together may use for pages of sequences that gave way.
    void setHostPages(std::uint64_t limit_bytes) { m_hostPages_bytes = limit_bytes; }
    /// Off: no sequence takes over pages of another one or leaves its own.
    void setPrefixCache(bool on) { m_usesPrefixes = on; }
    /// Called with every sequence whose answer came to its own end.
    void onAnswered(std::function<void(Sequence&)> answered) { m_answered = std::move(answered); }

    /// Computes the full pages of these tokens when nothing else is to do, see stepPrewarm().
    void prewarm(std::shared_ptr<Sequence> sequence);
    bool hasPrewarm() const { return !m_prewarms.empty(); }
    /// A short step of the oldest prewarm. A fault that leaves the executor dead is returned.
    Status stepPrewarm();

    bool hasWork() const { return !m_waiting.empty() || !m_running.empty() || !m_flights.empty(); }
    /// The best priority among its requests; P2 when idle.
    Priority bestPriority() const;
    /// One step. A Dead executor gives its reason, after every request was answered.
    Status step();

    // The two halves of a step, for several devices that compute side by side.
    /// Off: the next step is handed over at once, always.
    void holdSteps(bool on) { m_hold.setOn(on); }
    /// When begin() is due, see StepHold; not after now: at once. Who comes until then is in its
    /// step.
    TimePoint beginDue();
    /// The device is done with what it has, so a step that is held keeps it waiting.
    bool isDeviceFree() const;
    /// Hands the next step to the device; nothing when a step is begun already.
    void begin();
    /// end() would not wait for the device.
    bool isReady() const;
    /// Reads what is due. A Dead executor gives its reason; its requests wait for giveUpAll() or
    /// finishAll().
    Status end();

    // Replicas: which of several schedulers of one model takes a request (replicas.h).
    std::uint32_t requestCount() const {
        return static_cast<std::uint32_t>(m_waiting.size() + m_running.size());
    }
    bool hasFreeSlot() const { return m_freeSlots.size() > m_waiting.size(); }
    /// The first in line found no slot or too few pages in the step that began last.
    bool isBlocked() const { return m_blocked && !m_waiting.empty(); }
    /// Pages for what the sequence holds so far.
    bool hasPagesFor(const Sequence& sequence) const;
    /// Tokens at its beginning that the prefix cache has.
    std::uint32_t knownTokens(const Sequence& sequence);
    /// Who is first in line; null when nobody waits.
    const Sequence* firstWaiting() const {
        return m_waiting.empty() ? nullptr : m_waiting.front().get();
    }
    /// Takes the first in line out; null when nobody waits.
    std::shared_ptr<Sequence> giveUpFirst();
    /// Takes every request out as if it had never been computed: the device is gone.
    std::vector<std::shared_ptr<Sequence>> giveUpAll();
    /// Takes over what another scheduler gave up.
    void takeOver(std::shared_ptr<Sequence> sequence);
    /// So many devices serve the queue.
    void setReplicas(std::uint32_t replicas) { m_replicas = replicas; }

    const std::shared_ptr<const ModelInfo>& model() const { return m_model; }
    const KvCache& cache() const { return m_cache; }
    ModelSnapshot modelSnapshot() const;
    void describeRequests(std::vector<RequestSnapshot>& out) const;
    Executor& executor() { return *m_executor; }

  private:
    struct Part { // the rows of one sequence in the batch
        std::shared_ptr<Sequence> sequence;
        std::uint32_t rows = 0;
        bool wantsToken = false;
        bool prefills = false;
        std::uint32_t end = 0;  // tokens of the sequence that are computed behind these rows
        std::uint32_t turn = 0; // of the sequence
    };
    struct Flight { // a step that is submitted and not read
        Ticket ticket = 0;
        std::vector<Part> parts;
        TimePoint begin;
        Clock::duration host{}; // to prepare it and hand it over
        bool foundFree = false; // the device was done with the one ahead
        bool wentFree = false;  // the same, when this one had been handed over
        bool held = false;      // until just before
        RunningStep shape() const;
    };
    struct StepTimes { // of a step that was read
        TimePoint begin;
        Clock::duration took{};
        Clock::duration waited{}; // for its end
        Clock::duration device{}; // by the device's clock; 0 = it has none
        bool isLate = false;      // the device waited for it
    };

    void dropCancelled();
    void dropLate();
    void joinWaiting();
    void orderWaiting(bool holdsBatch);
    bool makeWay(Sequence& next);
    bool takeSlot();
    Sequence* whoGivesWay() const;
    /// Resets a slot's sampler to what the sequence's tokens make it.
    Status setSampler(const Sequence& sequence, SlotId slot);
    void resetSampler(Sequence& sequence);
    bool join(Sequence& sequence);
    std::vector<Sequence*> chooseGroup();
    Batch schedule(std::vector<Part>& parts);
    void addAnswers(const std::vector<Sequence*>& group, Batch& batch, std::vector<Part>& parts);
    void addPrompts(const std::vector<Sequence*>& group, Batch& batch, std::vector<Part>& parts);
    std::uint32_t promptBudget(const std::vector<Sequence*>& prompts, const Batch& batch);
    void endGathering(const std::vector<Sequence*>& prompts);
    void countChunk(const std::vector<Part>& parts);
    void addRows(Sequence& sequence, std::uint32_t rows, Batch& batch, std::vector<Part>& parts);
    bool mayRunAhead(const Sequence& sequence) const;
    void submit(Batch batch, std::vector<Part> parts);
    void collectOldest();
    bool isDead() const { return m_executor->health().state == HealthState::Dead; }
    void failParts(const std::vector<Part>& parts, const Status& status);
    void letGo(Sequence& sequence);
    void computeAllAgain();
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
    bool isWorthMoving(const Sequence& sequence, std::uint32_t pages);
    void savePages(Sequence& sequence);
    void restorePages(Sequence& sequence);
    void dropSaved(Sequence& sequence);
    void noteRate(const std::vector<Part>& parts, Clock::duration took);
    void dropFromContext(Sequence& sequence);
    void pausePrewarm();
    void dropPrewarm();
    void postprocess(const std::vector<Part>& parts, const BatchResult& result);
    StepTimes timesOf(const Flight& flight, const StepTimings& timings,
                      Clock::duration waited) const;
    void count(const BatchResult& result, const Flight& flight, const StepTimes& times);
    void noteStep(const Flight& flight, const StepTimes& times);
    void noteFinished(const Sequence& sequence, FinishReason reason);
    void tellQueuePositions();
    std::int64_t estimatedWait_us(std::size_t position) const;
    void finish(Sequence& sequence, FinishReason reason, Status status = {});
    void sweep();

    std::shared_ptr<const ModelInfo> m_model;
    std::unique_ptr<Executor> m_executor;
    KvCache m_cache;
    PrefixCache m_prefixes;
    bool m_usesPrefixes = true;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_reproducibleRows = 0; // of a chunk
    std::vector<SlotId> m_freeSlots;
    std::deque<Flight> m_flights; // oldest first; two only between submitting and reading
    bool m_begun = false;         // begin() without its end()
    bool m_readsOne = false;      // its end() reads the oldest step
    TimePoint m_free;             // when the device was done with the step that was read last
    std::deque<std::shared_ptr<Sequence>> m_waiting;  // in the order of service, once ordered
    std::vector<std::shared_ptr<Sequence>> m_running; // oldest first
    bool m_sharedTurn = true;                         // shared batch or reproducible request next
    std::deque<std::shared_ptr<Sequence>> m_prewarms; // the first one may have pages
    std::function<void(Sequence&)> m_answered;
    std::uint64_t m_hostPages_bytes = 0;
    double m_computeRate = 0; // prompt rows a second, running mean; 0 = not known yet
    double m_copyRate = 0;    // pages a second to host memory, running mean; 0 = not known yet
    std::uint64_t m_evictionsCounted = 0;
    Admission& m_admission;
    LatencyStats& m_latencies;
    Snapshot& m_totals;
    std::shared_ptr<StepRing> m_steps; // may be null
    TimeSource m_time;
    TimePoint m_now; // of this step
    ServiceOrder m_order;
    StepBudget m_budget;
    StepHold m_hold;
    bool m_blocked = false; // the first in line waits for a slot or pages
    std::uint32_t m_replicas = 1;
    bool m_lineChanged = false; // somebody came or changed places since positions were told
    TimePoint m_told;           // when positions were told
    std::uint32_t m_slotCount = 1;
    double m_service_s = 0; // joining to the end, running mean; 0 = not known yet
};

} // namespace engine
