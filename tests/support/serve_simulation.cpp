#include "tests/support/serve_simulation.h"

#include "engine/runtime/scheduler.h"
#include "tests/support/fake_executor.h"
#include "tests/support/virtual_clock.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace tests {

using namespace engine;

namespace {

constexpr std::array<std::uint32_t, 4> kRowClasses{64, 128, 256, 512};

Clock::duration fromMs(double time_ms) {
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double, std::milli>(time_ms));
}

double toMs(Clock::duration time) {
    return seconds(time) * 1e3;
}

std::int64_t nanoseconds(Clock::duration time) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

double between(const std::vector<StepPoint>& points, double rows) {
    if (rows <= points.front().rows)
        return points.front().time_ms;
    for (std::size_t i = 1; i < points.size(); ++i) {
        const StepPoint& low = points[i - 1];
        const StepPoint& high = points[i];
        if (rows <= high.rows || i + 1 == points.size())
            return low.time_ms +
                   (high.time_ms - low.time_ms) * (rows - low.rows) / (high.rows - low.rows);
    }
    return points.front().time_ms;
}

double mean(const std::vector<double>& values) {
    return values.empty() ? 0
                          : std::accumulate(values.begin(), values.end(), 0.0) /
                                static_cast<double>(values.size());
}

double percentile(std::vector<double> values, double share) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[static_cast<std::size_t>(
        std::ceil(share * static_cast<double>(values.size() - 1)))];
}

/// The device: steps run one behind the other, each as long as its rows say.
class SimulatedDevice {
  public:
    SimulatedDevice(const DeviceTimes& times, VirtualClock& clock)
        : m_times(times), m_clock(clock) {}

    void submit(const Batch& batch) {
        double answers = 0;
        double lookedAt = 0;
        std::vector<std::uint32_t> rowsOf(batch.tables.size());
        for (const BatchRow& row : batch.rows)
            ++rowsOf[row.table];
        for (const BatchRow& row : batch.rows) {
            if (rowsOf[row.table] > 1)
                continue;
            ++answers;
            lookedAt += row.position;
        }
        const auto rows = static_cast<double>(batch.rows.size());
        const bool shares = rows > answers;
        double time_ms = between(shares ? m_times.shared : m_times.answers, rows);
        const double attention_ms = lookedAt * m_times.attention_ns / 1e6;
        if (answers > 0)
            time_ms += shares ? std::max(attention_ms, m_times.leastAttention_ms) : attention_ms;
        StepTimings timings;
        if (m_clock.now() > m_freeAt && m_freeAt != TimePoint())
            timings.idle_ns = nanoseconds(m_clock.now() - m_freeAt);
        idle += std::chrono::nanoseconds(timings.idle_ns);
        begin = std::max(m_clock.now(), m_freeAt);
        m_freeAt = begin + fromMs(time_ms);
        timings.device_ns = nanoseconds(fromMs(time_ms));
        m_flights.push_back({m_freeAt, timings});
        count(shares, batch.rows.size(), time_ms);
    }
    void collect() {
        if (m_flights.front().doneAt > m_clock.now())
            m_clock.advance(m_flights.front().doneAt - m_clock.now());
        collected = m_flights.front().timings;
        m_flights.pop_front();
    }
    bool isDone() const { return m_flights.empty() || m_flights.front().doneAt <= m_clock.now(); }
    /// When it has nothing to compute any more.
    TimePoint freeAt() const { return m_freeAt; }

    void startCounting() {
        idle = {};
        answerSteps_ms.clear();
        sharedSteps_ms.clear();
        byRows.assign(kRowClasses.size() + 1, 0);
    }

    TimePoint begin;       ///< of the step that was submitted last
    StepTimings collected; ///< of the step that was collected last
    Clock::duration idle{};
    std::vector<double> answerSteps_ms;
    std::vector<double> sharedSteps_ms;
    std::vector<std::uint32_t> byRows;

  private:
    void count(bool shares, std::size_t rows, double time_ms) {
        (shares ? sharedSteps_ms : answerSteps_ms).push_back(time_ms);
        const auto above = std::lower_bound(kRowClasses.begin(), kRowClasses.end(), rows);
        if (shares && !byRows.empty())
            ++byRows[static_cast<std::size_t>(above - kRowClasses.begin())];
    }

    const DeviceTimes& m_times;
    VirtualClock& m_clock;
    TimePoint m_freeAt;
    struct Flight {
        TimePoint doneAt;
        StepTimings timings;
    };
    std::deque<Flight> m_flights;
};

struct Answer final : TokenSink {
    Answer(VirtualClock& virtualClock, TimePoint at) : clock(virtualClock), due(at) {}
    bool push(TokenEvent event) noexcept override {
        if (first == TimePoint() && event.timings.generatedTokens > 0)
            first = clock.now();
        if (event.kind == EventKind::Finished) {
            end = clock.now();
            failed = event.finish == FinishReason::Failed;
            tokens = event.timings.generatedTokens;
        }
        return true;
    }

    VirtualClock& clock;
    TimePoint due;
    TimePoint begun; // the step that computes the first of its prompt
    TimePoint first;
    TimePoint end;
    bool failed = false;
    std::uint32_t tokens = 0;
};

class Serving {
  public:
    Serving(const DeviceTimes& times, const ServePlan& plan)
        : m_plan(plan), m_device(times, m_clock), m_admission(settings(), m_latencies, source()) {
        const std::uint32_t context = plan.promptTokens + plan.generateTokens + 32;
        OpenedModel opened = fakeModel("serving", context);
        auto info = std::make_shared<ModelInfo>();
        info->config = opened.config;
        info->context = context;
        info->tokenizer = *Tokenizer::create(std::move(opened.vocabulary));
        m_model = std::move(info);
        ExecutorPlan executorPlan;
        executorPlan.context = context;
        executorPlan.slotCount = plan.slotCount;
        executorPlan.maxBatchRows = plan.mostRows;
        executorPlan.pageCount = 1 + pagesFor(context) * (plan.slotCount + 1);
        m_script->runsAhead = true;
        m_script->cheapRows = times.cheapRows;
        m_script->onSubmit = [this](const Batch& batch) {
            m_clock.advance(fromMs(m_plan.hostStep_ms));
            m_device.submit(batch);
            noteBegun(batch);
        };
        m_script->onCollect = [this] { m_device.collect(); };
        m_script->onTimings = [this](StepTimings& timings) { timings = m_device.collected; };
        m_script->isDone = [this] { return m_device.isDone(); };
        auto executor = makeFakeExecutor(m_script);
        (void)executor->load({}, nullptr, executorPlan, {}, std::atomic<bool>(false));
        m_scheduler = std::make_unique<Scheduler>(
            m_model, std::move(executor), executorPlan,
            SchedulerServices{m_admission, m_latencies, m_figures, source(), m_steps});
        m_scheduler->holdSteps(plan.holdsSteps);
    }

    ServeReport run() {
        // Once through everything, as serve-bench does, at a priority of its own.
        ask(m_clock.now(), Priority::P2, std::min(8U, m_plan.generateTokens));
        while (m_scheduler->hasWork())
            step();
        m_answers.clear();
        m_device.startCounting();
        const BatchingSnapshot before = m_figures.batching;
        const TimePoint start = m_clock.now();
        const std::vector<TimePoint> due = dueTimes(start);
        while (m_answers.size() < due.size() || m_scheduler->hasWork()) {
            if (!m_scheduler->hasWork())
                m_clock.advance(std::max(Clock::duration(), due[m_answers.size()] - m_clock.now()));
            else
                holdStep();
            while (m_answers.size() < due.size() && due[m_answers.size()] <= m_clock.now())
                ask(due[m_answers.size()], Priority::P0, m_plan.generateTokens);
            step();
        }
        return report(start, before);
    }

  private:
    TimeSource source() { return m_clock.source(); }
    AdmissionSettings settings() const {
        AdmissionSettings settings;
        settings.batching = m_plan.batching;
        return settings;
    }
    std::vector<TimePoint> dueTimes(TimePoint start) const {
        std::mt19937_64 random(m_plan.seed);
        std::exponential_distribution<double> gap_s(std::max(m_plan.rate_s, 1e-9));
        std::vector<TimePoint> times(m_plan.requests, start);
        double at_s = 0;
        for (TimePoint& time : times)
            if (m_plan.rate_s > 0)
                time = start + fromMs(1e3 * (at_s += gap_s(random)));
        return times;
    }
    /// As the engine thread does: until a step is due or the device is done, perhaps late.
    void holdStep() {
        const TimePoint due = std::min(m_scheduler->beginDue(), m_device.freeAt());
        std::exponential_distribution<double> late_ms(1 / m_plan.wakeUp_ms);
        if (due > m_clock.now())
            m_clock.advance(due - m_clock.now() + fromMs(late_ms(m_jitter)));
    }
    void step() { (void)m_scheduler->step(); }

    void ask(TimePoint due, Priority priority, std::uint32_t generate) {
        Request request;
        request.priority = priority;
        request.maxTokens = generate;
        request.ignoreEndOfGeneration = true;
        request.topLogprobs = 1; // an event for every token, also for one without text
        Prompt prompt;
        const RequestId id = ++m_lastId;
        for (std::uint32_t i = 0; i < m_plan.promptTokens; ++i) // nobody else's
            prompt.tokens.push_back(
                kFakeFirstWord +
                static_cast<TokenId>((i == 0 ? id / 200 : id * 31 + std::uint64_t{i} * 7) % 200));
        auto ticket = m_admission.admit(request, m_plan.promptTokens);
        auto answer = std::make_shared<Answer>(m_clock, due);
        auto sequence = std::make_shared<Sequence>(id, m_model, request, answer, std::move(prompt));
        sequence->ticket = std::move(*ticket);
        sequence->submitted = m_clock.now();
        m_bySequence[id] = {sequence, answer};
        m_scheduler->add(std::move(sequence));
        m_answers.push_back(std::move(answer));
    }

    /// Whose prompt's first rows are in the step that was submitted just now.
    void noteBegun(const Batch& batch) {
        for (auto at = m_bySequence.begin(); at != m_bySequence.end();) {
            const auto& [sequence, answer] = at->second;
            const SlotId slot = sequence->slot;
            const bool isIn = slot != kNoSlot &&
                              std::any_of(batch.rows.begin(), batch.rows.end(),
                                          [&](const BatchRow& row) { return row.slot == slot; });
            if (isIn)
                answer->begun = m_device.begin;
            at = isIn ? m_bySequence.erase(at) : std::next(at);
        }
    }

    ServeReport report(TimePoint start, const BatchingSnapshot& before) const {
        ServeReport report;
        std::vector<double> ttft, e2e, waited, prompt;
        std::uint64_t tokens = 0;
        TimePoint last = start;
        for (const auto& answer : m_answers) {
            if (answer->failed)
                report.fault = "a request failed";
            ttft.push_back(toMs(answer->first - answer->due));
            e2e.push_back(toMs(answer->end - answer->due));
            waited.push_back(toMs(answer->begun - answer->due));
            prompt.push_back(toMs(answer->first - answer->begun));
            tokens += answer->tokens;
            last = std::max(last, answer->end);
        }
        report.ttftMean = mean(ttft);
        report.ttftP50 = percentile(ttft, 0.5);
        report.ttftP99 = percentile(ttft, 0.99);
        report.e2eMean = mean(e2e);
        report.e2eP99 = percentile(e2e, 0.99);
        report.waitMean = mean(waited);
        report.promptMean = mean(prompt);
        const auto latencies = m_latencies.copy();
        report.itlP50 = static_cast<double>((*latencies)[0].itl.percentile(0.5)) / 1e3;
        report.itlP99 = static_cast<double>((*latencies)[0].itl.percentile(0.99)) / 1e3;
        report.makespan_s = seconds(last - start);
        report.outputTokensPerSecond = static_cast<double>(tokens) / report.makespan_s;
        const BatchingSnapshot& now = m_figures.batching;
        report.promptsPerChunk =
            static_cast<double>(now.promptsInChunks - before.promptsInChunks) /
            std::max(1.0, static_cast<double>(now.chunkSteps - before.chunkSteps));
        report.idleShare = seconds(m_device.idle) / report.makespan_s;
        report.answerSteps_ms = mean(m_device.answerSteps_ms);
        report.sharedSteps_ms = mean(m_device.sharedSteps_ms);
        report.answerSteps = static_cast<std::uint32_t>(m_device.answerSteps_ms.size());
        report.sharedSteps = static_cast<std::uint32_t>(m_device.sharedSteps_ms.size());
        report.stepsByRows = m_device.byRows;
        m_steps->read(0, report.steps);
        if (m_script->broken)
            report.fault = m_script->complaint;
        return report;
    }

    ServePlan m_plan;
    VirtualClock m_clock;
    SimulatedDevice m_device;
    LatencyStats m_latencies;
    Snapshot m_figures;
    Admission m_admission;
    std::shared_ptr<const ModelInfo> m_model;
    std::shared_ptr<FakeExecutorScript> m_script = std::make_shared<FakeExecutorScript>();
    std::shared_ptr<StepRing> m_steps = std::make_shared<StepRing>();
    std::unique_ptr<Scheduler> m_scheduler;
    std::vector<std::shared_ptr<Answer>> m_answers;
    std::map<RequestId, std::pair<std::shared_ptr<Sequence>, std::shared_ptr<Answer>>> m_bySequence;
    RequestId m_lastId = 0;
    std::mt19937_64 m_jitter{7};
};

} // namespace

void DeviceTimes::scale(double by) {
    for (std::vector<StepPoint>* points : {&answers, &shared})
        for (StepPoint& point : *points)
            point.time_ms *= by;
    attention_ns *= by;
    leastAttention_ms *= by;
}

const DeviceTimes& qwen2OnH100() {
    static const DeviceTimes times{"qwen2-7b int8",
                                   {{1, 3.09},
                                    {8, 3.56},
                                    {20, 3.87},
                                    {32, 4.14},
                                    {33, 5.07},
                                    {64, 5.5},
                                    {65, 7.1},
                                    {128, 8.4},
                                    {256, 12}},
                                   {{1, 3.7},
                                    {8, 3.89},
                                    {32, 4.28},
                                    {33, 5.23},
                                    {64, 5.48},
                                    {65, 8.2},
                                    {128, 8.5},
                                    {129, 10.3},
                                    {192, 10.66},
                                    {193, 11.36},
                                    {256, 12.01},
                                    {257, 19},
                                    {350, 19.65},
                                    {552, 20.8},
                                    {1044, 36.8},
                                    {2048, 70}},
                                   0,
                                   0,
                                   64};
    return times;
}

const DeviceTimes& llamaOnH100() {
    static const DeviceTimes times{
        "llama-8b int8",
        {{1, 2.8},
         {8, 3.4},
         {16, 3.77},
         {32, 3.97},
         {64, 4.7},
         {65, 7.0},
         {128, 7.1},
         {160, 9.6},
         {256, 10.9},
         {512, 14.5}}, // the last one by what products of 1,000 rows take
        {{1, 3.2},
         {64, 5.2},
         {65, 7},
         {128, 7.2},
         {129, 9},
         {256, 10.5},
         {512, 14.5},
         {1000, 25.1},
         {2000, 50.8},
         {2048, 52}},
        26.4,
        1.4,
        64};
    return times;
}

ServeReport simulateServing(const DeviceTimes& device, const ServePlan& plan) {
    return Serving(device, plan).run();
}

} // namespace tests
