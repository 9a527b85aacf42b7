#include "app/api/completion_job.h"

#include <algorithm>
#include <random>

namespace app {

namespace {

constexpr const char* kEventStream = "text/event-stream; charset=utf-8";
constexpr std::chrono::milliseconds kCommentEvery{15'000}; // keeps proxies from giving up

std::uint64_t randomSeed() {
    std::random_device random;
    return std::uint64_t{random()} << 32U | random();
}

ApiError tooSlow() {
    ApiError error;
    error.status = 408;
    error.message = "The answer was ended because its client did not read it.";
    error.code = "client_too_slow";
    return error;
}

} // namespace

CompletionJob::CompletionJob(CompletionRequest asked, std::string client, ApiBackend& backend,
                             const ApiLimits& limits, std::shared_ptr<HttpExchange> exchange,
                             Ended ended)
    : m_asked(std::move(asked)),
      m_client(std::move(client)),
      m_backend(backend),
      m_limits(limits),
      m_exchange(std::move(exchange)),
      m_ended(std::move(ended)),
      m_seed(randomSeed()) {}

void CompletionJob::start() {
    const auto self = shared_from_this();
    if (!m_exchange->isOpen()) // while its body was parsed
        return onGone();
    m_exchange->onGone = [self] { self->onGone(); };
    m_exchange->onDrained = [self] { self->drain(); };
    m_exchange->after(m_limits.loadTime, [self] {
        ApiError error;
        error.status = 503;
        error.type = "server_error";
        error.message = "The model could not be made ready in time. Try again.";
        error.code = "model_loading";
        error.retryAfter_s = 10;
        self->fail(error);
    });
    m_backend.obtainModel(m_asked.model, [self, exchange = m_exchange](auto model) {
        exchange->post([self, model = std::move(model)] { self->onModel(model); });
    });
}

void CompletionJob::onModel(
    std::variant<std::shared_ptr<const engine::ModelInfo>, ApiError> model) {
    if (m_over)
        return;
    if (const auto* error = std::get_if<ApiError>(&model))
        return fail(*error);
    m_model = std::get<0>(model);
    m_json.emplace(m_asked, *m_model);
    m_exchange->after(m_limits.quietTime, [self = shared_from_this()] {
        if (self->m_asked.stream)
            self->tick();
    });
    m_answers.resize(m_asked.answerCount());
    for (std::size_t i = 0; i < m_answers.size(); ++i) {
        m_answers[i].sink =
            std::make_shared<SseSink>([self = weak_from_this(), exchange = m_exchange] {
                exchange->post([self] {
                    if (const auto job = self.lock())
                        job->drain();
                });
            });
        m_backend.runInPool([self = shared_from_this(), i] { self->ask(i); });
    }
}

/// Pool: what follows reads only what no longer changes.
void CompletionJob::ask(std::size_t index) const {
    auto request =
        std::make_shared<engine::Request>(engineRequest(m_asked, *m_model, index, m_seed));
    request->client = m_client;
    request->deadline = engine::TimePoint::clock::now() + m_limits.queueTime;
    request->maxTime = m_limits.requestTime;
    if (mayCache(*request))
        lookUp(index, request);
    else
        submit(index, request);
}

/// What the person has ruled out, no client can ask for.
bool CompletionJob::mayCache(const engine::Request& request) const {
    const ResponseUse use = m_backend.responseUse();
    if (m_backend.cache() == nullptr || use == ResponseUse::Never || m_asked.logprobs)
        return false;
    return m_asked.cache.value_or(use == ResponseUse::Always || isRepeatable(m_asked, request));
}

void CompletionJob::lookUp(std::size_t index, const SharedRequest& request) const {
    // Only the I/O thread changes the job; the pool borrows it as constant.
    const auto self = std::const_pointer_cast<CompletionJob>(shared_from_this());
    const SeedSource seed = m_asked.sampler.seed ? SeedSource::Asked : SeedSource::Drawn;
    const QByteArray key = responseKey(*m_model, *request, seed);
    m_exchange->post([self, index, key] { self->m_answers[index].cacheKey = key; });
    // By way of the I/O thread: once that has ended, nothing more goes to the engine.
    m_backend.cache()->find(key, [self, index, request](std::optional<CachedAnswer> cached) {
        self->m_exchange->post([self, index, request, cached = std::move(cached)] {
            if (cached)
                self->giveCached(index, *cached);
            else if (!self->m_over)
                self->m_backend.runInPool([self, index, request] { self->submit(index, request); });
        });
    });
}

void CompletionJob::submit(std::size_t index, const SharedRequest& request) const {
    const auto self = std::const_pointer_cast<CompletionJob>(shared_from_this());
    auto id = m_backend.engine().submit(std::move(*request), m_answers[index].sink);
    m_exchange->post([self, index, id = std::move(id)] { self->onSubmitted(index, id); });
}

void CompletionJob::onSubmitted(std::size_t index, const engine::Result<engine::RequestId>& id) {
    if (id.ok()) {
        m_answers[index].id = *id;
        if (m_over) // it was given up meanwhile
            m_backend.engine().cancel(*id);
        return;
    }
    fail(apiErrorFrom(id.status()));
}

void CompletionJob::giveCached(std::size_t index, const CachedAnswer& cached) {
    Answer& answer = m_answers[index];
    answer.choice.fromCache = true;
    engine::TokenEvent event;
    event.timings.promptTokens = cached.promptTokens;
    event.timings.cachedTokens = cached.promptTokens;
    event.timings.generatedTokens = cached.generatedTokens;
    event.timings.reasoningTokens = cached.reasoningTokens;
    for (const bool reasoning : {true, false}) {
        event.reasoning = reasoning;
        event.text = reasoning ? cached.reasoning : cached.text;
        if (!event.text.empty())
            take(index, event);
    }
    event.kind = engine::EventKind::Finished;
    event.text.clear();
    event.finish = cached.finish;
    take(index, event);
}

/// Takes what the engine has left. A stream whose client is behind leaves it there: the sink is
/// bounded, the socket's buffer too.
void CompletionJob::drain() {
    for (std::size_t i = 0; i < m_answers.size(); ++i) {
        if (m_over || (m_streaming && m_exchange->congested()))
            return;
        for (const engine::TokenEvent& event : m_answers[i].sink->take())
            take(i, event);
    }
}

void CompletionJob::take(std::size_t index, const engine::TokenEvent& event) {
    if (m_over)
        return;
    Answer& answer = m_answers[index];
    const bool isLast = event.kind == engine::EventKind::Finished;
    if (isLast && answer.sink->overflowed())
        return fail(tooSlow());
    if (isLast && event.finish == engine::FinishReason::Failed)
        return fail(apiErrorFrom(event.status));
    if (isLast && event.finish == engine::FinishReason::Cancelled)
        return fail(apiErrorFrom(engine::Status(engine::Code::EngineStopped)));
    if (event.kind == engine::EventKind::Queued)
        return;
    if (m_asked.stream) {
        startStream();
        if (!answer.opened)
            m_exchange->send(m_json->opening(index));
        answer.opened = true;
    }
    if (!answer.cacheKey.isEmpty())
        (event.reasoning ? answer.whole.reasoning : answer.whole.text) += event.text;
    const CompletionJson::Piece piece = m_json->take(answer.choice, event);
    if (m_asked.stream && !piece.empty()) {
        m_exchange->send(m_json->piece(index, piece));
        m_quiet = false;
    }
    if (!isLast)
        return;
    answer.choice.finish = event.finish;
    answer.whole.stopString = event.stopString;
    remember(answer);
    if (m_asked.stream)
        m_exchange->send(m_json->closing(index, answer.choice));
    endWhenAllHave();
}

/// Only now is it certain that the request was not refused.
void CompletionJob::startStream() {
    if (std::exchange(m_streaming, true))
        return;
    HttpResponse head;
    head.contentType = kEventStream;
    head.headers.push_back({"X-Accel-Buffering", "no"}); // nginx would hold pieces back
    m_exchange->startStream(head);
}

/// Long in the queue or in a long prefill, a stream says that it lives.
void CompletionJob::tick() {
    if (std::exchange(m_quiet, true)) {
        startStream();
        m_exchange->send(": waiting\n\n");
    }
    m_exchange->after(kCommentEvery, [self = shared_from_this()] { self->tick(); });
}

void CompletionJob::endWhenAllHave() {
    const bool all = std::all_of(m_answers.begin(), m_answers.end(), [](const Answer& answer) {
        return answer.choice.finish != engine::FinishReason::None;
    });
    if (!all)
        return;
    std::vector<CompletionChoice> choices;
    for (Answer& answer : m_answers)
        choices.push_back(std::move(answer.choice));
    if (m_asked.stream) {
        if (m_asked.includeUsage)
            m_exchange->send(m_json->usage(choices));
        m_exchange->send("data: [DONE]\n\n");
        m_exchange->endStream();
    } else {
        HttpResponse response;
        response.body = m_json->whole(choices);
        m_exchange->respond(std::move(response));
    }
    for (std::size_t i = 0; i < choices.size(); ++i)
        m_answers[i].choice = std::move(choices[i]);
    end(200);
}

void CompletionJob::remember(Answer& answer) {
    ResponseCache* cache = m_backend.cache();
    if (cache == nullptr || answer.cacheKey.isEmpty() || answer.choice.fromCache)
        return;
    CachedAnswer& whole = answer.whole;
    whole.finish = answer.choice.finish;
    whole.promptTokens = answer.choice.timings.promptTokens;
    whole.generatedTokens = answer.choice.timings.generatedTokens;
    whole.reasoningTokens = answer.choice.timings.reasoningTokens;
    cache->store(answer.cacheKey, *m_model, whole);
}

void CompletionJob::fail(const ApiError& error) {
    if (m_over)
        return;
    cancelAll();
    if (m_streaming) {
        m_exchange->send("data: " + toJson(error) + "\n\ndata: [DONE]\n\n");
        m_exchange->endStream();
    } else {
        m_exchange->respond(toResponse(error));
    }
    end(error.status);
}

void CompletionJob::onGone() {
    m_gone = true;
    cancelAll();
    end(499);
}

/// push() refuses from now on, and the engine hears of it before its next token.
void CompletionJob::cancelAll() {
    for (const Answer& answer : m_answers) {
        answer.sink->refuse();
        if (answer.id != 0 && answer.choice.finish == engine::FinishReason::None)
            m_backend.engine().cancel(answer.id);
    }
}

void CompletionJob::end(int status) {
    if (std::exchange(m_over, true))
        return;
    m_exchange->onDrained = nullptr;
    m_exchange->onGone = nullptr;
    CompletionOutcome outcome;
    outcome.status = status;
    outcome.clientGone = m_gone;
    outcome.fromCache = !m_answers.empty();
    for (const Answer& answer : m_answers) {
        const engine::RequestTimings& timings = answer.choice.timings;
        outcome.promptTokens += timings.promptTokens;
        outcome.generatedTokens += timings.generatedTokens;
        outcome.fromCache = outcome.fromCache && answer.choice.fromCache;
    }
    m_ended(outcome);
}

} // namespace app
