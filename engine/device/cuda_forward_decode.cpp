// CudaForward for few rows: every product reads its weights once per launch and is fused with what
// stands before and behind it. Also for many where weights are kept (keepsWeights()).
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"
#include "kernels/cuda_attend_finished.h"
#include "kernels/cuda_handed_row.h"

#include <algorithm>

namespace engine {

using kernels::cuda::Epilogue;

namespace {

/// Rows of a step. A row reads its keys and values alone, from L2; a tile of prefillAttention()
/// with a key bias takes longer than all of these together, however short the prompts are.
constexpr std::uint32_t kMostOneByOne = 256;

/// Of rows that one kernel leaves for the next.
CudaRowForm formOf(const std::uint16_t* rounded, const std::byte* handed,
                   const kernels::cuda::Matrix& next) {
    if (handed != nullptr)
        return kernels::cuda::handedOrderOf(next.kind) == kernels::HandedOrder::Bytes
                   ? CudaRowForm::HandedBytes
                   : CudaRowForm::HandedNibbles;
    return rounded != nullptr ? CudaRowForm::BF16 : CudaRowForm::F32;
}

} // namespace

/// From a few rows on, norm and rounding by every block anew cost more than a kernel of their own.
cudaError_t CudaForward::prepareFor(kernels::cuda::Gemv& task, cudaStream_t stream) {
    constexpr std::uint32_t kPreparedFrom = 3;
    if (task.rows < kPreparedFrom || task.normWeight == nullptr || !task.roundInput ||
        !kernels::cuda::gemvStreams(task))
        return cudaSuccess;
    const std::uint32_t columns = task.matrices[0].columns;
    const kernels::cuda::PreparedRows prepared{m_high, nullptr, paddedColumns(columns)};
    INGLENOOK_CUDA_CHECK(kernels::cuda::prepareRows(task.x, task.xStride, task.rowMap,
                                                    task.normWeight, task.eps, task.rows, columns,
                                                    prepared, stream));
    task.rounded = m_high;
    task.xStride = prepared.paddedColumns;
    task.rowMap = nullptr;
    task.normWeight = nullptr;
    return cudaSuccess;
}

kernels::cuda::Gemv CudaForward::gemvOf(const Product& product, Epilogue epilogue,
                                        std::uint32_t rows, const std::uint32_t* rowMap) const {
    kernels::cuda::Gemv task;
    task.rows = rows;
    task.x = product.x;
    task.xStride = product.xStride;
    task.rowMap = rowMap;
    task.normWeight = product.norm;
    task.eps = m_config.normEps;
    const bool rounds = m_formats.activations != ActivationFormat::F32;
    task.roundInput = rounds && !product.exactInput;
    task.splitInput = rounds && product.exactInput;
    task.rounded = product.rounded;
    task.handed = product.handed;
    task.epilogue = epilogue;
    return task;
}

cudaError_t CudaForward::multiplyRows(const Product& product, std::span<const Part> parts,
                                      Epilogue epilogue, std::uint32_t rows,
                                      const std::uint32_t* rowMap, cudaStream_t stream) {
    kernels::cuda::Gemv task = gemvOf(product, epilogue, rows, rowMap);
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
            task.roundedOut = part.roundedOut;
            task.handedOut = part.handedOut;
            ++task.matrixCount;
            multiplied(task, *part.matrix);
        }
        kernels::cuda::Gemv prepared = task; // the next part may be of a kind that norms itself
        INGLENOOK_CUDA_CHECK(prepareFor(prepared, stream));
        INGLENOOK_CUDA_CHECK(kernels::cuda::gemv(prepared, m_limits, stream));
    }
    return cudaSuccess;
}

cudaError_t CudaForward::multiplySlices(const Product& product, std::span<const Part> parts,
                                        Epilogue epilogue, std::uint32_t rows,
                                        cudaStream_t stream) {
    constexpr std::uint32_t kMost = kernels::cuda::kGemvRows;
    if (rows <= kMost)
        return multiplyRows(product, parts, epilogue, rows, nullptr, stream);
    for (std::uint32_t first = 0; first < rows; first += kMost) {
        const std::size_t from = std::size_t{first} * product.xStride;
        Product slice = product;
        slice.x = product.x != nullptr ? product.x + from : nullptr;
        slice.rounded = product.rounded != nullptr ? product.rounded + from : nullptr;
        std::vector<Part> targets(parts.begin(), parts.end());
        for (Part& part : targets) {
            const std::size_t to = std::size_t{first} * part.stride;
            part.out += to;
            part.roundedOut = part.roundedOut != nullptr ? part.roundedOut + to : nullptr;
        }
        INGLENOOK_CUDA_CHECK(
            multiplyRows(slice, targets, epilogue, std::min(rows - first, kMost), nullptr, stream));
    }
    return cudaSuccess;
}

bool CudaForward::keepsWeights(const CudaLayer& layer) const {
    if (!m_limits.hopper || !m_keyBiasOutside || m_formats.activations == ActivationFormat::F32 ||
        m_kv.layout().kind == kernels::cuda::KvKind::Int8)
        return false;
    const kernels::cuda::Matrix* matrices[] = {
        &layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down};
    return std::any_of(std::begin(matrices), std::end(matrices), [](const auto* matrix) {
        return matrix->kind == kernels::cuda::WeightKind::Int4Min ||
               matrix->kind == kernels::cuda::WeightKind::Int4Zero;
    });
}

bool CudaForward::takesRounded(const kernels::cuda::Matrix& matrix) const {
    kernels::cuda::Gemv task;
    task.matrices[0] = matrix;
    task.rows = 1;
    task.roundInput = m_formats.activations != ActivationFormat::F32;
    return kernels::cuda::gemvStreams(task);
}

bool CudaForward::takesHanded(const kernels::cuda::Matrix& matrix) const {
    kernels::cuda::Gemv task;
    task.matrices[0] = matrix;
    task.rows = 1;
    // Padding would have to be zero, where other steps leave rows of other forms.
    return m_formats.activations != ActivationFormat::F32 &&
           matrix.columns % kernels::kHandedUnit == 0 &&
           kernels::cuda::gemvTakesHanded(task, m_limits);
}

bool CudaForward::handsMixed(const CudaLayer& layer, const CudaStep& step) const {
    kernels::cuda::Attention attention;
    attention.kv = m_kv.layout();
    attention.heads = m_config.headCount;
    attention.count = 1;
    attention.splits = step.splits;
    return step.rows == 1 && step.single() && attendsFused(1) && !attendsRows(step) &&
           takesHanded(layer.output) && kernels::cuda::finishAndAttendHands(attention, m_limits);
}

kernels::cuda::Gemv CudaForward::gateUpOf(const CudaLayer& layer) const {
    kernels::cuda::Gemv task = gemvOf(ffnInput(layer), Epilogue::SwiGlu, 1, nullptr);
    task.matrices[0] = layer.gate;
    task.matrices[1] = layer.up;
    task.matrixCount = 2;
    return task;
}

bool CudaForward::handsActivated(const CudaLayer& layer, const CudaStep& step) const {
    return step.rows == 1 && takesHanded(layer.down) &&
           kernels::cuda::gemvHands(gateUpOf(layer), kernels::cuda::handedOrderOf(layer.down.kind),
                                    m_limits);
}

kernels::cuda::Ahead CudaForward::aheadOf(const CudaLayer& layer, const CudaStep& step) const {
    if (m_config.layerNorm || layer.gate.kind != layer.up.kind ||
        layer.gate.group != layer.up.group)
        return {};
    kernels::cuda::Gemv task = gateUpOf(layer);
    if (handsActivated(layer, step))
        task.handedOut = reinterpret_cast<std::byte*>(m_gate); // rows are dealt out by that
    return kernels::cuda::aheadOf(task, m_limits, kernels::cuda::kAheadBytes);
}

bool CudaForward::attendsFused(std::uint32_t singles) const {
    kernels::cuda::QkvFinish finish;
    finish.rope = m_rope;
    kernels::cuda::Attention attention;
    attention.kv = m_kv.layout();
    attention.heads = m_config.headCount;
    return singles > 0 && kernels::cuda::finishAndAttendTakes(finish, attention);
}

std::uint32_t CudaForward::attentionBlocks(std::uint32_t singles) const {
    return singles * m_config.kvHeadCount * ((m_config.headCount / m_config.kvHeadCount + 7) / 8);
}

/// Of few rows the splits tell, which depend on the context (splitsFor).
bool CudaForward::attendsRows(const CudaStep& step) const {
    return step.singles > 0 &&
           attendsRows(step.singles,
                       step.splits > m_limits.multiprocessors / attentionBlocks(step.singles));
}

bool CudaForward::attendsRows(std::uint32_t singles, bool longContext) const {
    constexpr std::uint32_t kLeast = 3; // fewer: attention_fused.cu
    kernels::cuda::QkvFinish finish;
    finish.rope = m_rope;
    kernels::cuda::Attention attention;
    attention.kv = m_kv.layout();
    attention.heads = m_config.headCount;
    return (singles >= kLeast || longContext) && m_limits.hopper && !m_keyBiasOutside &&
           kernels::cuda::finishAndAttendRowsTakes(finish, attention);
}

cudaError_t CudaForward::attendSingles(std::uint32_t index, const CudaStep& step,
                                       const AttentionTarget& to, cudaStream_t stream) {
    kernels::cuda::QkvFinish finish = finishOf(index, step);
    kernels::cuda::Attention attention = attentionOf(index, step);
    finish.count = attention.count = step.singles;
    attention.roundedOut = to.rounded;
    attention.handedOut = to.handed;
    attention.handedOrder = kernels::cuda::handedOrderOf(m_weights.layers[index].output.kind);
    // Not beside another rank's blocks, which wait for room.
    if (step.rows == 1 && !m_links.sharesDevice &&
        kernels::cuda::finishAndAttendAsks(attention, m_limits))
        attention.ahead = aheadOf(m_weights.layers[index], step);
    if (!attendsRows(step))
        return kernels::cuda::finishAndAttend(finish, attention, m_limits, stream);
    if (to.digits) {
        attention.digits = m_digits;
        attention.digits.paddedColumns = m_queryStride;
    }
    attention.preparedOut = to.prepared ? m_high : nullptr;
    return kernels::cuda::finishAndAttendRows(finish, attention, m_limits, stream);
}

bool CudaForward::attendsOneByOne(const CudaStep& step) const {
    return m_keyBiasOutside && !step.single() && step.rows <= kMostOneByOne && attendsFused(1);
}

cudaError_t CudaForward::attendOneByOne(std::uint32_t index, const CudaStep& step,
                                        cudaStream_t stream) {
    const kernels::cuda::QkvFinish finish = finishOf(index, step);
    kernels::cuda::QkvFinish prompts = finish;
    skipRows(step.singles, prompts);
    INGLENOOK_CUDA_CHECK(kernels::cuda::finishQkv(prompts, stream));
    return kernels::cuda::attendFinished(finish, attentionOf(index, step), step.singles, m_limits,
                                         stream);
}

cudaError_t CudaForward::attend(std::uint32_t index, const CudaStep& step,
                                const AttentionTarget& to, cudaStream_t stream) {
    m_exactRows = step.rows;
    if (attendsOneByOne(step))
        return attendOneByOne(index, step, stream);
    const std::uint32_t first = attendsFused(step.singles) ? step.singles : 0;
    if (first > 0)
        INGLENOOK_CUDA_CHECK(attendSingles(index, step, to, stream));
    if (first == step.rows)
        return cudaSuccess;
    kernels::cuda::QkvFinish finish = finishOf(index, step);
    skipRows(first, finish);
    INGLENOOK_CUDA_CHECK(kernels::cuda::finishQkv(finish, stream));
    return attentionRows(index, step, first, stream);
}

cudaError_t CudaForward::decodeLayer(std::uint32_t index, const CudaStep& step,
                                     cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const Product input = attentionInput(layer);
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    INGLENOOK_CUDA_CHECK(multiplySlices(input, projections, Epilogue::Store, step.rows, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Qkv, index, stream));
    // What the next product would round anyway is kept as it takes it.
    const bool handsRow = handsMixed(layer, step);
    auto* mixedHanded = handsRow ? reinterpret_cast<std::byte*>(m_mixed) : nullptr;
    const bool roundsRows =
        !handsRow && step.single() && attendsFused(step.singles) && takesRounded(layer.output);
    auto* mixedRounded = roundsRows ? reinterpret_cast<std::uint16_t*>(m_mixed) : nullptr;
    INGLENOOK_CUDA_CHECK(
        attend(index, step, {.rounded = mixedRounded, .handed = mixedHanded}, stream));
    m_mixedForm = formOf(mixedRounded, mixedHanded, layer.output);
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
    const Product mixed{m_mixed, m_queryStride, nullptr, false, mixedRounded, mixedHanded};
    INGLENOOK_CUDA_CHECK(addToResidual(index, After::Attention, mixed, layer.output, step, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::AttentionOutput, index, stream));
    return decodeMlp(index, step, stream);
}

cudaError_t CudaForward::decodeMlp(std::uint32_t index, const CudaStep& step, cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const Product normed = ffnInput(layer);
    const bool fused = layer.gate.kind == layer.up.kind && layer.gate.group == layer.up.group;
    const bool handsRow = fused && handsActivated(layer, step);
    auto* handed = handsRow ? reinterpret_cast<std::byte*>(m_gate) : nullptr;
    const bool roundsRows =
        !handsRow && fused && takesRounded(layer.gate) && takesRounded(layer.down);
    auto* rounded = roundsRows ? reinterpret_cast<std::uint16_t*>(m_gate) : nullptr;
    const Part gateUp[] = {{&layer.gate, m_gate, m_innerStride, rounded, handed},
                           {&layer.up, m_up, m_innerStride, rounded, handed}};
    if (fused) {
        INGLENOOK_CUDA_CHECK(multiplySlices(normed, gateUp, Epilogue::SwiGlu, step.rows, stream));
    } else {
        INGLENOOK_CUDA_CHECK(multiplySlices(normed, gateUp, Epilogue::Store, step.rows, stream));
        INGLENOOK_CUDA_CHECK(kernels::cuda::swiglu(
            m_gate, m_up, m_gate, step.rows, m_config.intermediateSize, m_innerStride, stream));
    }
    m_activatedForm = formOf(rounded, handed, layer.down);
    INGLENOOK_CUDA_CHECK(reached(CudaStage::GateUp, index, stream));
    const Product activated{m_gate, m_innerStride, nullptr, false, rounded, handed};
    INGLENOOK_CUDA_CHECK(addToResidual(index, After::Mlp, activated, layer.down, step, stream));
    return reached(CudaStage::Down, index, stream);
}

} // namespace engine
