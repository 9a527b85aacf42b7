// CudaForward for many rows: prefill and large batches, through the tensor cores.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

#include <algorithm>

namespace engine {

using kernels::cuda::Epilogue;
using kernels::cuda::RowSource;
using kernels::cuda::TensorProduct;

namespace {

/// Rows from which on int8 activations are faster, as tiles of 256 tokens fill. On an H100, us a
/// layer of qwen2-7b, bf16 then int8: gate and up of 128 rows 101, 107, of 256 rows 150, 122; the
/// others, whose tiles share K as bf16, of 256 rows 134, 211, of 320 rows 250, 220.
std::uint32_t fasterInt8Rows(Epilogue epilogue) {
    return epilogue == Epilogue::SwiGlu ? 129 : 257;
}

} // namespace

RowSource CudaForward::sourceOf(const Product& product, std::uint32_t rows,
                                const std::uint32_t* rowMap, std::uint32_t columns) const {
    return {product.x,        nullptr, product.xStride, rowMap, product.norm,
            m_config.normEps, rows,    columns};
}

TensorProduct CudaForward::productOf(std::span<const Part> parts, std::uint32_t rows) {
    TensorProduct product;
    product.rows = rows;
    product.matrixCount = 0;
    for (const Part& part : parts) {
        product.matrices[product.matrixCount] = *part.matrix;
        product.outs[product.matrixCount] = part.out;
        product.outStrides[product.matrixCount++] = part.stride;
    }
    return product;
}

cudaError_t CudaForward::multiply(const Product& product, std::span<const Part> parts,
                                  Epilogue epilogue, std::uint32_t rows,
                                  const std::uint32_t* rowMap, cudaStream_t stream) {
    const RowSource source = sourceOf(product, rows, rowMap, parts[0].matrix->columns);
    if (m_limits.hopper && rows >= kCudaDigitRows && m_high != nullptr && !product.exactInput &&
        parts.size() == 1 && kernels::cuda::tensorGemmTakes(parts[0].matrix->kind)) {
        TensorProduct one = productOf(parts, rows);
        one.epilogue = epilogue;
        if (takesDigits(one)) {
            multiplied(one, {}); // nothing is lost that a check would see
            return multiplyDigits(source, one, stream);
        }
        if (rows < kCudaGemmRows)
            return multiplyRows(product, parts, epilogue, rows, rowMap, stream);
        const kernels::cuda::PreparedRows prepared{m_high, nullptr, paddedColumns(source.columns)};
        INGLENOOK_CUDA_CHECK(kernels::cuda::prepareTensorRows(source, prepared, stream));
        multiplied(one, {CudaProductForm::Rows::BF16, true});
        return multiplyPrepared(one, prepared, stream);
    }
    if (product.exactInput && epilogue == Epilogue::Store && rows >= kCudaDigitRows &&
        rows <= m_slicedRows) {
        const TensorProduct all = productOf(parts, rows);
        if (kernels::cuda::digitGemmTakes(all)) { // 16 bits are enough for what must not be bf16
            multiplied(all, {});
            return multiplyDigitSlices(source, all, stream);
        }
    }
    const bool tensorCores = rows >= kCudaGemmRows && m_high != nullptr &&
                             std::all_of(parts.begin(), parts.end(), [](const Part& part) {
                                 return kernels::cuda::gemmTakes(part.matrix->kind);
                             });
    if (!tensorCores)
        return multiplyRows(product, parts, epilogue, rows, rowMap, stream);
    const kernels::cuda::PreparedRows prepared{m_high, product.exactInput ? m_low : nullptr,
                                               paddedColumns(source.columns)};
    INGLENOOK_CUDA_CHECK(kernels::cuda::prepareRows(product.x, product.xStride, rowMap,
                                                    product.norm, m_config.normEps, rows,
                                                    source.columns, prepared, stream));
    for (const Part& part : parts) {
        INGLENOOK_CUDA_CHECK(kernels::cuda::gemm(*part.matrix, prepared, rows, part.out,
                                                 part.stride, epilogue, stream));
        multiplied(*part.matrix,
                   {product.exactInput ? CudaProductForm::Rows::Exact : CudaProductForm::Rows::BF16,
                    false});
    }
    return cudaSuccess;
}

bool CudaForward::takesTensorProducts(const CudaLayer& layer) const {
    using kernels::cuda::tensorGemmTakes;
    const auto alike = [](const kernels::cuda::Matrix& a, const kernels::cuda::Matrix& b) {
        return a.kind == b.kind && a.group == b.group;
    };
    return m_limits.hopper && m_high != nullptr && !keepsWeights(layer) &&
           tensorGemmTakes(layer.query.kind) && tensorGemmTakes(layer.key.kind) &&
           tensorGemmTakes(layer.value.kind) && tensorGemmTakes(layer.output.kind) &&
           tensorGemmTakes(layer.gate.kind) && alike(layer.gate, layer.up) &&
           tensorGemmTakes(layer.down.kind);
}

bool CudaForward::usesInt8(const CudaStep& step) const {
    return m_formats.activations == ActivationFormat::Int8 && step.rows > 2 * step.singles;
}

bool CudaForward::usesInt8(const CudaStep& step, const TensorProduct& product) const {
    return usesInt8(step) &&
           (!m_int8WhereFaster || product.rows >= fasterInt8Rows(product.epilogue)) &&
           m_int8.values != nullptr && kernels::cuda::int8GemmTakes(product);
}

bool CudaForward::takesDigits(const TensorProduct& product) const {
    return m_digits.values != nullptr && m_formats.activations != ActivationFormat::F32 &&
           product.rows <= kernels::cuda::kMostDigitRows && kernels::cuda::digitGemmTakes(product);
}

bool CudaForward::takesDigits(const CudaLayer& layer, std::uint32_t rows) const {
    const auto takes = [&](const kernels::cuda::Matrix& matrix) {
        TensorProduct product;
        product.matrices[0] = matrix;
        product.rows = rows;
        return takesDigits(product);
    };
    return rows >= kCudaDigitRows && takesTensorProducts(layer) && takes(layer.query) &&
           takes(layer.key) && takes(layer.value) && takes(layer.output) && takes(layer.gate) &&
           takes(layer.up) && takes(layer.down);
}

std::uint32_t CudaForward::cheapRows() const {
    constexpr std::uint32_t kMost = kernels::cuda::kMostDigitRows;
    const bool all = std::all_of(m_weights.layers.begin(), m_weights.layers.end(),
                                 [&](const CudaLayer& layer) { return takesDigits(layer, kMost); });
    return all && m_maxRows >= kMost ? kMost : 0;
}

cudaError_t CudaForward::multiplyDigits(const RowSource& source, const TensorProduct& product,
                                        cudaStream_t stream) {
    kernels::cuda::DigitRows rows = m_digits;
    rows.paddedColumns = paddedColumns(source.columns);
    const bool ready = m_normed == Normed::Digits && source.normWeight != nullptr;
    if (!ready)
        INGLENOOK_CUDA_CHECK(kernels::cuda::digitRows(source, rows, stream));
    return kernels::cuda::digitGemm(product, rows, m_limits, stream);
}

cudaError_t CudaForward::multiplyDigitSlices(const RowSource& source, const TensorProduct& product,
                                             cudaStream_t stream) {
    kernels::cuda::DigitRows rows = m_digits;
    rows.planeRows = rows.stride = m_slicedRows;
    rows.paddedColumns = paddedColumns(source.columns);
    INGLENOOK_CUDA_CHECK(kernels::cuda::digitRows(source, rows, stream));
    return kernels::cuda::digitGemm(product, rows, m_limits, stream);
}

cudaError_t CudaForward::multiplyPrepared(TensorProduct product,
                                          const kernels::cuda::PreparedRows& rows,
                                          cudaStream_t stream) {
    product.room = m_room;
    return kernels::cuda::tensorGemm(product, rows, m_limits, stream);
}

cudaError_t CudaForward::multiplyTensor(const RowSource& source, const TensorProduct& product,
                                        const CudaStep& step, cudaStream_t stream) {
    const std::uint32_t columns = paddedColumns(source.columns);
    // Of digits nothing is lost that a check would see.
    multiplied(product, takesDigits(product) ? CudaProductForm{}
                        : usesInt8(step, product)
                            ? CudaProductForm{CudaProductForm::Rows::Int8}
                            : CudaProductForm{CudaProductForm::Rows::BF16, true});
    if (m_normed == Normed::Prepared && source.normWeight != nullptr)
        return multiplyPrepared(product, {m_high, nullptr, columns}, stream);
    if (takesDigits(product))
        return multiplyDigits(source, product, stream);
    if (usesInt8(step, product)) {
        kernels::cuda::Int8Rows rows = m_int8;
        rows.paddedColumns = columns;
        INGLENOOK_CUDA_CHECK(kernels::cuda::quantizeRows(source, rows, stream));
        return kernels::cuda::int8Gemm(product, rows, m_limits, stream);
    }
    const kernels::cuda::PreparedRows rows{m_high, nullptr, columns};
    INGLENOOK_CUDA_CHECK(kernels::cuda::prepareTensorRows(source, rows, stream));
    return multiplyPrepared(product, rows, stream);
}

cudaError_t CudaForward::tensorLayer(std::uint32_t index, const CudaStep& step,
                                     cudaStream_t stream) {
    INGLENOOK_CUDA_CHECK(tensorQkv(index, step, stream));
    INGLENOOK_CUDA_CHECK(tensorAttention(index, step, stream));
    INGLENOOK_CUDA_CHECK(joinParts(index, After::Attention, step, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::AttentionOutput, index, stream));
    INGLENOOK_CUDA_CHECK(tensorMlp(index, step, stream));
    INGLENOOK_CUDA_CHECK(joinParts(index, After::Mlp, step, stream));
    return reached(CudaStage::Down, index, stream);
}

cudaError_t CudaForward::tensorQkv(std::uint32_t index, const CudaStep& step, cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const std::uint32_t rows = step.rows;
    const Product input = attentionInput(layer);
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    const RowSource source{
        m_residual,          nullptr,          m_hiddenStride, nullptr,
        layer.attentionNorm, m_config.normEps, rows,           m_config.hiddenSize};
    const auto alike = [](const Part& a, const Part& b) {
        return a.matrix->kind == b.matrix->kind && a.matrix->group == b.matrix->group;
    };
    for (std::span<const Part> left = projections; !left.empty();) {
        std::size_t count = 1;
        while (count < left.size() && alike(left[count], left[0]))
            ++count;
        const std::span<const Part> parts = left.first(count);
        left = left.subspan(count);
        if (input.exactInput)
            INGLENOOK_CUDA_CHECK(multiply(input, parts, Epilogue::Store, rows, nullptr, stream));
        else
            INGLENOOK_CUDA_CHECK(multiplyTensor(source, productOf(parts, rows), step, stream));
    }
    return reached(CudaStage::Qkv, index, stream);
}

TensorProduct CudaForward::residualProduct(const kernels::cuda::Matrix& matrix,
                                           std::uint32_t rows) {
    TensorProduct product;
    product.matrices[0] = matrix;
    product.outs[0] = residualPart(matrix).out;
    product.outStrides[0] = m_hiddenStride;
    product.epilogue = residualEpilogue();
    product.rows = rows;
    return product;
}

cudaError_t CudaForward::tensorAttention(std::uint32_t index, const CudaStep& step,
                                         cudaStream_t stream) {
    const std::uint32_t rows = step.rows;
    const TensorProduct output = residualProduct(m_weights.layers[index].output, rows);
    constexpr std::uint32_t kGroup = 128; // of digits: a head
    if (step.single() && attendsRows(step) && m_config.headDim == kGroup && takesDigits(output)) {
        INGLENOOK_CUDA_CHECK(attend(index, step, {.digits = true}, stream));
        m_mixedForm = CudaRowForm::Digits;
        INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
        multiplied(output, {CudaProductForm::Rows::Exact, false});
        kernels::cuda::DigitRows mixed = m_digits;
        mixed.paddedColumns = m_queryStride;
        INGLENOOK_CUDA_CHECK(kernels::cuda::digitGemm(output, mixed, m_limits, stream));
    } else if (step.single() && attendsRows(step) && m_config.queryWidth() == m_queryStride &&
               !usesInt8(step, output)) {
        INGLENOOK_CUDA_CHECK(attend(index, step, {.prepared = true}, stream));
        m_mixedForm = CudaRowForm::BF16Prepared;
        INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
        multiplied(output, {CudaProductForm::Rows::BF16, true});
        INGLENOOK_CUDA_CHECK(multiplyPrepared(output, {m_high, nullptr, m_queryStride}, stream));
    } else if (attendsPrepared(step, output)) {
        INGLENOOK_CUDA_CHECK(attendPrepared(index, step, stream));
        INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
        if (usesInt8(step, output)) {
            const RowSource mixed{nullptr, m_high, m_queryStride, nullptr, nullptr,
                                  0,       rows,   m_queryStride, true};
            INGLENOOK_CUDA_CHECK(multiplyTensor(mixed, output, step, stream));
        } else {
            multiplied(output, {CudaProductForm::Rows::BF16, true});
            INGLENOOK_CUDA_CHECK(
                multiplyPrepared(output, {m_high, nullptr, m_queryStride}, stream));
        }
    } else {
        INGLENOOK_CUDA_CHECK(attend(index, step, {}, stream));
        m_mixedForm = CudaRowForm::F32;
        INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
        const RowSource mixed{m_mixed, nullptr, m_queryStride, nullptr,
                              nullptr, 0,       rows,          m_config.queryWidth()};
        INGLENOOK_CUDA_CHECK(multiplyTensor(mixed, output, step, stream));
    }
    return cudaSuccess;
}

cudaError_t CudaForward::tensorMlp(std::uint32_t index, const CudaStep& step, cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const std::uint32_t rows = step.rows;
    TensorProduct gateUp;
    gateUp.matrices[0] = layer.gate;
    gateUp.matrices[1] = layer.up;
    gateUp.matrixCount = 2;
    gateUp.epilogue = Epilogue::SwiGlu;
    gateUp.rows = rows;
    gateUp.activated = reinterpret_cast<std::uint16_t*>(m_gate); // free in this path
    gateUp.activatedStride = m_innerStride;
    const RowSource normed{m_residual,    nullptr,          m_hiddenStride, nullptr,
                           layer.ffnNorm, m_config.normEps, rows,           m_config.hiddenSize};
    INGLENOOK_CUDA_CHECK(multiplyTensor(normed, gateUp, step, stream));
    const bool plain = takesDigits(gateUp) || usesInt8(step, gateUp);
    m_activatedForm = plain ? CudaRowForm::BF16 : CudaRowForm::BF16Prepared;
    INGLENOOK_CUDA_CHECK(reached(CudaStage::GateUp, index, stream));
    const TensorProduct down = residualProduct(layer.down, rows);
    if (plain) { // plain order, whatever takes it next
        const RowSource activated{
            nullptr, gateUp.activated,         m_innerStride, nullptr, nullptr, 0,
            rows,    m_config.intermediateSize};
        INGLENOOK_CUDA_CHECK(multiplyTensor(activated, down, step, stream));
    } else {
        INGLENOOK_CUDA_CHECK(
            multiplyPrepared(down, {gateUp.activated, nullptr, m_innerStride}, stream));
        multiplied(down, {CudaProductForm::Rows::BF16, true});
    }
    return cudaSuccess;
}

cudaError_t CudaForward::prefillLayer(std::uint32_t index, const CudaStep& step,
                                      cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    if (takesTensorProducts(layer))
        return tensorLayer(index, step, stream);
    const Product input = attentionInput(layer);
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    INGLENOOK_CUDA_CHECK(multiply(input, projections, Epilogue::Store, step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Qkv, index, stream));
    INGLENOOK_CUDA_CHECK(attend(index, step, {}, stream));
    m_mixedForm = CudaRowForm::F32;
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));
    const Product mixed{m_mixed, m_queryStride, nullptr, false};
    const Part output[] = {residualPart(layer.output)};
    INGLENOOK_CUDA_CHECK(multiply(mixed, output, residualEpilogue(), step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(joinParts(index, After::Attention, step, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::AttentionOutput, index, stream));

    const Product normed{m_residual, m_hiddenStride, layer.ffnNorm, false};
    const Part gateUp[] = {{&layer.gate, m_gate, m_innerStride}, {&layer.up, m_up, m_innerStride}};
    INGLENOOK_CUDA_CHECK(multiply(normed, gateUp, Epilogue::Store, step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::swiglu(m_gate, m_up, m_gate, step.rows,
                                               m_config.intermediateSize, m_innerStride, stream));
    m_activatedForm = CudaRowForm::F32;
    INGLENOOK_CUDA_CHECK(reached(CudaStage::GateUp, index, stream));
    const Product activated{m_gate, m_innerStride, nullptr, false};
    const Part down[] = {residualPart(layer.down)};
    INGLENOOK_CUDA_CHECK(multiply(activated, down, residualEpilogue(), step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(joinParts(index, After::Mlp, step, stream));
    return reached(CudaStage::Down, index, stream);
}

} // namespace engine
