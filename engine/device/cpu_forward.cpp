#include "engine/device/cpu_forward.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace engine {

namespace {

/// Rows whose logits are computed together; more would take vocabulary * 4 bytes each.
constexpr std::uint32_t kHeadRows = 32;
/// A chunk of a matmul reads about this many bytes of weights: small enough to share out evenly and
/// to stay in a core's cache while all rows pass over it.
constexpr std::size_t kChunkBytes = 128 * 1024;
constexpr std::uint32_t kChunksPerThread = 4;

kernels::Pairing pairingOf(RopePairing pairing) {
    return pairing == RopePairing::Adjacent ? kernels::Pairing::Adjacent : kernels::Pairing::Halves;
}

/// Weight rows of a chunk: whole pairs of tiles, because the fast kernels take two at a time.
std::uint32_t rowsPerChunk(const kernels::PackedMatrix& matrix, std::uint32_t threads) {
    const std::size_t share = matrix.valueBytes() / (std::size_t{threads} * kChunksPerThread);
    const std::size_t wanted = std::min(share, kChunkBytes);
    const std::size_t pairs = std::max<std::size_t>(wanted / (2 * matrix.tileBytes() + 1), 1);
    return static_cast<std::uint32_t>(pairs * 2 * kernels::kTileRows);
}

} // namespace

CpuForward::CpuForward(const ModelConfig& config, const NumberFormats& formats,
                       const kernels::KernelTable& kernels, kernels::InstructionSet set,
                       const CpuWeights& weights, CpuKvPool& kv, std::uint32_t threads)
    : m_config(config),
      m_formats(formats),
      m_kernels(kernels),
      m_weights(weights),
      m_kv(kv),
      m_threads(threads) {
    // The oracle's int8 activations are those of the GPU: one scale per 128 columns.
    m_activationGroup = set == kernels::InstructionSet::Scalar ? 128 : 32;
    // A norm after the bias cannot be split off; such keys are cached whole.
    m_keyBiasOutside = config.qkvBias && !config.qkNorm;
}

void CpuForward::plan(std::uint32_t maxRows, std::uint32_t context) {
    m_maxRows = std::max(maxRows, 1U);
    m_context = std::max(context, 1U);
    m_inputStride =
        std::max({m_config.hiddenSize, m_config.queryWidth(), m_config.intermediateSize});
    m_input8.columns = static_cast<std::uint32_t>(m_inputStride);
    m_input8.group = m_activationGroup;
    m_rope.pairs = m_config.rotaryDim / 2;
    m_rope.pairing = pairingOf(m_config.ropePairing);
    m_scratchFloats = kernels::attentionScratchFloats(
        m_kv.layout(), m_config.headCount / m_config.kvHeadCount, m_context);
}

void CpuForward::layOut(CpuArena& arena) {
    const std::uint64_t rows = m_maxRows;
    const std::uint64_t blocks = (m_context + kPageTokens - 1) / kPageTokens;
    m_ropeValues = arena.take<float>(blocks * 2 * m_rope.pairs * kPageTokens);
    m_rope.values = m_ropeValues;
    m_residual = arena.take<float>(rows * m_config.hiddenSize);
    m_poisonFrom =
        m_residual == nullptr
            ? 0
            : static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(m_residual) - arena.data());
    m_input = arena.take<float>(rows * m_inputStride);
    if (m_formats.activations == ActivationFormat::Int8) {
        m_input8.values = arena.take<std::int8_t>(rows * m_input8.paddedColumns());
        m_input8.scales = arena.take<float>(rows * m_input8.groups());
        m_input8.corrections = arena.take<std::int32_t>(rows * m_input8.groups());
    }
    m_query = arena.take<float>(rows * m_config.queryWidth());
    m_key = arena.take<float>(rows * m_config.kvWidth());
    m_value = arena.take<float>(rows * m_config.kvWidth());
    m_gate = arena.take<float>(rows * m_config.intermediateSize);
    m_up = arena.take<float>(rows * m_config.intermediateSize);
    m_delta = arena.take<float>(rows * m_config.hiddenSize);
    m_logits =
        arena.take<float>(std::uint64_t{std::min(m_maxRows, kHeadRows)} * m_config.vocabularySize);
    m_scratchFloats = (m_scratchFloats + 15) / 16 * 16;
    m_scratch = arena.take<float>(m_scratchFloats * m_threads);
}

std::uint64_t CpuForward::plannedBytes() {
    CpuArena counter;
    layOut(counter);
    return counter.countedBytes();
}

Status CpuForward::allocate(CpuWorkers& workers) {
    m_workers = &workers;
    INGLENOOK_TRY(m_arena.allocate(plannedBytes()));
    layOut(m_arena);
    m_segments.reserve(m_maxRows);
    fillRopeTables();
    return {};
}

void CpuForward::fillRopeTables() {
    const RopeTable table = makeRopeTable(m_config, m_context);
    for (std::uint32_t p = 0; p < m_context; ++p) {
        float* block = m_ropeValues +
                       std::size_t{p / kPageTokens} * 2 * m_rope.pairs * kPageTokens +
                       p % kPageTokens;
        for (std::uint32_t i = 0; i < m_rope.pairs; ++i) {
            const std::size_t from = std::size_t{p} * m_rope.pairs + i;
            block[std::size_t{i} * kPageTokens] = table.cosine[from];
            block[std::size_t{i + m_rope.pairs} * kPageTokens] = table.sine[from];
        }
    }
}

void CpuForward::poison() {
    if (m_arena.data() != nullptr)
        std::memset(m_arena.data() + m_poisonFrom, 0xFF, m_arena.allocatedBytes() - m_poisonFrom);
}

template<typename Task>
void CpuForward::forRows(std::uint32_t count, const Task& task) {
    // One or two rows cost less than waking anybody.
    if (count <= 2) {
        for (std::uint32_t row = 0; row < count; ++row)
            task(row);
        return;
    }
    const std::uint32_t perChunk = std::max(1U, count / (m_workers->threads() * 8));
    m_workers->run((count + perChunk - 1) / perChunk, [&](std::uint32_t chunk, std::uint32_t) {
        const std::uint32_t end = std::min(count, (chunk + 1) * perChunk);
        for (std::uint32_t row = chunk * perChunk; row < end; ++row)
            task(row);
    });
}

void CpuForward::prepareInput(std::uint32_t row, std::uint32_t columns) {
    float* x = input(row);
    if (m_formats.activations == ActivationFormat::BF16)
        m_kernels.roundToBf16(x, columns);
    if (m_formats.activations != ActivationFormat::Int8)
        return;
    kernels::Int8Rows rows = m_input8;
    rows.columns = columns;
    m_kernels.quantizeRow(x, rows, row);
    if (!m_weights.hasFloatMatrices())
        return;
    // Float matrices of a mixed model read the same rounded values.
    const std::int8_t* values = rows.values + std::size_t{row} * rows.paddedColumns();
    const float* scales = rows.scales + std::size_t{row} * rows.groups();
    for (std::uint32_t k = 0; k < columns; ++k)
        x[k] = static_cast<float>(values[k]) * scales[k / rows.group];
}

void CpuForward::matmul(std::span<const MatmulJob> jobs, std::uint32_t rows,
                        std::uint32_t columns) {
    kernels::Int8Rows input8 = m_input8;
    input8.rows = rows;
    input8.columns = columns;
    const kernels::FloatRows inputFloat{rows, m_input, m_inputStride};
    std::uint32_t chunks = 0;
    for (const MatmulJob& job : jobs) {
        const std::uint32_t step = rowsPerChunk(*job.weights, m_workers->threads());
        chunks += (job.weights->rows + step - 1) / step;
    }
    m_workers->run(chunks, [&](std::uint32_t chunk, std::uint32_t) {
        for (const MatmulJob& job : jobs) {
            const kernels::PackedMatrix& weights = *job.weights;
            const std::uint32_t step = rowsPerChunk(weights, m_workers->threads());
            const std::uint32_t own = (weights.rows + step - 1) / step;
            if (chunk >= own) {
                chunk -= own;
                continue;
            }
            const kernels::RowRange range{chunk * step, std::min(weights.rows, (chunk + 1) * step)};
            const bool integers = weights.kind != kernels::WeightKind::F32 &&
                                  weights.kind != kernels::WeightKind::BF16;
            if (integers && m_formats.activations == ActivationFormat::Int8)
                m_kernels.matmulInt8(weights, range, input8, job.out, weights.rows);
            else
                m_kernels.matmul(weights, range, inputFloat, job.out, weights.rows);
            return;
        }
    });
}

void CpuForward::run(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
                     const LogitsSink& sink) {
    m_headReads = 0;
    findSegments(rows);
    embed(rows);
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer) {
        attentionBlock(layer, rows, tables);
        feedForwardBlock(layer, static_cast<std::uint32_t>(rows.size()));
    }
    outputs(rows, sink);
}

void CpuForward::findSegments(std::span<const ForwardRow> rows) {
    m_segments.clear();
    for (std::uint32_t i = 0; i < rows.size(); ++i) {
        const bool continues =
            !m_segments.empty() && m_segments.back().rows < kernels::kAttentionRows &&
            rows[i].table == rows[i - 1].table && rows[i].position == rows[i - 1].position + 1;
        if (continues)
            ++m_segments.back().rows;
        else
            m_segments.push_back({i, 1});
    }
}

void CpuForward::embed(std::span<const ForwardRow> rows) {
    forRows(static_cast<std::uint32_t>(rows.size()), [&](std::uint32_t row) {
        m_kernels.dequantizeRow(m_weights.embedding, static_cast<std::uint32_t>(rows[row].token),
                                m_residual + std::size_t{row} * m_config.hiddenSize);
    });
}

void CpuForward::attentionBlock(std::uint32_t index, std::span<const ForwardRow> rows,
                                std::span<const PageTable> tables) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t hidden = m_config.hiddenSize;
    const auto count = static_cast<std::uint32_t>(rows.size());
    forRows(count, [&](std::uint32_t row) {
        m_kernels.rmsNorm(m_residual + std::size_t{row} * hidden, layer.attentionNorm, hidden,
                          m_config.normEps, input(row));
        // A key bias of norm 300 multiplies what rounding does to the query: bf16 would cost 1.7 %
        // of the logits there, so that this one product takes fp32.
        if (!m_keyBiasOutside || m_formats.activations == ActivationFormat::Int8)
            prepareInput(row, hidden);
    });
    const MatmulJob projections[] = {
        {&layer.query, m_query}, {&layer.key, m_key}, {&layer.value, m_value}};
    matmul(projections, count, hidden);
    forRows(count, [&](std::uint32_t row) {
        finishHeads(index, row, rows[row], tables[rows[row].table]);
    });
    attend(index, rows, tables);
    forRows(count, [&](std::uint32_t row) { prepareInput(row, m_config.queryWidth()); });
    const MatmulJob output[] = {{&layer.output, m_delta}};
    matmul(output, count, m_config.queryWidth());
    forRows(count, [&](std::uint32_t row) {
        m_kernels.add(m_residual + std::size_t{row} * hidden, m_delta + std::size_t{row} * hidden,
                      hidden);
    });
}

void CpuForward::finishHeads(std::uint32_t index, std::uint32_t row, const ForwardRow& rowInput,
                             const PageTable& table) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t dim = m_config.headDim;
    float* query = m_query + std::size_t{row} * m_config.queryWidth();
    float* key = m_key + std::size_t{row} * m_config.kvWidth();
    float* value = m_value + std::size_t{row} * m_config.kvWidth();
    if (layer.queryBias != nullptr) {
        m_kernels.add(query, layer.queryBias, m_config.queryWidth());
        m_kernels.add(value, layer.valueBias, m_config.kvWidth());
        if (!m_keyBiasOutside)
            m_kernels.add(key, layer.keyBias, m_config.kvWidth());
    }
    for (std::uint32_t head = 0; head < m_config.headCount; ++head) {
        float* q = query + std::size_t{head} * dim;
        if (layer.queryNorm != nullptr)
            m_kernels.rmsNorm(q, layer.queryNorm, dim, m_config.normEps, q);
        m_kernels.rope(q, m_rope, rowInput.position);
    }
    // Queries stay in fp32 with any activations: against a key bias of norm 300 bf16 is too coarse.
    const PageId page = table.pages[rowInput.position / kPageTokens];
    std::byte* pageLayer = m_kv.layerBase(index) + m_kv.pageBytes() * page;
    for (std::uint32_t head = 0; head < m_config.kvHeadCount; ++head) {
        float* k = key + std::size_t{head} * dim;
        if (layer.keyNorm != nullptr)
            m_kernels.rmsNorm(k, layer.keyNorm, dim, m_config.normEps, k);
        m_kernels.rope(k, m_rope, rowInput.position);
        m_kernels.storeKv(m_kv.layout(), pageLayer, head, rowInput.position, k,
                          value + std::size_t{head} * dim);
    }
}

void CpuForward::attend(std::uint32_t index, std::span<const ForwardRow> rows,
                        std::span<const PageTable> tables) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t kvHeads = m_config.kvHeadCount;
    const std::uint32_t headsPerKv = m_config.headCount / kvHeads;
    const auto tasks = static_cast<std::uint32_t>(m_segments.size()) * kvHeads;
    m_workers->run(tasks, [&](std::uint32_t chunk, std::uint32_t worker) {
        // From the back: the longest rows of a prompt start first.
        const Segment& segment = m_segments[m_segments.size() - 1 - chunk / kvHeads];
        const ForwardRow& first = rows[segment.firstRow];
        kernels::AttentionTask task;
        task.layout = m_kv.layout();
        task.pool = m_kv.layerBase(index);
        task.pageStride = m_kv.pageBytes();
        task.pages = tables[first.table].pages.data();
        task.kvHead = chunk % kvHeads;
        task.headsPerKv = headsPerKv;
        task.firstPosition = first.position;
        task.rows = segment.rows;
        const std::size_t column = std::size_t{task.kvHead} * headsPerKv * m_config.headDim;
        task.queries = m_query + std::size_t{segment.firstRow} * m_config.queryWidth() + column;
        task.queryStride = m_config.queryWidth();
        task.out = input(segment.firstRow) + column;
        task.outStride = m_inputStride;
        task.scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
        if (m_keyBiasOutside)
            task.keyBias = layer.keyBias + std::size_t{task.kvHead} * m_config.headDim;
        task.rope = m_rope;
        task.scratch = m_scratch + worker * m_scratchFloats;
        m_kernels.attention(task);
    });
}

void CpuForward::feedForwardBlock(std::uint32_t index, std::uint32_t count) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t hidden = m_config.hiddenSize;
    const std::uint32_t inner = m_config.intermediateSize;
    forRows(count, [&](std::uint32_t row) {
        m_kernels.rmsNorm(m_residual + std::size_t{row} * hidden, layer.ffnNorm, hidden,
                          m_config.normEps, input(row));
        prepareInput(row, hidden);
    });
    const MatmulJob gateUp[] = {{&layer.gate, m_gate}, {&layer.up, m_up}};
    matmul(gateUp, count, hidden);
    forRows(count, [&](std::uint32_t row) {
        m_kernels.swiglu(m_gate + std::size_t{row} * inner, m_up + std::size_t{row} * inner, inner,
                         input(row));
        prepareInput(row, inner);
    });
    const MatmulJob down[] = {{&layer.down, m_delta}};
    matmul(down, count, inner);
    forRows(count, [&](std::uint32_t row) {
        m_kernels.add(m_residual + std::size_t{row} * hidden, m_delta + std::size_t{row} * hidden,
                      hidden);
    });
}

void CpuForward::outputs(std::span<const ForwardRow> rows, const LogitsSink& sink) {
    const std::uint32_t block = std::min(m_maxRows, kHeadRows);
    const std::uint32_t hidden = m_config.hiddenSize;
    std::uint32_t wanted[kHeadRows];
    for (std::uint32_t next = 0; next < rows.size();) {
        std::uint32_t count = 0;
        for (; next < rows.size() && count < block; ++next)
            if (rows[next].wantsLogits)
                wanted[count++] = next;
        if (count == 0)
            break;
        forRows(count, [&](std::uint32_t i) {
            m_kernels.rmsNorm(m_residual + std::size_t{wanted[i]} * hidden, m_weights.outputNorm,
                              hidden, m_config.normEps, input(i));
            prepareInput(i, hidden);
        });
        const MatmulJob head[] = {{&m_weights.head, m_logits}};
        matmul(head, count, hidden);
        ++m_headReads;
        for (std::uint32_t i = 0; i < count; ++i)
            sink(wanted[i],
                 {m_logits + std::size_t{i} * m_config.vocabularySize, m_config.vocabularySize});
    }
}

} // namespace engine
