#pragma once
// Replicas: one resident model on one device, or whole on each of several. Every device has its own
// scheduler, KV pages and prefix cache; a request stays where it was dealt to. They compute side by
// side: each gets its next step as soon as it is done with the last, whatever the others do.
//
// A request goes where a slot is free, there where most of its beginning is known, unless that
// device has much more to do than another; one that waits for a slot or pages moves when another
// device has room. A device that dies leaves its requests to the others: their text stays, and what
// was computed of them is computed again. Only when the last one dies do they fail. Engine thread
// only.

#include "engine/runtime/scheduler.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace engine {

/// A loaded executor, the plan it was loaded with, and what it takes.
struct LoadedPart {
    std::unique_ptr<Executor> executor;
    ExecutorPlan plan;
    MemoryPlan memory;
};

class Replicas {
  public:
    Replicas(const std::shared_ptr<const ModelInfo>& model, std::vector<LoadedPart> parts,
             const SchedulerServices& services);

    void setSettings(const AdmissionSettings& settings);
    void setHostPages(std::uint64_t limit_bytes);
    void setPrefixCache(bool on);
    void onAnswered(const std::function<void(Sequence&)>& answered);

    void add(const std::shared_ptr<Sequence>& sequence);
    bool cancel(RequestId id);
    bool endReasoning(RequestId id);
    bool setPriority(RequestId id, Priority priority);
    void finishAll(FinishReason reason, const Status& status);

    void prewarm(const std::shared_ptr<Sequence>& sequence);
    bool hasPrewarm() const;
    /// A short step of one device's oldest prewarm.
    Status stepPrewarm();

    bool hasWork() const;
    Priority bestPriority() const;
    /// When step() is due, not after now: at once. Of several devices each begins when it is ready.
    TimePoint stepDue() const;
    /// A device is done with what it has: step() keeps it waiting no longer.
    bool isDeviceFree() const;
    /// One step of every device that has work and is not computing still; waits a moment when all
    /// are. When no device is left: why, after every request was answered.
    Status step();

    ModelSnapshot modelSnapshot() const;
    void describeRequests(std::vector<RequestSnapshot>& out) const;

  private:
    struct Replica {
        std::unique_ptr<Scheduler> scheduler;
        bool begun = false; // in this round
    };

    Scheduler& choose(const Sequence& sequence);
    void level();
    Status lose(std::size_t index, const Status& fault);

    std::shared_ptr<const ModelInfo> m_model;
    std::vector<Replica> m_replicas; // those that are left; never empty
    std::vector<Status> m_lost;      // why others are not
};

} // namespace engine
