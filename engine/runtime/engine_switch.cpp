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
            return std::pair(m.replicas->hasWork(), m.lastUsed);
        };
        if (chosen == nullptr || rank(*model) < rank(*chosen))
            chosen = model.get();
    }
    if (chosen == nullptr)
        return answer;
    if (chosen->replicas->hasWork()) {
        answer.resident = chosen->info->name;
        chosen->replicas->describeRequests(answer.inTheWay);
        if (policy == SwitchPolicy::Beside)
            return answer;
        if (policy == SwitchPolicy::Now) {
            chosen->replicas->finishAll(FinishReason::Cancelled, {});
            chosen->closed = true;
        }
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
                model->retiring = model->closed = false;
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
        if (model->replicas->hasWork() || model->replicas->hasPrewarm())
            model->lastUsed = now;
        if (model->retiring || now - model->lastUsed < patience)
            continue;
        const std::lock_guard lock(m_mutex); // a request finds it awake or asleep
        if (std::find(m_arriving.begin(), m_arriving.end(), model->info.get()) != m_arriving.end())
            continue;
        retire(model->info.get(), {});
        std::erase(m_published, model->info);
        std::erase_if(m_sleeping,
                      [&](const Sleeping& s) { return s.info->key == model->info->key; });
        m_sleeping.push_back({model->info, model->request});
    }
}

/// With the lock held.
bool EngineImpl::isWaking(const ModelKey& key) const {
    return std::any_of(m_waking.begin(), m_waking.end(), [&](const Waking& model) {
        return key.empty() || model.sleeping.info->key == key;
    });
}

/// With the lock held: the newest model of that key that sleeps is to be loaded.
std::optional<EngineImpl::Waking> EngineImpl::wake(const ModelKey& key) {
    const auto sleeping =
        std::find_if(m_sleeping.rbegin(), m_sleeping.rend(),
                     [&](const Sleeping& model) { return key.empty() || model.info->key == key; });
    if (sleeping == m_sleeping.rend())
        return std::nullopt;
    m_waking.push_back({++m_lastId, std::move(*sleeping)});
    m_sleeping.erase(std::next(sleeping).base());
    return m_waking.back();
}

/// Keeps a request for the model that is being loaded, or wakes one that sleeps.
Result<RequestId> EngineImpl::park(Request request, std::shared_ptr<TokenSink> sink) {
    Arrival arrival;
    std::optional<Waking> woken;
    TokenEvent queued;
    queued.kind = EventKind::Queued;
    {
        const std::lock_guard lock(m_mutex);
        arrival = arriveLocked(request.model); // it may have come just now
        if (arrival.model == nullptr) {
            woken = wake(request.model);
            if (!woken && m_switches == 0 && !isWaking(request.model))
                return Status(Code::NoModelLoaded);
            queued.request = ++m_lastId;
            queued.queuePosition = static_cast<std::uint32_t>(m_parked.size());
            m_parked.push_back({queued.request, std::move(request), sink});
            // Under the lock: whoever takes the request from here tells what follows.
            m_queue.post([sink, queued] { sink->push(queued); });
        }
    }
    if (arrival.model != nullptr)
        return submitTo(arrival, 0, std::move(request), std::move(sink));
    if (woken)
        m_loader->add(woken->load, woken->sleeping.request, {});
    return queued.request;
}

bool EngineImpl::cancelParked(RequestId id) {
    std::shared_ptr<TokenSink> sink;
    {
        const std::lock_guard lock(m_mutex);
        std::erase(m_submitting, id); // cancelled once more when it has joined
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

/// A load has ended: who waited for it, or for a model that is there now, is to be submitted. Who
/// asked for a model whose load is still to come waits on.
std::vector<EngineImpl::Parked> EngineImpl::unpark(LoadId load, bool loaded) {
    const std::lock_guard lock(m_mutex);
    m_switches = 0;
    for (Waking& model : m_waking)
        if (model.load == load && !loaded && findPublished(model.sleeping.info->key) == nullptr)
            m_sleeping.push_back(std::move(model.sleeping)); // the next request tries again
    std::erase_if(m_waking, [load](const Waking& model) { return model.load == load; });
    std::vector<Parked> ready;
    std::vector<Parked> waiting;
    for (Parked& parked : m_parked) {
        const ModelKey& key = parked.request.model;
        const bool waits = findPublished(key) == nullptr && isWaking(key);
        if (!waits)
            m_submitting.push_back(parked.id);
        (waits ? waiting : ready).push_back(std::move(parked));
    }
    m_parked = std::move(waiting);
    return ready;
}

/// A load has ended: whatever model is there now takes the requests that waited for it.
void EngineImpl::submitParked(LoadId load, const Status& loadStatus) {
    for (Parked& parked : unpark(load, loadStatus.ok())) {
        Arrival arrival = arrive(parked.request.model);
        if (arrival.model == nullptr && loadStatus.ok())
            arrival = arrive({}); // the one it was meant for gave way to it
        Status status = loadStatus.ok() ? Status(Code::NoModelLoaded) : loadStatus;
        if (arrival.model != nullptr)
            status = submitTo(arrival, parked.id, std::move(parked.request), parked.sink).status();
        bool cancelled = false;
        {
            const std::lock_guard lock(m_mutex);
            cancelled = std::erase(m_submitting, parked.id) == 0;
        }
        if (!status.ok())
            finishParked(parked.id, std::move(parked.sink), FinishReason::Failed, status);
        else if (cancelled)
            cancel(parked.id); // the first time it had not joined yet
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
