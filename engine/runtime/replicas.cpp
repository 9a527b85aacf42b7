#include "engine/runtime/replicas.h"

#include <algorithm>
#include <thread>

namespace engine {

namespace {

/// What one more request on a device costs the others there, in prompt tokens computed: a known
/// beginning of so many tokens is worth it.
constexpr std::int64_t kRequestTokens = 256;
/// Between two looks at devices that all compute. They have their next step already.
constexpr std::chrono::microseconds kLook{30};

} // namespace

Replicas::Replicas(const std::shared_ptr<const ModelInfo>& model, std::vector<LoadedPart> parts,
                   const SchedulerServices& services)
    : m_model(model) {
    for (LoadedPart& part : parts) {
        Replica replica;
        replica.scheduler =
            std::make_unique<Scheduler>(model, std::move(part.executor), part.plan, services);
        replica.scheduler->setReplicas(static_cast<std::uint32_t>(parts.size()));
        m_replicas.push_back(std::move(replica));
    }
}

void Replicas::setSettings(const AdmissionSettings& settings) {
    for (const Replica& replica : m_replicas)
        replica.scheduler->setSettings(settings);
}

/// The limit is on what all of them hold together, which they count together.
void Replicas::setHostPages(std::uint64_t limit_bytes) {
    for (const Replica& replica : m_replicas)
        replica.scheduler->setHostPages(limit_bytes);
}

void Replicas::setPrefixCache(bool on) {
    for (const Replica& replica : m_replicas)
        replica.scheduler->setPrefixCache(on);
}

void Replicas::onAnswered(const std::function<void(Sequence&)>& answered) {
    for (const Replica& replica : m_replicas)
        replica.scheduler->onAnswered(answered);
}

/// Where a slot is free, there where it costs least.
Scheduler& Replicas::choose(const Sequence& sequence) {
    const auto cost = [&](Scheduler& scheduler) {
        const std::int64_t work = kRequestTokens * scheduler.requestCount();
        return std::pair(!scheduler.hasFreeSlot(), work - scheduler.knownTokens(sequence));
    };
    Scheduler* best = m_replicas.front().scheduler.get();
    if (m_replicas.size() == 1)
        return *best;
    auto least = cost(*best);
    for (const Replica& replica : m_replicas) {
        const auto its = cost(*replica.scheduler);
        if (its < least) {
            least = its;
            best = replica.scheduler.get();
        }
    }
    return *best;
}

void Replicas::add(const std::shared_ptr<Sequence>& sequence) {
    choose(*sequence).add(sequence);
}

bool Replicas::cancel(RequestId id) {
    return std::any_of(m_replicas.begin(), m_replicas.end(),
                       [id](const Replica& replica) { return replica.scheduler->cancel(id); });
}

bool Replicas::endReasoning(RequestId id) {
    return std::any_of(m_replicas.begin(), m_replicas.end(), [id](const Replica& replica) {
        return replica.scheduler->endReasoning(id);
    });
}

bool Replicas::setPriority(RequestId id, Priority priority) {
    return std::any_of(m_replicas.begin(), m_replicas.end(), [=](const Replica& replica) {
        return replica.scheduler->setPriority(id, priority);
    });
}

void Replicas::finishAll(FinishReason reason, const Status& status) {
    for (const Replica& replica : m_replicas)
        replica.scheduler->finishAll(reason, status);
}

void Replicas::prewarm(const std::shared_ptr<Sequence>& sequence) {
    choose(*sequence).prewarm(sequence);
}

bool Replicas::hasPrewarm() const {
    return std::any_of(m_replicas.begin(), m_replicas.end(),
                       [](const Replica& replica) { return replica.scheduler->hasPrewarm(); });
}

Status Replicas::stepPrewarm() {
    for (std::size_t i = 0; i < m_replicas.size(); ++i) {
        if (!m_replicas[i].scheduler->hasPrewarm())
            continue;
        const Status fault = m_replicas[i].scheduler->stepPrewarm();
        return fault.ok() ? fault : lose(i, fault);
    }
    return {};
}

bool Replicas::hasWork() const {
    return std::any_of(m_replicas.begin(), m_replicas.end(),
                       [](const Replica& replica) { return replica.scheduler->hasWork(); });
}

Priority Replicas::bestPriority() const {
    Priority best = Priority::P2;
    for (const Replica& replica : m_replicas)
        best = std::min(best, replica.scheduler->bestPriority());
    return best;
}

TimePoint Replicas::stepDue() const {
    return m_replicas.size() == 1 ? m_replicas.front().scheduler->beginDue() : TimePoint();
}

bool Replicas::isDeviceFree() const {
    return std::any_of(m_replicas.begin(), m_replicas.end(),
                       [](const Replica& replica) { return replica.scheduler->isDeviceFree(); });
}

Status Replicas::step() {
    std::size_t busy = 0;
    for (Replica& replica : m_replicas) {
        replica.begun = replica.scheduler->hasWork();
        if (replica.begun)
            replica.scheduler->begin();
        busy += replica.begun ? 1 : 0;
    }
    level();
    bool waited = false;
    for (std::size_t i = 0; i < m_replicas.size();) {
        Replica& replica = m_replicas[i];
        // A device that computes alone is waited for.
        if (!std::exchange(replica.begun, false) || (busy > 1 && !replica.scheduler->isReady())) {
            ++i;
            continue;
        }
        waited = true;
        if (const Status fault = replica.scheduler->end(); fault.ok())
            ++i;
        else if (const Status all = lose(i, fault); !all.ok())
            return all;
    }
    if (busy > 0 && !waited)
        std::this_thread::sleep_for(kLook);
    return {};
}

/// Who waits where nothing is free goes where there is room.
void Replicas::level() {
    if (m_replicas.size() == 1)
        return;
    for (const Replica& full : m_replicas) {
        if (!full.scheduler->isBlocked())
            continue;
        const Sequence* first = full.scheduler->firstWaiting();
        for (const Replica& other : m_replicas) {
            Scheduler& scheduler = *other.scheduler;
            if (other.scheduler == full.scheduler || !scheduler.hasFreeSlot() ||
                !scheduler.hasPagesFor(*first))
                continue;
            if (auto moved = full.scheduler->giveUpFirst(); moved != nullptr)
                scheduler.takeOver(std::move(moved));
            break;
        }
    }
}

/// Its requests go to the others. The last one's reason is the end of all.
Status Replicas::lose(std::size_t index, const Status& fault) {
    if (m_replicas.size() == 1) {
        m_replicas.front().scheduler->finishAll(FinishReason::Failed, fault);
        return fault;
    }
    const auto orphans = m_replicas[index].scheduler->giveUpAll();
    m_replicas.erase(m_replicas.begin() + static_cast<std::ptrdiff_t>(index));
    m_lost.push_back(fault);
    for (const Replica& replica : m_replicas)
        replica.scheduler->setReplicas(static_cast<std::uint32_t>(m_replicas.size()));
    for (const auto& sequence : orphans)
        choose(*sequence).takeOver(sequence);
    return {};
}

/// The sums; of the limits of a step the largest.
ModelSnapshot Replicas::modelSnapshot() const {
    ModelSnapshot all = m_replicas.front().scheduler->modelSnapshot();
    for (std::size_t i = 1; i < m_replicas.size(); ++i) {
        const ModelSnapshot each = m_replicas[i].scheduler->modelSnapshot();
        all.pagesTotal += each.pagesTotal;
        all.pagesUsed += each.pagesUsed;
        all.pagesCached += each.pagesCached;
        all.usedTokens += each.usedTokens;
        all.maxBatchRows = std::max(all.maxBatchRows, each.maxBatchRows);
        all.runningSequences += each.runningSequences;
        all.queued += each.queued;
    }
    all.replicas = static_cast<std::uint32_t>(m_replicas.size());
    all.lost = m_lost;
    return all;
}

void Replicas::describeRequests(std::vector<RequestSnapshot>& out) const {
    for (const Replica& replica : m_replicas)
        replica.scheduler->describeRequests(out);
}

} // namespace engine
