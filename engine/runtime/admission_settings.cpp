#include "engine/runtime/admission_settings.h"

#include <cmath>
#include <cstdio>
#include <initializer_list>

namespace engine {

namespace {

Status invalid(const std::string& field, const std::string& value, const char* expected) {
    return Status(Code::OptionInvalid,
                  {{"option", field}, {"value", value}, {"expected", expected}});
}

std::string text(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%g", value);
    return buffer;
}

Status checkLimits(const std::string& whose, const RateLimits& limits) {
    const std::initializer_list<std::pair<const char*, double>> fields = {
        {"tokens per second", limits.tokensPerSecond},
        {"token capacity", limits.tokenCapacity},
        {"requests per minute", limits.requestsPerMinute},
        {"request capacity", limits.requestCapacity}};
    for (const auto& [name, value] : fields)
        if (!(value >= 0) || value > 1e12)
            return invalid(whose + " " + name, text(value), "0 or more, at most 1e12");
    if (limits.requestCapacity > 0 && limits.requestCapacity < 1)
        return invalid(whose + " request capacity", text(limits.requestCapacity), "1 or more");
    return {};
}

Status checkDuration(const char* field, milliseconds value, milliseconds least) {
    constexpr milliseconds kMost{7LL * 24 * 3600 * 1000};
    if (value >= least && value <= kMost)
        return {};
    return invalid(field, std::to_string(value.count()) + " ms",
                   least.count() > 0 ? "at least 1 ms, at most a week" : "0 to a week");
}

Status checkBreaker(const BreakerRule& rule) {
    const auto check = [&](const BreakerCondition& condition) -> Status {
        if (condition.metric.empty())
            return invalid("metric of the breaker " + rule.name, "\"\"", "the name of a metric");
        if (!std::isfinite(condition.value))
            return invalid("value of the breaker " + rule.name, text(condition.value), "a number");
        return {};
    };
    INGLENOOK_TRY(check(rule.condition));
    for (const BreakerCondition& condition : rule.anyOf)
        INGLENOOK_TRY(check(condition));
    INGLENOOK_TRY(checkDuration("breaker duration", rule.duration, milliseconds(0)));
    INGLENOOK_TRY(checkDuration("breaker pause", rule.pause, milliseconds(1)));
    return checkDuration("breaker probe", rule.probe, milliseconds(1));
}

} // namespace

BreakerRule overloadRule() {
    BreakerRule rule;
    rule.name = "overload";
    rule.condition = {kUtilizationMetric, Comparison::Above, 90};
    const double threshold = BatchingSettings().gatherThreshold;
    rule.anyOf = {{kQueueWaitP95Metric, Comparison::Above, 2},
                  {kWaitingMetric, Comparison::Above, threshold}};
    return rule;
}

BreakerRule bareUtilizationRule() {
    BreakerRule rule;
    rule.name = "utilization";
    rule.enabled = false;
    rule.condition = {kUtilizationMetric, Comparison::Above, 90};
    return rule;
}

Status validate(const AdmissionSettings& settings) {
    INGLENOOK_TRY(checkLimits("global", settings.global));
    INGLENOOK_TRY(checkLimits("client", settings.perClient));
    for (const auto& [client, limits] : settings.byClient)
        INGLENOOK_TRY(checkLimits(client, limits));
    const QueueSettings& queue = settings.queue;
    if (queue.maxWaiting == 0 || queue.maxWaitingPerClient == 0)
        return invalid("queue length", "0", "at least 1");
    INGLENOOK_TRY(checkDuration("aging period", queue.agingPeriod, milliseconds(1)));
    if (queue.overdueShare == 0)
        return invalid("share of overdue requests", "0", "at least 1");
    INGLENOOK_TRY(checkDuration("longest time of a request", settings.caps.maxTime, {}));
    const BatchingSettings& batching = settings.batching;
    INGLENOOK_TRY(checkDuration("gather window", batching.gatherWindow, {}));
    INGLENOOK_TRY(checkDuration("target inter-token latency", batching.targetItl, {}));
    INGLENOOK_TRY(checkDuration("step of prompts alone", batching.aloneStep, milliseconds(1)));
    if (!(batching.maxItlRatio >= 1) || batching.maxItlRatio > 1000)
        return invalid("inter-token ratio", text(batching.maxItlRatio), "between 1 and 1000");
    INGLENOOK_TRY(checkDuration("signal lifetime", settings.signalLifetime, milliseconds(1)));
    for (const BreakerRule& rule : settings.breakers)
        INGLENOOK_TRY(checkBreaker(rule));
    return {};
}

} // namespace engine
