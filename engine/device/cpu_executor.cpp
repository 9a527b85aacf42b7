#include "engine/device/cpu_executor.h"

#include "engine/device/cpu_formats.h"
#include "engine/device/cpu_peak.h"
#include "engine/device/cpu_stage_check.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <string>

namespace engine {

namespace {

constexpr std::size_t kTicketsInFlight = 2;
constexpr std::uint32_t kMostSamplers =
    16; // each takes some twenty bytes a token of the vocabulary

std::uint32_t samplersOf(std::uint32_t threads) {
    return std::min(threads, kMostSamplers);
}

kernels::InstructionSet instructionSet(CpuExecutorOptions::Path path) {
    using Path = CpuExecutorOptions::Path;
    using Set = kernels::InstructionSet;
    const Set wanted = path == Path::Scalar       ? Set::Scalar
                       : path == Path::Avx2       ? Set::Avx2
                       : path == Path::Avx512Vnni ? Set::Avx512Vnni
                                                  : kernels::bestInstructionSet();
    return kernels::isSupported(wanted) ? wanted : Set::Scalar;
}

const char* name(kernels::InstructionSet set) {
    switch (set) {
    case kernels::InstructionSet::Scalar:
        return "scalar";
    case kernels::InstructionSet::Avx2:
        return "AVX2";
    case kernels::InstructionSet::Avx512Vnni:
        return "AVX-512 VNNI";
    }
    return "";
}

Status broken(std::string detail) {
    return Status(Code::InternalError, {{"detail", std::move(detail)}});
}

} // namespace

CpuExecutor::CpuExecutor(const CpuExecutorOptions& options)
    : m_set(instructionSet(options.path)), m_options(options) {}

std::uint32_t CpuExecutor::threadCount(const ExecutorPlan& plan) const {
    const std::uint32_t wanted = m_options.threads != 0 ? m_options.threads : plan.threads;
    constexpr std::uint32_t kMostThreads = 1024;
    return wanted == 0 ? usableCores() : std::min(wanted, kMostThreads);
}

/// The oracle's int8 activations are those of the GPU (kInt8RunColumns of cuda_kernels.h): one
/// scale per 512 columns.
std::uint32_t CpuExecutor::activationGroup() const {
    return m_set == kernels::InstructionSet::Scalar ? 512 : 32;
}

std::string CpuExecutor::deviceName() const {
    const std::uint32_t threads = m_workers != nullptr ? m_workers->threads() : threadCount({});
    return std::string("CPU · ") + name(m_set) + " · " + std::to_string(threads) +
           (threads == 1 ? " thread" : " threads");
}

Result<MemoryPlan> CpuExecutor::memoryPlan(const ModelConfig& config, const TensorSource& source,
                                           const ExecutorPlan& plan) const {
    try {
        INGLENOOK_TRY(validate(config));
        const NumberFormats formats = resolveCpuFormats(plan.formats, source);
        CpuWeights weights;
        INGLENOOK_TRY(weights.plan(config, source, plan.formats.weights));
        CpuKvPool kv;
        kv.plan(config, formats.kv, plan.pageCount);
        CpuForward forward(config, formats, kernels::kernelTable(m_set), activationGroup(), weights,
                           kv, threadCount(plan));
        forward.plan(plan.maxBatchRows, plan.context);
        DeviceMemory memory;
        memory.device = "CPU";
        memory.weights_bytes = weights.plannedBytes();
        memory.kv_bytes = kv.plannedBytes();
        memory.workspace_bytes =
            forward.plannedBytes() +
            samplersOf(threadCount(plan)) * SamplerScratch::bytes(config.vocabularySize);
        memory.free_bytes = availableHostMemory();
        MemoryPlan result;
        result.devices.push_back(std::move(memory));
        return result;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "memory to plan"}, {"free", "less"}});
    }
}

Status CpuExecutor::load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
                         const ExecutorPlan& plan, const LoadProgress& progress,
                         const std::atomic<bool>& stop) {
    release();
    const Result<MemoryPlan> memory = memoryPlan(config, *source, plan);
    if (!memory.ok())
        return memory.status();
    INGLENOOK_TRY(checkFits(*memory));
    Status status;
    try {
        m_config = config;
        status = loadParts(*source, plan, progress, stop);
    } catch (const std::bad_alloc&) {
        const DeviceMemory& need = memory->devices.front();
        status = Status(Code::OutOfMemory, {{"need", formatBytes(need.total())},
                                            {"free", formatBytes(availableHostMemory())}});
    }
    if (!status.ok())
        release();
    return status;
}

Status CpuExecutor::loadParts(const TensorSource& source, const ExecutorPlan& plan,
                              const LoadProgress& progress, const std::atomic<bool>& stop) {
    m_formats = resolveCpuFormats(plan.formats, source);
    m_workers = std::make_unique<CpuWorkers>(threadCount(plan));
    INGLENOOK_TRY(m_weights.plan(m_config, source, plan.formats.weights));
    INGLENOOK_TRY(m_weights.load(source, *m_workers, progress, stop));
    m_kv.plan(m_config, m_formats.kv, plan.pageCount);
    INGLENOOK_TRY(m_kv.allocate());
    auto forward =
        std::make_unique<CpuForward>(m_config, m_formats, kernels::kernelTable(m_set),
                                     activationGroup(), m_weights, m_kv, threadCount(plan));
    forward->plan(plan.maxBatchRows, plan.context);
    INGLENOOK_TRY(forward->allocate(*m_workers));
    const std::uint32_t samplers = samplersOf(threadCount(plan));
    m_samplers.reserve(samplers);
    for (std::uint32_t i = 0; i < samplers; ++i)
        m_samplers.emplace_back(m_config.vocabularySize, kernels::kernelTable(m_set));
    m_slots.assign(plan.slotCount, CpuSampler());
    m_rows.reserve(forward->maxRows());
    m_forward = std::move(forward);
    m_hasInt8Workspace = m_formats.activations == ActivationFormat::Int8;
    return {};
}

void CpuExecutor::release() {
    m_forward.reset();
    m_weights.release();
    m_kv.release();
    m_samplers.clear();
    m_slots.clear();
    m_rows.clear();
    m_rows.shrink_to_fit();
    m_finished.clear();
    m_timesStages = false;
    m_workers.reset();
}

std::uint64_t CpuExecutor::allocatedBytes() const {
    return m_weights.allocatedBytes() + m_kv.allocatedBytes() +
           (m_forward != nullptr ? m_forward->allocatedBytes() : 0) +
           m_samplers.size() * SamplerScratch::bytes(m_config.vocabularySize);
}

Status CpuExecutor::setSlot(SlotId slot, const SamplerSpec& spec) {
    if (slot >= m_slots.size())
        return broken("slot " + std::to_string(slot) + " of " + std::to_string(m_slots.size()));
    INGLENOOK_TRY(validate(spec));
    try {
        m_slots[slot].reset(spec);
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "sampler state"}, {"free", "less"}});
    }
    return {};
}

Status CpuExecutor::setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) {
    if (slot >= m_slots.size())
        return broken("slot " + std::to_string(slot) + " of " + std::to_string(m_slots.size()));
    if (!allowedBits.empty() && allowedBits.size() < (m_config.vocabularySize + 31) / 32)
        return broken("a vocabulary mask shorter than the vocabulary");
    try {
        m_slots[slot].setMask(allowedBits);
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a vocabulary mask"}, {"free", "less"}});
    }
    return {};
}

Status CpuExecutor::checkBatch(const Batch& batch) const {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    if (m_finished.size() >= kTicketsInFlight)
        return broken("a third ticket in flight");
    if (batch.rows.size() > m_forward->maxRows())
        return broken("a batch of " + std::to_string(batch.rows.size()) + " rows, planned for " +
                      std::to_string(m_forward->maxRows()));
    for (const PageTable& table : batch.tables)
        for (const PageId page : table.pages)
            if (page >= m_kv.pageCount())
                return broken("KV page " + std::to_string(page) + " of " +
                              std::to_string(m_kv.pageCount()));
    for (const BatchRow& row : batch.rows) {
        if (row.position >= m_forward->context())
            return Status(Code::ContextExceeded, {{"tokens", std::to_string(row.position + 1)},
                                                  {"limit", std::to_string(m_forward->context())}});
        if (row.table >= batch.tables.size() ||
            row.position / kPageTokens >= batch.tables[row.table].pages.size())
            return broken("a row without a page for position " + std::to_string(row.position));
        const bool samples = row.want == Want::Token || row.want == Want::TopLogprobs;
        const bool needsSlot = samples || row.token == kLastSampled || row.slot != kNoSlot;
        if (needsSlot && row.slot >= m_slots.size())
            return broken("a row without a slot that exists");
    }
    return {};
}

Status CpuExecutor::resolveRows(const Batch& batch) {
    m_rows.clear();
    for (const BatchRow& row : batch.rows) {
        const TokenId token = row.token == kLastSampled ? m_slots[row.slot].lastToken() : row.token;
        if (token < 0 || static_cast<std::uint32_t>(token) >= m_config.vocabularySize)
            return broken("token " + std::to_string(token) + " of a vocabulary of " +
                          std::to_string(m_config.vocabularySize));
        m_rows.push_back({token, row.position, row.table, row.want != Want::Nothing});
    }
    return {};
}

Result<Ticket> CpuExecutor::submit(Batch batch) {
    INGLENOOK_TRY(checkBatch(batch));
    INGLENOOK_TRY(resolveRows(batch));
    return compute(std::move(batch), m_timesStages ? &m_clock : nullptr);
}

/// Of the rows that resolveRows() made of the batch.
Result<Ticket> CpuExecutor::compute(Batch batch, CpuStageObserver* observer) {
    const auto start = std::chrono::steady_clock::now();
    Finished finished{m_nextTicket, {}};
    try {
        const LogitsSink sink = [&](std::span<const std::uint32_t> rows, const float* logits) {
            if (finished.result.status.ok())
                finished.result.status = answerRows(batch, rows, logits, finished.result);
        };
        m_forward->run(m_rows, batch.tables, sink, observer);
    } catch (const std::bad_alloc&) {
        finished.result.rows.clear();
        finished.result.status =
            Status(Code::OutOfMemory, {{"need", "the logits of a step"}, {"free", "less"}});
    }
    const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - start;
    finished.result.timings = timingsOf(batch, total.count());
    m_finished.push_back(std::move(finished));
    return m_nextTicket++;
}

/// Rows are drawn side by side; those of one slot in turn, because each counts for the next.
Status CpuExecutor::answerRows(const Batch& batch, std::span<const std::uint32_t> rows,
                               const float* logits, BatchResult& result) {
    const std::size_t vocabulary = m_config.vocabularySize;
    const std::size_t before = result.rows.size();
    result.rows.resize(before + rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
        result.rows[before + i].row = rows[i];
    std::atomic<std::size_t> next{0};
    std::atomic<bool> failed{false};
    const auto startsTurn = [&](std::size_t i) {
        const SlotId slot = batch.rows[rows[i]].slot;
        return i == 0 || slot == kNoSlot || slot != batch.rows[rows[i - 1]].slot;
    };
    const auto draw = [&](SamplerScratch& scratch) {
        for (std::size_t i = next++; i < rows.size(); i = next++) {
            if (!startsTurn(i))
                continue;
            std::size_t at = i;
            do {
                answerRow(batch, {logits + at * vocabulary, vocabulary}, scratch,
                          result.rows[before + at]);
            } while (++at < rows.size() && !startsTurn(at));
        }
    };
    const auto samplers = static_cast<std::uint32_t>(std::min(m_samplers.size(), rows.size()));
    m_workers->run(samplers, [&](std::uint32_t sampler, std::uint32_t) {
        try {
            draw(m_samplers[sampler]);
        } catch (const std::bad_alloc&) {
            failed = true;
        }
    });
    if (failed)
        return Status(Code::OutOfMemory, {{"need", "the draw of a token"}, {"free", "less"}});
    return {};
}

void CpuExecutor::answerRow(const Batch& batch, std::span<const float> logits,
                            SamplerScratch& scratch, RowResult& answer) {
    const BatchRow& asked = batch.rows[answer.row];
    if (asked.slot != kNoSlot)
        answer.token = m_slots[asked.slot].sample(logits, asked.position + 1, scratch);
    if (asked.want != Want::Token) {
        const double denominator = logSumExp(logits, scratch);
        if (answer.token != kNoToken)
            answer.logprob =
                static_cast<float>(logits[static_cast<std::size_t>(answer.token)] - denominator);
        if (asked.want == Want::TopLogprobs)
            answer.topLogprobs = topLogprobs(logits, batch.topCount, denominator);
    }
    if (asked.want == Want::FullLogits)
        answer.logits.assign(logits.begin(), logits.end());
}

StepTimings CpuExecutor::timingsOf(const Batch& batch, std::int64_t total_ns) const {
    StepTimings timings;
    timings.total_ns = total_ns;
    timings.weightBytes = m_weights.layerBytes() + m_weights.headBytes() * m_forward->headReads();
    const std::uint64_t tokenBytes = m_kv.pageBytes() / kPageTokens;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& row = batch.rows[i];
        const bool first = i == 0 || batch.rows[i - 1].table != row.table;
        const bool last = i + 1 == batch.rows.size() || batch.rows[i + 1].table != row.table;
        const bool decode = first && last && row.want != Want::Nothing;
        ++(decode ? timings.decodeRows : timings.prefillRows);
        timings.kvBytes += tokenBytes * (row.position + 1);
    }
    return timings;
}

BatchResult CpuExecutor::collect(Ticket ticket) {
    if (m_finished.empty() || m_finished.front().ticket != ticket) {
        BatchResult none;
        none.status = broken("ticket " + std::to_string(ticket) + " is not the oldest");
        return none;
    }
    BatchResult result = std::move(m_finished.front().result);
    m_finished.pop_front();
    return result;
}

Status CpuExecutor::copyPage(PageId from, PageId to) {
    return m_kv.copyPage(from, to);
}

Result<std::vector<std::byte>> CpuExecutor::savePage(PageId page) {
    return m_kv.savePage(page);
}

Status CpuExecutor::restorePage(PageId page, std::span<const std::byte> bytes) {
    return m_kv.restorePage(page, bytes);
}

void CpuExecutor::poison() {
    m_kv.poison();
    if (m_forward != nullptr)
        m_forward->poison();
}

ComputeLimits CpuExecutor::measureComputeLimits() {
    if (m_workers == nullptr)
        return {};
    const kernels::KernelTable& kernels = kernels::kernelTable(m_set);
    ComputeLimits limits;
    limits.attention = measurePeak(*m_workers, kernels.spinFloat);
    limits.products = m_formats.activations == ActivationFormat::Int8
                          ? measurePeak(*m_workers, kernels.spinInt8)
                          : limits.attention;
    return limits;
}

Status CpuExecutor::setActivations(ActivationFormat format) {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    const bool possible = format == ActivationFormat::F32 || format == ActivationFormat::BF16 ||
                          (format == ActivationFormat::Int8 && m_hasInt8Workspace);
    if (!possible)
        return Executor::setActivations(format);
    m_formats.activations = format;
    m_forward->setActivations(format);
    return {};
}

Status CpuExecutor::timeStages(bool on) {
    if (on)
        m_clock.reset();
    m_timesStages = on;
    return {};
}

Result<std::vector<StageError>> CpuExecutor::checkStages(Batch batch) {
    INGLENOOK_TRY(checkBatch(batch));
    INGLENOOK_TRY(resolveRows(batch));
    try {
        // The rows and tables that the check looks at must outlive the batch that is computed.
        const std::vector<PageTable> tables = batch.tables;
        CpuStageCheck check(m_config, m_formats, activationGroup(), m_weights, m_kv, *m_forward,
                            m_workers->threads());
        INGLENOOK_TRY(check.prepare(m_rows, tables, *m_workers));
        const Result<Ticket> ticket = compute(std::move(batch), &check);
        if (!ticket.ok())
            return ticket.status();
        const BatchResult result = collect(*ticket);
        if (!result.status.ok())
            return result.status;
        return check.errors();
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "the slow twins"}, {"free", "less"}});
    }
}

std::unique_ptr<Executor> makeCpuExecutor(const CpuExecutorOptions& options) {
    return std::make_unique<CpuExecutor>(options);
}

} // namespace engine
