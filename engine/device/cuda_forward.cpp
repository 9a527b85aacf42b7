#include "engine/device/cuda_forward.h"

#include "engine/device/cuda_staging.h"
#include "engine/device/cuda_status.h"
#include "kernels/cuda_attend_finished.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace engine {

namespace {

using kernels::cuda::Epilogue;

/// Rows times splits of attention that partial results are kept for.
constexpr std::uint32_t kPartialRows = 512;
constexpr std::uint32_t kMostSplits = 64;
constexpr std::uint32_t kPagesPerSplit = 4; // one a warp
constexpr std::uint32_t kShortContext = 2048;
constexpr std::uint32_t kLongContext = 4096; // finishAndAttendRows() pays for few rows as well
constexpr std::uint32_t kTurnPositions = 16; // Attention::turns

std::uint64_t aligned(std::uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

} // namespace

CudaForward::CudaForward(const ModelConfig& config, const NumberFormats& formats,
                         const CudaWeights& weights, CudaKvPool& kv, CudaSlots& slots,
                         const kernels::cuda::DeviceLimits& limits, std::string device)
    : m_config(config),
      m_formats(formats),
      m_weights(weights),
      m_kv(kv),
      m_slots(slots),
      m_limits(limits),
      m_device(std::move(device)),
      m_keyBiasOutside(config.keyBiasOutside()) {}

void CudaForward::plan(std::uint32_t maxRows, std::uint32_t context, std::uint32_t slotCount) {
    m_maxRows = std::max(maxRows, 1U);
    m_context = m_config.usableContext(std::max(context, 1U));
    m_slotCount = slotCount;
    m_pageCapacity = std::uint64_t{m_maxRows} * ((m_context + kPageTokens - 1) / kPageTokens);
    m_hiddenStride = paddedColumns(m_config.hiddenSize);
    m_queryStride = paddedColumns(m_config.queryWidth());
    m_kvStride = paddedColumns(m_config.kvWidth());
    m_innerStride = paddedColumns(m_config.intermediateSize);
    m_rope.pairs = m_config.rotaryDim / 2;
    m_rope.adjacent = m_config.ropePairing == RopePairing::Adjacent;
    planWindow();
}

std::uint64_t CudaForward::batchBytes(std::uint64_t pages) const {
    using namespace kernels::cuda;
    const std::uint64_t rows = m_maxRows;
    return aligned(rows * sizeof(Row)) + aligned(rows * 4) + aligned(rows * sizeof(SampleJob)) +
           aligned((2 * rows + 2) * 4) + pages * 4;
}

CudaBatch CudaForward::batchAt(std::byte* memory) const {
    using namespace kernels::cuda;
    const std::uint64_t rows = m_maxRows;
    CudaBatch batch;
    batch.rows = reinterpret_cast<Row*>(memory);
    memory += aligned(rows * sizeof(Row));
    batch.wanted = reinterpret_cast<std::uint32_t*>(memory);
    memory += aligned(rows * 4);
    batch.jobs = reinterpret_cast<SampleJob*>(memory);
    memory += aligned(rows * sizeof(SampleJob));
    batch.groups = reinterpret_cast<std::uint32_t*>(memory);
    memory += aligned((2 * rows + 2) * 4);
    batch.pages = reinterpret_cast<std::uint32_t*>(memory);
    return batch;
}

/// Arrivals stay zero between launches: before what poison() fills.
void CudaForward::layOutRoom(CudaArena& arena) {
    constexpr std::uint32_t kTileRows = 128;
    if (!m_limits.hopper || m_formats.activations == ActivationFormat::F32 ||
        m_maxRows <= kernels::cuda::kMostDigitRows)
        return;
    const std::uint32_t widest = std::max({m_queryStride + 2 * m_kvStride, m_hiddenStride,
                                           2 * m_innerStride, m_config.vocabularySize});
    m_room.tiles = widest / kTileRows + kernels::cuda::kGemvMatrices;
    m_room.arrivals = arena.take<std::uint32_t>(m_room.tiles);
    m_room.floats = kernels::cuda::tileRoomFloats(m_limits);
}

void CudaForward::layOut(CudaArena& arena) {
    const std::uint64_t rows = m_maxRows;
    const std::uint64_t blocks = (m_context + kPageTokens - 1) / kPageTokens;
    const std::uint64_t headRows = std::min(m_maxRows, kCudaHeadRows);
    for (std::byte*& memory : m_batchMemory)
        memory = arena.take<std::byte>(batchBytes(m_pageCapacity));
    m_ropeValues = arena.take<float>(blocks * 2 * m_rope.pairs * kPageTokens);
    m_turns = arena.take<float>(std::uint64_t{kTurnPositions} * 2 * m_rope.pairs);
    m_arrivals = arena.take<std::uint32_t>(rows * m_config.headCount);
    layOutRoom(arena);
    m_tokens = arena.take<std::int32_t>(rows);
    const bool shares = m_links.layout.ranks > 1;
    m_window = shares ? arena.take<std::byte>(m_links.layout.bytes()) : nullptr;
    m_residual = arena.take<float>(rows * m_hiddenStride);
    m_poisonFrom =
        m_residual == nullptr
            ? 0
            : static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(m_residual) - arena.data());
    m_part = shares ? arena.take<float>(rows * m_hiddenStride) : nullptr;
    m_inbox = m_hasInbox ? arena.take<std::byte>(2 * hiddenBytes(m_maxRows)) : nullptr;
    m_query = arena.take<float>(rows * m_queryStride);
    m_mixed = arena.take<float>(rows * m_queryStride);
    m_key = arena.take<float>(rows * m_kvStride);
    m_value = arena.take<float>(rows * m_kvStride);
    m_gate = arena.take<float>(rows * m_innerStride);
    m_up = arena.take<float>(rows * m_innerStride);
    const std::uint64_t widest = std::max({m_hiddenStride, m_queryStride, m_innerStride});
    if (m_formats.activations != ActivationFormat::F32) {
        m_high = arena.take<std::uint16_t>(rows * widest);
        if (m_keyBiasOutside)
            m_low = arena.take<std::uint16_t>(rows * m_hiddenStride);
    }
    if (m_formats.activations == ActivationFormat::Int8) {
        using kernels::cuda::kInt8RowPadding;
        m_int8.stride = (m_maxRows + kInt8RowPadding - 1) / kInt8RowPadding * kInt8RowPadding;
        m_int8.values = arena.take<std::int8_t>(rows * widest);
        m_int8.scales =
            arena.take<float>(kernels::cuda::int8Runs(static_cast<std::uint32_t>(widest)) *
                              std::uint64_t{m_int8.stride});
    }
    if (m_limits.hopper && m_formats.activations != ActivationFormat::F32) {
        constexpr std::uint32_t kSlice = kernels::cuda::kMostDigitRows;
        m_digits.planeRows = std::min(m_maxRows, kSlice);
        m_digits.stride = kSlice;
        if (m_keyBiasOutside)
            m_slicedRows = (m_maxRows + kSlice - 1) / kSlice * kSlice;
        const std::uint64_t sliced = std::uint64_t{m_slicedRows} * m_hiddenStride;
        m_digits.values =
            arena.take<std::int8_t>(2 * std::max(m_digits.planeRows * widest, sliced));
        m_digits.scales = arena.take<float>(std::max(m_digits.stride * widest, sliced) /
                                            kernels::cuda::kColumnPadding);
    }
    m_partials = arena.take<float>(
        kernels::cuda::attentionPartialFloats(kPartialRows, m_config.headCount, m_config.headDim));
    m_room.sums = m_room.floats > 0 ? arena.take<float>(m_room.floats) : nullptr;
    if (!m_stretch.samples)
        return;
    m_logits = arena.take<float>(headRows * m_config.vocabularySize);
    m_candidates = arena.take<kernels::cuda::Candidate>(headRows * m_config.vocabularySize);
}

std::uint64_t CudaForward::plannedBytes() {
    CudaArena counter;
    layOut(counter);
    return counter.countedBytes();
}

Status CudaForward::allocate() {
    INGLENOOK_TRY(m_arena.allocate(plannedBytes(), m_device));
    layOut(m_arena);
    std::transform(m_batchMemory.begin(), m_batchMemory.end(), m_batches.begin(),
                   [this](std::byte* memory) { return batchAt(memory); });
    return cudaStatus(fillRopeTables(), m_device);
}

cudaError_t CudaForward::fillRopeTables() {
    const RopeTable table = makeRopeTable(m_config, m_context);
    const std::size_t blocks = (std::size_t{m_context} + kPageTokens - 1) / kPageTokens;
    std::vector<float> values(blocks * 2 * m_rope.pairs * kPageTokens);
    for (std::uint32_t p = 0; p < m_context; ++p) {
        float* block = values.data() +
                       std::size_t{p / kPageTokens} * 2 * m_rope.pairs * kPageTokens +
                       p % kPageTokens;
        for (std::uint32_t i = 0; i < m_rope.pairs; ++i) {
            const std::size_t from = std::size_t{p} * m_rope.pairs + i;
            block[std::size_t{i} * kPageTokens] = table.cosine[from];
            block[std::size_t{i + m_rope.pairs} * kPageTokens] = table.sine[from];
        }
    }
    m_rope.values = m_ropeValues;
    INGLENOOK_CUDA_CHECK(fillTurns(table));
    INGLENOOK_CUDA_CHECK(cudaMemcpy(m_ropeValues, values.data(), values.size() * sizeof(float),
                                    cudaMemcpyHostToDevice));
    return cudaDeviceSynchronize();
}

cudaError_t CudaForward::fillTurns(const RopeTable& table) {
    std::vector<float> turns(std::size_t{kTurnPositions} * 2 * m_rope.pairs);
    const std::uint32_t known = std::min(kTurnPositions, m_context); // nobody asks for more
    for (std::size_t i = 0; i < std::size_t{known} * m_rope.pairs; ++i) {
        turns[2 * i] = table.cosine[i] / table.attentionScale;
        turns[2 * i + 1] = table.sine[i] / table.attentionScale;
    }
    return cudaMemcpy(m_turns, turns.data(), turns.size() * sizeof(float), cudaMemcpyHostToDevice);
}

cudaError_t CudaForward::poison(cudaStream_t stream) {
    if (m_arena.data() == nullptr)
        return cudaSuccess;
    return cudaMemsetAsync(m_arena.data() + m_poisonFrom, 0xFF,
                           m_arena.allocatedBytes() - m_poisonFrom, stream);
}

CudaStageBuffers CudaForward::stageBuffers() const {
    CudaStageBuffers buffers;
    buffers.residual = m_residual;
    buffers.query = m_query;
    buffers.key = m_key;
    buffers.value = m_value;
    buffers.mixed =
        m_mixedForm == CudaRowForm::BF16Prepared ? reinterpret_cast<float*>(m_high) : m_mixed;
    buffers.mixedDigits = m_digits;
    buffers.mixedDigits.paddedColumns = m_queryStride;
    buffers.activated = m_gate;
    buffers.logits = m_logits;
    buffers.rope = m_ropeValues;
    buffers.hiddenStride = m_hiddenStride;
    buffers.queryStride = m_queryStride;
    buffers.kvStride = m_kvStride;
    buffers.innerStride = m_innerStride;
    buffers.delta = m_config.layerNorm ? m_query : nullptr;
    buffers.exactRows = m_exactRows;
    buffers.attentionForm = m_attentionForm;
    buffers.mixedForm = m_mixedForm;
    buffers.activatedForm = m_activatedForm;
    return buffers;
}

std::uint32_t CudaForward::splitsFor(const CudaStep& step, std::uint32_t longest) const {
    const bool all = step.singles == 0 || attendsOneByOne(step);
    const std::uint32_t rows = all ? step.rows : step.singles;
    if (attendsFused(step.singles) || attendsOneByOne(step)) {
        // One block a multiprocessor, of many rows or positions two.
        const bool two = attendsRows(step.singles, longest > kLongContext);
        const std::uint32_t wanted =
            m_limits.multiprocessors * (two ? 2 : 1) / attentionBlocks(rows);
        // By a cluster, which needs no meeting in memory, but room for all its blocks at once: next
        // to another rank's blocks that wait for this one there may never be any.
        const std::uint32_t together =
            m_links.sharesDevice
                ? 0
                : kernels::cuda::attentionClusterSplits(attentionBlocks(rows), m_limits);
        if (together > 0 && longest <= kShortContext && wanted >= together && !two)
            return together;
        return std::max(1U, std::min({wanted, kMostSplits, kPartialRows / rows}));
    }
    const std::uint32_t pages = (longest + kPageTokens - 1) / kPageTokens;
    const std::uint32_t wanted = std::bit_ceil((pages + kPagesPerSplit - 1) / kPagesPerSplit);
    // More blocks than the device can hold at once gain nothing.
    const std::uint32_t blocks = rows * m_config.kvHeadCount;
    const std::uint32_t useful = std::bit_ceil(m_limits.multiprocessors * 4 / blocks + 1);
    const std::uint32_t room = std::bit_floor(std::max(kPartialRows / rows, 1U));
    return std::max(1U, std::min({wanted, useful, room, kMostSplits}));
}

cudaError_t CudaForward::upload(const DescribedBatch& batch, const std::byte* pinned,
                                CudaUploads& uploads, cudaStream_t steps) {
    return uploads.send(m_batchMemory[batch.step.buffer], pinned, batchBytes(batch.pages), steps);
}

kernels::cuda::QkvFinish CudaForward::finishOf(std::uint32_t index, const CudaStep& step) {
    const CudaLayer& layer = m_weights.layers[index];
    kernels::cuda::QkvFinish finish;
    finish.query = m_query;
    finish.key = m_key;
    finish.value = m_value;
    finish.queryStride = m_queryStride;
    finish.kvStride = m_kvStride;
    finish.heads = m_config.headCount;
    finish.queryBias = layer.queryBias;
    finish.keyBias = m_keyBiasOutside ? nullptr : layer.keyBias;
    finish.valueBias = layer.valueBias;
    finish.queryNorm = layer.queryNorm;
    finish.keyNorm = layer.keyNorm;
    finish.eps = m_config.normEps;
    finish.rope = m_rope;
    finish.kv = m_kv.layout();
    finish.pool = m_kv.layerBase(index);
    finish.pageStride = m_kv.pageBytes();
    finish.rows = batchOf(step).rows;
    finish.pages = batchOf(step).pages;
    finish.count = step.rows;
    return finish;
}

kernels::cuda::Attention CudaForward::attentionOf(std::uint32_t index, const CudaStep& step) {
    kernels::cuda::Attention attention;
    attention.query = m_query;
    attention.queryStride = m_queryStride;
    attention.out = m_mixed;
    attention.outStride = m_queryStride;
    attention.heads = m_config.headCount;
    attention.scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
    attention.keyBias = m_keyBiasOutside ? m_weights.layers[index].keyBias : nullptr;
    attention.rope = m_rope;
    attention.kv = m_kv.layout();
    attention.pool = m_kv.layerBase(index);
    attention.pageStride = m_kv.pageBytes();
    attention.rows = batchOf(step).rows;
    attention.pages = batchOf(step).pages;
    attention.count = step.rows;
    attention.splits = step.splits;
    attention.partials = m_partials;
    attention.arrivals = m_arrivals;
    attention.turns = m_turns;
    return attention;
}

cudaError_t CudaForward::outputs(const CudaStep& step, std::uint32_t passIndex, float*& logits,
                                 cudaStream_t stream) {
    const CudaHeadPass& pass = step.passes[passIndex];
    const std::uint32_t vocabulary = m_config.vocabularySize;
    const Product input{m_residual, m_hiddenStride, m_weights.outputNorm, false};
    const Part head[] = {{&m_weights.head, m_logits + m_share.firstToken, vocabulary}};
    const CudaBatch& batch = batchOf(step);
    const std::uint32_t* wanted = batch.wanted + pass.first;
    INGLENOOK_CUDA_CHECK(m_config.layerNorm
                             ? layerNormHead(pass, wanted, head, stream)
                             : multiply(input, head, Epilogue::Store, pass.count, wanted, stream));
    INGLENOOK_CUDA_CHECK(gatherLogits(pass, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Head, passIndex, stream));
    for (const std::uint32_t row : pass.toHost) { // before penalties change them
        if (logits == nullptr)
            break; // another rank's are delivered
        INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(logits, m_logits + std::size_t{row} * vocabulary,
                                             vocabulary * sizeof(float), cudaMemcpyDeviceToHost,
                                             stream));
        logits += vocabulary;
    }
    if (pass.groupCount == 0)
        return cudaSuccess;
    kernels::cuda::Sampling task;
    m_slots.describe(task);
    task.logits = m_logits;
    task.jobs = batch.jobs;
    task.groups = batch.groups + pass.firstGroup;
    task.groupCount = pass.groupCount;
    task.oneJobEach = pass.jobCount == pass.groupCount;
    task.candidates = m_candidates;
    task.tokens = step.tokens != nullptr ? step.tokens : m_tokens;
    task.sharesDevice = m_links.sharesDevice;
    INGLENOOK_CUDA_CHECK(kernels::cuda::sample(task, m_limits, stream));
    return reached(CudaStage::Sample, passIndex, stream);
}

cudaError_t CudaForward::embedRows(const CudaStep& step, cudaStream_t stream) {
    INGLENOOK_CUDA_CHECK(kernels::cuda::embed(m_weights.embedding, batchOf(step).rows, step.rows,
                                              m_slots.lastTokens(), m_residual, m_hiddenStride,
                                              stream));
    if (!m_config.learnedPositions)
        return cudaSuccess;
    return kernels::cuda::addPositions(m_weights.positions, m_config.hiddenSize, batchOf(step).rows,
                                       step.rows, m_residual, m_hiddenStride, stream);
}

cudaError_t CudaForward::layerOf(std::uint32_t layer, const CudaStep& step, cudaStream_t stream) {
    if (m_config.layerNorm)
        return layerNormLayer(layer, step, stream);
    const CudaLayer& weights = m_weights.layers[layer];
    const bool many = step.rows >= kCudaGemmRows || takesDigits(weights, step.rows);
    return many && !keepsWeights(weights) ? prefillLayer(layer, step, stream)
                                          : decodeLayer(layer, step, stream);
}

cudaError_t CudaForward::run(const CudaStep& step, float* logits, cudaStream_t stream) {
    m_normed = Normed::No;
    m_gathers = 0;
    if (m_stretch.embeds) {
        INGLENOOK_CUDA_CHECK(embedRows(step, stream));
        INGLENOOK_CUDA_CHECK(reached(CudaStage::Embed, 0, stream));
    }
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer)
        INGLENOOK_CUDA_CHECK(layerOf(layer, step, stream));
    for (std::uint32_t pass = 0; m_stretch.samples && pass < step.passes.size(); ++pass)
        INGLENOOK_CUDA_CHECK(outputs(step, pass, logits, stream));
    return cudaSuccess;
}

} // namespace engine
