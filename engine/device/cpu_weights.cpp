#include "engine/device/cpu_weights.h"

#include "engine/model/quantize.h"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace engine {

namespace {

kernels::WeightKind kindOf(MatrixFormat format) {
    switch (format) {
    case MatrixFormat::F32:
        return kernels::WeightKind::F32;
    case MatrixFormat::BF16:
        return kernels::WeightKind::BF16;
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        return kernels::WeightKind::Int8;
    case MatrixFormat::Int4G32:
        return kernels::WeightKind::Int4;
    case MatrixFormat::Int4G32Min:
        return kernels::WeightKind::Int4Min;
    case MatrixFormat::Int4G32Zero:
        return kernels::WeightKind::Int4Zero;
    }
    return kernels::WeightKind::F32;
}

MatrixFormat formatOf(const kernels::PackedMatrix& matrix) {
    switch (matrix.kind) {
    case kernels::WeightKind::F32:
        return MatrixFormat::F32;
    case kernels::WeightKind::BF16:
        return MatrixFormat::BF16;
    case kernels::WeightKind::Int8:
        return matrix.group == 128 ? MatrixFormat::Int8G128 : MatrixFormat::Int8G32;
    case kernels::WeightKind::Int4:
        return MatrixFormat::Int4G32;
    case kernels::WeightKind::Int4Min:
        return MatrixFormat::Int4G32Min;
    case kernels::WeightKind::Int4Zero:
        return MatrixFormat::Int4G32Zero;
    }
    return MatrixFormat::F32;
}

bool isFloat(const kernels::PackedMatrix& matrix) {
    return matrix.kind == kernels::WeightKind::F32 || matrix.kind == kernels::WeightKind::BF16;
}

/// Rows [first, first + 16) of a converted stretch, as packTile() takes them.
kernels::RowMajorTile tileOf(const QuantizedMatrix& rows, std::uint32_t first) {
    kernels::RowMajorTile tile;
    tile.rows = std::min(kernels::kTileRows, rows.rows - first);
    const std::size_t columns = rows.paddedColumns;
    const auto bytes = [](const auto& vector) {
        return reinterpret_cast<const std::byte*>(vector.data());
    };
    switch (rows.format) {
    case MatrixFormat::F32:
        tile.values = bytes(rows.f32);
        tile.strideBytes = columns * sizeof(float);
        break;
    case MatrixFormat::BF16:
        tile.values = bytes(rows.bf16);
        tile.strideBytes = columns * sizeof(std::uint16_t);
        break;
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        tile.values = bytes(rows.int8);
        tile.strideBytes = columns;
        break;
    case MatrixFormat::Int4G32:
    case MatrixFormat::Int4G32Min:
    case MatrixFormat::Int4G32Zero:
        tile.values = bytes(rows.int4);
        tile.strideBytes = columns / 2;
        break;
    }
    tile.values += first * tile.strideBytes;
    tile.scaleStride = rows.groupsPerRow();
    tile.scales = rows.scales.data() + first * tile.scaleStride;
    tile.minima = rows.minimums.empty() ? nullptr : rows.minimums.data() + first * tile.scaleStride;
    return tile;
}

} // namespace

std::uint64_t packedBytes(const kernels::PackedMatrix& matrix) {
    const std::uint64_t scaleSets = matrix.kind == kernels::WeightKind::Int4Min ? 2 : 1;
    return matrix.valueBytes() + scaleSets * matrix.scaleCount() * sizeof(std::uint16_t);
}

Status CpuWeights::addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                             std::uint32_t columns, WeightFormat requested,
                             kernels::PackedMatrix* target) {
    const auto info = findMatrix(source, m_modelName, tensor, rows, columns);
    if (!info)
        return info.status();
    const MatrixFormat format = resolveMatrixFormat(requested, **info);
    target->kind = kindOf(format);
    target->group = groupOf(format);
    target->rows = rows;
    target->columns = columns;
    m_hasFloatMatrices = m_hasFloatMatrices || isFloat(*target);
    m_matrices.push_back({std::move(tensor), target});
    return {};
}

Status CpuWeights::addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                             float** target, std::uint64_t rows) {
    if (const auto info = findMatrix(source, m_modelName, tensor, rows, length); !info)
        return info.status();
    m_vectors.push_back({std::move(tensor), target, rows * length});
    return {};
}

Status CpuWeights::addLayer(const ModelConfig& config, const TensorSource& source,
                            std::uint32_t index, WeightFormat requested) {
    CpuLayer& layer = layers[index];
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const std::uint32_t hidden = config.hiddenSize;
    const std::uint32_t queries = config.queryWidth();
    const std::uint32_t kv = config.kvWidth();
    const std::uint32_t inner = config.intermediateSize;
    const auto matrix = [&](const char* name, std::uint32_t rows, std::uint32_t columns,
                            kernels::PackedMatrix& target) {
        return addMatrix(source, prefix + name, rows, columns, requested, &target);
    };
    const auto vector = [&](const char* name, std::uint64_t length, float*& target) {
        return addVector(source, prefix + name, length, &target);
    };
    INGLENOOK_TRY(vector("attn_norm.weight", hidden, layer.attentionNorm));
    if (config.layerNorm) {
        INGLENOOK_TRY(vector("attn_norm.bias", hidden, layer.attentionNormBias));
        INGLENOOK_TRY(vector("ffn_norm.bias", hidden, layer.ffnNormBias));
    }
    if (config.projectionBias) {
        INGLENOOK_TRY(vector("attn_output.bias", hidden, layer.outputBias));
        INGLENOOK_TRY(vector("ffn_up.bias", inner, layer.upBias));
        INGLENOOK_TRY(vector("ffn_down.bias", hidden, layer.downBias));
    }
    INGLENOOK_TRY(matrix("attn_q.weight", queries, hidden, layer.query));
    INGLENOOK_TRY(matrix("attn_k.weight", kv, hidden, layer.key));
    INGLENOOK_TRY(matrix("attn_v.weight", kv, hidden, layer.value));
    if (config.qkvBias) {
        INGLENOOK_TRY(vector("attn_q.bias", queries, layer.queryBias));
        if (!config.learnedPositions) // see ModelConfig::keyBiasOutside()
            INGLENOOK_TRY(vector("attn_k.bias", kv, layer.keyBias));
        INGLENOOK_TRY(vector("attn_v.bias", kv, layer.valueBias));
    }
    if (config.qkNorm) {
        INGLENOOK_TRY(vector("attn_q_norm.weight", config.headDim, layer.queryNorm));
        INGLENOOK_TRY(vector("attn_k_norm.weight", config.headDim, layer.keyNorm));
    }
    INGLENOOK_TRY(matrix("attn_output.weight", hidden, queries, layer.output));
    INGLENOOK_TRY(vector("ffn_norm.weight", hidden, layer.ffnNorm));
    if (!config.plainMlp)
        INGLENOOK_TRY(matrix("ffn_gate.weight", inner, hidden, layer.gate));
    INGLENOOK_TRY(matrix("ffn_up.weight", inner, hidden, layer.up));
    return matrix("ffn_down.weight", hidden, inner, layer.down);
}

Status CpuWeights::plan(const ModelConfig& config, const TensorSource& source,
                        WeightFormat requested) {
    release();
    m_modelName = config.name;
    m_tied = config.tiedEmbeddings;
    layers.resize(config.layerCount);
    INGLENOOK_TRY(addMatrix(source, "token_embd.weight", config.vocabularySize, config.hiddenSize,
                            requested, &embedding));
    for (std::uint32_t i = 0; i < config.layerCount; ++i)
        INGLENOOK_TRY(addLayer(config, source, i, requested));
    INGLENOOK_TRY(addVector(source, "output_norm.weight", config.hiddenSize, &outputNorm));
    if (config.layerNorm)
        INGLENOOK_TRY(addVector(source, "output_norm.bias", config.hiddenSize, &outputNormBias));
    if (config.learnedPositions)
        INGLENOOK_TRY(addVector(source, "position_embd.weight", config.hiddenSize, &positions,
                                config.contextLength));
    if (!m_tied)
        INGLENOOK_TRY(addMatrix(source, "output.weight", config.vocabularySize, config.hiddenSize,
                                requested, &head));
    for (const MatrixSlot& slot : m_matrices)
        if (slot.target != &embedding && slot.target != &head)
            m_layerBytes += packedBytes(*slot.target);
    for (const VectorSlot& slot : m_vectors)
        if (slot.target != &positions) // a step reads a row of each token
            m_layerBytes += slot.length * sizeof(float);
    return {};
}

std::uint64_t CpuWeights::headBytes() const {
    return packedBytes(head);
}

void CpuWeights::layOut(CpuArena& arena) {
    for (const MatrixSlot& slot : m_matrices) {
        kernels::PackedMatrix& matrix = *slot.target;
        matrix.values = arena.take<std::byte>(matrix.valueBytes());
        if (matrix.group != 0)
            matrix.scales = arena.take<std::uint16_t>(matrix.scaleCount());
        if (matrix.kind == kernels::WeightKind::Int4Min)
            matrix.minima = arena.take<std::uint16_t>(matrix.scaleCount());
    }
    for (const VectorSlot& slot : m_vectors)
        *slot.target = arena.take<float>(slot.length);
    if (m_tied)
        head = embedding;
}

std::uint64_t CpuWeights::plannedBytes() {
    CpuArena counter;
    layOut(counter);
    return counter.countedBytes();
}

Status CpuWeights::loadMatrixSlot(const TensorSource& source, const MatrixSlot& slot,
                                  CpuWorkers& workers, const std::atomic<bool>& stop) {
    const TensorInfo& info = *source.find(slot.tensor);
    const kernels::PackedMatrix& matrix = *slot.target;
    // Whole tiles, small enough that conversion buffers stay near 1 MiB of floats a worker.
    const std::uint32_t fitting = (1U << 18) / std::max(matrix.columns, 1U);
    const std::uint32_t rowsPerChunk =
        std::max(fitting / kernels::kTileRows, 1U) * kernels::kTileRows;
    const std::uint32_t chunks = (matrix.rows + rowsPerChunk - 1) / rowsPerChunk;
    std::mutex mutex;
    Status failure;
    std::atomic<bool> failed{false};
    workers.run(chunks, [&](std::uint32_t chunk, std::uint32_t) {
        if (failed || stop)
            return;
        const std::uint32_t first = chunk * rowsPerChunk;
        const std::uint32_t count = std::min(rowsPerChunk, matrix.rows - first);
        const Result<QuantizedMatrix> rows = loadRows(source, info, formatOf(matrix), first, count);
        if (!rows.ok()) {
            const std::lock_guard lock(mutex);
            if (!failed.exchange(true))
                failure = rows.status();
            return;
        }
        for (std::uint32_t row = 0; row < count; row += kernels::kTileRows)
            kernels::packTile(matrix, (first + row) / kernels::kTileRows, tileOf(*rows, row));
    });
    return stop ? Status(Code::Cancelled) : failure;
}

Status CpuWeights::loadAll(const TensorSource& source, CpuWorkers& workers,
                           const LoadProgress& progress, const std::atomic<bool>& stop) {
    std::uint64_t total = 0;
    for (const MatrixSlot& slot : m_matrices)
        total += packedBytes(*slot.target);
    std::uint64_t done = 0;
    for (const VectorSlot& slot : m_vectors) {
        const Result<std::vector<float>> values = loadVector(source, *source.find(slot.tensor));
        if (!values.ok())
            return values.status();
        if (values->size() != slot.length)
            return Status(Code::InternalError, {{"detail", slot.tensor + " has another length"}});
        std::memcpy(*slot.target, values->data(), slot.length * sizeof(float));
    }
    for (const MatrixSlot& slot : m_matrices) {
        INGLENOOK_TRY(loadMatrixSlot(source, slot, workers, stop));
        done += packedBytes(*slot.target);
        if (progress)
            progress(done, total);
    }
    return {};
}

Status CpuWeights::load(const TensorSource& source, CpuWorkers& workers,
                        const LoadProgress& progress, const std::atomic<bool>& stop) {
    INGLENOOK_TRY(m_arena.allocate(plannedBytes()));
    layOut(m_arena);
    Status status = loadAll(source, workers, progress, stop);
    if (!status.ok())
        release();
    return status;
}

void CpuWeights::release() {
    m_arena.release();
    m_matrices.clear();
    m_vectors.clear();
    layers.clear();
    embedding = {};
    head = {};
    outputNorm = nullptr;
    m_layerBytes = 0;
    m_hasFloatMatrices = false;
}

} // namespace engine
