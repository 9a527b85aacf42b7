// Who is let in: buckets, the bounded queue, caps and circuit breakers, on a clock that the test
// moves.
#include "engine/runtime/admission.h"
#include "tests/support/suite_registry.h"
#include "tests/support/virtual_clock.h"

#include <limits>
#include <QtTest/QtTest>
#include <random>

using namespace engine;
using namespace std::chrono_literals;
using tests::VirtualClock;

namespace {

struct Bed {
    explicit Bed(AdmissionSettings settings = {})
        : admission(std::move(settings), latencies, neverBack(clock.source())) {}

    Result<AdmissionTicket> ask(const char* client, std::uint32_t prompt, std::uint32_t answer,
                                Priority priority = Priority::P1,
                                WhenBusy whenBusy = WhenBusy::Refuse) {
        Request request;
        request.client = client;
        request.maxTokens = answer;
        request.priority = priority;
        request.whenBusy = whenBusy;
        if (Status status = admission.precheck(request); !status.ok())
            return status;
        return admission.admit(request, prompt);
    }

    void signal(double value) {
        admission.pushSignal({kUtilizationMetric, value, clock.now()});
        admission.holdsBatch(); // as every step of the engine does
    }
    /// Utilization twice a second for so long.
    void load(double value, Clock::duration duration) {
        for (Clock::duration passed{}; passed < duration; passed += 500ms) {
            clock.advance(500ms);
            signal(value);
        }
    }
    BreakerSnapshot breaker(std::size_t index = 0) {
        return admission.snapshot().breakers.at(index);
    }

    VirtualClock clock;
    LatencyStats latencies;
    Admission admission;
};

int retryAfter(const Status& status) {
    for (const StatusArgument& argument : status.arguments())
        if (argument.name == "retry_after_s")
            return std::stoi(argument.value);
    return 0;
}

AdmissionSettings limited(double tokensPerSecond, double capacity) {
    AdmissionSettings settings;
    settings.perClient.tokensPerSecond = tokensPerSecond;
    settings.perClient.tokenCapacity = capacity;
    return settings;
}

} // namespace

class TstAdmission : public QObject {
    Q_OBJECT

  private slots:
    void refusesWhatABucketDoesNotHold() {
        Bed bed(limited(10, 100));
        auto first = bed.ask("a", 40, 50);
        QVERIFY(first.ok());
        const auto second = bed.ask("a", 10, 20);
        QVERIFY(second.status() == Code::RateLimited);
        QCOMPARE(retryAfter(second.status()), 2); // 20 of 30 tokens are missing, 10 come a second
        QVERIFY(bed.ask("b", 40, 50).ok());       // another client has its own
        bed.clock.advance(2s);
        QVERIFY(bed.ask("a", 10, 20).ok());
        QCOMPARE(bed.admission.snapshot().refusedRate, std::uint64_t(1));
    }

    void givesBackWhatWasNotGenerated() {
        Bed bed(limited(10, 100));
        auto ticket = bed.ask("a", 20, 80);
        QVERIFY(ticket.ok());
        QVERIFY(!bed.ask("a", 10, 10).ok());
        bed.admission.ended(*ticket, 5);
        bed.admission.ended(*ticket, 5); // once only
        const auto buckets = bed.admission.snapshot().buckets;
        QCOMPARE(buckets.at(1).client, std::string("a"));
        QCOMPARE(buckets.at(1).tokens, 75.0);
    }

    void aRequestLargerThanTheBucketNeedsAFullOne() {
        Bed bed(limited(10, 100));
        auto ticket = bed.ask("a", 1000, 1000);
        QVERIFY(ticket.ok());
        QVERIFY(bed.ask("a", 1000, 1000).status() == Code::RateLimited);
        bed.clock.advance(10s);
        QVERIFY(bed.ask("a", 1000, 1000).ok());
    }

    void countsRequestsAMinute() {
        AdmissionSettings settings;
        settings.global.requestsPerMinute = 6;
        Bed bed(settings);
        for (int i = 0; i < 6; ++i)
            QVERIFY(bed.ask(i % 2 == 0 ? "a" : "b", 1, 1).ok());
        const auto refused = bed.ask("c", 1, 1);
        QVERIFY(refused.status() == Code::RateLimited);
        QCOMPARE(retryAfter(refused.status()), 10);
        bed.clock.advance(10s);
        QVERIFY(bed.ask("c", 1, 1).ok());
    }

    /// Tabs and agents take what is there, and are let in.
    void neverRefusesWhoWaits() {
        AdmissionSettings settings = limited(1, 10);
        settings.global.requestsPerMinute = 1;
        settings.queue.maxWaiting = 2;
        settings.breakers = {bareUtilizationRule()};
        settings.breakers[0].enabled = true;
        settings.breakers[0].duration = 0ms;
        Bed bed(settings);
        bed.load(100, 10s);
        for (int i = 0; i < 20; ++i)
            QVERIFY(bed.ask("desktop", 500, 500, Priority(i % 3), WhenBusy::Wait).ok());
        QVERIFY(bed.ask("api", 1, 1).status() == Code::QueueFull);
    }

    void boundsTheQueue() {
        AdmissionSettings settings;
        settings.queue.maxWaiting = 5;
        settings.queue.maxWaitingPerClient = 3;
        Bed bed(settings);
        std::vector<AdmissionTicket> tickets;
        for (int i = 0; i < 3; ++i)
            tickets.push_back(*bed.ask("a", 1, 1));
        bed.admission.setJoinInterval(7);
        const auto third = bed.ask("a", 1, 1);
        QVERIFY(third.status() == Code::QueueFull);
        QCOMPARE(retryAfter(third.status()), 7);
        tickets.push_back(*bed.ask("b", 1, 1));
        tickets.push_back(*bed.ask("b", 1, 1));
        QVERIFY(bed.ask("c", 1, 1).status() == Code::QueueFull);
        bed.admission.joined(tickets[0]);
        QVERIFY(bed.ask("c", 1, 1).ok());
        for (AdmissionTicket& ticket : tickets)
            bed.admission.ended(ticket, 0);
        QCOMPARE(bed.admission.snapshot().waiting[1], 1U); // c
        QCOMPARE(bed.admission.snapshot().refusedQueue, std::uint64_t(2));
    }

    void capsWhatMayBeRefused() {
        AdmissionSettings settings;
        settings.caps.maxPromptTokens = 100;
        settings.caps.maxAnswerTokens = 50;
        settings.caps.maxTime = 5s;
        Bed bed(settings);
        QVERIFY(bed.ask("a", 101, 1).status() == Code::PromptTooLong);
        QVERIFY(bed.ask("a", 101, 1, Priority::P0, WhenBusy::Wait).ok());
        Request request;
        request.whenBusy = WhenBusy::Refuse;
        request.maxTime = 9s;
        QVERIFY(bed.admission.admit(request, 10).ok());
        QCOMPARE(request.maxTokens, 50U);
        QCOMPARE(request.maxTime, milliseconds(5s));
        request.maxTokens = 7;
        request.maxTime = 1s;
        QVERIFY(bed.admission.admit(request, 10).ok());
        QCOMPARE(request.maxTokens, 7U);
        QCOMPARE(request.maxTime, milliseconds(1s));
    }

    void refusesNonsenseSettings() {
        Bed bed;
        AdmissionSettings settings;
        settings.global.tokensPerSecond = -1;
        QVERIFY(bed.admission.setSettings(settings) == Code::OptionInvalid);
        settings = {};
        settings.perClient.requestsPerMinute = std::numeric_limits<double>::quiet_NaN();
        QVERIFY(bed.admission.setSettings(settings) == Code::OptionInvalid);
        settings = {};
        settings.batching.maxItlRatio = 0.5;
        QVERIFY(bed.admission.setSettings(settings) == Code::OptionInvalid);
        settings = {};
        settings.breakers[0].condition.metric.clear();
        QVERIFY(bed.admission.setSettings(settings) == Code::OptionInvalid);
        QCOMPARE(bed.admission.settings().breakers.size(), std::size_t(2));
    }

    /// Other limits keep the filled share of a bucket.
    void changesLimitsWhileItRuns() {
        Bed bed(limited(10, 100));
        auto ticket = bed.ask("a", 20, 30);
        QVERIFY(ticket.ok());
        QVERIFY(bed.admission.setSettings(limited(10, 1000)).ok());
        QCOMPARE(bed.admission.snapshot().buckets.at(1).tokens, 500.0);
        QVERIFY(bed.admission.setSettings({}).ok());
        QCOMPARE(bed.admission.snapshot().buckets.size(), std::size_t(1));
        QVERIFY(bed.ask("a", 100'000, 100'000).ok());
    }

    /// The shipped rule: high utilization alone is one long answer and trips nothing.
    void theShippedBreakerNeedsBoth() {
        Bed bed;
        bed.load(99, 5min);
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
        for (int i = 0; i < 11; ++i) // more than 10 wait
            QVERIFY(bed.ask("desktop", 1, 1, Priority::P0, WhenBusy::Wait).ok());
        bed.load(99, 1s);
        QCOMPARE(bed.breaker().state, BreakerState::Open);
        QCOMPARE(bed.breaker().action, BreakerAction::HoldBatch);
        QVERIFY(bed.admission.holdsBatch());
        QVERIFY(bed.ask("api", 1, 1).ok());                   // the first action holds P2 only
        QCOMPARE(bed.breaker(1).state, BreakerState::Closed); // the preset is off
    }

    void longQueueWaitsCountToo() {
        Bed bed;
        for (int i = 0; i < 20; ++i)
            bed.latencies.joined(Priority::P1, 3s, bed.clock.now());
        bed.load(99, 30s);
        QCOMPARE(bed.breaker().state, BreakerState::Closed); // not yet a minute
        for (int i = 0; i < 20; ++i)
            bed.latencies.joined(Priority::P1, 3s, bed.clock.now());
        bed.load(99, 31s);
        QCOMPARE(bed.breaker().state, BreakerState::Open);
    }

    void anInterruptedConditionBeginsAgain() {
        AdmissionSettings settings;
        settings.breakers = {bareUtilizationRule()};
        settings.breakers[0].enabled = true;
        Bed bed(settings);
        bed.load(95, 59s);
        bed.load(80, 1s);
        bed.load(95, 59s);
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
        bed.load(95, 2s);
        QCOMPARE(bed.breaker().state, BreakerState::Open);
    }

    /// Telemetry that has gone silent, or sends what is no number, fires nothing.
    void oldSignalsAreAbsent() {
        AdmissionSettings settings;
        settings.breakers = {bareUtilizationRule()};
        settings.breakers[0].enabled = true;
        Bed bed(settings);
        bed.load(95, 30s);
        for (int i = 0; i < 60; ++i) { // silence
            bed.clock.advance(1s);
            bed.admission.holdsBatch();
        }
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
        QCOMPARE(bed.breaker().conditionHeld_us, std::int64_t(0));
        bed.load(std::numeric_limits<double>::quiet_NaN(), 2min);
        bed.load(std::numeric_limits<double>::infinity(), 2min);
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
        // A signal from the future grows old like any other.
        bed.admission.pushSignal({kUtilizationMetric, 95, bed.clock.now() + 24h});
        for (int i = 0; i < 120; ++i) {
            bed.clock.advance(1s);
            bed.admission.holdsBatch();
        }
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
    }

    /// Open, half-open, open one action higher, half-open, closed.
    void climbsAndComesBack() {
        AdmissionSettings settings;
        BreakerRule rule = bareUtilizationRule();
        rule.enabled = true;
        rule.duration = 10s;
        rule.pause = 20s;
        rule.probe = 5s;
        settings.breakers = {rule};
        Bed bed(settings);
        bed.load(95, 11s);
        QCOMPARE(bed.breaker().action, BreakerAction::HoldBatch);
        QVERIFY(!bed.admission.takeProbe());
        bed.load(95, 20s);
        QCOMPARE(bed.breaker().state, BreakerState::HalfOpen);
        QVERIFY(bed.admission.takeProbe());
        QVERIFY(!bed.admission.takeProbe()); // one
        bed.load(95, 5s);
        QCOMPARE(bed.breaker().state, BreakerState::Open);
        QCOMPARE(bed.breaker().action, BreakerAction::RefuseApi);
        const auto refused = bed.ask("api", 1, 1);
        QVERIFY(refused.status() == Code::BreakerOpen);
        QVERIFY(retryAfter(refused.status()) >= 1 && retryAfter(refused.status()) <= 20);
        QVERIFY(bed.ask("api", 1, 1, Priority::P0).ok());
        QVERIFY(bed.ask("desktop", 1, 1, Priority::P1, WhenBusy::Wait).ok());
        bed.load(10, 21s);
        QCOMPARE(bed.breaker().state, BreakerState::HalfOpen);
        QVERIFY(bed.ask("api", 1, 1).ok()); // the probe
        QVERIFY(bed.ask("api", 1, 1).status() == Code::BreakerOpen);
        bed.load(10, 6s);
        QCOMPARE(bed.breaker().state, BreakerState::Closed);
        QVERIFY(bed.ask("api", 1, 1).ok());
        QCOMPARE(bed.breaker().tripsTotal, std::uint64_t(1));
        QVERIFY(bed.admission.snapshot().refusedBreaker >= 2);
    }

    void comparesBothWays() {
        AdmissionSettings settings;
        BreakerRule rule;
        rule.name = "little memory";
        rule.condition = {"gpu.memory_free_gb", Comparison::Below, 2};
        rule.duration = 1s;
        rule.lastAction = BreakerAction::HoldBatch;
        rule.pause = rule.probe = 1s;
        settings.breakers = {rule};
        Bed bed(settings);
        for (int i = 0; i < 40; ++i) {
            bed.clock.advance(500ms);
            bed.admission.pushSignal({"gpu.memory_free_gb", 1.5, bed.clock.now()});
            bed.admission.holdsBatch();
            QVERIFY(bed.breaker().action <= BreakerAction::HoldBatch); // never climbs higher
        }
        QVERIFY(bed.breaker().tripsTotal == 1);
        QVERIFY(bed.breaker().state != BreakerState::Closed);
    }

    /// Steps of the clock in both directions: levels stay within their bounds, a step back neither
    /// locks a client out nor gives it anything.
    void survivesClockSteps() {
        AdmissionSettings settings = limited(100, 500);
        settings.global.tokensPerSecond = 300;
        Bed bed(settings);
        std::mt19937 random(11);
        std::vector<AdmissionTicket> open;
        for (int i = 0; i < 20'000; ++i) {
            switch (random() % 16) {
            case 0:
                bed.clock.advance(-1h);
                break;
            case 1:
                bed.clock.advance(1h);
                break;
            default:
                bed.clock.advance(std::chrono::milliseconds(random() % 500));
            }
            auto ticket = bed.ask(random() % 2 == 0 ? "a" : "b", random() % 200, random() % 300);
            if (ticket)
                open.push_back(std::move(*ticket));
            if (!open.empty() && random() % 2 == 0) {
                bed.admission.ended(open.back(), random() % 400);
                open.pop_back();
            }
            for (const BucketSnapshot& bucket : bed.admission.snapshot().buckets) {
                QVERIFY(bucket.tokens >= 0 && bucket.tokens <= bucket.tokenCapacity);
                QVERIFY(bucket.requests >= 0 && bucket.requests <= bucket.requestCapacity);
            }
        }
        for (AdmissionTicket& ticket : open)
            bed.admission.ended(ticket, 0);
        bed.clock.advance(-1h);
        bed.ask("a", 400, 100).ok(); // whatever: then it must come back in 5 s
        bed.clock.advance(5100ms);
        QVERIFY(bed.ask("a", 300, 100).ok());
    }
};

INGLENOOK_SUITE(admission, TstAdmission)
#include "tst_admission.moc"
