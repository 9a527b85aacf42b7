// CudaForward for models with LayerNorm and a plain MLP (gpt2), few rows and many. What a product
// gives is not added to the residual by itself: the next norm adds it with its bias, so that each
// layer has two kernels for sum, norm and rounding and one for bias, GELU and rounding beside its
// products and its attention. One GPU.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"
#include "kernels/cuda_layernorm.h"

#include <algorithm>

namespace engine {

using kernels::cuda::Epilogue;
using kernels::cuda::RowTarget;

/// How rows are to be rounded for products with all of `parts`.
CudaRowForm CudaForward::formFor(std::span<const Part> parts, std::uint32_t rows) const {
    const auto all = [&](const auto& takes) {
        return m_high != nullptr && std::all_of(parts.begin(), parts.end(), [&](const Part& part) {
                   return takes(*part.matrix);
               });
    };
    if (rows < kCudaGemmRows)
        return all([&](const auto& matrix) { return takesRounded(matrix); }) ? CudaRowForm::BF16
                                                                             : CudaRowForm::F32;
    const bool tensor = m_limits.hopper && all([](const auto& matrix) {
                            return kernels::cuda::tensorGemmTakes(matrix.kind);
                        });
    return tensor ? CudaRowForm::BF16Prepared : CudaRowForm::F32;
}

/// Rows in that form, in `values` or, rounded, in `rounded`.
RowTarget CudaForward::targetOf(CudaRowForm form, std::uint32_t columns, float* values,
                                std::uint32_t stride, std::uint16_t* rounded) {
    RowTarget target;
    target.stride = form == CudaRowForm::F32 ? stride : paddedColumns(columns);
    target.values = form == CudaRowForm::F32 ? values : nullptr;
    target.rounded = form == CudaRowForm::F32 ? nullptr : rounded;
    target.prepared = form == CudaRowForm::BF16Prepared;
    return target;
}

cudaError_t CudaForward::multiplyReady(const RowTarget& x, std::span<const Part> parts,
                                       std::uint32_t rows, cudaStream_t stream) {
    const Product ready{x.values, x.stride, nullptr, false, x.rounded};
    if (!x.prepared)
        return x.rounded != nullptr
                   ? multiplyRows(ready, parts, Epilogue::Store, rows, nullptr, stream)
                   : multiply(ready, parts, Epilogue::Store, rows, nullptr, stream);
    for (std::size_t next = 0; next < parts.size();) {
        kernels::cuda::TensorProduct product;
        product.rows = rows;
        product.matrixCount = 0;
        for (; next < parts.size(); ++next) {
            const Part& part = parts[next];
            if (product.matrixCount > 0 && (part.matrix->kind != product.matrices[0].kind ||
                                            part.matrix->group != product.matrices[0].group))
                break;
            product.matrices[product.matrixCount] = *part.matrix;
            product.outs[product.matrixCount] = part.out;
            product.outStrides[product.matrixCount++] = part.stride;
        }
        multiplied(product, {CudaProductForm::Rows::BF16, true});
        INGLENOOK_CUDA_CHECK(multiplyPrepared(product, {x.rounded, nullptr, x.stride}, stream));
    }
    return cudaSuccess;
}

cudaError_t CudaForward::normRows(const LayerNorm& norm, std::uint32_t rows,
                                  const std::uint32_t* rowMap, const RowTarget& out,
                                  cudaStream_t stream) {
    kernels::cuda::AddLayerNorm task;
    task.residual = m_residual;
    task.stride = m_hiddenStride;
    task.added = norm.added;
    task.addedStride = m_queryStride;
    task.addedBias = norm.addedBias;
    task.rowMap = rowMap;
    task.weight = norm.weight;
    task.bias = norm.bias;
    task.eps = m_config.normEps;
    task.rows = rows;
    task.columns = m_config.hiddenSize;
    task.out = out;
    return kernels::cuda::addLayerNorm(task, stream);
}

cudaError_t CudaForward::layerNormLayer(std::uint32_t index, const CudaStep& step,
                                        cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const std::uint32_t rows = step.rows;
    float* const delta = m_query; // free but for the time between the projections and attention
    const LayerNorm first{index == 0 ? nullptr : delta,
                          index == 0 ? nullptr : m_weights.layers[index - 1].downBias,
                          layer.attentionNorm, layer.attentionNormBias};
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    const RowTarget input =
        targetOf(formFor(projections, rows), m_config.hiddenSize, m_mixed, m_queryStride, m_high);
    INGLENOOK_CUDA_CHECK(normRows(first, rows, nullptr, input, stream));
    INGLENOOK_CUDA_CHECK(multiplyReady(input, projections, rows, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Qkv, index, stream));

    const bool rounds =
        step.single() && attendsFused(rows) && rows < kCudaGemmRows && takesRounded(layer.output);
    auto* rounded = rounds ? reinterpret_cast<std::uint16_t*>(m_mixed) : nullptr;
    INGLENOOK_CUDA_CHECK(attend(index, step, {.rounded = rounded}, stream));
    m_mixedForm = rounded != nullptr ? CudaRowForm::BF16 : CudaRowForm::F32;
    INGLENOOK_CUDA_CHECK(reached(CudaStage::Attention, index, stream));

    const Part output[] = {{&layer.output, delta, m_queryStride}};
    const RowTarget mixed{rounds ? nullptr : m_mixed, rounded, m_queryStride, false};
    INGLENOOK_CUDA_CHECK(multiplyReady(mixed, output, rows, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::AttentionOutput, index, stream));
    return plainMlp(index, rows, stream);
}

cudaError_t CudaForward::plainMlp(std::uint32_t index, std::uint32_t rows, cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    float* const delta = m_query;
    const LayerNorm second{delta, layer.outputBias, layer.ffnNorm, layer.ffnNormBias};
    const Part up[] = {{&layer.up, m_up, m_innerStride}};
    const RowTarget normed =
        targetOf(formFor(up, rows), m_config.hiddenSize, m_mixed, m_queryStride, m_high);
    INGLENOOK_CUDA_CHECK(normRows(second, rows, nullptr, normed, stream));
    INGLENOOK_CUDA_CHECK(multiplyReady(normed, up, rows, stream));
    const Part down[] = {{&layer.down, delta, m_queryStride}};
    kernels::cuda::BiasGelu gelu;
    gelu.x = m_up;
    gelu.stride = m_innerStride;
    gelu.bias = layer.upBias;
    gelu.rows = rows;
    gelu.columns = m_config.intermediateSize;
    m_activatedForm = formFor(down, rows);
    gelu.out = targetOf(m_activatedForm, gelu.columns, m_gate, m_innerStride,
                        reinterpret_cast<std::uint16_t*>(m_gate));
    INGLENOOK_CUDA_CHECK(kernels::cuda::biasGelu(gelu, stream));
    INGLENOOK_CUDA_CHECK(reached(CudaStage::GateUp, index, stream));
    INGLENOOK_CUDA_CHECK(multiplyReady(gelu.out, down, rows, stream));
    return reached(CudaStage::Down, index, stream);
}

cudaError_t CudaForward::layerNormHead(const CudaHeadPass& pass, const std::uint32_t* wanted,
                                       std::span<const Part> head, cudaStream_t stream) {
    const LayerNorm last{m_query, m_weights.layers.back().downBias, m_weights.outputNorm,
                         m_weights.outputNormBias};
    const RowTarget normed =
        targetOf(formFor(head, pass.count), m_config.hiddenSize, m_mixed, m_queryStride, m_high);
    INGLENOOK_CUDA_CHECK(normRows(last, pass.count, wanted, normed, stream));
    return multiplyReady(normed, head, pass.count, stream);
}

} // namespace engine
