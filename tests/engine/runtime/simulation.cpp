#include "tests/engine/runtime/simulation.h"

#include "tests/engine/runtime/scheduler_bed.h"

#include <algorithm>
#include <random>

namespace tests {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t kMostSteps = 20'000;

/// What a request's reader has seen.
class CountingSink final : public TokenSink {
  public:
    bool push(TokenEvent event) noexcept override {
        joined = joined || event.kind == EventKind::Prefill;
        if (event.kind == EventKind::Finished) {
            ++finishes;
            reason = event.finish;
        }
        return takes == 0 || ++events < takes;
    }

    std::uint32_t takes = 0; // then it refuses; 0 = never
    std::uint32_t events = 0;
    std::uint32_t finishes = 0;
    bool joined = false;
    FinishReason reason = FinishReason::None;
};

struct Arrival {
    Clock::duration at{};
    Request request;
    std::vector<TokenId> prompt;
    std::uint32_t sinkTakes = 0;
    std::optional<Clock::duration> cancelAt;
    std::optional<std::pair<Clock::duration, Priority>> changeAt;
};

/// A request that admission let in.
struct Running {
    RequestId id = 0;
    Priority priority = Priority::P0;
    TimePoint submitted;
    std::shared_ptr<CountingSink> sink;
    std::uint64_t joinsWhenOverdue = 0;
    std::uint64_t bound = 0; // joins by which it must have joined; 0 = not overdue yet
};

class Simulation {
  public:
    Simulation(std::uint64_t seed, SimulationTotals& totals) : m_random(seed), m_sums(totals) {
        m_settings = randomSettings();
        m_admission = std::make_unique<Admission>(m_settings, m_latencies, m_time);
        m_slots = 1 + pick(6);
        m_model = SchedulerBed::modelOf(64 + 32 * pick(6));
        ExecutorPlan plan;
        plan.context = m_model->context;
        plan.slotCount = m_slots;
        plan.pageCount = 1 + pagesFor(m_model->context) + pick(2 * m_slots);
        plan.maxBatchRows = 16 + pick(112);
        const double fixed_s = 1e-3 * (1 + pick(20));
        const double row_s = 1e-5 * (1 + pick(100));
        m_script->onSubmit = [this, fixed_s, row_s](const Batch& batch) {
            m_clock.advance(duration(fixed_s + row_s * double(batch.rows.size())));
        };
        m_script->loadTensors = 0;
        m_script->runsAhead = oneIn(2);
        auto executor = makeFakeExecutor(m_script);
        const std::atomic<bool> stop{false};
        (void)executor->load({}, nullptr, plan, {}, stop);
        m_scheduler = std::make_unique<Scheduler>(
            m_model, std::move(executor), plan,
            SchedulerServices{*m_admission, m_latencies, m_figures, m_time});
        makeArrivals();
    }

    std::string run() {
        for (std::uint32_t step = 0; step < kMostSteps; ++step) {
            arriveAndCancel();
            if (!m_scheduler->hasWork()) {
                if (m_next == m_arrivals.size())
                    return atTheEnd();
                m_clock.advance(std::max(Clock::duration(1us), due() - elapsed()));
                continue;
            }
            disturb();
            const std::uint64_t before = progress();
            const std::uint64_t joins = m_figures.batching.joins;
            const bool dead = !m_scheduler->step().ok();
            ++m_sums.steps;
            if (std::string wrong = look(before, joins); !wrong.empty())
                return wrong;
            if (dead)
                return atTheEnd();
        }
        return "it does not come to an end";
    }

  private:
    std::uint32_t pick(std::uint32_t below) { return below == 0 ? 0 : m_random() % below; }
    bool oneIn(std::uint32_t n) { return pick(n) == 0; }
    static Clock::duration duration(double value_s) {
        return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(value_s));
    }
    Clock::duration elapsed() const { return m_time() - m_start; }
    Clock::duration due() const { return m_arrivals[m_next].at; }

    AdmissionSettings randomSettings() {
        AdmissionSettings settings;
        settings.queue.agingPeriod = milliseconds(20 + pick(400));
        settings.queue.overdueShare = 1 + pick(5);
        settings.batching.targetItl = milliseconds(pick(40));
        settings.batching.gatherWindow = milliseconds(pick(100));
        settings.batching.gatherThreshold = pick(12);
        settings.batching.maxItlRatio = 1 + 0.5 * pick(8);
        if (oneIn(3)) {
            settings.perClient.tokensPerSecond = 10 + pick(2000);
            settings.perClient.tokenCapacity = 50 + pick(1000);
        }
        if (oneIn(3))
            settings.global.requestsPerMinute = 30 + pick(3000);
        if (oneIn(3))
            settings.queue.maxWaiting = 1 + pick(8);
        if (oneIn(2)) {
            BreakerRule rule = oneIn(2) ? overloadRule() : bareUtilizationRule();
            rule.enabled = true;
            rule.duration = milliseconds(pick(200));
            rule.pause = milliseconds(100 + pick(500));
            rule.probe = milliseconds(50 + pick(200));
            settings.breakers = {rule};
        }
        return settings;
    }

    void makeArrivals() {
        const std::uint32_t count = oneIn(25) ? 60 + pick(100) : 1 + pick(24);
        const double gap_s = 1e-3 * (1 + pick(60));
        double at_s = 0;
        for (std::uint32_t i = 0; i < count; ++i) {
            at_s += oneIn(4) ? 0 : gap_s * pick(200) / 100;
            Arrival arrival;
            arrival.at = duration(at_s);
            Request& request = arrival.request;
            request.client = std::string(1, char('a' + pick(3)));
            request.priority = Priority(pick(3));
            request.whenBusy = oneIn(2) ? WhenBusy::Refuse : WhenBusy::Wait;
            request.maxTokens = oneIn(6) ? 0 : 1 + pick(40);
            request.reproducible = oneIn(10);
            request.ignoreEndOfGeneration = oneIn(3);
            if (oneIn(8))
                request.deadline = m_time() + arrival.at + milliseconds(pick(300));
            if (oneIn(8))
                request.maxTime = milliseconds(1 + pick(300));
            const std::uint32_t most = oneIn(3) ? m_model->context - 1 : 30;
            for (std::uint32_t t = 1 + pick(most); t > 0; --t)
                arrival.prompt.push_back(kFakeFirstWord + TokenId(pick(oneIn(4) ? 2 : 200)));
            arrival.sinkTakes = oneIn(10) ? 1 + pick(10) : 0;
            if (oneIn(4))
                arrival.cancelAt = arrival.at + milliseconds(pick(300));
            if (oneIn(8))
                arrival.changeAt = {arrival.at + milliseconds(pick(200)), Priority(pick(3))};
            m_arrivals.push_back(std::move(arrival));
        }
    }

    void arriveAndCancel() {
        for (; m_next < m_arrivals.size() && due() <= elapsed(); ++m_next) {
            ++m_sums.requests;
            submit(m_arrivals[m_next], m_next + 1);
        }
        for (std::size_t i = 0; i < m_next; ++i) {
            Arrival& arrival = m_arrivals[i];
            if (arrival.cancelAt && *arrival.cancelAt <= elapsed()) {
                m_scheduler->cancel(i + 1);
                arrival.cancelAt.reset();
            }
            if (arrival.changeAt && arrival.changeAt->first <= elapsed()) {
                m_scheduler->setPriority(i + 1, arrival.changeAt->second);
                for (Running& running : m_running)
                    if (running.id == i + 1)
                        running = {running.id,
                                   arrival.changeAt->second,
                                   running.submitted,
                                   running.sink,
                                   0,
                                   0};
                arrival.changeAt.reset();
            }
        }
    }

    void submit(Arrival& arrival, RequestId id) {
        const auto length = static_cast<std::uint32_t>(arrival.prompt.size());
        if (!m_admission->precheck(arrival.request).ok()) {
            ++m_sums.refused;
            return;
        }
        Result<AdmissionTicket> ticket = m_admission->admit(arrival.request, length);
        if (!ticket) {
            ++m_sums.refused;
            return;
        }
        auto sink = std::make_shared<CountingSink>();
        sink->takes = arrival.sinkTakes;
        Prompt prompt;
        prompt.tokens = arrival.prompt;
        auto sequence =
            std::make_shared<Sequence>(id, m_model, arrival.request, sink, std::move(prompt));
        sequence->ticket = std::move(*ticket);
        sequence->submitted = m_time();
        m_running.push_back({id, arrival.request.priority, sequence->submitted, sink, 0, 0});
        m_scheduler->add(std::move(sequence));
    }

    /// Faults, signals and clock steps.
    void disturb() {
        if (oneIn(50))
            m_clock.advance(oneIn(2) ? -1h : 1h);
        if (oneIn(200)) {
            m_script->dieAtFault = oneIn(3);
            m_script->failAtStep = m_script->steps + 1;
        }
        if (oneIn(100))
            m_script->refuseSlots = true;
        else if (oneIn(3))
            m_script->refuseSlots = false;
        m_admission->pushSignal({kUtilizationMetric, oneIn(4) ? 50.0 : 99.0, m_time()});
        if (oneIn(100)) {
            m_settings.batching.gatherThreshold = pick(12);
            m_settings.perClient.tokensPerSecond = pick(2000);
            (void)m_admission->setSettings(m_settings);
            m_scheduler->setSettings(m_settings);
        }
    }

    std::uint64_t progress() const {
        return m_script->steps + m_figures.requestsFinished + m_figures.requestsFailed;
    }

    std::string look(std::uint64_t before, std::uint64_t joins) {
        if (m_script->broken)
            return "the executor complains: " + m_script->complaint;
        // Once in a while a step only takes pages from one for another.
        m_idleSteps = progress() == before ? m_idleSteps + 1 : 0;
        if (m_idleSteps > 2)
            return "the device is idle although somebody waits";
        const KvCache& cache = m_scheduler->cache();
        if (cache.usedPages() > cache.totalPages())
            return "more pages are used than there are";
        const AdmissionSnapshot admission = m_admission->snapshot();
        for (const BucketSnapshot& bucket : admission.buckets)
            if (!(bucket.tokens >= 0 && bucket.tokens <= bucket.tokenCapacity + 1e-6) ||
                !(bucket.requests >= 0 && bucket.requests <= bucket.requestCapacity + 1e-6))
                return "a bucket's level is outside of its bounds";
        bool holds = false;
        for (const BreakerSnapshot& breaker : admission.breakers) {
            holds = holds || breaker.state != BreakerState::Closed;
            // Looked at every 100 ms: so late it may leave a state, and not much later.
            const bool over = breaker.state != BreakerState::Closed && breaker.remaining_us == 0;
            if (!over || breaker.state != m_overState)
                m_overSince.reset();
            m_overState = breaker.state;
            if (over && !m_overSince)
                m_overSince = m_time();
            else if (over && m_time() - *m_overSince > 100ms)
                return "a breaker stays open beyond its pause";
        }
        return lookForStarvation(joins, holds);
    }

    /// Section "nothing starves" of service_order.h, from outside.
    std::string lookForStarvation(std::uint64_t joinsBefore, bool breakerHolds) {
        std::erase_if(m_running, [&](const Running& running) {
            if (running.sink->finishes > 1)
                m_twice = true;
            if (running.sink->finishes > 0)
                countEnd(running.sink->reason);
            return running.sink->finishes > 0;
        });
        if (m_twice)
            return "a request has finished twice";
        const std::uint64_t share = m_settings.queue.overdueShare + 2ULL * m_slots;
        std::uint64_t older = 0;
        for (Running& running : m_running) {
            ++older;
            if (running.sink->joined)
                continue;
            if (running.bound > 0 && joinsBefore > running.joinsWhenOverdue + running.bound)
                return "request " + std::to_string(running.id) + " starves";
            const auto periods = static_cast<int>(running.priority) + 1;
            const bool overdue =
                m_time() - running.submitted > periods * m_settings.queue.agingPeriod;
            if (breakerHolds && running.priority == Priority::P2) {
                running.bound = 0; // held on purpose
            } else if (overdue && running.bound == 0) {
                ++m_sums.overdue;
                running.joinsWhenOverdue = m_figures.batching.joins;
                running.bound = older * share; // older: with itself
            }
        }
        return {};
    }

    void countEnd(FinishReason reason) {
        m_sums.cancelled += reason == FinishReason::Cancelled ? 1 : 0;
        m_sums.timeLimits += reason == FinishReason::TimeLimit ? 1 : 0;
    }

    std::string atTheEnd() {
        for (const Running& running : m_running) {
            if (running.sink->finishes != 1)
                return "request " + std::to_string(running.id) + " has finished " +
                       std::to_string(running.sink->finishes) + " times";
            countEnd(running.sink->reason);
        }
        if (m_scheduler->cache().usedPages() != 0)
            return std::to_string(m_scheduler->cache().usedPages()) + " pages have leaked";
        const AdmissionSnapshot admission = m_admission->snapshot();
        for (const std::uint32_t waiting : admission.waiting)
            if (waiting != 0)
                return "admission counts somebody who is not there";
        ++m_sums.schedules;
        m_sums.finished += m_figures.requestsFinished;
        m_sums.failed += m_figures.requestsFailed;
        m_sums.preemptions += m_figures.batching.preemptions;
        m_sums.held += m_figures.batching.promptsHeld;
        for (const BreakerSnapshot& breaker : admission.breakers)
            m_sums.breakerTrips += breaker.tripsTotal;
        return {};
    }

    std::mt19937 m_random;
    SimulationTotals& m_sums;
    VirtualClock m_clock;
    const TimeSource m_time = neverBack(m_clock.source());
    const TimePoint m_start = m_time();
    LatencyStats m_latencies;
    Snapshot m_figures;
    AdmissionSettings m_settings;
    std::unique_ptr<Admission> m_admission;
    std::uint32_t m_slots = 1;
    std::shared_ptr<const ModelInfo> m_model;
    std::shared_ptr<FakeExecutorScript> m_script = std::make_shared<FakeExecutorScript>();
    std::unique_ptr<Scheduler> m_scheduler;
    std::vector<Arrival> m_arrivals;
    std::size_t m_next = 0;
    std::vector<Running> m_running;       // oldest first
    std::optional<TimePoint> m_overSince; // a breaker's pause or probe
    BreakerState m_overState = BreakerState::Closed;
    int m_idleSteps = 0;
    bool m_twice = false;
};

} // namespace

std::string simulate(std::uint64_t seed, SimulationTotals& totals) {
    return Simulation(seed, totals).run();
}

} // namespace tests
