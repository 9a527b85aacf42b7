#include "engine/device/cuda_weights.h"

#include "engine/device/cuda_status.h"
#include "engine/model/quantize.h"

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
    }
    return WeightKind::F32;
}

MatrixFormat formatOf(const Matrix& matrix) {
    switch (matrix.kind) {
    case WeightKind::F32:
        return MatrixFormat::F32;
    case WeightKind::BF16:
        return MatrixFormat::BF16;
    case WeightKind::Int8:
        return matrix.group == 128 ? MatrixFormat::Int8G128 : MatrixFormat::Int8G32;
    case WeightKind::Int4:
        return MatrixFormat::Int4G32;
    case WeightKind::Int4Min:
        return MatrixFormat::Int4G32Min;
    }
    return MatrixFormat::F32;
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
        return {rows.int4.data(), rows.paddedColumns / 2};
    }
    return {nullptr, 0};
}

/// Rows [first, first + rows.rows) of the matrix on the device.
cudaError_t copyRows(const Matrix& matrix, std::uint32_t first, const QuantizedMatrix& rows) {
    const HostRows host = valuesOf(rows);
    const std::size_t pitch = matrix.rowBytes();
    cudaError_t error =
        cudaMemcpy2D(matrix.values + first * pitch, pitch, host.values, host.rowBytes,
                     host.rowBytes, rows.rows, cudaMemcpyHostToDevice);
    const std::size_t groups = matrix.groupsPerRow();
    const auto copyScales = [&](std::uint16_t* to, const std::vector<std::uint16_t>& from) {
        if (error == cudaSuccess && to != nullptr)
            error = cudaMemcpy(to + first * groups, from.data(),
                               from.size() * sizeof(std::uint16_t), cudaMemcpyHostToDevice);
    };
    copyScales(matrix.scales, rows.scales);
    copyScales(matrix.minima, rows.minimums);
    return error;
}

} // namespace

Status CudaWeights::addMatrix(const TensorSource& source, std::string tensor, std::uint32_t rows,
                              std::uint32_t columns, WeightFormat requested, Matrix* target) {
    const TensorInfo* info = source.find(tensor);
    if (info == nullptr)
        return Status(Code::TensorMissing, {{"file", m_modelName}, {"tensor", tensor}});
    if (info->rows() != rows || info->columns() != columns)
        return Status(
            Code::TensorShapeWrong,
            {{"file", m_modelName},
             {"tensor", tensor},
             {"value", std::to_string(info->rows()) + " x " + std::to_string(info->columns())},
             {"expected", std::to_string(rows) + " x " + std::to_string(columns)}});
    const MatrixFormat format = resolveMatrixFormat(requested, *info);
    target->kind = kindOf(format);
    target->group = groupOf(format);
    target->rows = rows;
    target->columns = columns;
    m_matrices.push_back({std::move(tensor), target});
    return {};
}

Status CudaWeights::addVector(const TensorSource& source, std::string tensor, std::uint64_t length,
                              float** target) {
    const TensorInfo* info = source.find(tensor);
    if (info == nullptr)
        return Status(Code::TensorMissing, {{"file", m_modelName}, {"tensor", tensor}});
    if (info->rows() != 1 || info->columns() != length)
        return Status(Code::TensorShapeWrong, {{"file", m_modelName},
                                               {"tensor", tensor},
                                               {"value", std::to_string(info->rows()) + " x " +
                                                             std::to_string(info->columns())},
                                               {"expected", std::to_string(length)}});
    m_vectors.push_back({std::move(tensor), target, length});
    return {};
}

Status CudaWeights::addLayer(const ModelConfig& config, const TensorSource& source,
                             std::uint32_t index, WeightFormat requested) {
    CudaLayer& layer = layers[index];
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const std::uint32_t hidden = config.hiddenSize;
    const std::uint32_t queries = config.queryWidth();
    const std::uint32_t kv = config.kvWidth();
    const std::uint32_t inner = config.intermediateSize;
    const auto matrix = [&](const char* name, std::uint32_t rows, std::uint32_t columns,
                            Matrix& target) {
        return addMatrix(source, prefix + name, rows, columns, requested, &target);
    };
    const auto vector = [&](const char* name, std::uint64_t length, float*& target) {
        return addVector(source, prefix + name, length, &target);
    };
    INGLENOOK_TRY(vector("attn_norm.weight", hidden, layer.attentionNorm));
    INGLENOOK_TRY(matrix("attn_q.weight", queries, hidden, layer.query));
    INGLENOOK_TRY(matrix("attn_k.weight", kv, hidden, layer.key));
    INGLENOOK_TRY(matrix("attn_v.weight", kv, hidden, layer.value));
    if (config.qkvBias) {
        INGLENOOK_TRY(vector("attn_q.bias", queries, layer.queryBias));
        INGLENOOK_TRY(vector("attn_k.bias", kv, layer.keyBias));
        INGLENOOK_TRY(vector("attn_v.bias", kv, layer.valueBias));
    }
    if (config.qkNorm) {
        INGLENOOK_TRY(vector("attn_q_norm.weight", config.headDim, layer.queryNorm));
        INGLENOOK_TRY(vector("attn_k_norm.weight", config.headDim, layer.keyNorm));
    }
    INGLENOOK_TRY(matrix("attn_output.weight", hidden, queries, layer.output));
    INGLENOOK_TRY(vector("ffn_norm.weight", hidden, layer.ffnNorm));
    INGLENOOK_TRY(matrix("ffn_gate.weight", inner, hidden, layer.gate));
    INGLENOOK_TRY(matrix("ffn_up.weight", inner, hidden, layer.up));
    return matrix("ffn_down.weight", hidden, inner, layer.down);
}

Status CudaWeights::plan(const ModelConfig& config, const TensorSource& source,
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
    if (!m_tied)
        INGLENOOK_TRY(addMatrix(source, "output.weight", config.vocabularySize, config.hiddenSize,
                                requested, &head));
    for (const MatrixSlot& slot : m_matrices)
        if (slot.target != &embedding && slot.target != &head)
            m_layerBytes += bytesOfMatrix(*slot.target);
    for (const VectorSlot& slot : m_vectors)
        m_layerBytes += slot.length * sizeof(float);
    return {};
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
    if (m_tied)
        head = embedding;
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
        if (values->size() != slot.length)
            return Status(Code::InternalError, {{"detail", slot.tensor + " has another length"}});
        INGLENOOK_CUDA_TRY(cudaMemcpy(*slot.target, values->data(), slot.length * sizeof(float),
                                      cudaMemcpyHostToDevice),
                           deviceName);
    }
    return {};
}

Status CudaWeights::loadMatrixSlot(const TensorSource& source, const MatrixSlot& slot, int device,
                                   const std::string& deviceName, CpuWorkers& workers,
                                   const std::atomic<bool>& stop) {
    const TensorInfo& info = *source.find(slot.tensor);
    const Matrix& matrix = *slot.target;
    // Conversion buffers stay near 4 MiB of floats a worker.
    const std::uint32_t rowsPerChunk = std::max((1U << 20) / std::max(matrix.columns, 1U), 1U);
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
        Status status = rows.status();
        if (status.ok())
            status = cudaStatus(cudaSetDevice(device), deviceName);
        if (status.ok())
            status = cudaStatus(copyRows(matrix, first, *rows), deviceName);
        if (!status.ok()) {
            const std::lock_guard lock(mutex);
            if (!failed.exchange(true))
                failure = std::move(status);
        }
    });
    return stop ? Status(Code::Cancelled) : failure;
}

Status CudaWeights::load(const TensorSource& source, int device, const std::string& deviceName,
                         CpuWorkers& workers, const LoadProgress& progress,
                         const std::atomic<bool>& stop) {
    INGLENOOK_TRY(m_arena.allocate(plannedBytes(), deviceName));
    layOut(m_arena);
    INGLENOOK_TRY(loadVectors(source, deviceName));
    std::uint64_t total = 0;
    for (const MatrixSlot& slot : m_matrices)
        total += bytesOfMatrix(*slot.target);
    std::uint64_t done = 0;
    for (const MatrixSlot& slot : m_matrices) {
        INGLENOOK_TRY(loadMatrixSlot(source, slot, device, deviceName, workers, stop));
        done += bytesOfMatrix(*slot.target);
        if (progress)
            progress(done, total);
    }
    INGLENOOK_CUDA_TRY(cudaDeviceSynchronize(), deviceName);
    return {};
}

void CudaWeights::release() {
    m_arena.release();
    m_matrices.clear();
    m_vectors.clear();
    layers.clear();
    embedding = {};
    head = {};
    outputNorm = nullptr;
    m_layerBytes = 0;
}

} // namespace engine
