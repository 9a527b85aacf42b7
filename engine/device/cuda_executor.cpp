#include "engine/device/cuda_executor.h"

#include "engine/device/cpu_sampler.h"
#include "engine/device/cuda_status.h"
#include "engine/model/quantize.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>

namespace engine {

namespace {

constexpr std::size_t kTicketsInFlight = 2;
constexpr std::size_t kMostGraphs = 64;
/// What a block may have on every device since compute capability 8.0.
constexpr std::uint32_t kPortableShared = 99 * 1024;

Status broken(std::string detail) {
    return Status(Code::InternalError, {{"detail", std::move(detail)}});
}

NumberFormats resolveCudaFormats(NumberFormats requested, const TensorSource& source,
                                 const kernels::cuda::DeviceLimits& limits) {
    NumberFormats formats = requested;
    formats.weights = resolveWeightFormat(requested.weights, source);
    const bool f32 = formats.weights == WeightFormat::F32;
    const bool bf16 = formats.weights == WeightFormat::BF16;
    if (formats.activations == ActivationFormat::Auto)
        formats.activations = f32 ? ActivationFormat::F32 : ActivationFormat::BF16;
    if (formats.activations == ActivationFormat::Int8 && !limits.hopper)
        formats.activations = ActivationFormat::BF16; // the portable path has no int8 products
    if (formats.kv == KvFormat::Auto)
        formats.kv = f32 ? KvFormat::F32 : bf16 ? KvFormat::BF16 : KvFormat::Int8;
    return formats;
}

/// Page-locked memory, so that copies run beside the computation.
template<typename T>
cudaError_t allocatePinned(T*& memory, std::uint64_t count) {
    void* raw = nullptr;
    const cudaError_t error = cudaMallocHost(&raw, count * sizeof(T));
    memory = static_cast<T*>(raw);
    return error;
}

bool asksHost(Want want) {
    return want == Want::TopLogprobs || want == Want::FullLogits;
}

/// A row that is its sequence's only one.
bool isAlone(const Batch& batch, std::size_t i) {
    const std::uint32_t table = batch.rows[i].table;
    const bool first = i == 0 || batch.rows[i - 1].table != table;
    const bool last = i + 1 == batch.rows.size() || batch.rows[i + 1].table != table;
    return first && last;
}
bool isDecode(const Batch& batch, std::size_t i) {
    return isAlone(batch, i) && batch.rows[i].want != Want::Nothing;
}

/// Every row decodes and only its token is asked for: the shape depends on counts alone.
bool isPureDecode(const Batch& batch) {
    if (batch.rows.size() > kCudaHeadRows)
        return false;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const bool ownSlot = i == 0 || batch.rows[i - 1].slot != batch.rows[i].slot;
        if (!isDecode(batch, i) || batch.rows[i].want != Want::Token || !ownSlot)
            return false;
    }
    return !batch.rows.empty();
}

} // namespace

CudaExecutor::CudaExecutor(int index, std::string productName, kernels::cuda::DeviceLimits limits)
    : m_index(index), m_productName(std::move(productName)), m_limits(limits) {}

Result<std::unique_ptr<Executor>> CudaExecutor::create(int index) {
    const std::string name = "CUDA " + std::to_string(index);
    const auto refuse = [&](std::string reason) {
        return Status(Code::DeviceUnavailable, {{"device", name}, {"reason", std::move(reason)}});
    };
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaErrorInsufficientDriver)
        return refuse("there is no NVIDIA driver, or it is older than this program needs; install "
                      "or update the driver");
    if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0))
        return refuse("no NVIDIA GPU was found");
    if (error != cudaSuccess)
        return refuse(cudaGetErrorString(error));
    if (index >= count)
        return refuse("this computer has " + std::to_string(count) + " such devices");
    cudaDeviceProp properties;
    if (const cudaError_t failed = cudaGetDeviceProperties(&properties, index);
        failed != cudaSuccess)
        return refuse(cudaGetErrorString(failed));
    if (properties.major < 8)
        return refuse(std::string(properties.name) + " is older than compute capability 8.0");
    kernels::cuda::DeviceLimits limits;
    limits.hopper = properties.major == 9 && !portablePathForced();
    limits.multiprocessors = static_cast<std::uint32_t>(properties.multiProcessorCount);
    limits.sharedBytes = static_cast<std::uint32_t>(properties.sharedMemPerBlockOptin);
    if (portablePathForced())
        limits.sharedBytes = std::min(limits.sharedBytes, kPortableShared);
    std::unique_ptr<CudaExecutor> executor(new (std::nothrow)
                                               CudaExecutor(index, properties.name, limits));
    if (executor == nullptr)
        return Status(Code::OutOfMemory, {{"need", "an executor"}, {"free", "less"}});
    if (const cudaError_t failed = cudaSetDevice(index); failed != cudaSuccess)
        return refuse(cudaGetErrorString(failed));
    if (const cudaError_t failed =
            cudaStreamCreateWithFlags(&executor->m_stream, cudaStreamNonBlocking);
        failed != cudaSuccess)
        return refuse(cudaGetErrorString(failed));
    return std::unique_ptr<Executor>(std::move(executor));
}

CudaExecutor::~CudaExecutor() {
    release();
    if (m_stream != nullptr)
        (void)cudaStreamDestroy(m_stream);
}

std::string CudaExecutor::deviceName() const {
    return shortName() + " · " + m_productName;
}

Status CudaExecutor::use() const {
    if (m_health.state == HealthState::Dead)
        return m_health.reason;
    return cudaStatus(cudaSetDevice(m_index), shortName());
}

Status CudaExecutor::note(Status status) {
    if (status == Code::DeviceLost && m_health.state == HealthState::Good)
        m_health = {HealthState::Dead, status};
    return status;
}

Result<MemoryPlan> CudaExecutor::memoryPlan(const ModelConfig& config, const TensorSource& source,
                                            const ExecutorPlan& plan) const {
    try {
        INGLENOOK_TRY(validate(config));
        INGLENOOK_TRY(use());
        const NumberFormats formats = resolveCudaFormats(plan.formats, source, m_limits);
        CudaWeights weights;
        INGLENOOK_TRY(weights.plan(config, source, plan.formats.weights));
        CudaKvPool kv;
        kv.plan(config, formats.kv, plan.pageCount);
        CudaSlots slots;
        slots.plan(plan.slotCount, config.vocabularySize);
        CudaForward forward(config, formats, weights, kv, slots, m_limits, shortName());
        forward.plan(plan.maxBatchRows, plan.context, plan.slotCount);
        DeviceMemory memory;
        memory.device = shortName();
        memory.weights_bytes = weights.plannedBytes();
        memory.kv_bytes = kv.plannedBytes();
        memory.workspace_bytes = forward.plannedBytes() + slots.plannedBytes();
        std::size_t free = 0;
        std::size_t total = 0;
        INGLENOOK_CUDA_TRY(cudaMemGetInfo(&free, &total), shortName());
        memory.free_bytes = free; // the driver's context is out of it already
        MemoryPlan result;
        result.devices.push_back(std::move(memory));
        return result;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "memory to plan"}, {"free", "less"}});
    }
}

Status CudaExecutor::load(const ModelConfig& config, std::shared_ptr<const TensorSource> source,
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
        status = Status(Code::OutOfMemory, {{"need", "host memory to load"}, {"free", "less"}});
    }
    if (!status.ok())
        release();
    return note(std::move(status));
}

Status CudaExecutor::loadParts(const TensorSource& source, const ExecutorPlan& plan,
                               const LoadProgress& progress, const std::atomic<bool>& stop) {
    m_formats = resolveCudaFormats(plan.formats, source, m_limits);
    const std::string name = shortName();
    {
        CpuWorkers workers(plan.threads == 0 ? usableCores() : plan.threads);
        INGLENOOK_TRY(m_weights.plan(m_config, source, plan.formats.weights));
        INGLENOOK_TRY(m_weights.load(source, m_index, name, workers, progress, stop));
    }
    m_kv.plan(m_config, m_formats.kv, plan.pageCount);
    INGLENOOK_TRY(m_kv.allocate(name));
    m_slots.plan(plan.slotCount, m_config.vocabularySize);
    INGLENOOK_TRY(m_slots.allocate(name));
    m_sampled.assign(plan.slotCount, false);
    m_forward = std::make_unique<CudaForward>(m_config, m_formats, m_weights, m_kv, m_slots,
                                              m_limits, name);
    m_forward->plan(plan.maxBatchRows, plan.context, plan.slotCount);
    INGLENOOK_TRY(m_forward->allocate());
    m_hasInt8Workspace = m_formats.activations == ActivationFormat::Int8;
    return allocateStaging();
}

Status CudaExecutor::allocateStaging() {
    const std::string name = shortName();
    for (Staging& staging : m_staging) {
        INGLENOOK_CUDA_TRY(
            allocatePinned(staging.batch, m_forward->batchBytes(m_forward->pageCapacity())), name);
        INGLENOOK_CUDA_TRY(allocatePinned(staging.tokens, m_forward->maxRows()), name);
        INGLENOOK_CUDA_TRY(cudaEventCreateWithFlags(&staging.done, cudaEventDisableTiming), name);
    }
    return {};
}

Status CudaExecutor::growLogits(Staging& staging, std::uint64_t rows) {
    const std::uint64_t floats = rows * m_config.vocabularySize;
    if (floats <= staging.logitsFloats)
        return {};
    if (staging.logits != nullptr)
        (void)cudaFreeHost(staging.logits);
    staging.logits = nullptr;
    staging.logitsFloats = 0;
    INGLENOOK_CUDA_TRY(allocatePinned(staging.logits, floats), shortName());
    staging.logitsFloats = floats;
    return {};
}

void CudaExecutor::dropGraphs() {
    for (auto& [key, graph] : m_graphs)
        if (graph.exec != nullptr)
            (void)cudaGraphExecDestroy(graph.exec);
    m_graphs.clear();
}

void CudaExecutor::release() {
    (void)cudaSetDevice(m_index);
    if (m_stream != nullptr)
        (void)cudaStreamSynchronize(m_stream);
    dropGraphs();
    for (Staging& staging : m_staging) {
        if (staging.batch != nullptr)
            (void)cudaFreeHost(staging.batch);
        if (staging.tokens != nullptr)
            (void)cudaFreeHost(staging.tokens);
        if (staging.logits != nullptr)
            (void)cudaFreeHost(staging.logits);
        if (staging.done != nullptr)
            (void)cudaEventDestroy(staging.done);
        staging = {};
    }
    m_inFlight.clear();
    m_forward.reset();
    m_slots.release();
    m_sampled.clear();
    m_kv.release();
    m_weights.release();
    (void)cudaGetLastError();
}

Status CudaExecutor::checkSlot(SlotId slot) const {
    if (slot < m_sampled.size())
        return {};
    return broken("slot " + std::to_string(slot) + " of " + std::to_string(m_sampled.size()));
}

Status CudaExecutor::setSlot(SlotId slot, const SamplerSpec& spec) {
    INGLENOOK_TRY(checkSlot(slot));
    INGLENOOK_TRY(validate(spec));
    INGLENOOK_TRY(use());
    try {
        m_sampled[slot] = false;
        return note(m_slots.set(slot, spec, m_stream));
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "sampler state"}, {"free", "less"}});
    }
}

Status CudaExecutor::setSlotMask(SlotId slot, std::span<const std::uint32_t> allowedBits) {
    INGLENOOK_TRY(checkSlot(slot));
    if (!allowedBits.empty() && allowedBits.size() < (m_config.vocabularySize + 31) / 32)
        return broken("a vocabulary mask shorter than the vocabulary");
    INGLENOOK_TRY(use());
    return note(m_slots.setMask(slot, allowedBits, m_stream));
}

Status CudaExecutor::checkToken(const BatchRow& row) const {
    if (row.token == kLastSampled && m_sampled[row.slot])
        return {};
    if (row.token < 0 || static_cast<std::uint32_t>(row.token) >= m_config.vocabularySize)
        return broken("token " + std::to_string(row.token) + " of a vocabulary of " +
                      std::to_string(m_config.vocabularySize));
    return {};
}

Status CudaExecutor::checkBatch(const Batch& batch) const {
    if (m_forward == nullptr)
        return Status(Code::NoModelLoaded);
    if (m_inFlight.size() >= kTicketsInFlight)
        return broken("a third ticket in flight");
    if (batch.rows.empty() || batch.rows.size() > m_forward->maxRows())
        return broken("a batch of " + std::to_string(batch.rows.size()) + " rows, planned for " +
                      std::to_string(m_forward->maxRows()));
    std::uint64_t pages = 0;
    for (const PageTable& table : batch.tables) {
        pages += table.pages.size();
        for (const PageId page : table.pages)
            if (page >= m_kv.pageCount())
                return broken("KV page " + std::to_string(page) + " of " +
                              std::to_string(m_kv.pageCount()));
    }
    if (pages > m_forward->pageCapacity())
        return broken("page tables of " + std::to_string(pages) + " pages, planned for " +
                      std::to_string(m_forward->pageCapacity()));
    for (const BatchRow& row : batch.rows) {
        if (row.position >= m_forward->context())
            return Status(Code::ContextExceeded, {{"tokens", std::to_string(row.position + 1)},
                                                  {"limit", std::to_string(m_forward->context())}});
        if (row.table >= batch.tables.size() ||
            row.position / kPageTokens >= batch.tables[row.table].pages.size())
            return broken("a row without a page for position " + std::to_string(row.position));
        const bool samples = row.want == Want::Token || row.want == Want::TopLogprobs;
        const bool needsSlot = samples || row.token == kLastSampled || row.slot != kNoSlot;
        if (needsSlot && row.slot >= m_sampled.size())
            return broken("a row without a slot that exists");
        INGLENOOK_TRY(checkToken(row));
    }
    return {};
}

std::uint64_t CudaExecutor::describe(InFlight& flight, const CudaBatch& to) const {
    const Batch& batch = flight.batch;
    std::vector<std::uint32_t> offsets;
    std::uint32_t pages = 0;
    for (const PageTable& table : batch.tables) {
        offsets.push_back(pages);
        std::copy(table.pages.begin(), table.pages.end(), to.pages + pages);
        pages += static_cast<std::uint32_t>(table.pages.size());
    }
    std::uint32_t longest = 0;
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& row = batch.rows[i];
        to.rows[i] = {row.token, row.position, offsets[row.table], row.slot};
        longest = std::max(longest, row.position + 1);
    }
    static_assert(kLastSampled == kernels::cuda::kLastSampledToken);
    flight.step.rows = static_cast<std::uint32_t>(batch.rows.size());
    while (flight.step.singles < flight.step.rows && isAlone(batch, flight.step.singles))
        ++flight.step.singles;
    const std::uint32_t splitRows =
        flight.step.singles > 0 ? flight.step.singles : flight.step.rows;
    flight.step.splits = m_forward->splitsFor(splitRows, longest, flight.step.single());
    describeOutputs(flight, to);
    return pages;
}

void CudaExecutor::describeOutputs(InFlight& flight, const CudaBatch& to) const {
    const Batch& batch = flight.batch;
    std::uint32_t wanted = 0;
    std::uint32_t jobs = 0;
    std::uint32_t groups = 0; // entries written
    for (std::uint32_t i = 0; i < batch.rows.size(); ++i) {
        const BatchRow& row = batch.rows[i];
        if (row.want == Want::Nothing)
            continue;
        if (flight.step.passes.empty() || flight.step.passes.back().count == kCudaHeadRows) {
            if (!flight.step.passes.empty())
                to.groups[groups++] = jobs; // the end of the last pass
            CudaHeadPass pass;
            pass.first = wanted;
            pass.firstGroup = groups;
            flight.step.passes.push_back(pass);
        }
        CudaHeadPass& pass = flight.step.passes.back();
        const std::uint32_t inPass = pass.count++;
        to.wanted[wanted] = i;
        if (asksHost(row.want)) {
            pass.toHost.push_back(inPass);
            ++flight.hostLogits;
        }
        if (row.slot != kNoSlot) {
            const bool continues = pass.groupCount > 0 && to.jobs[jobs - 1].slot == row.slot;
            if (!continues) {
                to.groups[groups++] = jobs;
                ++pass.groupCount;
            }
            ++pass.jobCount;
            to.jobs[jobs++] = {inPass, row.slot, row.position + 1, wanted};
        }
        ++wanted;
    }
    if (!flight.step.passes.empty())
        to.groups[groups] = jobs;
}

Result<Ticket> CudaExecutor::submit(Batch batch) {
    INGLENOOK_TRY(checkBatch(batch));
    INGLENOOK_TRY(use());
    try {
        InFlight flight;
        flight.ticket = m_nextTicket;
        flight.batch = std::move(batch);
        flight.staging = m_nextTicket % kTicketsInFlight;
        flight.begin = std::chrono::steady_clock::now();
        Staging& staging = m_staging[flight.staging];
        const std::uint64_t pages = describe(flight, m_forward->batchAt(staging.batch));
        INGLENOOK_TRY(note(growLogits(staging, flight.hostLogits)));
        INGLENOOK_TRY(note(launch(flight, pages)));
        for (const BatchRow& row : flight.batch.rows)
            if (row.want != Want::Nothing && row.slot != kNoSlot)
                m_sampled[row.slot] = true;
        m_inFlight.push_back(std::move(flight));
        return m_nextTicket++;
    } catch (const std::bad_alloc&) {
        return Status(Code::OutOfMemory, {{"need", "a step"}, {"free", "less"}});
    }
}

Status CudaExecutor::launch(const InFlight& flight, std::uint64_t pages) {
    const std::string name = shortName();
    const Staging& staging = m_staging[flight.staging];
    INGLENOOK_CUDA_TRY(m_forward->upload(staging.batch, pages, m_stream), name);
    const bool graph =
        flight.step.single() && isPureDecode(flight.batch) && !flight.batch.reproducible;
    INGLENOOK_CUDA_TRY(
        graph ? runDecode(flight) : m_forward->run(flight.step, staging.logits, m_stream), name);
    std::uint32_t wanted = 0;
    for (const CudaHeadPass& pass : flight.step.passes)
        wanted += pass.count;
    INGLENOOK_CUDA_TRY(m_forward->download(staging.tokens, wanted, m_stream), name);
    INGLENOOK_CUDA_TRY(cudaEventRecord(staging.done, m_stream), name);
    return {};
}

cudaError_t CudaExecutor::runDecode(const InFlight& flight) {
    const std::uint64_t key = std::uint64_t{flight.step.rows} << 32 | flight.step.splits;
    const bool seen = m_graphs.contains(key);
    if (!seen && m_graphs.size() >= kMostGraphs)
        dropGraphs();
    Graph& graph = m_graphs[key];
    if (!seen) // once without: loads the kernels, and many shapes never come back
        return m_forward->run(flight.step, nullptr, m_stream);
    if (graph.exec == nullptr)
        if (const cudaError_t error = capture(flight.step, graph.exec); error != cudaSuccess)
            return error;
    return cudaGraphLaunch(graph.exec, m_stream);
}

cudaError_t CudaExecutor::capture(const CudaStep& step, cudaGraphExec_t& exec) {
    cudaError_t error = cudaStreamBeginCapture(m_stream, cudaStreamCaptureModeThreadLocal);
    if (error != cudaSuccess)
        return error;
    const cudaError_t launched = m_forward->run(step, nullptr, m_stream);
    cudaGraph_t graph = nullptr;
    error = cudaStreamEndCapture(m_stream, &graph);
    if (error == cudaSuccess)
        error = launched;
    if (error == cudaSuccess)
        error = cudaGraphInstantiate(&exec, graph, 0);
    if (graph != nullptr)
        (void)cudaGraphDestroy(graph);
    return error;
}

BatchResult CudaExecutor::collect(Ticket ticket) {
    BatchResult result;
    if (m_inFlight.empty() || m_inFlight.front().ticket != ticket) {
        result.status = broken("ticket " + std::to_string(ticket) + " is not the oldest");
        return result;
    }
    const InFlight flight = std::move(m_inFlight.front());
    m_inFlight.pop_front();
    result.status = use();
    if (result.status.ok())
        result.status =
            note(cudaStatus(cudaEventSynchronize(m_staging[flight.staging].done), shortName()));
    if (!result.status.ok())
        return result;
    try {
        answer(flight, result);
    } catch (const std::bad_alloc&) {
        result.rows.clear();
        result.status =
            Status(Code::OutOfMemory, {{"need", "the logits of a step"}, {"free", "less"}});
    }
    const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - flight.begin;
    result.timings = timingsOf(flight, total.count());
    return result;
}

void CudaExecutor::answer(const InFlight& flight, BatchResult& result) const {
    const Staging& staging = m_staging[flight.staging];
    const std::size_t vocabulary = m_config.vocabularySize;
    std::uint32_t wanted = 0;
    const float* logits = staging.logits;
    for (std::uint32_t i = 0; i < flight.batch.rows.size(); ++i) {
        const BatchRow& asked = flight.batch.rows[i];
        if (asked.want == Want::Nothing)
            continue;
        RowResult& row = result.rows.emplace_back();
        row.row = i;
        if (asked.slot != kNoSlot)
            row.token = staging.tokens[wanted];
        ++wanted;
        if (!asksHost(asked.want))
            continue;
        const std::span<const float> raw(logits, vocabulary);
        logits += vocabulary;
        if (row.token != kNoToken)
            row.logprob =
                static_cast<float>(raw[static_cast<std::size_t>(row.token)] - logSumExp(raw));
        if (asked.want == Want::TopLogprobs)
            row.topLogprobs = topLogprobs(raw, flight.batch.topCount);
        else
            row.logits.assign(raw.begin(), raw.end());
    }
}

StepTimings CudaExecutor::timingsOf(const InFlight& flight, std::int64_t total_ns) const {
    StepTimings timings;
    timings.total_ns = total_ns;
    timings.weightBytes =
        m_weights.layerBytes() + m_weights.headBytes() * flight.step.passes.size();
    const std::uint64_t tokenBytes = m_kv.pageBytes() / kPageTokens;
    for (std::size_t i = 0; i < flight.batch.rows.size(); ++i) {
        ++(isDecode(flight.batch, i) ? timings.decodeRows : timings.prefillRows);
        timings.kvBytes += tokenBytes * (flight.batch.rows[i].position + 1);
    }
    return timings;
}

Status CudaExecutor::copyPage(PageId from, PageId to) {
    INGLENOOK_TRY(use());
    return note(m_kv.copyPage(from, to, m_stream));
}

Result<std::vector<std::byte>> CudaExecutor::savePage(PageId page) {
    INGLENOOK_TRY(use());
    Result<std::vector<std::byte>> bytes = m_kv.savePage(page, m_stream);
    INGLENOOK_TRY(note(bytes.status()));
    return bytes;
}

Status CudaExecutor::restorePage(PageId page, std::span<const std::byte> bytes) {
    INGLENOOK_TRY(use());
    return note(m_kv.restorePage(page, bytes, m_stream));
}

void CudaExecutor::poison() {
    if (m_forward == nullptr || !use().ok())
        return;
    (void)note(cudaStatus(m_kv.poison(m_stream), shortName()));
    (void)note(cudaStatus(m_forward->poison(m_stream), shortName()));
}

Status CudaExecutor::setActivations(ActivationFormat format) {
    const bool possible = m_forward != nullptr && m_formats.activations != ActivationFormat::F32 &&
                          (format == ActivationFormat::BF16 ||
                           (format == ActivationFormat::Int8 && m_hasInt8Workspace));
    if (!possible)
        return Executor::setActivations(format);
    m_formats.activations = format;
    m_forward->setActivations(format);
    dropGraphs(); // of large batches, which depend on it
    return {};
}

double CudaExecutor::measureReadBandwidth() {
    constexpr std::size_t kBytes = std::size_t{2} << 30;
    constexpr int kPasses = 8; // the best of them counts: a limit is not a mean
    if (!use().ok())
        return 0;
    CudaArena arena;
    if (!arena.allocate(kBytes + sizeof(std::uint32_t) * 64, shortName()).ok())
        return 0;
    auto* sink = reinterpret_cast<std::uint32_t*>(arena.data() + kBytes);
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    (void)cudaEventCreate(&begin);
    (void)cudaEventCreate(&end);
    float best_ms = 0;
    for (int pass = 0; pass < kPasses; ++pass) {
        float elapsed_ms = 0;
        (void)cudaEventRecord(begin, m_stream);
        (void)kernels::cuda::readOnce(arena.data(), kBytes, sink, m_limits, m_stream);
        (void)cudaEventRecord(end, m_stream);
        const bool measured = cudaEventSynchronize(end) == cudaSuccess &&
                              cudaEventElapsedTime(&elapsed_ms, begin, end) == cudaSuccess;
        if (measured && pass > 0 && (best_ms == 0 || elapsed_ms < best_ms))
            best_ms = elapsed_ms;
    }
    (void)cudaEventDestroy(begin);
    (void)cudaEventDestroy(end);
    return best_ms > 0 ? static_cast<double>(kBytes) / best_ms / 1e6 : 0;
}

} // namespace engine
