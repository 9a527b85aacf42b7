#include "app/commands/load_generator.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>

namespace app {

namespace {

using engine::Clock;
using engine::TimePoint;
using std::chrono::milliseconds;

constexpr milliseconds kLook{50}; // how often Ctrl+C is looked at

/// What became of all requests; sinks write from the engine thread.
struct Tally {
    std::mutex mutex;
    std::condition_variable changed;
    std::uint32_t running = 0;
    std::uint32_t streaming = 0;        // of them: behind their first token
    std::vector<engine::RequestId> ids; // by request, 0 = not sent
    std::vector<double> ttft_ms;
    std::vector<double> ttftCrowded_ms; // sent while everybody else streamed
    std::vector<double> e2e_ms;
    std::uint64_t outputTokens = 0;
    std::uint64_t cachedTokens = 0;
    std::uint32_t errors = 0;
    std::uint32_t cut = 0;
    engine::Status firstError;
    TimePoint lastEnd;
    TimePoint over = TimePoint::max(); // what ends as cancelled behind it was cut

    void fail(const engine::Status& status) {
        if (errors++ == 0)
            firstError = status;
    }
};

class LoadSink final : public engine::TokenSink {
  public:
    LoadSink(std::shared_ptr<Tally> tally, TimePoint due, bool crowded)
        : m_tally(std::move(tally)), m_due(due), m_crowded(crowded) {}

    bool push(engine::TokenEvent event) noexcept override {
        const TimePoint now = Clock::now();
        if (m_firstToken == TimePoint() && event.timings.generatedTokens > 0) {
            m_firstToken = now;
            const std::lock_guard lock(m_tally->mutex);
            ++m_tally->streaming;
        }
        if (event.kind != engine::EventKind::Finished)
            return true;
        const std::lock_guard lock(m_tally->mutex);
        --m_tally->running;
        if (m_firstToken != TimePoint())
            --m_tally->streaming;
        m_tally->lastEnd = now;
        if (event.finish == engine::FinishReason::Cancelled && now >= m_tally->over) {
            ++m_tally->cut;
            m_tally->outputTokens += event.timings.generatedTokens;
            m_tally->cachedTokens += event.timings.cachedTokens;
        } else if (event.finish == engine::FinishReason::Failed ||
                   event.finish == engine::FinishReason::Cancelled) {
            m_tally->fail(event.status);
        } else {
            m_tally->ttft_ms.push_back(engine::seconds(m_firstToken - m_due) * 1e3);
            if (m_crowded)
                m_tally->ttftCrowded_ms.push_back(m_tally->ttft_ms.back());
            m_tally->e2e_ms.push_back(engine::seconds(now - m_due) * 1e3);
            m_tally->outputTokens += event.timings.generatedTokens;
            m_tally->cachedTokens += event.timings.cachedTokens;
        }
        m_tally->changed.notify_one();
        return true;
    }

  private:
    std::shared_ptr<Tally> m_tally;
    TimePoint m_due;
    bool m_crowded;
    TimePoint m_firstToken;
};

double mean(const std::vector<double>& values) {
    return values.empty() ? 0
                          : std::accumulate(values.begin(), values.end(), 0.0) /
                                static_cast<double>(values.size());
}

double percentile(std::vector<double>& values, double share) {
    if (values.empty())
        return 0;
    const double last = static_cast<double>(values.size()) - 1;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::ceil(share * last));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

/// Ids that spell something: a vocabulary begins with special tokens and bytes.
std::vector<engine::TokenId> randomTokens(std::uint32_t count, std::uint32_t vocabularySize,
                                          std::mt19937_64& random) {
    const std::uint32_t first = std::min(300U, vocabularySize / 2);
    std::uniform_int_distribution<std::uint32_t> pick(first, vocabularySize - 1);
    std::vector<engine::TokenId> tokens(count);
    for (engine::TokenId& token : tokens)
        token = static_cast<engine::TokenId>(pick(random));
    return tokens;
}

class Generator {
  public:
    Generator(engine::Engine& engine, const engine::ModelInfo& model, const LoadPlan& plan,
              const std::function<bool()>& stop)
        : m_engine(engine),
          m_model(model),
          m_plan(plan),
          m_stop(stop),
          m_random(plan.seed),
          m_prefix(randomTokens(plan.prefixTokens, model.config.vocabularySize, m_random)) {}

    LoadReport run() {
        // Once through everything, at a priority of its own, so that its figures stay apart.
        send(engine::Priority::P2, Clock::now(), std::min(8U, m_plan.generateTokens));
        waitUntilRunning(0);
        m_tally = std::make_shared<Tally>();
        const engine::Snapshot before = m_engine.snapshot();
        const TimePoint start = Clock::now();
        if (m_plan.most_s > 0)
            m_over = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(m_plan.most_s));
        for (const double due_s : dueTimes(m_plan)) {
            if (m_plan.concurrency > 0)
                waitUntilRunning(m_plan.concurrency - 1);
            TimePoint due = start + std::chrono::duration_cast<Clock::duration>(
                                        std::chrono::duration<double>(due_s));
            if (m_plan.concurrency > 0)
                due = Clock::now(); // the next one comes when one has ended
            if (!sleepUntil(due))
                break;
            send(m_plan.priority, due, lengthOfAnswer());
        }
        waitUntilRunning(0);
        return report(start, before);
    }

  private:
    /// generateTokens, more or less by the plan's spread.
    std::uint32_t lengthOfAnswer() {
        if (m_plan.spread <= 0)
            return m_plan.generateTokens;
        std::uniform_real_distribution<double> factor(1 - m_plan.spread, 1 + m_plan.spread);
        return std::max(
            1U, static_cast<std::uint32_t>(std::lround(factor(m_random) * m_plan.generateTokens)));
    }

    void send(engine::Priority priority, TimePoint due, std::uint32_t generate) {
        engine::Request request;
        request.promptTokens = m_prefix;
        for (const auto token :
             randomTokens(m_plan.promptTokens, m_model.config.vocabularySize, m_random))
            request.promptTokens.push_back(token);
        request.sampler.temperature = m_plan.temperature;
        request.sampler.topP = 0.95F;
        request.sampler.seed = m_random();
        request.maxTokens = generate;
        request.ignoreEndOfGeneration = true;
        request.priority = priority;
        request.client = "serve-bench";
        bool crowded = false;
        {
            const std::lock_guard lock(m_tally->mutex);
            crowded = m_plan.concurrency > 1 && m_tally->streaming + 1 >= m_plan.concurrency;
            ++m_tally->running;
        }
        const auto id =
            m_engine.submit(std::move(request), std::make_shared<LoadSink>(m_tally, due, crowded));
        const std::lock_guard lock(m_tally->mutex);
        m_tally->ids.push_back(id ? *id : 0);
        if (!id) {
            --m_tally->running;
            m_tally->fail(id.status());
        }
    }

    /// False when it is time to stop.
    bool sleepUntil(TimePoint due) {
        std::unique_lock lock(m_tally->mutex);
        while (Clock::now() < due && !ends())
            m_tally->changed.wait_until(lock, std::min(due, Clock::now() + kLook),
                                        [&] { return Clock::now() >= due; });
        return !ends();
    }
    bool ends() const { return m_stop() || Clock::now() >= m_over; }

    void waitUntilRunning(std::uint32_t atMost) {
        std::unique_lock lock(m_tally->mutex);
        bool cancelled = false;
        while (m_tally->running > atMost) {
            const TimePoint look = Clock::now() + kLook;
            m_tally->changed.wait_until(lock, cancelled ? look : std::min(look, m_over),
                                        [&] { return m_tally->running <= atMost; });
            if (!ends() || std::exchange(cancelled, true))
                continue;
            m_tally->over = m_stop() ? TimePoint::max() : std::min(m_tally->over, Clock::now());
            const std::vector<engine::RequestId> ids = m_tally->ids;
            lock.unlock();
            for (const engine::RequestId id : ids)
                m_engine.cancel(id);
            lock.lock();
        }
    }

    LoadReport report(TimePoint start, const engine::Snapshot& before) {
        const engine::Snapshot after = m_engine.snapshot();
        const std::lock_guard lock(m_tally->mutex);
        LoadReport report;
        report.makespan_s = m_tally->running == 0 && m_tally->lastEnd > start
                                ? engine::seconds(m_tally->lastEnd - start)
                                : 0;
        if (m_tally->cut > 0 && report.makespan_s > 0)
            report.makespan_s = engine::seconds(m_tally->over - start);
        report.cut = m_tally->cut;
        report.outputTokens = m_tally->outputTokens;
        report.cachedTokens = m_tally->cachedTokens;
        if (report.makespan_s > 0)
            report.outputTokensPerSecond =
                static_cast<double>(m_tally->outputTokens) / report.makespan_s;
        report.ttftMean_ms = mean(m_tally->ttft_ms);
        report.ttftP50_ms = percentile(m_tally->ttft_ms, 0.5);
        report.ttftP99_ms = percentile(m_tally->ttft_ms, 0.99);
        report.crowded = static_cast<std::uint32_t>(m_tally->ttftCrowded_ms.size());
        report.ttftCrowdedP50_ms = percentile(m_tally->ttftCrowded_ms, 0.5);
        report.ttftCrowdedP99_ms = percentile(m_tally->ttftCrowded_ms, 0.99);
        report.e2eMean_ms = mean(m_tally->e2e_ms);
        report.e2eP99_ms = percentile(m_tally->e2e_ms, 0.99);
        const auto priority = static_cast<std::size_t>(m_plan.priority);
        const engine::LatencyHistogram& itl = (*after.latencies)[priority].itl;
        report.itlP50_ms = static_cast<double>(itl.percentile(0.5)) / 1e3;
        report.itlP99_ms = static_cast<double>(itl.percentile(0.99)) / 1e3;
        report.errors = m_tally->errors;
        report.firstError = m_tally->firstError;
        const auto chunks = after.batching.chunkSteps - before.batching.chunkSteps;
        const auto prompts = after.batching.promptsInChunks - before.batching.promptsInChunks;
        if (chunks > 0)
            report.promptsPerChunk = static_cast<double>(prompts) / static_cast<double>(chunks);
        report.promptsHeld = after.batching.promptsHeld - before.batching.promptsHeld;
        if (report.promptsHeld > 0)
            report.timeHeldMean_ms =
                static_cast<double>(after.batching.held_us - before.batching.held_us) / 1e3 /
                static_cast<double>(report.promptsHeld);
        return report;
    }

    engine::Engine& m_engine;
    const engine::ModelInfo& m_model;
    const LoadPlan& m_plan;
    const std::function<bool()>& m_stop;
    std::mt19937_64 m_random;
    std::vector<engine::TokenId> m_prefix;
    TimePoint m_over = TimePoint::max();
    std::shared_ptr<Tally> m_tally = std::make_shared<Tally>();
};

} // namespace

std::vector<double> dueTimes(const LoadPlan& plan) {
    std::vector<double> times(plan.requests);
    if (plan.rate_s <= 0)
        return times;
    std::mt19937_64 random(plan.seed);
    std::exponential_distribution<double> gap(plan.rate_s);
    double at_s = 0;
    for (double& time : times)
        time = at_s += gap(random);
    return times;
}

LoadReport generateLoad(engine::Engine& engine, const engine::ModelInfo& model,
                        const LoadPlan& plan, const std::function<bool()>& stop) {
    return Generator(engine, model, plan, stop).run();
}

} // namespace app
