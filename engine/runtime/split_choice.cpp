#include "engine/runtime/split_choice.h"

#include "engine/device/make_executor.h"
#include "engine/runtime/kv_cache.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

namespace engine {

namespace {

constexpr std::uint32_t kFewLayers = 1;
constexpr std::uint32_t kMoreLayers = 3;
constexpr std::uint32_t kPromptRows = 16;
constexpr std::uint32_t kWarmSteps = 4; // the first ones make graphs
constexpr std::uint32_t kTimedSteps = 24;
constexpr std::uint32_t kContext = kPromptRows + kWarmSteps + kTimedSteps;

/// Median time of a step with one row, the next one always submitted before the last is read.
Result<double> medianStep_s(Executor& executor) {
    Batch prompt;
    prompt.tables.resize(1);
    for (PageId page = 1; page <= pagesFor(kContext); ++page)
        prompt.tables[0].pages.push_back(page);
    Batch next = prompt;
    for (std::uint32_t i = 0; i < kPromptRows; ++i)
        prompt.rows.push_back(
            {0, 0, i, static_cast<TokenId>(i), i + 1 == kPromptRows ? Want::Token : Want::Nothing});
    next.rows.push_back({0, 0, kPromptRows, kLastSampled, Want::Token});
    SamplerSpec spec;
    spec.temperature = 0.6F;
    spec.topP = 0.95F;
    INGLENOOK_TRY(executor.setSlot(0, spec));
    const Result<Ticket> first = executor.submit(std::move(prompt));
    INGLENOOK_TRY(first ? executor.collect(*first).status : first.status());

    using StepClock = std::chrono::steady_clock;
    const std::size_t inFlight = executor.runsAhead() ? 2 : 1;
    std::vector<double> times;
    std::deque<Ticket> tickets;
    auto last = StepClock::now();
    for (std::uint32_t step = 0; step < kWarmSteps + kTimedSteps || !tickets.empty(); ++step) {
        if (step < kWarmSteps + kTimedSteps) {
            const Result<Ticket> ticket = executor.submit(next);
            if (!ticket)
                return ticket.status();
            ++next.rows[0].position;
            tickets.push_back(*ticket);
            if (tickets.size() < inFlight)
                continue;
        }
        const BatchResult result = executor.collect(tickets.front());
        tickets.pop_front();
        INGLENOOK_TRY(result.status);
        const auto now = StepClock::now();
        times.push_back(std::chrono::duration<double>(now - last).count());
        last = now;
    }
    const auto middle = times.begin() + kWarmSteps + kTimedSteps / 2;
    std::nth_element(times.begin() + kWarmSteps, middle, times.end());
    return *middle;
}

Result<double> timeLayers(ModelConfig config, std::shared_ptr<const TensorSource> source,
                          const NumberFormats& formats, std::uint32_t layers, Executor& executor,
                          const std::atomic<bool>& stop) {
    config.layerCount = layers;
    ExecutorPlan plan;
    plan.formats = formats;
    plan.context = kContext;
    plan.pageCount = 1 + pagesFor(kContext);
    plan.slotCount = 1;
    plan.maxBatchRows = kPromptRows;
    INGLENOOK_TRY(executor.load(config, std::move(source), plan, {}, stop));
    Result<double> step = medianStep_s(executor);
    executor.release();
    return step;
}

} // namespace

Result<double> measureDecode(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                             const NumberFormats& formats, Executor& executor,
                             const std::atomic<bool>& stop) {
    const std::uint32_t few = std::min(kFewLayers, config.layerCount);
    const std::uint32_t more = std::min(kMoreLayers, config.layerCount);
    const Result<double> little = timeLayers(config, source, formats, few, executor, stop);
    if (!little)
        return little.status();
    double step_s = *little;
    if (more > few) {
        const Result<double> much = timeLayers(config, source, formats, more, executor, stop);
        if (!much)
            return much.status();
        const double layer_s = std::max(0.0, *much - *little) / (more - few);
        step_s += layer_s * (config.layerCount - few);
    }
    return step_s > 0 ? 1 / step_s : 0;
}

Result<SplitChoice> SplitChoices::measure(const ModelConfig& config,
                                          const std::shared_ptr<const TensorSource>& source,
                                          const NumberFormats& formats, const std::string& device,
                                          const Maker& make, const std::atomic<bool>& stop) {
    const std::vector<std::string> devices = replicaDevices(device, SplitMode::Replicas);
    std::string key = source->contentHash() + "/" + device;
    for (const std::string_view format :
         {name(formats.weights), name(formats.activations), name(formats.kv)})
        key.append("/").append(format);
    if (const auto known = m_known.find(key); known != m_known.end())
        return known->second;
    SplitChoice choice;
    choice.devices = static_cast<std::uint32_t>(devices.size());
    for (const bool together : {false, true}) {
        const Result<std::unique_ptr<Executor>> executor = make(together ? device : devices[0]);
        if (!executor)
            return choice; // loading says why
        const Result<double> speed = measureDecode(config, source, formats, **executor, stop);
        if (stop)
            return Status(Code::Cancelled);
        if (!speed)
            return choice;
        (together ? choice.allPerSecond : choice.onePerSecond) = *speed;
    }
    m_known.emplace(key, choice);
    return choice;
}

} // namespace engine
