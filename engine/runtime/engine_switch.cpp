// How models come and go while requests run: who gives way to a load, who is put to sleep, and what
// happens to requests that arrive in between.
#include "engine/runtime/engine_impl.h"
#include "engine/runtime/sequence_output.h"

#include <algorithm>
#include <future>

namespace engine {

namespace {

bool isOnCpu(const ModelInfo& model) {
    return model.device.rfind("CPU", 0) == 0;
}

} // namespace

/// Loader thread. Waits for the engine thread, at most one step.
RoomAnswer EngineImpl::makeRoom(SwitchPolicy policy) {
    auto promise = std::make_shared<std::promise<RoomAnswer>>();
    std::future<RoomAnswer> answer = promise->get_future();
    const bool posted =
        m_queue.post([this, promise, policy] { promise->set_value(giveWay(policy)); });
    return posted ? answer.get() : RoomAnswer();
}

/// The least recently used idle model goes; without an idle one the policy decides.
RoomAnswer EngineImpl::giveWay(SwitchPolicy policy) {
    RoomAnswer answer;
    ResidentModel* chosen = nullptr;
    for (const auto& model : m_table.all()) {
        if (model->retiring)
            continue;
        const auto rank = [](const ResidentModel& m) {
            return std::pair(m.scheduler->hasWork(), m.lastUsed);
        };
        if (chosen == nullptr || rank(*model) < rank(*chosen))
            chosen = model.get();
    }
    if (chosen == nullptr)
        return answer;
    if (chosen->scheduler->hasWork()) {
        answer.resident = chosen->info->name;
        chosen->scheduler->describeRequests(answer.inTheWay);
        if (policy == SwitchPolicy::Beside)
            return answer;
        if (policy == SwitchPolicy::Now)
            chosen->scheduler->finishAll(FinishReason::Cancelled, {});
    }
    answer.gaveWay = chosen->request;
    const std::shared_ptr<const ModelInfo> info = chosen->info;
    {
        const std::lock_guard lock(m_mutex);
        ++m_switches; // requests that come now wait for what is being loaded
    }
    unpublish(info.get());
    auto gone = std::make_shared<std::promise<void>>();
    answer.gone = gone->get_future();
    retire(info.get(), [gone] { gone->set_value(); });
    answer.stay = [this, info] {
        auto stays = std::make_shared<std::promise<bool>>();
        std::future<bool> result = stays->get_future();
        const bool posted = m_queue.post([this, info, stays] {
            ResidentModel* model = m_table.find(info.get());
            if (model != nullptr) {
                model->retiring = false;
                model->whenGone.clear();
                publish(info);
            }
            stays->set_value(model != nullptr);
        });
        return !posted || result.get();
    };
    removeRetired();
    return answer;
}

/// The options say how many models stay on a kind of device; older ones go when they are done. One
/// that was loaded again, perhaps with another context, takes the place of itself.
void EngineImpl::keepFewModels(const ModelInfo& newest) {
    for (const auto& model : m_table.all())
        if (model->info.get() != &newest && model->info->key == newest.key && !model->retiring) {
            unpublish(model->info.get());
            retire(model->info.get(), {});
        }
    const bool onCpu = isOnCpu(newest);
    const std::uint32_t most =
        std::max(1U, onCpu ? m_options.residentOnCpu : m_options.residentOnGpu);
    for (;;) {
        std::uint32_t count = 0;
        ResidentModel* oldest = nullptr;
        for (const auto& model : m_table.all()) {
            if (model->retiring || isOnCpu(*model->info) != onCpu)
                continue;
            ++count;
            if (model->info.get() != &newest &&
                (oldest == nullptr || model->lastUsed < oldest->lastUsed))
                oldest = model.get();
        }
        if (count <= most || oldest == nullptr)
            return;
        unpublish(oldest->info.get());
        retire(oldest->info.get(), {});
    }
}

void EngineImpl::sleepIdleModels() {
    const std::chrono::seconds patience(keeping().idleUnload_s);
    if (patience.count() == 0)
        return;
    const auto now = Clock::now();
    for (const auto& model : m_table.all()) {
        if (model->scheduler->hasWork() || model->scheduler->hasPrewarm())
            model->lastUsed = now;
        if (model->retiring || now - model->lastUsed < patience)
            continue;
        unpublish(model->info.get());
        retire(model->info.get(), {});
        const std::lock_guard lock(m_mutex);
        std::erase_if(m_sleeping,
                      [&](const Sleeping& s) { return s.info->key == model->info->key; });
        m_sleeping.push_back({model->info, model->request});
    }
}

/// Keeps a request for the model that is being loaded, or wakes one that sleeps.
Result<RequestId> EngineImpl::park(Request request, std::shared_ptr<TokenSink> sink) {
    std::optional<LoadRequest> wake;
    TokenEvent queued;
    queued.kind = EventKind::Queued;
    {
        const std::lock_guard lock(m_mutex);
        auto sleeping =
            std::find_if(m_sleeping.rbegin(), m_sleeping.rend(), [&](const auto& model) {
                return request.model.empty() || model.info->key == request.model;
            });
        if (sleeping == m_sleeping.rend() && m_switches == 0)
            return Status(Code::NoModelLoaded);
        if (sleeping != m_sleeping.rend()) {
            wake = sleeping->request;
            m_sleeping.erase(std::next(sleeping).base());
            ++m_switches;
        }
        queued.request = ++m_lastId;
        queued.queuePosition = static_cast<std::uint32_t>(m_parked.size());
        m_parked.push_back({queued.request, std::move(request), sink});
    }
    m_queue.post([sink = std::move(sink), queued] { sink->push(queued); });
    if (wake)
        load(*wake, {});
    return queued.request;
}

bool EngineImpl::cancelParked(RequestId id) {
    std::shared_ptr<TokenSink> sink;
    {
        const std::lock_guard lock(m_mutex);
        for (Parked& parked : m_parked)
            if (parked.id == id)
                sink = std::move(parked.sink);
        std::erase_if(m_parked, [id](const Parked& parked) { return parked.id == id; });
    }
    if (sink == nullptr)
        return false;
    finishParked(id, std::move(sink), FinishReason::Cancelled, {});
    return true;
}

/// A load has ended: whatever model is there now takes the requests that waited.
void EngineImpl::submitParked(const Status& loadStatus) {
    std::vector<Parked> waiting;
    {
        const std::lock_guard lock(m_mutex);
        waiting = std::exchange(m_parked, {});
        m_switches = 0;
    }
    for (Parked& parked : waiting) {
        std::shared_ptr<const ModelInfo> model = findModel(parked.request.model);
        if (model == nullptr)
            model = findModel({}); // the one it was meant for gave way to it
        Status status = loadStatus.ok() ? Status(Code::NoModelLoaded) : loadStatus;
        if (model != nullptr)
            status = submitTo(model, parked.id, std::move(parked.request), parked.sink).status();
        if (!status.ok())
            finishParked(parked.id, std::move(parked.sink), FinishReason::Failed, status);
    }
}

/// On the engine thread, as every event; at the engine's end on this one.
void EngineImpl::finishParked(RequestId id, std::shared_ptr<TokenSink> sink, FinishReason reason,
                              Status status) {
    const auto tell = [id, sink, reason, status] {
        TokenEvent event;
        event.request = id;
        event.kind = EventKind::Finished;
        event.finish = reason;
        event.status = status;
        sink->push(std::move(event));
    };
    if (!m_queue.post(tell))
        tell();
}

} // namespace engine
