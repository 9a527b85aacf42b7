#include "engine/device/cuda_stage_check.h"

#include "engine/device/cuda_status.h"
#include "engine/device/cuda_wait.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace engine {

namespace {

constexpr std::uint32_t kMostRows = 8;
constexpr double kLimit = 1e-3;        // relative error, before output is rounded
constexpr double kRoundedLimit = 2e-3; // of output that is rounded to bf16

/// ||fast - slow|| / ||slow||; infinite where something is not a number.
double distance(const float* fast, const float* slow, std::size_t width, double least = 0) {
    double difference = 0;
    double norm = least * least;
    for (std::size_t i = 0; i < width; ++i) {
        const double rest = static_cast<double>(fast[i]) - slow[i];
        difference += rest * rest;
        norm += static_cast<double>(slow[i]) * slow[i];
    }
    const double error = difference == 0 ? 0 : std::sqrt(difference / norm);
    return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

double lengthOf(const float* x, std::size_t width) {
    double squares = 0;
    for (std::size_t i = 0; i < width; ++i)
        squares += static_cast<double>(x[i]) * x[i];
    return std::sqrt(squares);
}

/// The scale of quantizeRows(): amax / 127, rounded up to 22 significant bits.
float int8ScaleOf(float largest) {
    const auto bits = std::bit_cast<std::uint32_t>(largest * (1.0F / 127.0F));
    return std::bit_cast<float>((bits + 7) & ~3U);
}

} // namespace

CudaStageCheck::CudaStageCheck(const ModelConfig& config, const NumberFormats& formats,
                               const CudaWeights& weights, CudaKvPool& kv, const CudaForward& fast,
                               CpuWorkers& workers, std::string device, CudaStageSums* sums)
    : m_config(config),
      m_formats(formats),
      m_weights(weights),
      m_kv(kv),
      m_fast(fast),
      m_workers(workers),
      m_device(std::move(device)),
      m_sums(sums),
      m_slow(kernels::kernelTable(kernels::InstructionSet::Scalar)) {}

Status CudaStageCheck::prepare(const Batch& batch, const std::int32_t* lastTokens,
                               cudaStream_t stream) {
    m_stream = stream;
    const auto count = static_cast<std::uint32_t>(batch.rows.size());
    const std::uint32_t chosen = std::min(count, kMostRows);
    std::uint32_t longest = 0;
    for (std::uint32_t i = 0; i < chosen; ++i) {
        const std::uint32_t at = chosen == 1 ? 0 : i * (count - 1) / (chosen - 1);
        const BatchRow& row = batch.rows[at];
        m_chosen.push_back({at, row.position, batch.tables[row.table].pages});
        m_rows.push_back(at);
        longest = std::max(longest, row.position);
        std::int32_t token = row.token;
        if (token == kLastSampled)
            INGLENOOK_CUDA_TRY(cudaMemcpyAsync(&token, lastTokens + row.slot, sizeof(token),
                                               cudaMemcpyDeviceToHost, stream),
                               m_device);
        INGLENOOK_CUDA_TRY(cudaStreamSynchronize(stream), m_device);
        m_tokens.push_back(token);
    }
    for (std::uint32_t i = 0; i < count; ++i)
        if (batch.rows[i].want != Want::Nothing)
            m_wanted.push_back(i);
    const std::size_t widest =
        std::max({m_config.hiddenSize, m_config.queryWidth(), m_config.intermediateSize});
    const std::size_t most = std::max(widest, std::size_t{m_config.vocabularySize});
    const std::size_t rope =
        (std::size_t{longest} / kPageTokens + 1) * m_config.rotaryDim * kPageTokens;
    INGLENOOK_TRY(m_arena.allocate((widest + most) * kMostRows * sizeof(float) + 1024, m_device));
    m_in = m_arena.take<float>(widest * kMostRows);
    m_out = m_arena.take<float>(most * kMostRows);
    m_rope.resize(rope);
    INGLENOOK_CUDA_TRY(copyToHost(m_fast.stageBuffers().rope, m_rope), m_device);
    return {};
}

bool CudaStageCheck::isChecked(CudaStage stage, std::uint32_t index) const {
    if (stage == CudaStage::Embed || stage == CudaStage::Head)
        return true;
    return stage != CudaStage::Sample &&
           (index == 0 || index == m_config.layerCount / 2 || index + 1 == m_config.layerCount);
}

void CudaStageCheck::multiplied(const kernels::cuda::Matrix& matrix, CudaProductForm form) {
    m_forms[matrix.values] = form;
}

CudaProductForm CudaStageCheck::formOf(const kernels::cuda::Matrix& matrix) const {
    const auto known = m_forms.find(matrix.values);
    return known != m_forms.end() ? known->second : CudaProductForm();
}

void CudaStageCheck::roundInput(float* x, std::uint32_t width, CudaProductForm::Rows form) const {
    if (form == CudaProductForm::Rows::BF16)
        m_slow.roundToBf16(x, width);
    if (form != CudaProductForm::Rows::Int8)
        return;
    constexpr std::uint32_t kShared = kernels::cuda::kInt8RunColumns;
    for (std::uint32_t first = 0; first < width; first += kShared) {
        const std::uint32_t end = std::min(width, first + kShared);
        float largest = 0;
        for (std::uint32_t k = first; k < end; ++k)
            largest = std::max(largest, std::fabs(x[k]));
        const bool some = largest > kernels::cuda::kInt8Least;
        const float scale = some ? int8ScaleOf(largest) : 0.0F;
        const float inverse = some ? 1.0F / scale : 0.0F;
        for (std::uint32_t k = first; k < end; ++k)
            x[k] = std::nearbyint(x[k] * inverse) * scale;
    }
}

cudaError_t CudaStageCheck::product(const kernels::cuda::Matrix& matrix, Values x, Values& out) {
    const CudaProductForm form = formOf(matrix);
    const std::size_t rows = x.size() / matrix.columns;
    for (std::size_t row = 0; row < rows; ++row)
        roundInput(x.data() + row * matrix.columns, matrix.columns, form.rows);
    INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(m_in, x.data(), x.size() * sizeof(float),
                                         cudaMemcpyHostToDevice, m_stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::referenceProduct(
        matrix, form.roundsWeights, m_in, static_cast<std::uint32_t>(rows), m_out, m_stream));
    out.resize(rows * matrix.rows);
    return copyToHost(m_out, out);
}

cudaError_t CudaStageCheck::normalize(Values& x, const float* deviceNorm, const float* deviceBias,
                                      std::uint32_t width) {
    Values weight(width);
    INGLENOOK_CUDA_CHECK(copyToHost(deviceNorm, weight));
    Values bias(deviceBias != nullptr ? width : 0);
    if (deviceBias != nullptr)
        INGLENOOK_CUDA_CHECK(copyToHost(deviceBias, bias));
    for (std::size_t at = 0; at < x.size(); at += width)
        if (deviceBias != nullptr)
            m_slow.layerNorm(x.data() + at, weight.data(), bias.data(), width, m_config.normEps,
                             x.data() + at);
        else
            m_slow.rmsNorm(x.data() + at, weight.data(), width, m_config.normEps, x.data() + at);
    return cudaSuccess;
}

void CudaStageCheck::compare(Worst& worst, const Values& fast, const Values& slow,
                             std::size_t width) {
    worst.seen = true;
    for (std::size_t at = 0; at < slow.size(); at += width)
        worst.error = std::max(worst.error, distance(fast.data() + at, slow.data() + at, width));
}

cudaError_t CudaStageCheck::reached(CudaStage stage, std::uint32_t index, cudaStream_t) {
    if (!isChecked(stage, index))
        return cudaSuccess;
    switch (stage) {
    case CudaStage::Embed:
        return checkEmbed();
    case CudaStage::Qkv:
        return checkQkv(index);
    case CudaStage::Attention:
        return checkAttention(index);
    case CudaStage::AttentionOutput:
        return checkAttentionOutput(index);
    case CudaStage::GateUp:
        return checkGateUp(index);
    case CudaStage::Down:
        return checkDown(index);
    case CudaStage::Head:
        return checkHead(index);
    case CudaStage::Sample:
        break;
    }
    return cudaSuccess;
}

cudaError_t CudaStageCheck::checkEmbed() {
    const kernels::cuda::Matrix& embedding = m_weights.embedding;
    auto* ids = reinterpret_cast<std::int32_t*>(m_in);
    INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(ids, m_tokens.data(),
                                         m_tokens.size() * sizeof(std::int32_t),
                                         cudaMemcpyHostToDevice, m_stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::referenceRows(
        embedding, ids, static_cast<std::uint32_t>(m_tokens.size()), m_out, m_stream));
    Values slow(m_tokens.size() * m_config.hiddenSize);
    INGLENOOK_CUDA_CHECK(copyToHost(m_out, slow));
    for (std::size_t i = 0; m_config.learnedPositions && i < m_chosen.size(); ++i) {
        Values position(m_config.hiddenSize);
        INGLENOOK_CUDA_CHECK(copyToHost(m_weights.positions +
                                            std::size_t{m_chosen[i].position} * m_config.hiddenSize,
                                        position));
        m_slow.add(slow.data() + i * m_config.hiddenSize, position.data(), m_config.hiddenSize);
    }
    Values fast;
    INGLENOOK_CUDA_CHECK(fetch(residualRows(), m_rows, fast));
    compare(worstOf(CudaStage::Embed), fast, slow, m_config.hiddenSize);
    return cudaSuccess;
}

cudaError_t CudaStageCheck::checkQkv(std::uint32_t index) {
    const CudaLayer& layer = m_weights.layers[index];
    const CudaStageBuffers at = m_fast.stageBuffers();
    INGLENOOK_CUDA_CHECK(fetch({at.query, at.queryStride, m_config.queryWidth()}, m_rows, m_query));
    INGLENOOK_CUDA_CHECK(fetch({at.key, at.kvStride, m_config.kvWidth()}, m_rows, m_key));
    INGLENOOK_CUDA_CHECK(fetch({at.value, at.kvStride, m_config.kvWidth()}, m_rows, m_value));
    INGLENOOK_CUDA_CHECK(fetch(residualRows(), m_rows, m_residual));
    Values normed = m_residual;
    INGLENOOK_CUDA_CHECK(
        normalize(normed, layer.attentionNorm, layer.attentionNormBias, m_config.hiddenSize));
    Worst& worst = worstOf(CudaStage::Qkv);
    Values slow;
    INGLENOOK_CUDA_CHECK(product(layer.query, normed, slow));
    compare(worst, m_query, slow, m_config.queryWidth());
    INGLENOOK_CUDA_CHECK(product(layer.key, normed, slow));
    compare(worst, m_key, slow, m_config.kvWidth());
    INGLENOOK_CUDA_CHECK(product(layer.value, normed, slow));
    compare(worst, m_value, slow, m_config.kvWidth());
    return cudaSuccess;
}

/// A product that is added to the residual, by what it added; or, where the next norm adds it with
/// its bias, by itself.
cudaError_t CudaStageCheck::checkAdded(CudaStage stage, const kernels::cuda::Matrix& matrix,
                                       const float* deviceBias, Values x) {
    const std::size_t width = m_config.hiddenSize;
    Values slow;
    INGLENOOK_CUDA_CHECK(product(matrix, std::move(x), slow));
    if (m_sums != nullptr && !m_sums->add(slow))
        return kCudaLate;
    if (const CudaStageBuffers at = m_fast.stageBuffers(); at.delta != nullptr) {
        Values fast;
        INGLENOOK_CUDA_CHECK(fetch({at.delta, at.queryStride, m_config.hiddenSize}, m_rows, fast));
        compare(worstOf(stage), fast, slow, width);
        m_slow.add(m_residual.data(), fast.data(), fast.size());
        Values bias(width);
        INGLENOOK_CUDA_CHECK(copyToHost(deviceBias, bias));
        for (std::size_t row = 0; row < m_residual.size(); row += width)
            m_slow.add(m_residual.data() + row, bias.data(), width);
        return cudaSuccess;
    }
    Values after;
    INGLENOOK_CUDA_CHECK(fetch(residualRows(), m_rows, after));
    Worst& worst = worstOf(stage);
    worst.seen = true;
    for (std::size_t at = 0; at < after.size(); at += width) {
        Values added(width);
        for (std::size_t i = 0; i < width; ++i)
            added[i] = after[at + i] - m_residual[at + i];
        // The sum itself is rounded to fp32: of a residual that is far larger, this is all one
        // sees.
        const double least = 1e-3 * lengthOf(after.data() + at, width);
        worst.error = std::max(worst.error, distance(added.data(), slow.data() + at, width, least));
    }
    m_residual = std::move(after);
    return cudaSuccess;
}

cudaError_t CudaStageCheck::checkAttentionOutput(std::uint32_t layer) {
    return checkAdded(CudaStage::AttentionOutput, m_weights.layers[layer].output,
                      m_weights.layers[layer].outputBias, std::move(m_mixed));
}

cudaError_t CudaStageCheck::checkGateUp(std::uint32_t index) {
    const CudaLayer& layer = m_weights.layers[index];
    Values normed = m_residual;
    INGLENOOK_CUDA_CHECK(normalize(normed, layer.ffnNorm, layer.ffnNormBias, m_config.hiddenSize));
    Values gate;
    Values up;
    INGLENOOK_CUDA_CHECK(product(layer.up, normed, up));
    if (m_config.plainMlp) {
        Values after; // the norm before has added to it
        INGLENOOK_CUDA_CHECK(fetch(residualRows(), m_rows, after));
        compare(worstOf(CudaStage::GateUp), after, m_residual, m_config.hiddenSize);
        gate.resize(up.size());
        Values bias(m_config.intermediateSize);
        INGLENOOK_CUDA_CHECK(copyToHost(layer.upBias, bias));
        for (std::size_t at = 0; at < up.size(); at += bias.size())
            m_slow.biasGelu(up.data() + at, bias.data(), bias.size(), gate.data() + at);
    } else {
        INGLENOOK_CUDA_CHECK(product(layer.gate, normed, gate));
        m_slow.swiglu(gate.data(), up.data(), gate.size(), gate.data());
    }
    Values fast;
    INGLENOOK_CUDA_CHECK(fetch(activatedRows(), m_rows, fast));
    if (isBf16(activatedRows().form))
        m_slow.roundToBf16(gate.data(), gate.size());
    compare(worstOf(CudaStage::GateUp), fast, gate, m_config.intermediateSize);
    return cudaSuccess;
}

cudaError_t CudaStageCheck::checkDown(std::uint32_t layer) {
    Values x;
    INGLENOOK_CUDA_CHECK(fetch(activatedRows(), m_rows, x));
    return checkAdded(CudaStage::Down, m_weights.layers[layer].down,
                      m_weights.layers[layer].downBias, std::move(x));
}

/// Of the rows whose logits the pass computes, those that were chosen.
cudaError_t CudaStageCheck::checkHead(std::uint32_t pass) {
    std::vector<std::uint32_t> rows;   // of the batch
    std::vector<std::uint32_t> places; // of the pass
    const std::size_t first = std::size_t{pass} * kCudaHeadRows;
    const std::size_t end = std::min(m_wanted.size(), first + kCudaHeadRows);
    for (std::size_t i = first; i < end; ++i)
        if (std::find(m_rows.begin(), m_rows.end(), m_wanted[i]) != m_rows.end()) {
            rows.push_back(m_wanted[i]);
            places.push_back(static_cast<std::uint32_t>(i - first));
        }
    if (rows.empty())
        return cudaSuccess;
    Values x;
    INGLENOOK_CUDA_CHECK(fetch(residualRows(), rows, x));
    INGLENOOK_CUDA_CHECK(
        normalize(x, m_weights.outputNorm, m_weights.outputNormBias, m_config.hiddenSize));
    Values slow;
    INGLENOOK_CUDA_CHECK(product(m_weights.head, std::move(x), slow));
    Values fast;
    const float* logits = m_fast.stageBuffers().logits + m_weights.firstToken();
    const std::uint32_t own = m_weights.head.rows; // all of them, but in a group
    INGLENOOK_CUDA_CHECK(fetch({logits, m_config.vocabularySize, own}, places, fast));
    compare(worstOf(CudaStage::Head), fast, slow, own);
    return cudaSuccess;
}

CudaRowsOnDevice CudaStageCheck::residualRows() const {
    const CudaStageBuffers at = m_fast.stageBuffers();
    return {at.residual, at.hiddenStride, m_config.hiddenSize};
}

CudaRowsOnDevice CudaStageCheck::mixedRows() const {
    const CudaStageBuffers at = m_fast.stageBuffers();
    return {at.mixed, at.queryStride, m_config.queryWidth(), at.mixedForm, at.mixedDigits};
}

CudaRowsOnDevice CudaStageCheck::activatedRows() const {
    const CudaStageBuffers at = m_fast.stageBuffers();
    return {at.activated, at.innerStride, m_config.intermediateSize, at.activatedForm};
}

std::vector<StageError> CudaStageCheck::errors() const {
    const bool rounds = m_formats.activations != ActivationFormat::F32;
    std::vector<StageError> errors;
    for (std::size_t i = 0; i < kCudaStageCount; ++i) {
        const auto stage = static_cast<CudaStage>(i);
        if (stage == CudaStage::Attention && m_stored.seen)
            errors.push_back({"kv_append", m_stored.error,
                              m_formats.kv == KvFormat::F32 ? kLimit : kRoundedLimit});
        const bool exact = stage == CudaStage::Embed || !rounds;
        if (m_worst[i].seen)
            errors.push_back({name(stage), m_worst[i].error, exact ? kLimit : kRoundedLimit});
    }
    return errors;
}

} // namespace engine
