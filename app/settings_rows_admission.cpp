// The rows of settings: admission. What they bound is told in engine/runtime/admission_settings.h.
#include "app/settings_rows.h"

namespace app {

namespace {

using A = AdmissionValues;
constexpr auto kHere = SettingSection::Admission;

QList<SettingSpec> bucketRows(const QString& prefix, RateValues A::*whose, const QString& of) {
    using R = RateValues;
    const auto bucket = [&](const char* id, double R::*field, const QString& name,
                            const QString& what) {
        return row((prefix + QLatin1String(id)).toLatin1().constData(), kHere,
                   at(&SettingsValues::admission, whose, field), name.arg(of), what)
            .range(0, 1e9)
            .zero(Label::tr("No limit"));
    };
    const QString full = Label::tr("What can be taken at once, after a pause; 0 is one minute.");
    return {
        bucket("tokens_per_second", &R::tokensPerSecond, Label::tr("Tokens per second, %1"),
               Label::tr("Prompt and answer tokens together. API requests beyond it are refused "
                         "with the time to come back; chats are not.")),
        bucket("token_capacity", &R::tokenCapacity, Label::tr("Token bucket, %1"), full)
            .zero(Label::tr("One minute")),
        bucket("requests_per_minute", &R::requestsPerMinute, Label::tr("Requests per minute, %1"),
               Label::tr("API requests beyond it are refused with the time to come back.")),
        bucket("request_capacity", &R::requestCapacity, Label::tr("Request bucket, %1"), full)
            .zero(Label::tr("One minute")),
    };
}

QList<SettingSpec> queueRows() {
    const auto place = [](auto field) { return at(&SettingsValues::admission, field); };
    return {
        row("admission.max_waiting", kHere, place(&A::maxWaiting), Label::tr("Longest queue"),
            Label::tr("With so many requests waiting, further ones of programs are refused; chats "
                      "are always let in."))
            .range(1, 100'000),
        row("admission.max_waiting_per_client", kHere, place(&A::maxWaitingPerClient),
            Label::tr("Longest queue of one client"),
            Label::tr("So that one program cannot fill the queue."))
            .range(1, 100'000),
        row("admission.aging_s", kHere, place(&A::aging_s), Label::tr("Patience"),
            Label::tr("A chat that waited so long is overdue, an agent or program after twice, a "
                      "batch job after three times that."))
            .range(1, 3600)
            .unit(Label::tr("s")),
        row("admission.overdue_share", kHere, place(&A::overdueShare),
            Label::tr("Turn of the overdue"),
            Label::tr("Of so many requests that begin, one is the oldest overdue one, whatever "
                      "its priority."))
            .range(1, 1000),
        row("admission.max_prompt_tokens", kHere, place(&A::maxPromptTokens),
            Label::tr("Longest prompt of a program"),
            Label::tr("Longer ones are refused, with both figures."))
            .range(0, 10'000'000, 1024)
            .unit(Label::tr("tokens"))
            .zero(Label::tr("The context")),
        row("admission.max_answer_tokens", kHere, place(&A::maxAnswerTokens),
            Label::tr("Longest answer to a program"), Label::tr("Answers end there."))
            .range(0, 10'000'000, 1024)
            .unit(Label::tr("tokens"))
            .zero(Label::tr("The context")),
        row("admission.max_time_s", kHere, place(&A::maxTime_s),
            Label::tr("Longest time of a request"),
            Label::tr("From its first step to its end; what was written by then is kept."))
            .range(0, 604'800, 60)
            .unit(Label::tr("s"))
            .zero(Label::tr("No limit")),
    };
}

using B = BreakerValues;

constexpr auto kNeeded = "admission.breaker.enabled";

template<typename T>
auto breakerAt(T B::*field) {
    return at(&SettingsValues::admission, &A::breaker, field);
}

/// When it trips.
QList<SettingSpec> breakerConditionRows() {
    return {
        row(kNeeded, kHere, breakerAt(&B::enabled), Label::tr("Circuit breaker"),
            Label::tr("Under lasting load, batch jobs are held first, then requests of programs "
                      "refused. Chats and agents only wait.")),
        row("admission.breaker.metric", kHere, breakerAt(&B::metric), Label::tr("It watches"),
            Label::tr("The figure that has to be beyond the value."))
            .choices({choice("gpu.utilization", Label::tr("Utilization of the device")),
                      choice("queue_wait_p95_s", Label::tr("Waiting time, P95")),
                      choice("waiting", Label::tr("Requests that wait"))})
            .needs(kNeeded),
        row("admission.breaker.comparison", kHere, breakerAt(&B::comparison), Label::tr("It trips"),
            Label::tr("When the figure is on this side of the value."))
            .choices({choice("above", Label::tr("Above")), choice("below", Label::tr("Below"))})
            .needs(kNeeded),
        row("admission.breaker.value", kHere, breakerAt(&B::value), Label::tr("Value"),
            Label::tr("In percent, seconds or requests, as the figure is."))
            .range(0, 1e6)
            .needs(kNeeded),
        row("admission.breaker.duration_s", kHere, breakerAt(&B::duration_s),
            Label::tr("For so long"), Label::tr("The figure has to stay there without a break."))
            .range(0, 3600, 5)
            .unit(Label::tr("s"))
            .needs(kNeeded),
        row("admission.breaker.queue_wait_s", kHere, breakerAt(&B::queueWait_s),
            Label::tr("And the queue waits"),
            Label::tr("Only while the waiting time (P95) is above this …"))
            .range(0, 3600)
            .unit(Label::tr("s"))
            .zero(Label::tr("Not asked"))
            .needs(kNeeded),
        row("admission.breaker.waiting", kHere, breakerAt(&B::waiting),
            Label::tr("Or the queue is longer than"),
            Label::tr("... or while more requests wait. Without both, the figure alone trips it."))
            .range(0, 100'000)
            .zero(Label::tr("Not asked"))
            .needs(kNeeded),
    };
}

/// What it does then.
QList<SettingSpec> breakerActionRows() {
    return {
        row("admission.breaker.last_action", kHere, breakerAt(&B::lastAction),
            Label::tr("How far it goes"),
            Label::tr("A load that stays climbs from the first to "
                      "this."))
            .choices({choice("hold_batch", Label::tr("Hold batch jobs")),
                      choice("refuse_api", Label::tr("Refuse programs too"))})
            .needs(kNeeded),
        row("admission.breaker.pause_s", kHere, breakerAt(&B::pause_s), Label::tr("Pause"),
            Label::tr("Then it is half open: one held request goes, and it closes when the load "
                      "has gone."))
            .range(1, 3600, 5)
            .unit(Label::tr("s"))
            .needs(kNeeded),
        row("admission.breaker.bare_rule", kHere, breakerAt(&B::bareRule),
            Label::tr("Utilization alone"),
            Label::tr("A second breaker: above 90 % for 60 s, whatever the queue. One long answer "
                      "is enough for that.")),
    };
}

} // namespace

QList<SettingSpec> admissionSettings() {
    return bucketRows(QStringLiteral("admission.global."), &A::global, Label::tr("all together")) +
           bucketRows(QStringLiteral("admission.client."), &A::perClient,
                      Label::tr("each program")) +
           queueRows() + breakerConditionRows() + breakerActionRows();
}

} // namespace app
