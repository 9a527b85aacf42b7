#include "engine/device/cuda_weights.h"

#include "engine/device/cuda_status.h"

#include <algorithm>
#include <mutex>

namespace engine {

namespace {

using kernels::cuda::Matrix;
using kernels::cuda::WeightKind;

static_assert(kColumnPadding == kernels::cuda::kColumnPadding);

WeightKind kindOf(MatrixFormat format) {
    switch (format) {
    case MatrixFormat::F32:
        return WeightKind::F32;
    case MatrixFormat::BF16:
        return WeightKind::BF16;
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        return WeightKind::Int8;
    case MatrixFormat::Int4G32:
        return WeightKind::Int4;
    case MatrixFormat::Int4G32Min:
        return WeightKind::Int4Min;
    case MatrixFormat::Int4G32Zero:
        return WeightKind::Int4Zero;
    }
    return WeightKind::F32;
}

std::uint64_t scaleCount(const Matrix& matrix) {
    return std::uint64_t{matrix.rows} * matrix.groupsPerRow();
}

std::uint64_t bytesOfMatrix(const Matrix& matrix) {
    const std::uint64_t scaleSets = matrix.kind == WeightKind::Int4Min ? 2 : 1;
    return matrix.rowBytes() * matrix.rows + scaleSets * scaleCount(matrix) * sizeof(std::uint16_t);
}

/// The bytes of a converted stretch and how long one of its rows is.
struct HostRows {
    const void* values;
    std::size_t rowBytes;
};
HostRows valuesOf(const QuantizedMatrix& rows) {
    switch (rows.format) {
    case MatrixFormat::F32:
        return {rows.f32.data(), rows.paddedColumns * sizeof(float)};
    case MatrixFormat::BF16:
        return {rows.bf16.data(), rows.paddedColumns * sizeof(std::uint16_t)};
    case MatrixFormat::Int8G128:
    case MatrixFormat::Int8G32:
        return {rows.int8.data(), rows.paddedColumns};
    case MatrixFormat::Int4G32:
    case MatrixFormat::Int4G32Min:
    case MatrixFormat::Int4G32Zero:
        return {rows.int4.data(), rows.paddedColumns / 2};
    }
    return {nullptr, 0};
}

/// Bytes of `columns` weights of a row.
std::size_t bytesOfColumns(WeightKind kind, std::size_t columns) {
    switch (kind) {
    case WeightKind::F32:
        return columns * 4;
    case WeightKind::BF16:
        return columns * 2;
    case WeightKind::Int8:
        return columns;
    case WeightKind::Int4:
    case WeightKind::Int4Min:
    case WeightKind::Int4Zero:
        return (columns + 31) / 32 * 16; // whole groups
    }
    return 0;
}

/// Groups of columns [first, first + columns) such that none takes weights of two groups of the
/// whole tensor; 0 where there is no such size.
std::uint32_t groupOfCut(std::uint32_t group, std::uint32_t first, std::uint32_t columns) {
    if (group == 0 || first % group == 0 || first % group + columns <= group)
        return group;
    return group == 128 && first % 32 == 0 ? 32 : 0;
}

} // namespace

Status CudaWeights::addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                              std::uint32_t columns, const Cut& cut, WeightFormat requested,
                              Matrix* target) {
    const auto info = findMatrix(source, m_modelName, tensor, rows, columns);
    if (!info)
        return info.status();
    const MatrixFormat format = resolveMatrixFormat(requested, **info);
    const std::uint32_t group = groupOf(format);
    const bool nibbles = format == MatrixFormat::Int4G32 || format == MatrixFormat::Int4G32Min ||
                         format == MatrixFormat::Int4G32Zero;
    target->kind = kindOf(format);
    target->group = groupOfCut(group, cut.firstColumn, cut.columns);
    target->rows = cut.rows;
    target->columns = cut.columns;
    if ((group != 0 && target->group == 0) || (nibbles && cut.firstColumn % 32 != 0))
        return Status(Code::OptionInvalid,
                      {{"option", "split"},
                       {"value", "tensor"},
                       {"expected", "the heads of this model cannot be divided with these weights; "
                                    "choose bf16 weights or one GPU"}});
    m_matrices.push_back({std::move(tensor), format, target, cut});
    return {};
}

Status CudaWeights::addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                              std::uint64_t first, std::uint64_t count, float** target) {
    if (const auto info = findVector(source, m_modelName, tensor, length); !info)
        return info.status();
    m_vectors.push_back({std::move(tensor), target, first, count});
    return {};
}

Status CudaWeights::addLayer(const ModelConfig& config, const TensorSource& source,
                             std::uint32_t index, WeightFormat requested, const RankShare& share) {
    CudaLayer& layer = layers[index];
    const std::string prefix = "blk." + std::to_string(m_firstLayer + index) + ".";
    const std::uint32_t hidden = config.hiddenSize;
    const std::uint32_t queries = config.queryWidth();
    const std::uint32_t kv = config.kvWidth();
    const std::uint32_t inner = config.intermediateSize;
    const std::uint32_t firstQuery = share.firstHead * config.headDim;
    const std::uint32_t ownQueries = share.heads * config.headDim;
    const std::uint32_t firstKv = share.firstKvHead * config.headDim;
    const std::uint32_t ownKv = share.kvHeads * config.headDim;
    const auto rowsOf = [&](const char* name, std::uint32_t rows, std::uint32_t first,
                            std::uint32_t count, Matrix& target) {
        return addMatrix(source, prefix + name, rows, hidden, {first, count, 0, hidden}, requested,
                         &target);
    };
    const auto columnsOf = [&](const char* name, std::uint32_t columns, std::uint32_t first,
                               std::uint32_t count, bool zero, Matrix& target) {
        return addMatrix(source, prefix + name, hidden, columns, {0, hidden, first, count, zero},
                         requested, &target);
    };
    const auto vector = [&](const char* name, std::uint64_t length, std::uint64_t first,
                            std::uint64_t count, float*& target) {
        return addVector(source, prefix + name, length, first, count, &target);
    };
    const std::uint32_t dim = config.headDim;
    INGLENOOK_TRY(vector("attn_norm.weight", hidden, 0, hidden, layer.attentionNorm));
    if (config.layerNorm) {
        INGLENOOK_TRY(vector("attn_norm.bias", hidden, 0, hidden, layer.attentionNormBias));
        INGLENOOK_TRY(vector("ffn_norm.bias", hidden, 0, hidden, layer.ffnNormBias));
    }
    if (config.projectionBias) {
        INGLENOOK_TRY(vector("attn_output.bias", hidden, 0, hidden, layer.outputBias));
        INGLENOOK_TRY(vector("ffn_up.bias", inner, 0, inner, layer.upBias));
        INGLENOOK_TRY(vector("ffn_down.bias", hidden, 0, hidden, layer.downBias));
    }
    INGLENOOK_TRY(rowsOf("attn_q.weight", queries, firstQuery, ownQueries, layer.query));
    INGLENOOK_TRY(rowsOf("attn_k.weight", kv, firstKv, ownKv, layer.key));
    INGLENOOK_TRY(rowsOf("attn_v.weight", kv, firstKv, ownKv, layer.value));
    if (config.qkvBias) {
        INGLENOOK_TRY(vector("attn_q.bias", queries, firstQuery, ownQueries, layer.queryBias));
        if (!config.learnedPositions) // see ModelConfig::keyBiasOutside()
            INGLENOOK_TRY(vector("attn_k.bias", kv, firstKv, ownKv, layer.keyBias));
        INGLENOOK_TRY(vector("attn_v.bias", kv, firstKv, ownKv, layer.valueBias));
    }
    if (config.qkNorm) {
        INGLENOOK_TRY(vector("attn_q_norm.weight", dim, 0, dim, layer.queryNorm));
        INGLENOOK_TRY(vector("attn_k_norm.weight", dim, 0, dim, layer.keyNorm));
    }
    INGLENOOK_TRY(columnsOf("attn_output.weight", queries, firstQuery, ownQueries, share.repeats,
                            layer.output));
    INGLENOOK_TRY(vector("ffn_norm.weight", hidden, 0, hidden, layer.ffnNorm));
    if (!config.plainMlp)
        INGLENOOK_TRY(rowsOf("ffn_gate.weight", inner, share.firstInner, share.inner, layer.gate));
    INGLENOOK_TRY(rowsOf("ffn_up.weight", inner, share.firstInner, share.inner, layer.up));
    return columnsOf("ffn_down.weight", inner, share.firstInner, share.inner, false, layer.down);
}

namespace {
RankShare wholeShare(const ModelConfig& config) {
    RankShare whole;
    whole.heads = config.headCount;
    whole.kvHeads = config.kvHeadCount;
    whole.inner = config.intermediateSize;
    whole.tokens = config.vocabularySize;
    return whole;
}
} // namespace

Status CudaWeights::plan(const ModelConfig& config, const TensorSource& source,
                         WeightFormat requested, const RankShare* share) {
    return planPart(config, source, requested, share != nullptr ? *share : wholeShare(config),
                    {0, config.layerCount});
}

Status CudaWeights::plan(const ModelConfig& config, const TensorSource& source,
                         WeightFormat requested, const LayerShare& stretch) {
    return planPart(config, source, requested, wholeShare(config), stretch);
}

Status CudaWeights::planPart(const ModelConfig& config, const TensorSource& source,
                             WeightFormat requested, const RankShare& share,
                             const LayerShare& stretch) {
    release();
    m_modelName = config.name;
    m_tied = config.tiedEmbeddings && stretch.samples;
    m_firstLayer = stretch.firstLayer;
    layers.resize(stretch.layers);
    const std::uint32_t vocabulary = config.vocabularySize;
    const std::uint32_t hidden = config.hiddenSize;
    m_firstToken = share.firstToken;
    m_tokens = share.tokens;
    // Every GPU of a tensor split looks tokens up itself: a whole embedding each costs less than
    // another exchange.
    if (stretch.embeds || m_tied)
        INGLENOOK_TRY(addMatrix(source, "token_embd.weight", vocabulary, hidden,
                                {0, vocabulary, 0, hidden}, requested, &embedding));
    for (std::uint32_t i = 0; i < stretch.layers; ++i)
        INGLENOOK_TRY(addLayer(config, source, i, requested, share));
    if (stretch.samples) {
        INGLENOOK_TRY(addVector(source, "output_norm.weight", hidden, 0, hidden, &outputNorm));
        if (config.layerNorm)
            INGLENOOK_TRY(
                addVector(source, "output_norm.bias", hidden, 0, hidden, &outputNormBias));
    }
    if (config.learnedPositions && stretch.embeds) {
        const std::uint64_t all = std::uint64_t{config.contextLength} * hidden;
        INGLENOOK_TRY(addVector(source, "position_embd.weight", all, 0, all, &positions));
    }
    if (!config.tiedEmbeddings && stretch.samples)
        INGLENOOK_TRY(addMatrix(source, "output.weight", vocabulary, hidden,
                                {share.firstToken, share.tokens, 0, hidden}, requested, &head));
    for (const MatrixSlot& slot : m_matrices)
        if (slot.target != &embedding && slot.target != &head)
            m_layerBytes += bytesOfMatrix(*slot.target);
    for (const VectorSlot& slot : m_vectors)
        if (slot.target != &positions) // a step reads a row of each token
            m_layerBytes += slot.length * sizeof(float);
    return {};
}

std::uint64_t CudaWeights::bytesOf(const Matrix& matrix) {
    return bytesOfMatrix(matrix);
}

std::uint64_t CudaWeights::headBytes() const {
    return bytesOfMatrix(head);
}

void CudaWeights::layOut(CudaArena& arena) {
    for (const MatrixSlot& slot : m_matrices) {
        Matrix& matrix = *slot.target;
        matrix.values = arena.take<std::byte>(matrix.rowBytes() * matrix.rows);
        if (matrix.group != 0)
            matrix.scales = arena.take<std::uint16_t>(scaleCount(matrix));
        if (matrix.kind == WeightKind::Int4Min)
            matrix.minima = arena.take<std::uint16_t>(scaleCount(matrix));
    }
    for (const VectorSlot& slot : m_vectors)
        *slot.target = arena.take<float>(slot.length);
    if (!m_tied)
        return;
    head = embedding;
    head.rows = m_tokens;
    if (head.values == nullptr)
        return; // only counting
    head.values += head.rowBytes() * m_firstToken;
    const std::size_t groups = std::size_t{head.groupsPerRow()} * m_firstToken;
    head.scales = head.scales == nullptr ? nullptr : head.scales + groups;
    head.minima = head.minima == nullptr ? nullptr : head.minima + groups;
}

std::uint64_t CudaWeights::plannedBytes() {
    CudaArena counter;
    layOut(counter);
    return counter.countedBytes();
}

Status CudaWeights::loadVectors(const TensorSource& source, const std::string& deviceName) {
    for (const VectorSlot& slot : m_vectors) {
        const Result<std::vector<float>> values = loadVector(source, *source.find(slot.tensor));
        if (!values.ok())
            return values.status();
        if (values->size() < slot.first + slot.length)
            return Status(Code::InternalError, {{"detail", slot.tensor + " has another length"}});
        INGLENOOK_CUDA_TRY(cudaMemcpy(*slot.target, values->data() + slot.first,
                                      slot.length * sizeof(float), cudaMemcpyHostToDevice),
                           deviceName);
    }
    return {};
}

cudaError_t CudaWeights::copyCut(const MatrixSlot& slot, std::uint32_t first,
                                 const QuantizedMatrix& rows) {
    const Matrix& matrix = *slot.target;
    const Cut& cut = slot.cut;
    const std::uint32_t begin = std::max(first, cut.firstRow);
    const std::uint32_t end = std::min(first + rows.rows, cut.firstRow + cut.rows);
    if (begin >= end || cut.zero)
        return cudaSuccess;
    const HostRows host = valuesOf(rows);
    const auto* values = static_cast<const std::byte*>(host.values) +
                         std::size_t{begin - first} * host.rowBytes +
                         bytesOfColumns(matrix.kind, cut.firstColumn);
    const std::size_t pitch = matrix.rowBytes();
    const bool whole = cut.columns == rows.columns;
    const std::size_t width = whole ? host.rowBytes : bytesOfColumns(matrix.kind, cut.columns);
    const std::size_t to = begin - cut.firstRow;
    cudaError_t error = cudaMemcpy2D(matrix.values + to * pitch, pitch, values, host.rowBytes,
                                     width, end - begin, cudaMemcpyHostToDevice);
    const std::uint32_t groups = matrix.groupsPerRow();
    const auto copyScales = [&](std::uint16_t* target, const std::vector<std::uint16_t>& from) {
        if (error != cudaSuccess || target == nullptr)
            return;
        const std::uint32_t sourceGroups = rows.groupsPerRow();
        const std::uint16_t* scales = from.data() + std::size_t{begin - first} * sourceGroups;
        std::vector<std::uint16_t> part;
        if (!whole) { // a group of the part lies within one of the tensor's
            part.resize(std::size_t{end - begin} * groups);
            for (std::uint32_t row = 0; row < end - begin; ++row)
                for (std::uint32_t g = 0; g < groups; ++g) {
                    const std::uint32_t column = cut.firstColumn + g * matrix.group;
                    part[std::size_t{row} * groups + g] =
                        g * matrix.group < cut.columns
                            ? scales[std::size_t{row} * sourceGroups + column / rows.group]
                            : std::uint16_t{0};
                }
            scales = part.data();
        }
        error = cudaMemcpy(target + to * groups, scales,
                           std::size_t{end - begin} * groups * sizeof(std::uint16_t),
                           cudaMemcpyHostToDevice);
    };
    copyScales(matrix.scales, rows.scales);
    copyScales(matrix.minima, rows.minimums);
    return error;
}

Status CudaWeights::loadSlot(const TensorSource& source, std::span<const Target> targets,
                             std::size_t index, CpuWorkers& workers,
                             const std::atomic<bool>& stop) {
    const MatrixSlot& any = targets.front().weights->m_matrices[index];
    const TensorInfo& info = *source.find(any.tensor);
    const auto rowCount = static_cast<std::uint32_t>(info.rows());
    const auto columns = static_cast<std::uint32_t>(info.columns());
    // Conversion buffers stay near 4 MiB of floats a worker.
    const std::uint32_t rowsPerChunk = std::max((1U << 20) / std::max(columns, 1U), 1U);
    const std::uint32_t chunks = (rowCount + rowsPerChunk - 1) / rowsPerChunk;
    std::mutex mutex;
    Status failure;
    std::atomic<bool> failed{false};
    workers.run(chunks, [&](std::uint32_t chunk, std::uint32_t) {
        if (failed || stop)
            return;
        const std::uint32_t first = chunk * rowsPerChunk;
        const std::uint32_t count = std::min(rowsPerChunk, rowCount - first);
        const Result<QuantizedMatrix> rows = loadRows(source, info, any.format, first, count);
        Status status = rows.status();
        for (const Target& target : targets) {
            if (status.ok())
                status = cudaStatus(cudaSetDevice(target.device), target.deviceName);
            if (status.ok())
                status = cudaStatus(copyCut(target.weights->m_matrices[index], first, *rows),
                                    target.deviceName);
        }
        if (!status.ok()) {
            const std::lock_guard lock(mutex);
            if (!failed.exchange(true))
                failure = std::move(status);
        }
    });
    return stop ? Status(Code::Cancelled) : failure;
}

Status CudaWeights::allocate(int device, const std::string& deviceName) {
    INGLENOOK_CUDA_TRY(cudaSetDevice(device), deviceName);
    INGLENOOK_TRY(m_arena.allocate(plannedBytes(), deviceName));
    layOut(m_arena);
    return {};
}

Status CudaWeights::loadAll(const TensorSource& source, std::span<const Target> targets,
                            CpuWorkers& workers, const LoadProgress& progress,
                            const std::atomic<bool>& stop) {
    std::uint64_t total = 0;
    for (const Target& target : targets) {
        INGLENOOK_TRY(target.weights->allocate(target.device, target.deviceName));
        INGLENOOK_TRY(target.weights->loadVectors(source, target.deviceName));
        for (const MatrixSlot& slot : target.weights->m_matrices)
            total += bytesOfMatrix(*slot.target);
    }
    std::uint64_t done = 0;
    for (std::size_t i = 0; i < targets.front().weights->m_matrices.size(); ++i) {
        INGLENOOK_TRY(loadSlot(source, targets, i, workers, stop));
        for (const Target& target : targets)
            done += bytesOfMatrix(*target.weights->m_matrices[i].target);
        if (progress)
            progress(done, total);
    }
    for (const Target& target : targets) {
        INGLENOOK_CUDA_TRY(cudaSetDevice(target.device), target.deviceName);
        INGLENOOK_CUDA_TRY(cudaDeviceSynchronize(), target.deviceName);
    }
    return {};
}

Status CudaWeights::load(const TensorSource& source, int device, const std::string& deviceName,
                         CpuWorkers& workers, const LoadProgress& progress,
                         const std::atomic<bool>& stop) {
    const Target self{this, device, deviceName};
    return loadAll(source, {&self, 1}, workers, progress, stop);
}

void CudaWeights::release() {
    m_arena.release();
    m_matrices.clear();
    m_vectors.clear();
    layers.clear();
    embedding = {};
    head = {};
    outputNorm = outputNormBias = positions = nullptr;
    m_layerBytes = 0;
}

} // namespace engine
