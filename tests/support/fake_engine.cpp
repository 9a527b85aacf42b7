#include "tests/support/fake_engine.h"

#include <algorithm>

namespace tests {

using namespace engine;

namespace {

constexpr std::size_t kTokenBytes = 12;

std::int64_t microseconds(std::chrono::steady_clock::duration duration) {
    return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

} // namespace

std::vector<std::string> fakeTokens(const std::string& text) {
    std::vector<std::string> tokens;
    std::string token;
    const auto isContinuation = [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    };
    for (const char c : text) {
        const bool newWord = c == ' ' || (!token.empty() && token.back() == '\n');
        if (!token.empty() && !isContinuation(c) && (newWord || token.size() >= kTokenBytes))
            tokens.push_back(std::exchange(token, {}));
        token += c;
    }
    if (!token.empty())
        tokens.push_back(std::move(token));
    return tokens;
}

FakeEngine::FakeEngine(FakeScript script) : m_script(std::move(script)) {
    m_thread = std::thread([this] { run(); });
}

FakeEngine::~FakeEngine() {
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
    }
    m_wake.notify_all();
    m_thread.join();
}

void FakeEngine::setScript(FakeScript script) {
    const std::lock_guard lock(m_mutex);
    m_script = std::move(script);
}

void FakeEngine::setLoad(FakeLoad load) {
    const std::lock_guard lock(m_mutex);
    m_load = std::move(load);
}

ModelKey FakeEngine::addModel(const std::string& name, bool isReasoner) {
    auto model = makeModel("/models/" + name + ".gguf", isReasoner);
    const std::lock_guard lock(m_mutex);
    m_models = {model};
    return model->key;
}

std::vector<Request> FakeEngine::submitted() const {
    const std::lock_guard lock(m_mutex);
    return m_submitted;
}

std::vector<LoadRequest> FakeEngine::loads() const {
    const std::lock_guard lock(m_mutex);
    return m_loadRequests;
}

std::size_t FakeEngine::running() const {
    const std::lock_guard lock(m_mutex);
    return m_answers.size();
}

std::shared_ptr<const ModelInfo> FakeEngine::makeModel(const std::filesystem::path& path,
                                                       bool isReasoner) {
    const std::string name = path.stem().string();
    auto model = std::make_shared<ModelInfo>();
    model->key = "fake-" + name;
    model->name = name;
    model->path = path;
    model->format = "GGUF v3";
    model->fileType = "Q8_0";
    model->fileBytes = 1'600'000'000;
    model->contentHash = "fake-" + name;
    model->config.name = name;
    model->config.contextLength = 4096;
    model->config.parameterCount = 1'500'000'000;
    model->formats = {WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8};
    model->device = "CPU · scripted";
    model->context = 4096;
    model->isReasoner = isReasoner;
    return model;
}

LoadId FakeEngine::load(LoadRequest request, LoadObserver observer) {
    const std::lock_guard lock(m_mutex);
    auto load = std::make_shared<Load>();
    load->id = ++m_lastId;
    load->request = request;
    load->observer = std::move(observer);
    load->script = m_load;
    load->due = Clock::now();
    m_loadRequests.push_back(std::move(request));
    m_loads[load->id] = load;
    m_wake.notify_all();
    return load->id;
}

void FakeEngine::cancelLoad(LoadId id) {
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_loads.find(id); found != m_loads.end()) {
        found->second->cancelled = true;
        found->second->due = Clock::now();
        m_wake.notify_all();
    }
}

void FakeEngine::unload(ModelKey model, std::function<void()> done) {
    const std::lock_guard lock(m_mutex);
    std::erase_if(m_models, [&](const auto& entry) { return entry->key == model; });
    for (auto& [id, answer] : m_answers) {
        answer->cancelled = true;
        answer->due = Clock::now();
    }
    if (done)
        m_calls.push_back(std::move(done));
    m_wake.notify_all();
}

void FakeEngine::unloadAfterRunning(ModelKey model, std::function<void()> done) {
    const std::lock_guard lock(m_mutex);
    std::erase_if(m_models, [&](const auto& entry) { return entry->key == model; });
    auto& calls = m_answers.empty() ? m_calls : m_whenIdle;
    calls.push_back(done ? std::move(done) : [] {});
    m_wake.notify_all();
}

std::vector<std::shared_ptr<const ModelInfo>> FakeEngine::models() const {
    const std::lock_guard lock(m_mutex);
    return m_models;
}

Result<RequestId> FakeEngine::submit(Request request, std::shared_ptr<TokenSink> sink) {
    const std::lock_guard lock(m_mutex);
    if (m_models.empty())
        return Status(Code::NoModelLoaded);
    if (Status refusal = std::exchange(m_refusal, Status()); !refusal.ok())
        return refusal;
    if (request.messages.empty() && (!request.rawPrompt || request.rawPrompt->empty()))
        return Status(Code::PromptEmpty);
    auto answer = std::make_shared<Answer>();
    answer->id = ++m_lastId;
    answer->script = m_script;
    answer->sink = std::move(sink);
    const auto& makeAnswer = m_script.answerTo;
    answer->reasoning = fakeTokens(request.enableThinking ? m_script.reasoning : std::string());
    answer->answer = fakeTokens(makeAnswer ? makeAnswer(request) : m_script.answer);
    answer->timings.promptTokens = m_script.promptTokens;
    answer->timings.cachedTokens = m_script.cachedTokens;
    answer->timings.droppedTokens = m_script.droppedTokens;
    answer->timings.droppedMessages = m_script.droppedMessages;
    answer->submitted = Clock::now();
    answer->due = answer->submitted;
    m_submitted.push_back(request);
    answer->request = std::move(request);
    m_answers[answer->id] = answer;
    m_wake.notify_all();
    return answer->id;
}

void FakeEngine::cancel(RequestId id) {
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_answers.find(id); found != m_answers.end()) {
        found->second->cancelled = true;
        found->second->due = Clock::now();
        m_wake.notify_all();
    }
}

void FakeEngine::endReasoning(RequestId id) {
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_answers.find(id); found != m_answers.end())
        found->second->endReasoning = true;
}

void FakeEngine::setPriority(RequestId id, Priority priority) {
    const std::lock_guard lock(m_mutex);
    if (const auto found = m_answers.find(id); found != m_answers.end())
        found->second->request.priority = priority;
}

Status FakeEngine::setAdmission(AdmissionSettings settings) {
    const std::lock_guard lock(m_mutex);
    m_admission = std::move(settings);
    return {};
}

AdmissionSettings FakeEngine::admission() const {
    const std::lock_guard lock(m_mutex);
    return m_admission;
}

void FakeEngine::setKeeping(KeepingSettings settings) {
    const std::lock_guard lock(m_mutex);
    m_keeping = settings;
}

KeepingSettings FakeEngine::keeping() const {
    const std::lock_guard lock(m_mutex);
    return m_keeping;
}

Status FakeEngine::prewarm(Request request) {
    const std::lock_guard lock(m_mutex);
    m_prewarmed.push_back(std::move(request));
    return {};
}

std::vector<Request> FakeEngine::prewarmed() const {
    const std::lock_guard lock(m_mutex);
    return m_prewarmed;
}

void FakeEngine::pushLoadSignal(LoadSignal signal) {
    const std::lock_guard lock(m_mutex);
    m_signals.push_back(std::move(signal));
}

std::vector<LoadSignal> FakeEngine::loadSignals() const {
    const std::lock_guard lock(m_mutex);
    return m_signals;
}

void FakeEngine::refuseNext(Status status) {
    const std::lock_guard lock(m_mutex);
    m_refusal = std::move(status);
}

Result<std::uint32_t> FakeEngine::countTokens(const Request& request) const {
    std::size_t count = request.rawPrompt ? fakeTokens(*request.rawPrompt).size() : 0;
    for (const ChatMessage& message : request.messages)
        count += fakeTokens(message.content).size() + 4;
    return static_cast<std::uint32_t>(count);
}

Snapshot FakeEngine::snapshot() const {
    const std::lock_guard lock(m_mutex);
    Snapshot snapshot = m_totals;
    snapshot.latencies = std::make_shared<LatencyByPriority>();
    for (const auto& model : m_models) {
        ModelSnapshot entry;
        entry.key = model->key;
        entry.pagesTotal = 128;
        entry.pagesUsed = static_cast<std::uint32_t>(m_answers.size());
        entry.runningSequences = entry.pagesUsed;
        snapshot.models.push_back(entry);
    }
    for (const auto& [id, answer] : m_answers) {
        snapshot.requests.push_back(describe(*answer));
    }
    return snapshot;
}

RequestSnapshot FakeEngine::describe(const Answer& answer) const {
    RequestSnapshot entry;
    entry.id = answer.id;
    entry.model = answer.request.model;
    entry.client = answer.request.client;
    entry.priority = answer.request.priority;
    entry.phase = answer.emitted > 0 ? RequestPhase::Decode : RequestPhase::Prefill;
    entry.timings = answer.timings;
    entry.decodeTokensPerSecond = answer.script.tokensPerSecond;
    return entry;
}

FakeEngine::Clock::time_point FakeEngine::nextDue() const {
    auto due = Clock::now() + std::chrono::seconds(10);
    for (const auto& [id, answer] : m_answers)
        due = std::min(due, answer->due);
    for (const auto& [id, load] : m_loads)
        due = std::min(due, load->due);
    return due;
}

void FakeEngine::run() {
    std::unique_lock lock(m_mutex);
    while (!m_stopping) {
        const auto now = Clock::now();
        const auto due = nextDue();
        if (m_calls.empty() && due > now) {
            m_wake.wait_until(lock, due);
            continue;
        }
        auto answers = m_answers; // what is pushed to runs without the lock
        auto loads = m_loads;
        auto calls = std::exchange(m_calls, {});
        lock.unlock();
        std::vector<RequestId> ended;
        for (auto& [id, answer] : answers)
            if (advance(*answer, now))
                ended.push_back(id);
        std::vector<LoadId> loaded;
        for (auto& [id, load] : loads)
            if (advance(*load, now))
                loaded.push_back(id);
        for (auto& call : calls)
            call();
        lock.lock();
        for (const RequestId id : ended)
            m_answers.erase(id);
        for (const LoadId id : loaded)
            m_loads.erase(id);
        if (m_answers.empty())
            for (auto& call : std::exchange(m_whenIdle, {}))
                m_calls.push_back(std::move(call));
    }
    auto rest = std::exchange(m_answers, {});
    auto calls = std::exchange(m_calls, {});
    lock.unlock();
    for (auto& [id, answer] : rest)
        finish(*answer, FinishReason::Cancelled);
    for (auto& call : calls)
        call();
}

bool FakeEngine::advance(Answer& answer, Clock::time_point now) {
    bool cancelled = false;
    {
        const std::lock_guard lock(m_mutex);
        cancelled = answer.cancelled;
        if (!cancelled && answer.due > now)
            return false;
    }
    if (cancelled) {
        finish(answer, FinishReason::Cancelled);
        return true;
    }
    if (answer.script.queuePosition > 0 && !answer.queued) {
        answer.queued = true;
        TokenEvent event;
        event.request = answer.id;
        event.kind = EventKind::Queued;
        event.queuePosition = answer.script.queuePosition;
        event.estimatedWait_us = 30'000'000;
        const bool wanted = answer.sink->push(std::move(event));
        const std::lock_guard lock(m_mutex);
        answer.cancelled = answer.cancelled || !wanted;
        if (!answer.cancelled)
            answer.due = now + answer.script.prefill;
        return false;
    }
    if (!answer.started) {
        answer.started = true;
        TokenEvent event;
        event.request = answer.id;
        event.kind = EventKind::Prefill;
        event.timings = answer.timings;
        const bool wanted = answer.sink->push(std::move(event));
        answer.timings.prefilledTokens = answer.timings.promptTokens;
        const std::lock_guard lock(m_mutex);
        answer.cancelled = answer.cancelled || !wanted;
        if (!answer.cancelled)
            answer.due = now + answer.script.prefill;
        return false;
    }
    return emitToken(answer, now);
}

bool FakeEngine::emitToken(Answer& answer, Clock::time_point now) {
    const std::uint32_t budget = answer.request.thinkingBudget;
    bool skipReasoning = false;
    {
        const std::lock_guard lock(m_mutex);
        skipReasoning = answer.endReasoning || (budget > 0 && answer.emitted >= budget);
    }
    if (skipReasoning && answer.next < answer.reasoning.size())
        answer.next = answer.reasoning.size();
    const std::size_t all = answer.reasoning.size() + answer.answer.size();
    if (answer.next >= all && answer.script.repeat && !answer.answer.empty())
        answer.next = answer.reasoning.size();
    if (answer.next >= all) {
        finish(answer, FinishReason::EndOfAnswer);
        return true;
    }
    if (answer.script.failAfterTokens > 0 && answer.emitted >= answer.script.failAfterTokens) {
        finish(answer, FinishReason::Failed, answer.script.failure);
        return true;
    }
    if (answer.request.maxTokens > 0 && answer.emitted >= answer.request.maxTokens) {
        finish(answer, FinishReason::MaxTokens);
        return true;
    }

    TokenEvent event;
    event.request = answer.id;
    event.kind = EventKind::Text;
    event.reasoning = answer.next < answer.reasoning.size();
    event.text = event.reasoning ? answer.reasoning[answer.next]
                                 : answer.answer[answer.next - answer.reasoning.size()];
    event.token = static_cast<TokenId>(answer.next);
    ++answer.next;
    const auto moment = Clock::now();
    if (answer.emitted++ == 0)
        answer.firstToken = moment;
    if (event.reasoning)
        answer.reasoningEnd = moment;
    {
        const std::lock_guard lock(m_mutex);
        RequestTimings& timings = answer.timings;
        timings.generatedTokens = answer.emitted;
        timings.ttft_us = microseconds(answer.firstToken - answer.submitted);
        timings.decode_us = microseconds(moment - answer.firstToken);
        if (event.reasoning) {
            ++timings.reasoningTokens;
            timings.reasoning_us = microseconds(answer.reasoningEnd - answer.firstToken);
        }
        event.timings = timings;
        ++m_totals.generatedTokensTotal;
        ++m_totals.stepsTotal;
    }
    const bool wanted = answer.sink->push(std::move(event));
    const std::lock_guard lock(m_mutex);
    if (!wanted)
        answer.cancelled = true;
    else if (!answer.cancelled && answer.script.tokensPerSecond > 0)
        answer.due = std::max(answer.due, now - std::chrono::milliseconds(50)) +
                     std::chrono::nanoseconds(
                         static_cast<std::int64_t>(1e9 / answer.script.tokensPerSecond));
    return false;
}

void FakeEngine::finish(Answer& answer, FinishReason reason, Status status) {
    TokenEvent event;
    event.request = answer.id;
    event.kind = EventKind::Finished;
    event.finish = reason;
    event.status = std::move(status);
    {
        const std::lock_guard lock(m_mutex);
        event.timings = answer.timings;
        ++(reason == FinishReason::Failed ? m_totals.requestsFailed : m_totals.requestsFinished);
        m_totals.promptTokensTotal += answer.timings.promptTokens;
    }
    answer.sink->push(std::move(event));
}

/// What the engine does with a model that does not fit beside one that answers. False: `event` says
/// that it failed, or (Planning) that it waits.
bool FakeEngine::hasRoom(Load& load, LoadEvent& event) {
    const std::lock_guard lock(m_mutex);
    if (!load.script.needsRoom || m_answers.empty())
        return true;
    for (const auto& [id, answer] : m_answers)
        event.inTheWay.push_back(describe(*answer));
    switch (load.request.policy) {
    case SwitchPolicy::Beside:
        event.phase = LoadPhase::Failed;
        event.status = Status(Code::ModelNeedsRoom, {{"model", load.request.path.stem().string()},
                                                     {"resident", "m"},
                                                     {"count", std::to_string(m_answers.size())}});
        return false;
    case SwitchPolicy::Now:
        for (auto& [id, answer] : m_answers) {
            answer->cancelled = true;
            answer->due = Clock::now();
        }
        return true;
    case SwitchPolicy::AfterRunning:
        break;
    }
    event.phase = LoadPhase::Planning;
    load.due = Clock::now() + std::chrono::milliseconds(2);
    return false;
}

bool FakeEngine::advance(Load& load, Clock::time_point now) {
    bool cancelled = false;
    {
        const std::lock_guard lock(m_mutex);
        if (load.due > now)
            return false;
        cancelled = load.cancelled;
        load.due = now + load.script.duration / std::max(1U, load.script.steps);
    }
    LoadEvent event;
    event.total_bytes = load.script.total_bytes;
    const std::uint32_t steps = std::max(1U, load.script.steps);
    event.done_bytes = load.script.total_bytes * std::min(load.step, steps) / steps;
    bool ended = true;
    if (cancelled) {
        event.phase = LoadPhase::Cancelled;
    } else if (load.step == 1 && !hasRoom(load, event)) {
        ended = event.phase == LoadPhase::Failed;
        if (!ended && std::exchange(load.toldInTheWay, true))
            return false;
    } else if (load.step <= steps) {
        event.phase = load.step == 0 ? LoadPhase::Opening : LoadPhase::LoadingWeights;
        ++load.step;
        ended = false;
    } else if (!load.script.failure.ok()) {
        event.phase = LoadPhase::Failed;
        event.status = load.script.failure;
    } else {
        event.phase = LoadPhase::Ready;
        event.model = makeModel(load.request.path, false);
        const std::lock_guard lock(m_mutex);
        // Beside what is there, as the engine does.
        std::erase_if(m_models, [&](const auto& entry) { return entry->key == event.model->key; });
        m_models.insert(m_models.begin(), event.model);
    }
    if (load.observer)
        load.observer(event);
    return ended;
}

} // namespace tests
