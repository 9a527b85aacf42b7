#include "engine/runtime/load_plan.h"

#include "engine/runtime/kv_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace engine {

namespace {

constexpr std::uint32_t kLeastContext = 512;       // below it a smaller context is not tried
constexpr std::uint32_t kFurtherSlotTokens = 2048; // pages for each further sequence, at most
constexpr std::uint32_t kLeastChunkRows = 512;     // below it a smaller chunk is not tried

ExecutorPlan makePlan(const LoadRequest& request, std::uint32_t context, std::uint32_t chunkRows) {
    ExecutorPlan plan;
    plan.formats = request.formats;
    plan.context = context;
    plan.slotCount = request.slotCount == 0 ? kDefaultSlots : request.slotCount;
    plan.pageCount = 1 + std::max(pagesFor(context), pagesFor(request.kvTokens));
    plan.maxBatchRows = std::max(chunkRows, plan.slotCount);
    return plan;
}

/// Pages beyond one full context, for the other slots and the prefix cache: as many as fit into
/// half of the memory that is left. None when the number was asked for.
std::uint32_t furtherPages(const LoadRequest& request, const ExecutorPlan& plan,
                           const MemoryPlan& memory) {
    if (request.kvTokens > 0 || plan.slotCount == 1)
        return 0;
    const std::uint32_t most =
        (plan.slotCount - 1) * pagesFor(std::min(plan.context, kFurtherSlotTokens));
    std::uint32_t pages = most;
    for (const DeviceMemory& device : memory.devices) {
        const std::uint64_t page_bytes =
            std::max<std::uint64_t>(1, device.kv_bytes / plan.pageCount);
        if (device.free_bytes == 0)
            continue; // unknown
        const std::uint64_t left =
            device.free_bytes > device.total() ? device.free_bytes - device.total() : 0;
        pages = static_cast<std::uint32_t>(std::min<std::uint64_t>(pages, left / 2 / page_bytes));
    }
    return pages;
}

MemoryPlan withReleased(MemoryPlan plan, const MemoryPlan& released) {
    for (DeviceMemory& device : plan.devices)
        for (const DeviceMemory& each : released.devices)
            if (each.device == device.device && device.free_bytes != 0)
                device.free_bytes += each.total() - each.context_bytes;
    return plan;
}

} // namespace

Result<ExecutorPlan> planModel(const OpenedModel& model, const Executor& executor,
                               const LoadRequest& request, MemoryPlan& memory,
                               const MemoryPlan& released) {
    const std::uint32_t trained = model.config.contextLength;
    std::uint32_t context = request.context;
    if (context == 0)
        context = trained > 0 ? std::min(trained, kDefaultContext) : kLeastContext;
    std::uint32_t chunkRows = executor.chunkRows();
    for (;;) {
        ExecutorPlan plan = makePlan(request, context, chunkRows);
        Result<MemoryPlan> planned = executor.memoryPlan(model.config, *model.tensors, plan);
        if (!planned)
            return planned.status();
        memory = withReleased(std::move(*planned), released);
        const Status fits = checkFits(memory);
        if (fits.ok()) {
            plan.pageCount += furtherPages(request, plan, memory);
            planned = executor.memoryPlan(model.config, *model.tensors, plan);
            if (!planned)
                return planned.status();
            memory = withReleased(std::move(*planned), released);
            return plan;
        }
        // Slower prompts before a shorter memory.
        if (chunkRows / 2 >= kLeastChunkRows) {
            chunkRows /= 2;
            continue;
        }
        // What was asked for by number is not changed behind the user's back.
        if (request.context != 0 || context / 2 < kLeastContext)
            return fits;
        context /= 2;
    }
}

Result<std::vector<LoadedPart>> makeParts(const std::string& words, SplitMode split,
                                          const ExecutorMaker& make) {
    std::vector<LoadedPart> parts;
    for (const std::string& device : replicaDevices(words, split)) {
        Result<std::unique_ptr<Executor>> executor = make(device, split);
        if (!executor)
            return executor.status();
        parts.push_back({std::move(*executor), {}, {}});
    }
    return parts;
}

std::string nameOfParts(const std::vector<LoadedPart>& parts) {
    if (parts.size() == 1)
        return parts.front().executor->deviceName();
    constexpr std::string_view kDot = " · ";
    std::string numbers;
    std::string products;
    bool same = true;
    for (const LoadedPart& part : parts) {
        const std::string name = part.executor->deviceName();
        const std::size_t dot = std::min(name.find(kDot), name.size());
        const std::string number = name.substr(0, dot);
        const std::string product = name.substr(std::min(dot + kDot.size(), name.size()));
        const std::size_t space = number.rfind(' ');
        numbers += numbers.empty() ? number : "+" + number.substr(space + 1);
        same = same && (products.empty() || products == product);
        products = product;
    }
    return numbers + std::string(kDot) + std::to_string(parts.size()) + " x " +
           (same ? products : "GPU") + std::string(kDot) + "replicas";
}

Status planParts(const OpenedModel& model, const LoadRequest& request,
                 std::vector<LoadedPart>& parts, const MemoryPlan& released) {
    const auto count = static_cast<std::uint32_t>(parts.size());
    LoadRequest each = request;
    each.slotCount = (request.slotCount + count - 1) / count;
    each.kvTokens = (request.kvTokens + count - 1) / count;
    for (;;) {
        std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
        std::uint32_t most = 0;
        Status failure; // of the first; the others say all the same what they would take
        for (LoadedPart& part : parts) {
            const Result<ExecutorPlan> plan =
                planModel(model, *part.executor, each, part.memory, released);
            if (!plan) {
                failure = failure.ok() ? plan.status() : failure;
                continue;
            }
            part.plan = *plan;
            least = std::min(least, plan->context);
            most = std::max(most, plan->context);
        }
        if (!failure.ok() || least == most)
            return failure;
        each.context = least;
    }
}

ExecutorPlan smallerPlan(const LoadRequest& request, ExecutorPlan plan) {
    const ExecutorPlan before = plan;
    const std::uint32_t leastPages =
        1 + std::max(pagesFor(plan.context), pagesFor(request.kvTokens));
    plan.pageCount = leastPages + (plan.pageCount - leastPages) / 2;
    const std::uint32_t leastRows = std::max(kLeastChunkRows, plan.slotCount);
    if (plan.maxBatchRows > leastRows)
        plan.maxBatchRows = std::max(leastRows, plan.maxBatchRows / 2);
    const bool same =
        plan.pageCount == before.pageCount && plan.maxBatchRows == before.maxBatchRows;
    if (same && request.context == 0 && plan.context / 2 >= kLeastContext) {
        plan.context /= 2;
        plan.pageCount = 1 + std::max(pagesFor(plan.context), pagesFor(request.kvTokens));
    }
    return plan;
}

} // namespace engine
