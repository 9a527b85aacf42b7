#include "engine/runtime/engine.h"

#include "engine/device/make_executor.h"
#include "engine/runtime/engine_impl.h"
#include "engine/runtime/overflow.h"
#include "engine/runtime/prewarm.h"

#include <algorithm>

namespace engine {

namespace {

Status checkRequest(const ModelInfo& model, const Request& request) {
    INGLENOOK_TRY(validate(request.sampler));
    for (const auto& [token, bias] : request.sampler.logitBias)
        if (static_cast<std::uint32_t>(token) >= model.config.vocabularySize)
            return Status(Code::OptionInvalid,
                          {{"option", "logit bias token"},
                           {"value", std::to_string(token)},
                           {"expected", "a token of the model, below " +
                                            std::to_string(model.config.vocabularySize)}});
    for (const std::string& stop : request.stopStrings)
        if (stop.empty())
            return Status(Code::OptionInvalid, {{"option", "stop string"},
                                                {"value", "\"\""},
                                                {"expected", "at least one character"}});
    return {};
}

} // namespace

EngineImpl::EngineImpl(EngineParts parts, AdmissionSettings admission, TimeSource time)
    : m_time(neverBack(std::move(time))),
      m_options(parts.options),
      m_admission(std::move(admission), m_latencies, m_time),
      m_keeping(parts.options.keeping),
      m_thread([this] { run(); }) {
    m_loader = std::make_unique<Loader>(
        std::move(parts),
        LoaderCallbacks{[this](LoadedModel loaded) { adopt(std::move(loaded)); },
                        [this](SwitchPolicy policy) { return makeRoom(policy); },
                        [this](LoadId load, const Status& status) { submitParked(load, status); }});
}

EngineImpl::~EngineImpl() {
    m_loader.reset(); // while the engine thread still answers it
    m_queue.close();
    m_thread.join();
}

LoadId EngineImpl::load(LoadRequest request, LoadObserver observer) {
    const LoadId id = ++m_lastId;
    m_loader->add(id, std::move(request), std::move(observer));
    return id;
}

void EngineImpl::cancelLoad(LoadId id) {
    m_loader->cancel(id);
}

/// From here on no request finds the model, resident, asleep or waking; its load ends.
std::shared_ptr<const ModelInfo> EngineImpl::withdraw(const ModelKey& key) {
    const std::shared_ptr<const ModelInfo> info = findModel(key);
    if (info != nullptr)
        unpublish(info.get());
    std::vector<LoadId> loads;
    {
        const std::lock_guard lock(m_mutex);
        std::erase_if(m_sleeping, [&](const Sleeping& s) { return s.info->key == key; });
        std::erase_if(m_waking, [&](const Waking& waking) {
            const bool isIts = waking.sleeping.info->key == key;
            if (isIts)
                loads.push_back(waking.load);
            return isIts;
        });
    }
    for (const LoadId load : loads)
        m_loader->cancel(load);
    return info;
}

void EngineImpl::unload(ModelKey model, std::function<void()> done) {
    const std::shared_ptr<const ModelInfo> info = withdraw(model);
    m_queue.post([this, info, done = std::move(done)] {
        ResidentModel* resident = m_table.find(info.get());
        if (resident == nullptr) {
            if (done)
                done();
            return;
        }
        resident->replicas->finishAll(FinishReason::Cancelled, {});
        resident->closed = true;
        retire(info.get(), done);
    });
}

void EngineImpl::unloadAfterRunning(ModelKey model, std::function<void()> done) {
    const std::shared_ptr<const ModelInfo> info = withdraw(model);
    m_queue.post([this, info, done = std::move(done)] {
        if (m_table.find(info.get()) != nullptr)
            retire(info.get(), done);
        else if (done)
            done();
    });
}

std::vector<std::shared_ptr<const ModelInfo>> EngineImpl::models() const {
    const std::lock_guard lock(m_mutex);
    std::vector<std::shared_ptr<const ModelInfo>> all;
    for (const Sleeping& model : m_sleeping)
        all.push_back(model.info); // answers all the same, after a load
    for (const Waking& model : m_waking)
        if (findPublished(model.sleeping.info->key) == nullptr)
            all.push_back(model.sleeping.info);
    all.insert(all.end(), m_published.begin(), m_published.end());
    return all;
}

std::shared_ptr<const ModelInfo> EngineImpl::findModel(const ModelKey& key) const {
    const std::lock_guard lock(m_mutex);
    return findPublished(key);
}

/// With the lock held. The newest one.
std::shared_ptr<const ModelInfo> EngineImpl::findPublished(const ModelKey& key) const {
    for (auto at = m_published.rbegin(); at != m_published.rend(); ++at)
        if (key.empty() || (*at)->key == key)
            return *at;
    return nullptr;
}

/// A model that sleeps too.
std::shared_ptr<const ModelInfo> EngineImpl::findKnown(const ModelKey& key) const {
    for (const auto& model : models())
        if (key.empty() || model->key == key)
            return model;
    return nullptr;
}

EngineImpl::Arrival EngineImpl::arrive(const ModelKey& key) {
    const std::lock_guard lock(m_mutex);
    return arriveLocked(key);
}

/// With the lock held. A long prompt takes its time to become tokens: its model stays until it has
/// joined. When it fails instead, whoever waits for the model to leave is woken.
EngineImpl::Arrival EngineImpl::arriveLocked(const ModelKey& key) {
    std::shared_ptr<const ModelInfo> model = findPublished(key);
    if (model == nullptr)
        return {};
    m_arriving.push_back(model.get());
    const auto leave = [this, info = model.get()](void*) {
        {
            const std::lock_guard lock(m_mutex);
            m_arriving.erase(std::find(m_arriving.begin(), m_arriving.end(), info));
        }
        m_queue.post([] {});
    };
    return {std::move(model), std::shared_ptr<void>(nullptr, leave)};
}

bool EngineImpl::isArriving(const ModelInfo* model) const {
    const std::lock_guard lock(m_mutex);
    return std::find(m_arriving.begin(), m_arriving.end(), model) != m_arriving.end();
}

void EngineImpl::publish(const std::shared_ptr<const ModelInfo>& info) {
    const std::lock_guard lock(m_mutex);
    m_published.push_back(info);
    std::erase_if(m_sleeping, [&](const Sleeping& s) { return s.info->key == info->key; });
}

void EngineImpl::unpublish(const ModelInfo* info) {
    const std::lock_guard lock(m_mutex);
    std::erase_if(m_published, [&](const auto& entry) { return entry.get() == info; });
}

Result<RequestId> EngineImpl::submit(Request request, std::shared_ptr<TokenSink> sink) {
    const Arrival arrival = arrive(request.model);
    if (arrival.model == nullptr)
        return park(std::move(request), std::move(sink));
    return submitTo(arrival, 0, std::move(request), std::move(sink));
}

/// `id` 0: a new one.
Result<RequestId> EngineImpl::submitTo(const Arrival& arrival, RequestId id, Request request,
                                       std::shared_ptr<TokenSink> sink) {
    const std::shared_ptr<const ModelInfo>& model = arrival.model;
    INGLENOOK_TRY(checkRequest(*model, request));
    const TimePoint submitted = m_time();
    INGLENOOK_TRY(m_admission.precheck(request));
    Result<FittedPrompt> fitted = makeFittedPrompt(*model, request);
    if (!fitted)
        return fitted.status();
    if (fitted->prompt.tokens.empty())
        return Status(Code::PromptEmpty);
    Result<AdmissionTicket> ticket =
        m_admission.admit(request, static_cast<std::uint32_t>(fitted->prompt.tokens.size()));
    if (!ticket)
        return ticket.status();
    std::vector<ChatMessage> messages = std::move(request.messages);
    request.messages.clear(); // rendered: not kept twice
    const bool isRaw = request.rawPrompt.has_value();
    request.rawPrompt.reset();
    request.promptTokens = {};
    if (id == 0)
        id = ++m_lastId;
    auto sequence = std::make_shared<Sequence>(id, model, std::move(request), std::move(sink),
                                               std::move(fitted->prompt));
    sequence->headTokens = fitted->headTokens;
    sequence->firstDroppedMessage = fitted->firstDroppedMessage;
    sequence->timings.droppedTokens = fitted->droppedTokens;
    sequence->timings.droppedMessages = fitted->droppedMessages;
    // A text that lost messages begins otherwise next time: nothing to compute ahead.
    if (keeping().recomputeAnswers && model->isReasoner && !isRaw && fitted->droppedTokens == 0)
        sequence->messages = std::move(messages);
    sequence->closeReasoning = closeReasoningTokens(*model->tokenizer);
    sequence->ticket = std::move(*ticket);
    sequence->submitted = submitted;
    if (!m_queue.post([this, sequence, stay = arrival.stay] { join(sequence); })) {
        m_admission.ended(sequence->ticket, 0);
        return Status(Code::EngineStopped);
    }
    return id;
}

Status EngineImpl::prewarm(Request request) {
    const std::shared_ptr<const ModelInfo> model = findModel(request.model);
    if (model == nullptr)
        return Status(Code::NoModelLoaded);
    Result<std::vector<TokenId>> tokens = nextPromptBeginning(*model, request);
    if (!tokens)
        return tokens.status();
    if (tokens->size() < kPageTokens || tokens->size() >= model->context)
        return {}; // only full pages are kept
    request.messages.clear();
    request.maxTokens = 1;
    auto sequence = std::make_shared<Sequence>(0, model, std::move(request), nullptr,
                                               Prompt{std::move(*tokens), false, false});
    m_queue.post([this, sequence] {
        ResidentModel* resident = m_table.find(sequence->model.get());
        if (resident != nullptr && !resident->retiring)
            resident->replicas->prewarm(sequence);
    });
    return {};
}

/// The next turn will begin with this answer without its reasoning: computed while it is read.
void EngineImpl::prewarmNextTurn(Sequence& answered) {
    if (answered.timings.reasoningTokens == 0 || answered.messages.empty() ||
        answered.request.reproducible)
        return;
    Request request;
    request.model = answered.model->key;
    request.messages = std::move(answered.messages);
    request.messages.push_back({"assistant", std::move(answered.answer)});
    request.enableThinking = answered.request.enableThinking;
    request.client = answered.request.client;
    m_worker.post([this, request = std::move(request)] { (void)prewarm(request); });
}

void EngineImpl::cancel(RequestId id) {
    if (cancelParked(id))
        return;
    m_queue.post([this, id] {
        for (const auto& model : m_table.all())
            if (model->replicas->cancel(id))
                return;
    });
}

void EngineImpl::endReasoning(RequestId id) {
    m_queue.post([this, id] {
        for (const auto& model : m_table.all())
            if (model->replicas->endReasoning(id))
                return;
    });
}

Result<std::uint32_t> EngineImpl::countTokens(const Request& request) const {
    const std::shared_ptr<const ModelInfo> model = findKnown(request.model);
    if (model == nullptr)
        return Status(Code::NoModelLoaded);
    Result<Prompt> prompt = makePrompt(*model, request);
    if (!prompt)
        return prompt.status();
    return static_cast<std::uint32_t>(prompt->tokens.size());
}

void EngineImpl::setPriority(RequestId id, Priority priority) {
    m_queue.post([this, id, priority] {
        for (const auto& model : m_table.all())
            if (model->replicas->setPriority(id, priority))
                return;
    });
}

Status EngineImpl::setAdmission(AdmissionSettings settings) {
    INGLENOOK_TRY(m_admission.setSettings(settings));
    m_queue.post([this, settings = std::move(settings)] {
        for (const auto& model : m_table.all())
            model->replicas->setSettings(settings);
    });
    return {};
}

AdmissionSettings EngineImpl::admission() const {
    return m_admission.settings();
}

void EngineImpl::setKeeping(KeepingSettings settings) {
    {
        const std::lock_guard lock(m_mutex);
        m_keeping = settings;
    }
    m_queue.post(
        [this, settings] { // also wakes the thread, which looks for idle models from now on
            for (const auto& model : m_table.all())
                model->replicas->setPrefixCache(settings.prefixCache);
        });
}

KeepingSettings EngineImpl::keeping() const {
    const std::lock_guard lock(m_mutex);
    return m_keeping;
}

void EngineImpl::pushLoadSignal(LoadSignal signal) {
    m_admission.pushSignal(std::move(signal));
}

Snapshot EngineImpl::snapshot() const {
    Snapshot snapshot;
    {
        const std::lock_guard lock(m_mutex);
        snapshot = m_snapshot;
    }
    snapshot.admission = m_admission.snapshot();
    snapshot.latencies = m_latencies.copy();
    return snapshot;
}

void EngineImpl::adopt(LoadedModel loaded) {
    const std::shared_ptr<const ModelInfo> info = loaded.info;
    const SchedulerServices services{m_admission, m_latencies, m_totals, m_time, m_steps};
    auto replicas = std::make_shared<std::unique_ptr<Replicas>>(
        std::make_unique<Replicas>(info, std::move(loaded.parts), services));
    (*replicas)->setHostPages(m_options.hostPages_bytes);
    (*replicas)->onAnswered([this](Sequence& sequence) { prewarmNextTurn(sequence); });
    // Posted before it is published: a request that finds the model comes behind it in the queue.
    m_queue.post([this, info, replicas, request = loaded.request] {
        // Looked at here: what is set later is posted behind this, and finds the model.
        (*replicas)->setPrefixCache(keeping().prefixCache);
        (*replicas)->setSettings(admission());
        m_table.add({info, std::move(*replicas), request, Clock::now(), {}, false, false, {}});
        keepFewModels(*info);
        publishSnapshot();
    });
    publish(info);
}

std::unique_ptr<Engine> createEngine(const EngineOptions& options) {
    CpuExecutorOptions cpu;
    cpu.threads = options.threads;
    EngineParts parts;
    parts.open = options.open ? options.open : openModel;
    parts.options = options;
    parts.makeExecutor = [cpu](const std::string& device, SplitMode split) {
        return makeExecutor(device, cpu, split);
    };
    return std::make_unique<EngineImpl>(std::move(parts), options.admission);
}

} // namespace engine
