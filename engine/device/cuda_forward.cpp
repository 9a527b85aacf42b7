#include "engine/device/cuda_forward.h"

#include "engine/device/cuda_status.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace engine {

namespace {

using kernels::cuda::Epilogue;

/// From so many rows on, tensor cores; below, weights are read once per few rows anyway.
constexpr std::uint32_t kGemmRows = kernels::cuda::kGemvRows + 1;
/// Rows times splits of attention that partial results are kept for.
constexpr std::uint32_t kPartialRows = 512;
constexpr std::uint32_t kMostSplits = 64;
constexpr std::uint32_t kPagesPerSplit = 4; // one a warp

std::uint32_t padded(std::uint32_t columns) {
    return (columns + kernels::cuda::kColumnPadding - 1) / kernels::cuda::kColumnPadding *
           kernels::cuda::kColumnPadding;
}

std::uint64_t aligned(std::uint64_t bytes) {
    return (bytes + 255) / 256 * 256;
}

} // namespace

/// Returns early with a CUDA error.
#define FORWARD_TRY(expression)                                                                    \
    do {                                                                                           \
        if (const cudaError_t forwardError = (expression); forwardError != cudaSuccess)            \
            return forwardError;                                                                   \
    } while (false)

CudaForward::CudaForward(const ModelConfig& config, const NumberFormats& formats,
                         const CudaWeights& weights, CudaKvPool& kv, CudaSlots& slots,
                         const kernels::cuda::DeviceLimits& limits, std::string device)
    : m_config(config),
      m_formats(formats),
      m_weights(weights),
      m_kv(kv),
      m_slots(slots),
      m_limits(limits),
      m_device(std::move(device)) {
    // A norm after the bias cannot be split off; such keys are cached whole.
    m_keyBiasOutside = config.qkvBias && !config.qkNorm;
}

void CudaForward::plan(std::uint32_t maxRows, std::uint32_t context, std::uint32_t slotCount) {
    m_maxRows = std::max(maxRows, 1U);
    m_context = std::max(context, 1U);
    m_slotCount = slotCount;
    m_pageCapacity = std::uint64_t{m_maxRows} * ((m_context + kPageTokens - 1) / kPageTokens);
    m_hiddenStride = padded(m_config.hiddenSize);
    m_queryStride = padded(m_config.queryWidth());
    m_kvStride = padded(m_config.kvWidth());
    m_innerStride = padded(m_config.intermediateSize);
    m_rope.pairs = m_config.rotaryDim / 2;
    m_rope.adjacent = m_config.ropePairing == RopePairing::Adjacent;
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

void CudaForward::layOut(CudaArena& arena) {
    const std::uint64_t rows = m_maxRows;
    const std::uint64_t blocks = (m_context + kPageTokens - 1) / kPageTokens;
    const std::uint64_t headRows = std::min(m_maxRows, kCudaHeadRows);
    m_batchMemory = arena.take<std::byte>(batchBytes(m_pageCapacity));
    m_ropeValues = arena.take<float>(blocks * 2 * m_rope.pairs * kPageTokens);
    m_tokens = arena.take<std::int32_t>(rows);
    m_residual = arena.take<float>(rows * m_hiddenStride);
    m_poisonFrom =
        m_residual == nullptr
            ? 0
            : static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(m_residual) - arena.data());
    m_query = arena.take<float>(rows * m_queryStride);
    m_mixed = arena.take<float>(rows * m_queryStride);
    m_key = arena.take<float>(rows * m_kvStride);
    m_value = arena.take<float>(rows * m_kvStride);
    m_gate = arena.take<float>(rows * m_innerStride);
    m_up = arena.take<float>(rows * m_innerStride);
    if (m_formats.activations == ActivationFormat::BF16) {
        m_high = arena.take<std::uint16_t>(
            rows * std::max({m_hiddenStride, m_queryStride, m_innerStride}));
        if (m_keyBiasOutside)
            m_low = arena.take<std::uint16_t>(rows * m_hiddenStride);
    }
    m_partials = arena.take<float>(
        kernels::cuda::attentionPartialFloats(kPartialRows, m_config.headCount, m_config.headDim));
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
    m_batch = batchAt(m_batchMemory);
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
    FORWARD_TRY(cudaMemcpy(m_ropeValues, values.data(), values.size() * sizeof(float),
                           cudaMemcpyHostToDevice));
    return cudaDeviceSynchronize();
}

cudaError_t CudaForward::poison(cudaStream_t stream) {
    if (m_arena.data() == nullptr)
        return cudaSuccess;
    return cudaMemsetAsync(m_arena.data() + m_poisonFrom, 0xFF,
                           m_arena.allocatedBytes() - m_poisonFrom, stream);
}

std::uint32_t CudaForward::splitsFor(std::uint32_t rows, std::uint32_t longest) const {
    const std::uint32_t pages = (longest + kPageTokens - 1) / kPageTokens;
    const std::uint32_t wanted = std::bit_ceil((pages + kPagesPerSplit - 1) / kPagesPerSplit);
    // More blocks than the device can hold at once gain nothing.
    const std::uint32_t blocks = rows * m_config.kvHeadCount;
    const std::uint32_t useful = std::bit_ceil(m_limits.multiprocessors * 4 / blocks + 1);
    const std::uint32_t room = std::bit_floor(std::max(kPartialRows / rows, 1U));
    return std::max(1U, std::min({wanted, useful, room, kMostSplits}));
}

cudaError_t CudaForward::upload(const std::byte* pinned, std::uint64_t pages, cudaStream_t stream) {
    return cudaMemcpyAsync(m_batchMemory, pinned, batchBytes(pages), cudaMemcpyHostToDevice,
                           stream);
}

cudaError_t CudaForward::download(std::int32_t* tokens, std::uint32_t count, cudaStream_t stream) {
    if (count == 0)
        return cudaSuccess;
    return cudaMemcpyAsync(tokens, m_tokens, count * sizeof(std::int32_t), cudaMemcpyDeviceToHost,
                           stream);
}

/// One to eight rows at a time, fused.
cudaError_t CudaForward::multiplyRows(const Product& product, std::span<const Part> parts,
                                      Epilogue epilogue, std::uint32_t rows,
                                      const std::uint32_t* rowMap, cudaStream_t stream) {
    kernels::cuda::Gemv task;
    task.rows = rows;
    task.x = product.x;
    task.xStride = product.xStride;
    task.rowMap = rowMap;
    task.normWeight = product.norm;
    task.eps = m_config.normEps;
    task.roundInput = m_formats.activations == ActivationFormat::BF16 && !product.exactInput;
    task.epilogue = epilogue;
    for (std::size_t next = 0; next < parts.size();) {
        task.matrixCount = 0;
        for (; next < parts.size() && task.matrixCount < kernels::cuda::kGemvMatrices; ++next) {
            const Part& part = parts[next];
            if (task.matrixCount > 0 && (part.matrix->kind != task.matrices[0].kind ||
                                         part.matrix->group != task.matrices[0].group))
                break;
            task.matrices[task.matrixCount] = *part.matrix;
            task.outs[task.matrixCount] = part.out;
            task.outStrides[task.matrixCount] = part.stride;
            ++task.matrixCount;
        }
        FORWARD_TRY(kernels::cuda::gemv(task, m_limits, stream));
    }
    return cudaSuccess;
}

cudaError_t CudaForward::multiply(const Product& product, std::span<const Part> parts,
                                  Epilogue epilogue, std::uint32_t rows,
                                  const std::uint32_t* rowMap, cudaStream_t stream) {
    const bool tensorCores = rows >= kGemmRows && m_high != nullptr &&
                             std::all_of(parts.begin(), parts.end(), [](const Part& part) {
                                 return kernels::cuda::gemmTakes(part.matrix->kind);
                             });
    if (!tensorCores)
        return multiplyRows(product, parts, epilogue, rows, rowMap, stream);
    const std::uint32_t columns = parts[0].matrix->columns;
    const kernels::cuda::PreparedRows prepared{m_high, product.exactInput ? m_low : nullptr,
                                               padded(columns)};
    FORWARD_TRY(kernels::cuda::prepareRows(product.x, product.xStride, rowMap, product.norm,
                                           m_config.normEps, rows, columns, prepared, stream));
    for (const Part& part : parts)
        FORWARD_TRY(kernels::cuda::gemm(*part.matrix, prepared, rows, part.out, part.stride,
                                        epilogue, stream));
    return cudaSuccess;
}

cudaError_t CudaForward::attentionBlock(std::uint32_t index, const CudaStep& step,
                                        cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    // A key bias of norm 300 multiplies what rounding does to the query: bf16 would cost 1.7 % of
    // the logits there, so that this one product takes fp32 (or both halves of it).
    const Product input{m_residual, m_hiddenStride, layer.attentionNorm, m_keyBiasOutside};
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    FORWARD_TRY(multiply(input, projections, Epilogue::Store, step.rows, nullptr, stream));

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
    finish.rows = m_batch.rows;
    finish.pages = m_batch.pages;
    finish.count = step.rows;
    FORWARD_TRY(kernels::cuda::finishQkv(finish, stream));

    kernels::cuda::Attention attention;
    attention.query = m_query;
    attention.queryStride = m_queryStride;
    attention.out = m_mixed;
    attention.outStride = m_queryStride;
    attention.heads = m_config.headCount;
    attention.scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
    attention.keyBias = m_keyBiasOutside ? layer.keyBias : nullptr;
    attention.rope = m_rope;
    attention.kv = finish.kv;
    attention.pool = finish.pool;
    attention.pageStride = finish.pageStride;
    attention.rows = m_batch.rows;
    attention.pages = m_batch.pages;
    attention.count = step.rows;
    attention.splits = step.splits;
    attention.partials = m_partials;
    FORWARD_TRY(kernels::cuda::attention(attention, stream));

    const Product mixed{m_mixed, m_queryStride, nullptr, false};
    const Part output[] = {{&layer.output, m_residual, m_hiddenStride}};
    return multiply(mixed, output, Epilogue::Add, step.rows, nullptr, stream);
}

cudaError_t CudaForward::feedForwardBlock(std::uint32_t index, std::uint32_t rows,
                                          cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const Product input{m_residual, m_hiddenStride, layer.ffnNorm, false};
    const Part gateUp[] = {{&layer.gate, m_gate, m_innerStride}, {&layer.up, m_up, m_innerStride}};
    const bool fused =
        rows < kGemmRows && layer.gate.kind == layer.up.kind && layer.gate.group == layer.up.group;
    if (fused) {
        FORWARD_TRY(multiplyRows(input, gateUp, Epilogue::SwiGlu, rows, nullptr, stream));
    } else {
        FORWARD_TRY(multiply(input, gateUp, Epilogue::Store, rows, nullptr, stream));
        FORWARD_TRY(kernels::cuda::swiglu(m_gate, m_up, m_gate, rows, m_config.intermediateSize,
                                          m_innerStride, stream));
    }
    const Product activated{m_gate, m_innerStride, nullptr, false};
    const Part down[] = {{&layer.down, m_residual, m_hiddenStride}};
    return multiply(activated, down, Epilogue::Add, rows, nullptr, stream);
}

cudaError_t CudaForward::outputs(const CudaHeadPass& pass, float*& logits, cudaStream_t stream) {
    const std::uint32_t vocabulary = m_config.vocabularySize;
    const Product input{m_residual, m_hiddenStride, m_weights.outputNorm, false};
    const Part head[] = {{&m_weights.head, m_logits, vocabulary}};
    FORWARD_TRY(
        multiply(input, head, Epilogue::Store, pass.count, m_batch.wanted + pass.first, stream));
    for (const std::uint32_t row : pass.toHost) { // before penalties change them
        FORWARD_TRY(cudaMemcpyAsync(logits, m_logits + std::size_t{row} * vocabulary,
                                    vocabulary * sizeof(float), cudaMemcpyDeviceToHost, stream));
        logits += vocabulary;
    }
    if (pass.groupCount == 0)
        return cudaSuccess;
    kernels::cuda::Sampling task;
    m_slots.describe(task);
    task.logits = m_logits;
    task.jobs = m_batch.jobs;
    task.groups = m_batch.groups + pass.firstGroup;
    task.groupCount = pass.groupCount;
    task.candidates = m_candidates;
    task.tokens = m_tokens;
    return kernels::cuda::sample(task, stream);
}

cudaError_t CudaForward::run(const CudaStep& step, float* logits, cudaStream_t stream) {
    FORWARD_TRY(kernels::cuda::embed(m_weights.embedding, m_batch.rows, step.rows,
                                     m_slots.lastTokens(), m_residual, m_hiddenStride, stream));
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer) {
        FORWARD_TRY(attentionBlock(layer, step, stream));
        FORWARD_TRY(feedForwardBlock(layer, step.rows, stream));
    }
    for (const CudaHeadPass& pass : step.passes)
        FORWARD_TRY(outputs(pass, logits, stream));
    return cudaSuccess;
}

#undef FORWARD_TRY

} // namespace engine
