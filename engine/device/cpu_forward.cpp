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
                       const kernels::KernelTable& kernels, std::uint32_t activationGroup,
                       const CpuWeights& weights, CpuKvPool& kv, std::uint32_t threads)
    : m_config(config),
      m_formats(formats),
      m_kernels(kernels),
      m_weights(weights),
      m_kv(kv),
      m_threads(threads),
      m_keyBiasOutside(config.keyBiasOutside()) {
    m_work.input8.group = activationGroup;
}

void CpuForward::plan(std::uint32_t maxRows, std::uint32_t context) {
    m_maxRows = std::max(maxRows, 1U);
    m_context = m_config.usableContext(std::max(context, 1U));
    m_work.inputStride =
        std::max({m_config.hiddenSize, m_config.queryWidth(), m_config.intermediateSize});
    m_work.input8.columns = static_cast<std::uint32_t>(m_work.inputStride);
    m_rope.pairs = m_config.rotaryDim / 2;
    m_rope.pairing = pairingOf(m_config.ropePairing);
    m_work.scratchFloats = kernels::attentionScratchFloats(
        m_kv.layout(), m_config.headCount / m_config.kvHeadCount, m_context);
}

void CpuForward::layOut(CpuArena& arena) {
    const std::uint64_t rows = m_maxRows;
    const std::uint64_t blocks = (m_context + kPageTokens - 1) / kPageTokens;
    m_ropeValues = arena.take<float>(blocks * 2 * m_rope.pairs * kPageTokens);
    m_rope.values = m_ropeValues;
    m_work.residual = arena.take<float>(rows * m_config.hiddenSize);
    m_poisonFrom = m_work.residual == nullptr
                       ? 0
                       : static_cast<std::uint64_t>(reinterpret_cast<std::byte*>(m_work.residual) -
                                                    arena.data());
    m_work.input = arena.take<float>(rows * m_work.inputStride);
    if (m_formats.activations == ActivationFormat::Int8) {
        m_work.input8.values = arena.take<std::int8_t>(rows * m_work.input8.paddedColumns());
        m_work.input8.scales = arena.take<float>(rows * m_work.input8.groups());
        m_work.input8.corrections = arena.take<std::int32_t>(rows * m_work.input8.groups());
    }
    m_work.query = arena.take<float>(rows * m_config.queryWidth());
    m_work.key = arena.take<float>(rows * m_config.kvWidth());
    m_work.value = arena.take<float>(rows * m_config.kvWidth());
    m_work.gate = arena.take<float>(rows * m_config.intermediateSize);
    m_work.up = arena.take<float>(rows * m_config.intermediateSize);
    m_work.delta = arena.take<float>(rows * m_config.hiddenSize);
    m_work.logits =
        arena.take<float>(std::uint64_t{std::min(m_maxRows, kHeadRows)} * m_config.vocabularySize);
    m_work.scratchFloats = (m_work.scratchFloats + 15) / 16 * 16;
    m_work.scratch = arena.take<float>(m_work.scratchFloats * m_threads);
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
    m_headRows.reserve(kHeadRows);
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
    float* x = m_work.inputRow(row);
    if (m_formats.activations == ActivationFormat::BF16)
        m_kernels.roundToBf16(x, columns);
    if (m_formats.activations != ActivationFormat::Int8)
        return;
    kernels::Int8Rows rows = m_work.input8;
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
    kernels::Int8Rows input8 = m_work.input8;
    input8.rows = rows;
    input8.columns = columns;
    const kernels::FloatRows inputFloat{rows, m_work.input, m_work.inputStride};
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

void CpuForward::begin(std::span<const ForwardRow> rows, std::span<const PageTable> tables) {
    m_rows = rows;
    m_tables = tables;
    m_headReads = 0;
    findSegments();
}

template<typename Work>
void CpuForward::observed(CpuStage stage, std::uint32_t layer, const Work& work) {
    if (m_observer == nullptr)
        return work();
    m_observer->before(stage, layer);
    work();
    m_observer->after(stage, layer, costOf(stage, layer));
}

void CpuForward::inputReady(CpuStage stage, std::uint32_t layer) {
    if (m_observer != nullptr)
        m_observer->inputReady(stage, layer);
}

void CpuForward::run(std::span<const ForwardRow> rows, std::span<const PageTable> tables,
                     const LogitsSink& sink, CpuStageObserver* observer) {
    m_observer = observer;
    begin(rows, tables);
    observed(CpuStage::Embed, 0, [this] { embed(); });
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer) {
        observed(CpuStage::Qkv, layer, [&] {
            qkvInput(layer);
            inputReady(CpuStage::Qkv, layer);
            qkv(layer);
            storeKv(layer);
        });
        observed(CpuStage::Attention, layer, [&] { attend(layer); });
        observed(CpuStage::AttentionOutput, layer, [&] { attentionOutput(layer); });
        observed(CpuStage::GateUp, layer, [&] {
            gateUpInput(layer);
            inputReady(CpuStage::GateUp, layer);
            gateUp(layer);
        });
        observed(CpuStage::Down, layer, [&] { down(layer); });
    }
    outputs(sink);
    m_observer = nullptr;
}

void CpuForward::findSegments() {
    m_segments.clear();
    for (std::uint32_t i = 0; i < m_rows.size(); ++i) {
        const bool continues = !m_segments.empty() &&
                               m_segments.back().rows < kernels::kAttentionRows &&
                               m_rows[i].table == m_rows[i - 1].table &&
                               m_rows[i].position == m_rows[i - 1].position + 1;
        if (continues)
            ++m_segments.back().rows;
        else
            m_segments.push_back({i, 1});
    }
}

void CpuForward::embed() {
    forRows(rowCount(), [&](std::uint32_t row) {
        m_kernels.dequantizeRow(m_weights.embedding, static_cast<std::uint32_t>(m_rows[row].token),
                                residual(row));
        if (m_weights.positions != nullptr)
            m_kernels.add(residual(row),
                          m_weights.positions +
                              std::size_t{m_rows[row].position} * m_config.hiddenSize,
                          m_config.hiddenSize);
    });
}

/// Input row i becomes the norm of residual row from[i] (nullptr: of row i).
void CpuForward::normalize(std::uint32_t count, const std::uint32_t* from, const float* norm,
                           const float* bias, bool exact) {
    forRows(count, [&](std::uint32_t row) {
        const float* x = residual(from == nullptr ? row : from[row]);
        if (m_config.layerNorm)
            m_kernels.layerNorm(x, norm, bias, m_config.hiddenSize, m_config.normEps,
                                m_work.inputRow(row));
        else
            m_kernels.rmsNorm(x, norm, m_config.hiddenSize, m_config.normEps, m_work.inputRow(row));
        if (!exact)
            prepareInput(row, m_config.hiddenSize);
    });
}

void CpuForward::qkvInput(std::uint32_t index) {
    // A key bias of norm 300 multiplies what rounding does to the query: bf16 would cost 1.7 % of
    // the logits there, so that this one product takes fp32.
    const bool exact = m_keyBiasOutside && m_formats.activations != ActivationFormat::Int8;
    const CpuLayer& layer = m_weights.layers[index];
    normalize(rowCount(), nullptr, layer.attentionNorm, layer.attentionNormBias, exact);
}

void CpuForward::qkv(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    const MatmulJob projections[] = {
        {&layer.query, m_work.query}, {&layer.key, m_work.key}, {&layer.value, m_work.value}};
    matmul(projections, rowCount(), m_config.hiddenSize);
    forRows(rowCount(), [&](std::uint32_t row) { finishHeads(index, row); });
}

void CpuForward::finishHeads(std::uint32_t index, std::uint32_t row) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t dim = m_config.headDim;
    const std::uint32_t position = m_rows[row].position;
    float* query = m_work.query + std::size_t{row} * m_config.queryWidth();
    float* key = m_work.key + std::size_t{row} * m_config.kvWidth();
    float* value = m_work.value + std::size_t{row} * m_config.kvWidth();
    if (layer.queryBias != nullptr) {
        m_kernels.add(query, layer.queryBias, m_config.queryWidth());
        m_kernels.add(value, layer.valueBias, m_config.kvWidth());
        if (!m_keyBiasOutside && layer.keyBias != nullptr)
            m_kernels.add(key, layer.keyBias, m_config.kvWidth());
    }
    for (std::uint32_t head = 0; head < m_config.headCount; ++head) {
        float* q = query + std::size_t{head} * dim;
        if (layer.queryNorm != nullptr)
            m_kernels.rmsNorm(q, layer.queryNorm, dim, m_config.normEps, q);
        m_kernels.rope(q, m_rope, position);
    }
    // Queries stay in fp32 with any activations: against a key bias of norm 300 bf16 is too coarse.
    for (std::uint32_t head = 0; head < m_config.kvHeadCount; ++head) {
        float* k = key + std::size_t{head} * dim;
        if (layer.keyNorm != nullptr)
            m_kernels.rmsNorm(k, layer.keyNorm, dim, m_config.normEps, k);
        m_kernels.rope(k, m_rope, position);
    }
}

void CpuForward::storeKv(std::uint32_t index) {
    forRows(rowCount(), [&](std::uint32_t row) { storeHeads(index, row); });
}

void CpuForward::storeHeads(std::uint32_t index, std::uint32_t row) {
    const std::uint32_t position = m_rows[row].position;
    const PageId page = m_tables[m_rows[row].table].pages[position / kPageTokens];
    std::byte* pageLayer = m_kv.layerBase(index) + m_kv.pageBytes() * page;
    const float* key = m_work.key + std::size_t{row} * m_config.kvWidth();
    const float* value = m_work.value + std::size_t{row} * m_config.kvWidth();
    for (std::uint32_t head = 0; head < m_config.kvHeadCount; ++head) {
        const std::size_t column = std::size_t{head} * m_config.headDim;
        m_kernels.storeKv(m_kv.layout(), pageLayer, head, position, key + column, value + column);
    }
}

void CpuForward::attend(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t kvHeads = m_config.kvHeadCount;
    const std::uint32_t headsPerKv = m_config.headCount / kvHeads;
    const auto tasks = static_cast<std::uint32_t>(m_segments.size()) * kvHeads;
    m_workers->run(tasks, [&](std::uint32_t chunk, std::uint32_t worker) {
        // From the back: the longest rows of a prompt start first.
        const Segment& segment = m_segments[m_segments.size() - 1 - chunk / kvHeads];
        const ForwardRow& first = m_rows[segment.firstRow];
        kernels::AttentionTask task;
        task.layout = m_kv.layout();
        task.pool = m_kv.layerBase(index);
        task.pageStride = m_kv.pageBytes();
        task.pages = m_tables[first.table].pages.data();
        task.kvHead = chunk % kvHeads;
        task.headsPerKv = headsPerKv;
        task.firstPosition = first.position;
        task.rows = segment.rows;
        const std::size_t column = std::size_t{task.kvHead} * headsPerKv * m_config.headDim;
        task.queries =
            m_work.query + std::size_t{segment.firstRow} * m_config.queryWidth() + column;
        task.queryStride = m_config.queryWidth();
        task.out = m_work.inputRow(segment.firstRow) + column;
        task.outStride = m_work.inputStride;
        task.scale = 1.0F / std::sqrt(static_cast<float>(m_config.headDim));
        if (m_keyBiasOutside)
            task.keyBias = layer.keyBias + std::size_t{task.kvHead} * m_config.headDim;
        task.rope = m_rope;
        task.scratch = m_work.scratch + worker * m_work.scratchFloats;
        m_kernels.attention(task);
    });
}

/// `bias` [hidden] becomes part of what is added; nullptr: there is none.
void CpuForward::addDelta(const float* bias) {
    forRows(rowCount(), [&](std::uint32_t row) {
        float* delta = m_work.delta + std::size_t{row} * m_config.hiddenSize;
        if (bias != nullptr)
            m_kernels.add(delta, bias, m_config.hiddenSize);
        m_kernels.add(residual(row), delta, m_config.hiddenSize);
    });
}

void CpuForward::attentionOutput(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    forRows(rowCount(), [&](std::uint32_t row) { prepareInput(row, m_config.queryWidth()); });
    const MatmulJob output[] = {{&layer.output, m_work.delta}};
    matmul(output, rowCount(), m_config.queryWidth());
    addDelta(layer.outputBias);
}

void CpuForward::gateUpInput(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    normalize(rowCount(), nullptr, layer.ffnNorm, layer.ffnNormBias, false);
}

void CpuForward::gateUp(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    const std::uint32_t inner = m_config.intermediateSize;
    const MatmulJob gateUp[] = {{&layer.up, m_work.up}, {&layer.gate, m_work.gate}};
    matmul(std::span(gateUp).first(m_config.plainMlp ? 1 : 2), rowCount(), m_config.hiddenSize);
    forRows(rowCount(), [&](std::uint32_t row) {
        const std::size_t at = std::size_t{row} * inner;
        if (m_config.plainMlp)
            m_kernels.biasGelu(m_work.up + at, layer.upBias, inner, m_work.inputRow(row));
        else
            m_kernels.swiglu(m_work.gate + at, m_work.up + at, inner, m_work.inputRow(row));
        prepareInput(row, inner);
    });
}

void CpuForward::down(std::uint32_t index) {
    const CpuLayer& layer = m_weights.layers[index];
    const MatmulJob down[] = {{&layer.down, m_work.delta}};
    matmul(down, rowCount(), m_config.intermediateSize);
    addDelta(layer.downBias);
}

void CpuForward::headInput(std::span<const std::uint32_t> wanted) {
    m_headRows.assign(wanted.begin(), wanted.end());
    normalize(static_cast<std::uint32_t>(wanted.size()), wanted.data(), m_weights.outputNorm,
              m_weights.outputNormBias, false);
}

void CpuForward::head() {
    const MatmulJob head[] = {{&m_weights.head, m_work.logits}};
    matmul(head, static_cast<std::uint32_t>(m_headRows.size()), m_config.hiddenSize);
    ++m_headReads;
}

void CpuForward::outputs(const LogitsSink& sink) {
    const std::uint32_t block = std::min(m_maxRows, kHeadRows);
    std::uint32_t wanted[kHeadRows];
    for (std::uint32_t next = 0; next < m_rows.size();) {
        std::uint32_t count = 0;
        for (; next < m_rows.size() && count < block; ++next)
            if (m_rows[next].wantsLogits)
                wanted[count++] = next;
        if (count == 0)
            break;
        observed(CpuStage::Head, 0, [&] {
            headInput({wanted, count});
            inputReady(CpuStage::Head, 0);
            head();
        });
        observed(CpuStage::Sample, 0, [&] { sink({wanted, count}, m_work.logits); });
    }
}

StageCost CpuForward::costOf(CpuStage stage, std::uint32_t index) const {
    StageCost cost;
    const auto addMatrix = [&cost](const kernels::PackedMatrix& matrix, std::uint64_t rows) {
        cost.bytes += packedBytes(matrix);
        cost.operations += 2 * rows * matrix.rows * matrix.columns;
    };
    const std::uint64_t rows = m_rows.size();
    const CpuLayer& layer = m_weights.layers[index];
    switch (stage) {
    case CpuStage::Embed:
        cost.bytes = packedBytes(m_weights.embedding) / m_weights.embedding.rows * rows;
        break;
    case CpuStage::Qkv:
        addMatrix(layer.query, rows);
        addMatrix(layer.key, rows);
        addMatrix(layer.value, rows);
        break;
    case CpuStage::Attention:
        for (const Segment& segment : m_segments) {
            const std::uint64_t first = m_rows[segment.firstRow].position + 1ULL;
            // Rows of a segment share what they read.
            cost.bytes += (first + segment.rows - 1) * m_kv.layout().layerBytes() / kPageTokens;
            cost.operations +=
                4ULL * m_config.queryWidth() * segment.rows * (2 * first + segment.rows - 1) / 2;
        }
        break;
    case CpuStage::AttentionOutput:
        addMatrix(layer.output, rows);
        break;
    case CpuStage::GateUp:
        if (!m_config.plainMlp)
            addMatrix(layer.gate, rows);
        addMatrix(layer.up, rows);
        break;
    case CpuStage::Down:
        addMatrix(layer.down, rows);
        break;
    case CpuStage::Head:
        addMatrix(m_weights.head, m_headRows.size());
        break;
    case CpuStage::Sample:
        break;
    }
    return cost;
}

} // namespace engine
