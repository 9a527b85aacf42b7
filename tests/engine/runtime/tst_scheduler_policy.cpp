// The policy of the scheduler on a virtual clock: a device whose steps take what the test says.
#include "engine/runtime/scheduler.h"
#include "tests/support/fake_executor.h"
#include "tests/support/recording_sink.h"
#include "tests/support/suite_registry.h"
#include "tests/support/virtual_clock.h"

#include <algorithm>
#include <numeric>
#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::RecordingSink;

namespace {

/// Notes when each token came, on the virtual clock.
class TimingSink final : public TokenSink {
  public:
    explicit TimingSink(TimeSource time) : m_time(std::move(time)) {}
    bool push(TokenEvent event) noexcept override {
        if (event.kind == EventKind::Text)
            times.push_back(m_time());
        if (event.kind == EventKind::Prefill && joined == TimePoint())
            joined = m_time();
        if (event.kind == EventKind::Queued)
            queued.push_back(event);
        if (event.kind == EventKind::Finished) {
            end = m_time();
            finish = event;
        }
        return true;
    }
    bool finished() const { return finish.finish != FinishReason::None; }
    /// The gap that `share` of the gaps between from and to are below [s].
    double gap_s(double share, TimePoint from, TimePoint to) const {
        std::vector<double> gaps;
        for (std::size_t i = 1; i < times.size(); ++i)
            if (times[i] > from && times[i] <= to)
                gaps.push_back(seconds(times[i] - times[i - 1]));
        std::sort(gaps.begin(), gaps.end());
        return gaps.empty() ? 0 : gaps[std::size_t(share * double(gaps.size() - 1))];
    }

    std::vector<TimePoint> times;
    std::vector<TokenEvent> queued;
    TimePoint joined;
    TimePoint end;
    TokenEvent finish;

  private:
    TimeSource m_time;
};

struct Bed {
    explicit Bed(std::uint32_t slotCount, std::uint32_t context = 4096,
                 AdmissionSettings settings = {}, std::uint32_t mostRows = 512)
        : admission(std::move(settings), latencies, clock.source()) {
        auto opened = tests::fakeModel("policy", context);
        auto info = std::make_shared<ModelInfo>();
        info->config = opened.config;
        info->context = context;
        info->tokenizer = *Tokenizer::create(std::move(opened.vocabulary));
        model = info;
        ExecutorPlan plan;
        plan.context = context;
        plan.slotCount = slotCount;
        plan.maxBatchRows = mostRows;
        plan.pageCount = 1 + pagesFor(context) * (slotCount + 1);
        script->onSubmit = [this](const Batch& batch) {
            const bool prefills = batch.rows.size() > batch.tables.size();
            clock.advance(fixed + row * static_cast<int>(batch.rows.size()) +
                          (prefills ? chunk : Clock::duration()));
        };
        auto executor = tests::makeFakeExecutor(script);
        (void)executor->load({}, nullptr, plan, {}, std::atomic<bool>(false));
        scheduler = std::make_unique<Scheduler>(
            model, std::move(executor), plan,
            SchedulerServices{admission, latencies, figures, clock.source()});
    }

    std::shared_ptr<TimingSink> ask(std::uint32_t prompt, std::uint32_t answer,
                                    Priority priority = Priority::P0, Request request = {}) {
        request.priority = priority;
        request.maxTokens = answer;
        request.ignoreEndOfGeneration = true;
        request.topLogprobs = 1; // an event for every token, also for one without text
        auto ticket = admission.admit(request, prompt);
        Prompt tokens;
        for (std::uint32_t i = 0; i < prompt; ++i)
            tokens.tokens.push_back(
                tests::kFakeFirstWord +
                TokenId((i == 0 ? lastId / 200 : lastId * 31 + i * 7) % 200)); // nobody's else
        auto sink = std::make_shared<TimingSink>(clock.source());
        auto sequence =
            std::make_shared<Sequence>(++lastId, model, request, sink, std::move(tokens));
        sequence->ticket = std::move(*ticket);
        sequence->submitted = clock.now();
        scheduler->add(std::move(sequence));
        return sink;
    }
    void run(Clock::duration duration) {
        const TimePoint until = clock.now() + duration;
        while (scheduler->hasWork() && clock.now() < until)
            (void)scheduler->step();
    }
    void runUntil(const TimingSink& sink) {
        while (scheduler->hasWork() && !sink.finished())
            (void)scheduler->step();
    }

    Clock::duration fixed = 20ms;
    Clock::duration row = 500us;
    Clock::duration chunk{}; ///< what any prompt rows cost besides
    tests::VirtualClock clock;
    LatencyStats latencies;
    Snapshot figures;
    Admission admission;
    std::shared_ptr<const ModelInfo> model;
    std::shared_ptr<tests::FakeExecutorScript> script =
        std::make_shared<tests::FakeExecutorScript>();
    std::unique_ptr<Scheduler> scheduler;
    RequestId lastId = 0;
};

} // namespace

class TstSchedulerPolicy : public QObject {
    Q_OBJECT

  private slots:
    /// The gap of streams while a 32k prompt is computed: p99 at most three times the normal one.
    void aLongPromptDoesNotStallStreams() {
        Bed bed(8, 33'000);
        std::vector<std::shared_ptr<TimingSink>> streams;
        for (int i = 0; i < 6; ++i)
            streams.push_back(bed.ask(20, 20'000));
        bed.run(5s);
        const TimePoint before = bed.clock.now();
        const auto prompt = bed.ask(32'000, 1);
        bed.runUntil(*prompt);
        QVERIFY(prompt->finished());
        for (const auto& stream : streams) {
            const double normal = stream->gap_s(0.5, before - 3s, before);
            const double beside = stream->gap_s(0.99, before, prompt->end);
            QVERIFY(normal > 0);
            QVERIFY2(beside <= 3 * normal,
                     qPrintable(QStringLiteral("%1 s beside %2 s").arg(beside).arg(normal)));
        }
        // And it is not starved for that: a step's room is mostly used.
        const double alone_s = 32'000 * 0.0005;
        QVERIFY(seconds(prompt->end - before) < 4 * alone_s);
    }

    /// A short interactive question is not behind the whole of a long one.
    void aShortPromptPassesALongOne() {
        Bed bed(4, 33'000);
        const auto longOne = bed.ask(32'000, 1);
        bed.run(2s);
        const TimePoint asked = bed.clock.now();
        const auto shortOne = bed.ask(40, 1);
        bed.runUntil(*shortOne);
        QVERIFY(seconds(shortOne->end - asked) < 1);
        QVERIFY(!longOne->finished());
    }

    /// Prompts of agents wait for each other beside running answers, at most for the window.
    void gathersAgentsBesideAnswers() {
        AdmissionSettings settings;
        settings.batching.targetItl = 10ms; // no chunk fits beside an answer
        Bed bed(16, 4096, settings);
        const auto chat = bed.ask(10, 1000);
        bed.run(1s);
        std::vector<std::shared_ptr<TimingSink>> agents;
        for (int i = 0; i < 4; ++i)
            agents.push_back(bed.ask(30, 3, Priority::P1));
        for (const auto& agent : agents)
            bed.runUntil(*agent);
        QVERIFY(bed.figures.batching.promptsHeld >= 4);
        QVERIFY(bed.figures.batching.longestHeld_us >= 50'000);
        QVERIFY(bed.figures.batching.longestHeld_us < 120'000); // the window, and one step
        QVERIFY(!chat->finished());
        // Above the threshold they start at once.
        const auto before = bed.figures.batching.promptsHeld;
        for (int i = 0; i < 12; ++i)
            agents.push_back(bed.ask(30, 3, Priority::P1));
        (void)bed.scheduler->step();
        (void)bed.scheduler->step();
        QCOMPARE(bed.figures.batching.promptsHeld, before);
        QVERIFY(bed.figures.batching.lastPromptsPerChunk >= 2);
    }

    /// A batch job alone, and an interactive prompt among answers, start in the next step.
    void neverHoldsP0NorAnIdleDevice() {
        AdmissionSettings settings;
        settings.batching.targetItl = 10ms;
        Bed bed(16, 4096, settings);
        const auto alone = bed.ask(10, 200, Priority::P2);
        (void)bed.scheduler->step();
        QCOMPARE(alone->times.size(), std::size_t(1));
        bed.run(500ms);
        const auto chat = bed.ask(8, 5);
        (void)bed.scheduler->step();
        QCOMPARE(chat->times.size(), std::size_t(1));
        QCOMPARE(bed.figures.batching.promptsHeld, std::uint64_t(0));
    }

    void anInteractiveRequestTakesASlot() {
        Bed bed(2);
        const auto first = bed.ask(10, 400, Priority::P2);
        const auto second = bed.ask(10, 400, Priority::P1);
        bed.run(500ms);
        const auto chat = bed.ask(10, 3);
        (void)bed.scheduler->step();
        QCOMPARE(chat->times.size(), std::size_t(1));
        QCOMPARE(bed.figures.batching.preemptions, std::uint64_t(1));
        const std::size_t batch = first->times.size();
        const std::size_t agent = second->times.size();
        (void)bed.scheduler->step();
        QCOMPARE(first->times.size(), batch); // the batch job gave way, the agent did not
        QVERIFY(second->times.size() > agent);
        bed.runUntil(*first);
        bed.runUntil(*second);
        QCOMPARE(first->finish.timings.generatedTokens, 400U);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QCOMPARE(bed.scheduler->cache().usedPages(), 0U);
    }

    /// Taken from at most twice: a flood of chats does not keep a batch job from its end.
    void givesWayAFewTimesOnly() {
        Bed bed(1);
        const auto job = bed.ask(10, 300, Priority::P2);
        bed.run(300ms);
        std::vector<std::shared_ptr<TimingSink>> chats;
        for (int i = 0; i < 200 && !job->finished(); ++i) {
            chats.push_back(bed.ask(10, 5));
            bed.run(200ms);
        }
        QVERIFY(job->finished());
        QCOMPARE(bed.figures.batching.preemptions, std::uint64_t(2));
    }

    void changesPrioritiesLive() {
        Bed bed(1);
        const auto running = bed.ask(10, 50);
        (void)bed.scheduler->step();
        const auto first = bed.ask(10, 5, Priority::P1);
        const auto second = bed.ask(10, 5, Priority::P1);
        QVERIFY(bed.scheduler->setPriority(3, Priority::P0));
        QVERIFY(!bed.scheduler->setPriority(99, Priority::P0));
        bed.runUntil(*first);
        QVERIFY(second->finished() && second->end < first->end);
        QCOMPARE(bed.admission.snapshot().waiting, (std::array<std::uint32_t, 3>{}));
    }

    void tellsPositionAndEstimate() {
        Bed bed(1);
        for (int i = 0; i < 3; ++i)
            bed.ask(10, 40);
        const auto last = bed.ask(10, 40);
        QCOMPARE(last->queued.front().queuePosition, 3U);
        QCOMPARE(last->queued.front().estimatedWait_us, std::int64_t(-1)); // nothing known yet
        bed.runUntil(*last);
        QCOMPARE(last->queued.back().queuePosition, 0U);
        double worst = 0;
        for (const TokenEvent& event : last->queued)
            worst = std::max(worst, double(event.estimatedWait_us) / 1e6);
        // One request takes 40 steps of 20.5 ms, about 0.85 s; two were before it then.
        QVERIFY2(worst > 0.6 && worst < 2.6, qPrintable(QString::number(worst)));
    }

    void deadlinesAndTimeLimits() {
        Bed bed(1);
        const auto running = bed.ask(10, 100);
        Request late;
        late.deadline = bed.clock.now() + 300ms;
        const auto passed = bed.ask(10, 5, Priority::P1, late);
        Request brief;
        brief.maxTime = 200ms;
        const auto capped = bed.ask(10, 500, Priority::P1, brief);
        bed.runUntil(*capped);
        QCOMPARE(passed->finish.finish, FinishReason::Failed);
        QVERIFY(passed->finish.status == Code::DeadlinePassed);
        QVERIFY(passed->times.empty());
        QCOMPARE(running->finish.finish, FinishReason::MaxTokens);
        QCOMPARE(capped->finish.finish, FinishReason::TimeLimit);
        QVERIFY(capped->finish.timings.generatedTokens >= 5);
        QVERIFY(capped->finish.timings.generatedTokens <= 12);
        QCOMPARE(bed.admission.snapshot().deadlinesPassed, std::uint64_t(1));
    }

    /// A client with a hundred requests and one with two: the two do not wait for the hundred.
    void clientsShareTheDevice() {
        Bed bed(2);
        std::vector<std::shared_ptr<TimingSink>> many;
        Request request;
        request.client = "many";
        for (int i = 0; i < 100; ++i)
            many.push_back(bed.ask(20, 20, Priority::P1, request));
        bed.run(1s);
        request.client = "few";
        const auto one = bed.ask(20, 20, Priority::P1, request);
        const auto two = bed.ask(20, 20, Priority::P1, request);
        bed.runUntil(*two);
        QVERIFY(one->finished() && two->finished());
        const auto done = std::count_if(many.begin(), many.end(),
                                        [](const auto& sink) { return sink->finished(); });
        QVERIFY2(done < 12, qPrintable(QString::number(done)));
    }

    /// Old batch jobs get their turn under a flood of interactive requests.
    void nothingStarves() {
        AdmissionSettings settings;
        settings.queue.agingPeriod = 500ms;
        Bed bed(1, 4096, settings);
        for (int i = 0; i < 5; ++i)
            bed.ask(10, 3);
        const TimePoint asked = bed.clock.now();
        const auto job = bed.ask(10, 3, Priority::P2);
        int chats = 0;
        for (; chats < 500 && !job->finished(); ++chats) {
            bed.ask(10, 3); // faster than they are served
            bed.run(40ms);
        }
        QVERIFY(job->finished());
        const double waited_s = seconds(job->joined - asked);
        QVERIFY2(waited_s < 10, qPrintable(QString::number(waited_s)));
        QVERIFY(chats >= 30); // overdue after 1.5 s of P0s only
    }

    /// While a breaker holds P2, one goes with each probe, and any goes when nothing else runs.
    void heldBatchJobs() {
        AdmissionSettings settings;
        BreakerRule rule = bareUtilizationRule();
        rule.enabled = true;
        rule.duration = 1s;
        rule.lastAction = BreakerAction::HoldBatch;
        rule.pause = 2s;
        rule.probe = 500ms;
        settings.breakers = {rule};
        Bed bed(4, 4096, settings);
        const auto chat = bed.ask(10, 1000);
        const auto busy = [&](Clock::duration duration) {
            const TimePoint until = bed.clock.now() + duration;
            while (bed.clock.now() < until && bed.scheduler->hasWork()) {
                bed.admission.pushSignal({kUtilizationMetric, 99, bed.clock.now()});
                (void)bed.scheduler->step();
            }
        };
        busy(1500ms);
        const auto first = bed.ask(10, 1000, Priority::P2);
        const auto second = bed.ask(10, 1000, Priority::P2);
        busy(1s);
        QVERIFY(first->times.empty() && second->times.empty());
        QCOMPARE(bed.admission.snapshot().breakers[0].state, BreakerState::Open);
        busy(1200ms);
        QVERIFY(!first->times.empty()); // the probe
        QVERIFY(second->times.empty());
        bed.scheduler->cancel(1);
        bed.scheduler->cancel(2);
        busy(200ms);
        QVERIFY(chat->finished());
        QVERIFY(!second->times.empty()); // the device would be idle
    }

    void countsLatencies() {
        Bed bed(2);
        const auto sink = bed.ask(10, 21, Priority::P1);
        bed.runUntil(*sink);
        const auto latencies = bed.latencies.copy();
        const LatencySet& set = (*latencies)[1];
        QCOMPARE(set.queueWait.count(), std::uint64_t(1));
        QCOMPARE(set.ttft.count(), std::uint64_t(1));
        QCOMPARE(set.itl.count(), std::uint64_t(20));
        QCOMPARE(set.e2e.count(), std::uint64_t(1));
        QVERIFY(std::abs(set.itl.mean() - 20'500) < 300);
        QCOMPARE((*latencies)[0].ttft.count(), std::uint64_t(0));
    }

    /// A GPU, as measured: a step without prompts 3.4 ms, any chunk 3.5 ms more, a row 23 us. A
    /// crowd of prompts is computed at the device's rate, one after another.
    void aCrowdOfPromptsRunsAtTheDevicesRate() {
        Bed bed(32, 2048, {}, 2048);
        bed.fixed = 3400us;
        bed.chunk = 3500us;
        bed.row = 23us;
        bed.runUntil(*bed.ask(1000, 8)); // the first learns
        std::vector<std::shared_ptr<TimingSink>> sinks;
        const TimePoint start = bed.clock.now();
        for (int i = 0; i < 32; ++i)
            sinks.push_back(bed.ask(1000, 32));
        double sum_s = 0;
        for (const auto& sink : sinks) {
            bed.runUntil(*sink);
            QVERIFY(sink->finished());
            sum_s += seconds(sink->times.front() - start);
        }
        // One after another without anything else: half of 32,000 rows, 380 ms.
        qInfo("first tokens after %.0f ms on average", sum_s / 32 * 1e3);
        QVERIFY(sum_s / 32 < 0.55);
    }

    /// The user's table: 180 requests a second, 64 tokens in, 16 out.
    void keepsUpWithManyShortRequests() {
        Bed bed(256, 512, {}, 2048);
        bed.fixed = 3400us;
        bed.chunk = 3500us;
        bed.row = 23us;
        bed.runUntil(*bed.ask(64, 8));
        constexpr int kRequests = 1800;
        std::vector<std::shared_ptr<TimingSink>> sinks;
        std::vector<TimePoint> due;
        TimePoint next = bed.clock.now();
        while (sinks.size() < kRequests || bed.scheduler->hasWork()) {
            for (; sinks.size() < kRequests && next <= bed.clock.now(); next += 5556us) {
                due.push_back(next);
                sinks.push_back(bed.ask(64, 16));
            }
            if (bed.scheduler->hasWork())
                (void)bed.scheduler->step();
            else
                bed.clock.advance(1ms);
        }
        std::vector<double> whole_s;
        for (std::size_t i = 0; i < sinks.size(); ++i)
            whole_s.push_back(seconds(sinks[i]->end - due[i]));
        std::sort(whole_s.begin(), whole_s.end());
        const double mean_s =
            std::accumulate(whole_s.begin(), whole_s.end(), 0.0) / double(whole_s.size());
        const double p99_s = whole_s[whole_s.size() * 99 / 100];
        qInfo("mean %.0f ms, p99 %.0f ms", mean_s * 1e3, p99_s * 1e3);
        QVERIFY(p99_s < 0.5);
    }
};

INGLENOOK_SUITE(scheduler_policy, TstSchedulerPolicy)
#include "tst_scheduler_policy.moc"
