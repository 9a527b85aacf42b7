#include "app/engine_host.h"

#include "app/engine_host_sink.h"

#include <algorithm>

namespace app {

namespace {

const std::string kDesktopClient = engine::Request().client;

} // namespace

EngineHost::EngineHost(std::unique_ptr<engine::Engine> engine, QObject* parent)
    : QObject(parent), m_engine(std::move(engine)), m_waker(std::make_shared<HostWaker>(this)) {
    m_pool.setMaxThreadCount(2);
    m_frame.setSingleShot(true);
    m_frame.setTimerType(Qt::PreciseTimer);
    connect(&m_frame, &QTimer::timeout, this, &EngineHost::drain);
    m_sinceDrain.start();
}

EngineHost::~EngineHost() {
    shutdown();
}

EngineHost::ReplyId EngineHost::ask(MakeRequest make, QObject* receiver, ReplyHandler handler) {
    const ReplyId id = ++m_lastReply;
    Reply reply;
    reply.sink = std::make_shared<HostSink>(m_waker);
    reply.make = std::move(make);
    reply.receiver = receiver;
    reply.handler = std::move(handler);
    m_replies.insert(id, std::move(reply));
    if (m_model == nullptr && isLoading())
        m_waiting.append(id);
    else
        submit(id);
    return id;
}

void EngineHost::submit(ReplyId id) {
    const auto it = m_replies.find(id);
    if (it == m_replies.end())
        return;
    if (m_engine == nullptr || it->cancelled) {
        engine::TokenEvent end;
        end.kind = engine::EventKind::Finished;
        end.finish = it->cancelled ? engine::FinishReason::Cancelled : engine::FinishReason::Failed;
        if (!it->cancelled)
            end.status = engine::Status(engine::Code::EngineStopped);
        it->sink->push(std::move(end));
        return;
    }
    if (m_model != nullptr)
        it->model = m_model->key;
    m_pool.start([id, make = std::move(it->make), sink = it->sink, waker = m_waker,
                  engine = m_engine.get(), model = m_model, this] {
        const engine::Result<engine::RequestId> request = engine->submit(make(model), sink);
        if (request.ok()) {
            waker->post([this, id, number = *request] { accepted(id, number); });
            return;
        }
        engine::TokenEvent end;
        end.kind = engine::EventKind::Finished;
        end.finish = engine::FinishReason::Failed;
        end.status = request.status();
        sink->push(std::move(end));
    });
}

void EngineHost::accepted(ReplyId id, engine::RequestId request) {
    const auto it = m_replies.find(id);
    if (it == m_replies.end() || m_engine == nullptr)
        return; // it has ended already
    it->request = request;
    if (it->cancelled)
        m_engine->cancel(request);
    if (it->reasoningEnded)
        m_engine->endReasoning(request);
}

void EngineHost::submitWaiting() {
    const QList<ReplyId> waiting = std::exchange(m_waiting, {});
    for (const ReplyId id : waiting)
        submit(id);
}

void EngineHost::cancel(ReplyId reply) {
    const auto it = m_replies.find(reply);
    if (it == m_replies.end() || it->cancelled)
        return;
    it->cancelled = true;
    it->sink->refuse();
    if (it->request != 0 && m_engine != nullptr)
        m_engine->cancel(it->request);
    else if (m_waiting.removeOne(reply))
        submit(reply); // only to hear of its end
}

void EngineHost::endReasoning(ReplyId reply) {
    const auto it = m_replies.find(reply);
    if (it == m_replies.end() || it->reasoningEnded)
        return;
    it->reasoningEnded = true;
    if (it->request != 0 && m_engine != nullptr)
        m_engine->endReasoning(it->request);
}

void EngineHost::countTokens(MakeRequest make, QObject* receiver, std::function<void(int)> answer) {
    if (m_engine == nullptr || m_model == nullptr)
        return;
    m_pool.start([engine = m_engine.get(), waker = m_waker, make = std::move(make), model = m_model,
                  context = QPointer<QObject>(receiver), answer = std::move(answer)] {
        const engine::Result<std::uint32_t> count = engine->countTokens(make(model));
        if (!count.ok())
            return;
        waker->post([context, answer, tokens = int(*count)] {
            if (context)
                answer(tokens);
        });
    });
}

void EngineHost::load(engine::LoadRequest request, QObject* receiver, LoadHandler handler) {
    if (m_engine == nullptr)
        return;
    cancelLoad();
    auto box = std::make_shared<LoadBox>();
    m_load = box;
    m_loadReceiver = receiver;
    m_loadHandler = std::move(handler);
    box->id =
        m_engine->load(std::move(request), [box, waker = m_waker](const engine::LoadEvent& event) {
            {
                const std::lock_guard lock(box->mutex);
                if (box->ended)
                    return;
                box->newest = event;
                box->changed = true;
                box->ended = event.phase == engine::LoadPhase::Ready ||
                             event.phase == engine::LoadPhase::Failed ||
                             event.phase == engine::LoadPhase::Cancelled;
            }
            waker->wake();
        });
}

void EngineHost::cancelLoad() {
    if (m_load != nullptr && m_engine != nullptr)
        m_engine->cancelLoad(m_load->id);
}

void EngineHost::unload(const engine::ModelKey& model, QObject* receiver,
                        std::function<void()> done) {
    if (m_engine == nullptr)
        return;
    if (m_model != nullptr && m_model->key == model)
        m_model.reset();
    m_engine->unload(model, [waker = m_waker, context = QPointer<QObject>(receiver), done] {
        waker->post([context, done] {
            if (context && done)
                done();
        });
    });
}

void EngineHost::unloadAfterRunning(const engine::ModelKey& model, QObject* receiver,
                                    std::function<void()> done) {
    if (m_engine == nullptr)
        return;
    if (m_model != nullptr && m_model->key == model)
        m_model.reset();
    m_engine->unloadAfterRunning(model,
                                 [waker = m_waker, context = QPointer<QObject>(receiver), done] {
                                     waker->post([context, done] {
                                         if (context && done)
                                             done();
                                     });
                                 });
}

void EngineHost::forgetGoneModel() {
    if (m_engine == nullptr || m_model == nullptr)
        return;
    const auto models = m_engine->models();
    const bool isThere = std::any_of(models.begin(), models.end(), [&](const ModelInfo& model) {
        return model->key == m_model->key;
    });
    if (!isThere)
        m_model.reset();
}

QList<RunningRequest>
EngineHost::ownersOf(const std::vector<engine::RequestSnapshot>& requests) const {
    QList<RunningRequest> running;
    for (const engine::RequestSnapshot& request : requests) {
        const auto reply =
            std::find_if(m_replies.keyValueBegin(), m_replies.keyValueEnd(),
                         [&](const auto& entry) { return entry.second.request == request.id; });
        running.append(
            {reply == m_replies.keyValueEnd() ? 0 : (*reply).first, request.id, request.client});
    }
    return running;
}

QList<RunningRequest> EngineHost::runningOn(const engine::ModelKey& model) const {
    QList<RunningRequest> running;
    if (m_engine == nullptr || model.empty())
        return running;
    for (auto reply = m_replies.cbegin(); reply != m_replies.cend(); ++reply)
        if (reply->model == model)
            running.append({reply.key(), reply->request, {}});
    // The snapshot is a moment old: replies of the desktop are known better here.
    const engine::Snapshot snapshot = m_engine->snapshot();
    for (const engine::RequestSnapshot& request : snapshot.requests)
        if (request.model == model && request.client != kDesktopClient)
            running.append({0, request.id, request.client});
    return running;
}

void EngineHost::woken() {
    if (m_frame.isActive())
        return; // the frame's end takes it along
    const qint64 since = m_sinceDrain.elapsed();
    if (since >= kFrame_ms)
        drain();
    else
        m_frame.start(int(kFrame_ms - since));
}

void EngineHost::drain() {
    m_sinceDrain.restart();
    m_waker->arrived(); // before looking: what comes from now on wakes again
    drainLoad();
    drainReplies();
}

void EngineHost::drainReplies() {
    const QList<ReplyId> ids = m_replies.keys();
    for (const ReplyId id : ids) {
        const auto it = m_replies.find(id);
        ReplyUpdate update;
        if (it == m_replies.end() || !it->sink->take(update))
            continue;
        // Copied, because a handler may ask again and so move the table.
        const ReplyHandler handler = it->handler;
        const QPointer<QObject> receiver = it->receiver;
        if (update.finish != engine::FinishReason::None)
            m_replies.erase(it);
        if (receiver)
            handler(update);
        else
            cancel(id);
    }
}

void EngineHost::drainLoad() {
    if (m_load == nullptr)
        return;
    engine::LoadEvent event;
    bool ended = false;
    {
        const std::lock_guard lock(m_load->mutex);
        if (!m_load->changed)
            return;
        m_load->changed = false;
        event = m_load->newest;
        ended = m_load->ended;
    }
    const LoadHandler handler = m_loadHandler;
    if (ended)
        m_load.reset();
    if (event.phase == engine::LoadPhase::Ready)
        m_model = event.model;
    if (m_loadReceiver && handler)
        handler(event);
    if (ended && !isLoading())
        submitWaiting();
}

void EngineHost::shutdown() {
    if (m_engine == nullptr)
        return;
    cancelLoad();
    const QList<ReplyId> ids = m_replies.keys();
    for (const ReplyId id : ids)
        cancel(id);
    m_pool.waitForDone(); // every request is with the engine now, or refused
    m_engine.reset();     // ends its threads; every sink has its last event
    m_waker->silence();
    drain();
    m_replies.clear();
}

} // namespace app
