#include "app/engine_settings.h"

namespace app {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

engine::RateLimits ratesOf(const RateValues& values) {
    return {values.tokensPerSecond, values.tokenCapacity, values.requestsPerMinute,
            values.requestCapacity};
}

engine::BatchingSettings batchingOf(const BatchingValues& values) {
    engine::BatchingSettings batching;
    batching.gatherThreshold = std::uint32_t(values.gatherThreshold);
    batching.gatherWindow = milliseconds(values.gatherWindow_ms);
    batching.targetItl = milliseconds(values.targetItl_ms);
    batching.maxItlRatio = values.maxItlRatio;
    batching.aloneStep = milliseconds(values.aloneStep_ms);
    batching.chunkTokens = std::uint32_t(values.chunkTokens);
    return batching;
}

std::vector<engine::BreakerRule> breakersOf(const BreakerValues& values) {
    using engine::Comparison;
    engine::BreakerRule rule = engine::overloadRule();
    rule.enabled = values.enabled;
    rule.condition = {values.metric.toStdString(),
                      values.comparison == QLatin1String("below") ? Comparison::Below
                                                                  : Comparison::Above,
                      values.value};
    rule.duration = seconds(values.duration_s);
    rule.anyOf.clear();
    if (values.queueWait_s > 0)
        rule.anyOf.push_back({engine::kQueueWaitP95Metric, Comparison::Above, values.queueWait_s});
    if (values.waiting > 0)
        rule.anyOf.push_back({engine::kWaitingMetric, Comparison::Above, double(values.waiting)});
    rule.lastAction = values.lastAction == QLatin1String("hold_batch")
                          ? engine::BreakerAction::HoldBatch
                          : engine::BreakerAction::RefuseApi;
    rule.pause = seconds(values.pause_s);
    engine::BreakerRule bare = engine::bareUtilizationRule();
    bare.enabled = values.bareRule;
    return {rule, bare};
}

} // namespace

engine::AdmissionSettings admissionOf(const SettingsValues& values) {
    const AdmissionValues& from = values.admission;
    engine::AdmissionSettings settings;
    settings.global = ratesOf(from.global);
    settings.perClient = ratesOf(from.perClient);
    settings.queue.maxWaiting = std::uint32_t(from.maxWaiting);
    settings.queue.maxWaitingPerClient = std::uint32_t(from.maxWaitingPerClient);
    settings.queue.agingPeriod = seconds(from.aging_s);
    settings.queue.overdueShare = std::uint32_t(from.overdueShare);
    settings.caps.maxPromptTokens = std::uint32_t(from.maxPromptTokens);
    settings.caps.maxAnswerTokens = std::uint32_t(from.maxAnswerTokens);
    settings.caps.maxTime = seconds(from.maxTime_s);
    settings.batching = batchingOf(values.batching);
    settings.breakers = breakersOf(from.breaker);
    return settings;
}

engine::KeepingSettings keepingOf(const SettingsValues& values) {
    engine::KeepingSettings keeping;
    keeping.idleUnload_s = std::uint32_t(values.idleUnload_s);
    keeping.prefixCache = values.caches.prefixes;
    keeping.recomputeAnswers = values.caches.recomputeAnswers;
    return keeping;
}

engine::OverflowPolicy policyOf(OverflowChoice choice) {
    switch (choice) {
    case OverflowChoice::Roll:
        return engine::OverflowPolicy::Roll;
    case OverflowChoice::DropMiddle:
        return engine::OverflowPolicy::DropMiddle;
    case OverflowChoice::Stop:
        break;
    }
    return engine::OverflowPolicy::Stop;
}

} // namespace app
