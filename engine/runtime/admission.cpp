#include "engine/runtime/admission.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace engine {

namespace {

constexpr milliseconds kBreakerPeriod{100}; // signals come twice a second
constexpr std::size_t kMostSignals = 256;
constexpr std::size_t kMostClients = 1024; // with buckets of their own that are not full

std::string wholeSeconds(double value) {
    return std::to_string(static_cast<long long>(std::max(1.0, std::ceil(value))));
}

std::string limitText(double value, const char* unit) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%g %s", value, unit);
    return buffer;
}

/// A capacity of 0 stands for one minute of refill.
TokenBucket makeBucket(double capacity, double perSecond, TimePoint now) {
    return {capacity > 0 ? capacity : perSecond * 60, perSecond, now};
}

/// The lower of two caps, 0 meaning none.
template<typename T>
T lower(T asked, T cap) {
    if (cap == T(0))
        return asked;
    return asked == T(0) ? cap : std::min(asked, cap);
}

} // namespace

Admission::Admission(AdmissionSettings settings, LatencyStats& latencies, TimeSource now)
    : m_time(std::move(now)), m_latencies(latencies) {
    if (!validate(settings).ok())
        settings = {};
    const TimePoint start = m_time();
    m_breakersSeen = start - kBreakerPeriod;
    m_global = makeBuckets(settings.global, start);
    for (const BreakerRule& rule : settings.breakers)
        m_breakers.emplace_back(rule);
    m_settings = std::move(settings);
}

Status Admission::setSettings(AdmissionSettings settings) {
    INGLENOOK_TRY(validate(settings));
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    m_settings = std::move(settings);
    resizeBuckets(now);
    m_breakers.clear(); // changed rules begin closed
    for (const BreakerRule& rule : m_settings.breakers)
        m_breakers.emplace_back(rule);
    return {};
}

AdmissionSettings Admission::settings() const {
    const std::lock_guard lock(m_mutex);
    return m_settings;
}

void Admission::pushSignal(LoadSignal signal) {
    const TimePoint now = m_time();
    signal.time = std::min(signal.time, now); // one from the future would never grow old
    const std::lock_guard lock(m_mutex);
    const auto found = m_signals.find(signal.metric);
    if (found != m_signals.end())
        found->second = std::move(signal);
    else if (m_signals.size() < kMostSignals)
        m_signals[signal.metric] = signal;
    updateBreakers(now);
}

Status Admission::precheck(const Request& request) {
    if (request.whenBusy == WhenBusy::Wait)
        return {};
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    updateBreakers(now);
    INGLENOOK_TRY(counted(checkQueue(request)));
    INGLENOOK_TRY(counted(checkBreakers(request, false, now)));
    return counted(checkRates(request, 0, now));
}

Result<AdmissionTicket> Admission::admit(Request& request, std::uint32_t promptTokens) {
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    updateBreakers(now);
    const RequestCaps& caps = m_settings.caps;
    const bool refusable = request.whenBusy == WhenBusy::Refuse;
    if (refusable) {
        if (caps.maxPromptTokens > 0 && promptTokens > caps.maxPromptTokens)
            return Status(Code::PromptTooLong, {{"tokens", std::to_string(promptTokens)},
                                                {"limit", std::to_string(caps.maxPromptTokens)}});
        request.maxTokens = lower(request.maxTokens, caps.maxAnswerTokens);
        request.maxTime = lower(request.maxTime, caps.maxTime);
    }
    const std::uint32_t answer =
        request.maxTokens > 0 ? request.maxTokens : caps.assumedAnswerTokens;
    const double tokens = static_cast<double>(promptTokens) + static_cast<double>(answer);
    if (refusable) {
        INGLENOOK_TRY(counted(checkQueue(request)));
        INGLENOOK_TRY(counted(checkRates(request, tokens, now)));
        INGLENOOK_TRY(counted(checkBreakers(request, true, now))); // last: it may take the probe
    }
    AdmissionTicket ticket;
    ticket.client = request.client;
    ticket.priority = request.priority;
    ticket.promptTokens = promptTokens;
    if (Buckets* own = bucketsOf(request.client, now); own != nullptr) {
        own->requests.takeUpTo(1, now);
        ticket.clientTokens = own->tokens.takeUpTo(tokens, now);
    }
    m_global.requests.takeUpTo(1, now);
    ticket.globalTokens = m_global.tokens.takeUpTo(tokens, now);
    ticket.waiting = ticket.inside = true;
    ++m_counts.waiting[static_cast<std::size_t>(ticket.priority)];
    ++m_waitingByClient[ticket.client];
    return ticket;
}

void Admission::joined(AdmissionTicket& ticket) {
    const std::lock_guard lock(m_mutex);
    if (!std::exchange(ticket.waiting, false))
        return;
    --m_counts.waiting[static_cast<std::size_t>(ticket.priority)];
    const auto own = m_waitingByClient.find(ticket.client);
    if (own != m_waitingByClient.end() && --own->second == 0)
        m_waitingByClient.erase(own);
}

void Admission::setPriority(AdmissionTicket& ticket, Priority priority) {
    const std::lock_guard lock(m_mutex);
    if (ticket.waiting) {
        --m_counts.waiting[static_cast<std::size_t>(ticket.priority)];
        ++m_counts.waiting[static_cast<std::size_t>(priority)];
    }
    ticket.priority = priority;
}

void Admission::ended(AdmissionTicket& ticket, std::uint32_t generatedTokens) {
    joined(ticket);
    if (!std::exchange(ticket.inside, false))
        return;
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    const double used = static_cast<double>(ticket.promptTokens) + generatedTokens;
    const auto settle = [&](TokenBucket& bucket, double taken) {
        if (taken > used)
            bucket.giveBack(taken - used, now);
        else
            bucket.takeUpTo(used - taken, now);
    };
    if (const auto own = m_clients.find(ticket.client); own != m_clients.end())
        settle(own->second.tokens, ticket.clientTokens);
    settle(m_global.tokens, ticket.globalTokens);
}

void Admission::deadlinePassed() {
    const std::lock_guard lock(m_mutex);
    ++m_counts.deadlinesPassed;
}

bool Admission::holdsBatch() {
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    updateBreakers(now);
    return std::any_of(m_breakers.begin(), m_breakers.end(), [](const CircuitBreaker& breaker) {
        return breaker.action() >= BreakerAction::HoldBatch;
    });
}

bool Admission::takeProbe() {
    const std::lock_guard lock(m_mutex);
    // Every breaker that holds must let it through; none gives its probe away before all can.
    const auto blocks = [](const CircuitBreaker& breaker) {
        return breaker.action() != BreakerAction::None && !breaker.probeFree();
    };
    if (std::any_of(m_breakers.begin(), m_breakers.end(), blocks))
        return false;
    for (CircuitBreaker& breaker : m_breakers)
        breaker.takeProbe();
    return true;
}

void Admission::setJoinInterval(double interval_s) {
    const std::lock_guard lock(m_mutex);
    m_joinInterval_s = interval_s;
}

Admission::Buckets Admission::makeBuckets(const RateLimits& limits, TimePoint now) const {
    return {makeBucket(limits.tokenCapacity, limits.tokensPerSecond, now),
            makeBucket(limits.requestCapacity > 0 ? limits.requestCapacity
                                                  : std::max(1.0, limits.requestsPerMinute),
                       limits.requestsPerMinute / 60, now)};
}

const RateLimits& Admission::limitsOf(const std::string& client) const {
    const auto own = m_settings.byClient.find(client);
    return own != m_settings.byClient.end() ? own->second : m_settings.perClient;
}

Admission::Buckets* Admission::bucketsOf(const std::string& client, TimePoint now) {
    if (limitsOf(client) == RateLimits())
        return nullptr;
    const auto found = m_clients.find(client);
    if (found != m_clients.end())
        return &found->second;
    if (m_clients.size() >= kMostClients)
        forgetFullBuckets(now);
    return &m_clients.emplace(client, makeBuckets(limitsOf(client), now)).first->second;
}

/// A full bucket is what a new client begins with: nothing is lost.
void Admission::forgetFullBuckets(TimePoint now) {
    for (auto at = m_clients.begin(); at != m_clients.end();) {
        Buckets& buckets = at->second;
        const bool full = buckets.tokens.level(now) >= buckets.tokens.capacity() &&
                          buckets.requests.level(now) >= buckets.requests.capacity();
        at = full ? m_clients.erase(at) : std::next(at);
    }
}

void Admission::resizeBuckets(TimePoint now) {
    const auto resize = [&](Buckets& buckets, const RateLimits& limits) {
        const Buckets wanted = makeBuckets(limits, now);
        buckets.tokens.resize(wanted.tokens.capacity(), limits.tokensPerSecond, now);
        buckets.requests.resize(wanted.requests.capacity(), limits.requestsPerMinute / 60, now);
    };
    resize(m_global, m_settings.global);
    std::erase_if(m_clients,
                  [&](const auto& entry) { return limitsOf(entry.first) == RateLimits(); });
    for (auto& [client, buckets] : m_clients)
        resize(buckets, limitsOf(client));
}

void Admission::updateBreakers(TimePoint now) {
    if (now - m_breakersSeen < kBreakerPeriod)
        return;
    m_breakersSeen = now;
    const MetricReader metric = [&](const std::string& name) -> std::optional<double> {
        if (name == kWaitingMetric)
            return waitingCount();
        if (name == kQueueWaitP95Metric) {
            const auto p95_us = m_latencies.recentQueueWaitP95_us(now);
            return p95_us ? std::optional(static_cast<double>(*p95_us) / 1e6) : std::nullopt;
        }
        const auto found = m_signals.find(name);
        if (found == m_signals.end() || !std::isfinite(found->second.value) ||
            now - found->second.time > m_settings.signalLifetime)
            return std::nullopt;
        return found->second.value;
    };
    for (CircuitBreaker& breaker : m_breakers)
        breaker.update(metric, now);
}

std::uint32_t Admission::waitingCount() const {
    std::uint32_t sum = 0;
    for (const std::uint32_t count : m_counts.waiting)
        sum += count;
    return sum;
}

Status Admission::checkQueue(const Request& request) const {
    const QueueSettings& queue = m_settings.queue;
    const std::uint32_t waiting = waitingCount();
    const auto own = m_waitingByClient.find(request.client);
    const std::uint32_t ownWaiting = own != m_waitingByClient.end() ? own->second : 0;
    const bool full = waiting >= queue.maxWaiting;
    if (!full && ownWaiting < queue.maxWaitingPerClient)
        return {};
    const std::uint32_t count = full ? waiting : ownWaiting;
    const std::uint32_t limit = full ? queue.maxWaiting : queue.maxWaitingPerClient;
    return Status(Code::QueueFull,
                  {{"waiting", std::to_string(count)},
                   {"limit", std::to_string(limit)},
                   {"retry_after_s", wholeSeconds(m_joinInterval_s * (count + 1 - limit))}});
}

Status Admission::checkBreakers(const Request& request, bool mayProbe, TimePoint now) {
    if (request.priority == Priority::P0)
        return {};
    for (CircuitBreaker& breaker : m_breakers) {
        if (breaker.action() != BreakerAction::RefuseApi)
            continue;
        if (mayProbe ? breaker.takeProbe() : breaker.probeFree())
            continue;
        return Status(Code::BreakerOpen,
                      {{"rule", breaker.rule().name},
                       {"retry_after_s", wholeSeconds(breaker.secondsUntilRetry(now))}});
    }
    return {};
}

Status Admission::checkRates(const Request& request, double tokens, TimePoint now) {
    const auto check = [&](Buckets& buckets, const RateLimits& limits,
                           const std::string& whose) -> Status {
        const auto refuse = [&](double wait_s, double limit, const char* unit) {
            return Status(Code::RateLimited, {{"client", whose},
                                              {"limit", limitText(limit, unit)},
                                              {"retry_after_s", wholeSeconds(wait_s)}});
        };
        if (const double wait_s = buckets.requests.secondsUntil(1, now); wait_s > 0)
            return refuse(wait_s, limits.requestsPerMinute, "requests/min");
        if (const double wait_s = buckets.tokens.secondsUntil(tokens, now); wait_s > 0)
            return refuse(wait_s, limits.tokensPerSecond, "tokens/s");
        return {};
    };
    if (Buckets* own = bucketsOf(request.client, now); own != nullptr)
        INGLENOOK_TRY(check(*own, limitsOf(request.client), request.client));
    return check(m_global, m_settings.global, "all clients");
}

Status Admission::counted(Status refusal) {
    m_counts.refusedQueue += refusal == Code::QueueFull ? 1 : 0;
    m_counts.refusedRate += refusal == Code::RateLimited ? 1 : 0;
    m_counts.refusedBreaker += refusal == Code::BreakerOpen ? 1 : 0;
    return refusal;
}

AdmissionSnapshot Admission::snapshot() {
    const TimePoint now = m_time();
    const std::lock_guard lock(m_mutex);
    updateBreakers(now);
    AdmissionSnapshot snapshot = m_counts;
    for (const CircuitBreaker& breaker : m_breakers)
        snapshot.breakers.push_back(breaker.snapshot(now));
    const auto add = [&](const std::string& client, Buckets& buckets) {
        snapshot.buckets.push_back({client, buckets.tokens.level(now), buckets.tokens.capacity(),
                                    buckets.requests.level(now), buckets.requests.capacity()});
    };
    add("", m_global);
    for (auto& [client, buckets] : m_clients)
        add(client, buckets);
    return snapshot;
}

} // namespace engine
