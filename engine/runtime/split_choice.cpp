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
constexpr std::uint32_t kWarmSteps = 4; // the first ones make graphs
constexpr std::uint32_t kTimedSteps = 24;
constexpr std::uint32_t kContext = 1 + kWarmSteps + kTimedSteps;

/// Median time of a step of so many answers, the next one always submitted before the last is read.
Result<double> medianStep_s(Executor& executor, std::uint32_t rows) {
    Batch begin;
    Batch next;
    for (std::uint32_t i = 0; i < rows; ++i) {
        SamplerSpec spec;
        spec.temperature = 0.6F;
        spec.topP = 0.95F;
        INGLENOOK_TRY(executor.setSlot(i, spec));
        PageTable table;
        for (std::uint32_t page = 0; page < pagesFor(kContext); ++page)
            table.pages.push_back(1 + i * pagesFor(kContext) + page);
        begin.tables.push_back(table);
        begin.rows.push_back({i, i, 0, 1, Want::Token});
        next.rows.push_back({i, i, 1, kLastSampled, Want::Token});
    }
    next.tables = begin.tables;
    const Result<Ticket> first = executor.submit(std::move(begin));
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
            for (BatchRow& row : next.rows)
                ++row.position;
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

Result<DecodeTimes> timeLayers(ModelConfig config, std::shared_ptr<const TensorSource> source,
                               const NumberFormats& formats, std::uint32_t layers,
                               std::uint32_t rows, Executor& executor,
                               const std::atomic<bool>& stop) {
    constexpr std::uint32_t kLeastRows = 16;
    config.layerCount = layers;
    ExecutorPlan plan;
    plan.formats = formats;
    plan.context = kContext;
    plan.pageCount = 1 + rows * pagesFor(kContext);
    plan.slotCount = rows;
    plan.maxBatchRows = std::max(kLeastRows, rows);
    INGLENOOK_TRY(executor.load(config, std::move(source), plan, {}, stop));
    const Result<double> one = medianStep_s(executor, 1);
    const Result<double> many = one ? medianStep_s(executor, rows) : one;
    executor.release();
    if (!many)
        return many.status();
    return DecodeTimes{*one, *many};
}

} // namespace

Result<DecodeTimes> measureDecode(const ModelConfig& config,
                                  std::shared_ptr<const TensorSource> source,
                                  const NumberFormats& formats, std::uint32_t rows,
                                  Executor& executor, const std::atomic<bool>& stop) {
    const std::uint32_t few = std::min(kFewLayers, config.layerCount);
    const std::uint32_t more = std::min(kMoreLayers, config.layerCount);
    const Result<DecodeTimes> little =
        timeLayers(config, source, formats, few, rows, executor, stop);
    if (!little || more == few)
        return little;
    const Result<DecodeTimes> much =
        timeLayers(config, source, formats, more, rows, executor, stop);
    if (!much)
        return much.status();
    const auto whole = [&](double short_s, double long_s) {
        return short_s + std::max(0.0, long_s - short_s) / (more - few) * (config.layerCount - few);
    };
    return DecodeTimes{whole(little->one_s, much->one_s), whole(little->many_s, much->many_s)};
}

Result<SplitChoice> SplitChoices::measure(const ModelConfig& config,
                                          const std::shared_ptr<const TensorSource>& source,
                                          const NumberFormats& formats, const std::string& device,
                                          std::uint32_t streams, const Maker& make,
                                          const std::atomic<bool>& stop) {
    const std::vector<std::string> devices = replicaDevices(device, SplitMode::Replicas);
    std::string key = source->contentHash() + "/" + device + "/" + std::to_string(streams);
    for (const std::string_view format :
         {name(formats.weights), name(formats.activations), name(formats.kv)})
        key.append("/").append(format);
    if (const auto known = m_known.find(key); known != m_known.end())
        return known->second;
    SplitChoice choice;
    choice.devices = static_cast<std::uint32_t>(devices.size());
    choice.streams = std::max(streams, 1U);
    const std::uint32_t each = (choice.streams + choice.devices - 1) / choice.devices;
    for (const bool together : {false, true}) {
        const Result<std::unique_ptr<Executor>> executor = make(together ? device : devices[0]);
        if (!executor)
            return choice; // loading says why
        const Result<DecodeTimes> times = measureDecode(
            config, source, formats, together ? choice.streams : each, **executor, stop);
        if (stop)
            return Status(Code::Cancelled);
        if (!times || times->one_s <= 0 || times->many_s <= 0)
            return choice;
        (together ? choice.allPerSecond : choice.onePerSecond) = 1 / times->one_s;
        (together ? choice.sharedPerSecond : choice.replicasPerSecond) =
            choice.streams / times->many_s;
    }
    m_known.emplace(key, choice);
    return choice;
}

} // namespace engine
