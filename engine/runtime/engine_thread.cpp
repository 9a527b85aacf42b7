// The engine's thread: takes what others posted, steps every model in turn, publishes what came of
// it.
#include "engine/runtime/engine_impl.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

namespace engine {

namespace {

constexpr int kEngineNice = 5;
constexpr std::chrono::milliseconds kPublishPeriod{20};
constexpr std::chrono::milliseconds kIdleLook{250};     // for models that are idle for long
constexpr std::chrono::microseconds kHeldLook{200};     // whether the device is done early
constexpr std::chrono::microseconds kHeldWatch{1000};   // before a step is due; no sleep is so sure
constexpr std::chrono::milliseconds kLongestStand{250}; // of a model with work, while others step

} // namespace

void EngineImpl::run() {
    // This thread computes too: like the device's workers it steps behind the window. On Linux a
    // thread has its own nice value; refusal changes nothing but politeness.
    (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kEngineNice);
    for (;;) {
        holdStep();
        const bool idle =
            std::none_of(m_table.all().begin(), m_table.all().end(), [](const auto& m) {
                return m->replicas->hasWork() || m->replicas->hasPrewarm();
            });
        const std::vector<Command> commands =
            keeping().idleUnload_s > 0 ? m_queue.take(idle, kIdleLook) : m_queue.take(idle);
        for (const Command& command : commands)
            command();
        if (m_queue.closed())
            break;
        stepModels();
        sleepIdleModels();
        removeRetired();
        publishSnapshot();
    }
    for (const Command& command : m_queue.take(false))
        command();
    while (!m_table.all().empty())
        m_table.remove(m_table.all().back().get()); // its scheduler answers what is left
}

void EngineImpl::join(const std::shared_ptr<Sequence>& sequence) {
    ResidentModel* resident = m_table.find(sequence->model.get());
    if (resident == nullptr || resident->closed) {
        ++m_totals.requestsFailed;
        m_admission.ended(sequence->ticket, 0);
        sendFinished(*sequence, FinishReason::Failed, Status(Code::NoModelLoaded));
        return;
    }
    resident->lastUsed = Clock::now();
    resident->replicas->add(sequence);
}

void EngineImpl::retire(const ModelInfo* info, std::function<void()> done) {
    ResidentModel* resident = m_table.find(info);
    if (resident == nullptr)
        return;
    resident->retiring = true;
    if (done)
        resident->whenGone.push_back(std::move(done));
}

/// Before what was posted is taken: who comes while the device computes anyway is in the next step.
/// Only for a model alone; others do not wait for it.
void EngineImpl::holdStep() {
    const Replicas* only = nullptr;
    for (const auto& model : m_table.all()) {
        if (!model->replicas->hasWork())
            continue;
        if (only != nullptr)
            return;
        only = model->replicas.get();
    }
    if (only == nullptr)
        return;
    const TimePoint due = only->stepDue();
    for (TimePoint now = m_time(); now < due && !only->isDeviceFree(); now = m_time()) {
        if (due - now > kHeldWatch)
            std::this_thread::sleep_for(kHeldLook);
        else
            std::this_thread::yield(); // as reading a step does
    }
}

/// One step of every model that has work of the best priority there is; of those of lower priority
/// one in a few rounds, and one whenever they stood for long, so that none starves however slow the
/// steps of the others are. Without any work, something is computed ahead.
void EngineImpl::stepModels() {
    ++m_round;
    const bool anyWork = std::any_of(m_table.all().begin(), m_table.all().end(),
                                     [](const auto& m) { return m->replicas->hasWork(); });
    Priority best = Priority::P2;
    for (const auto& model : m_table.all())
        if (model->replicas->hasWork())
            best = std::min(best, model->replicas->bestPriority());
    for (const auto& model : m_table.all()) {
        Replicas& replicas = *model->replicas;
        const bool isPrewarm = !anyWork && replicas.hasPrewarm() && !model->retiring;
        const TimePoint now = m_time();
        if (!replicas.hasWork() && !isPrewarm) {
            model->lastStep = now;
            continue;
        }
        const auto behind =
            static_cast<unsigned>(replicas.bestPriority()) - static_cast<unsigned>(best);
        const bool isItsTurn =
            m_round % (1U << (2 * behind)) == 0 || now - model->lastStep >= kLongestStand;
        if (replicas.hasWork() && !isItsTurn)
            continue;
        model->lastStep = now;
        if (const Status fault = isPrewarm ? replicas.stepPrewarm() : replicas.step();
            !fault.ok()) {
            unpublish(model->info.get()); // its devices are dead: nothing more can run on it
            model->retiring = model->closed = true;
        }
    }
}

void EngineImpl::removeRetired() {
    std::vector<ResidentModel*> gone;
    for (const auto& model : m_table.all())
        if (model->retiring && !model->replicas->hasWork() &&
            (model->closed || !isArriving(model->info.get())))
            gone.push_back(model.get());
    for (ResidentModel* model : gone)
        m_table.remove(model);
}

/// At most once in a while: describing hundreds of requests after every step would be felt.
void EngineImpl::publishSnapshot() {
    const TimePoint now = m_time();
    const bool idle = std::none_of(m_table.all().begin(), m_table.all().end(),
                                   [](const auto& m) { return m->replicas->hasWork(); });
    if (!idle && now - m_publishedAt < kPublishPeriod)
        return;
    m_publishedAt = now;
    Snapshot snapshot = m_totals;
    for (const auto& model : m_table.all()) {
        snapshot.models.push_back(model->replicas->modelSnapshot());
        model->replicas->describeRequests(snapshot.requests);
    }
    const std::lock_guard lock(m_mutex);
    m_snapshot = std::move(snapshot);
}

} // namespace engine
