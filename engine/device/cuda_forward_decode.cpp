// CudaForward for few rows: every product reads its weights once per launch and is fused with what
// stands before and behind it.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

namespace engine {

using kernels::cuda::Epilogue;

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
    task.roundInput = m_formats.activations != ActivationFormat::F32 && !product.exactInput;
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
        INGLENOOK_CUDA_CHECK(kernels::cuda::gemv(task, m_limits, stream));
    }
    return cudaSuccess;
}

cudaError_t CudaForward::decodeLayer(std::uint32_t index, const CudaStep& step,
                                     cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const Product input = attentionInput(layer);
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    INGLENOOK_CUDA_CHECK(
        multiplyRows(input, projections, Epilogue::Store, step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(finishKeysAndValues(index, step, stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::attention(attentionOf(index, step), stream));
    const Product mixed{m_mixed, m_queryStride, nullptr, false};
    const Part output[] = {{&layer.output, m_residual, m_hiddenStride}};
    INGLENOOK_CUDA_CHECK(multiplyRows(mixed, output, Epilogue::Add, step.rows, nullptr, stream));

    const Product normed{m_residual, m_hiddenStride, layer.ffnNorm, false};
    const Part gateUp[] = {{&layer.gate, m_gate, m_innerStride}, {&layer.up, m_up, m_innerStride}};
    if (layer.gate.kind == layer.up.kind && layer.gate.group == layer.up.group) {
        INGLENOOK_CUDA_CHECK(
            multiplyRows(normed, gateUp, Epilogue::SwiGlu, step.rows, nullptr, stream));
    } else {
        INGLENOOK_CUDA_CHECK(
            multiplyRows(normed, gateUp, Epilogue::Store, step.rows, nullptr, stream));
        INGLENOOK_CUDA_CHECK(kernels::cuda::swiglu(
            m_gate, m_up, m_gate, step.rows, m_config.intermediateSize, m_innerStride, stream));
    }
    const Product activated{m_gate, m_innerStride, nullptr, false};
    const Part down[] = {{&layer.down, m_residual, m_hiddenStride}};
    return multiplyRows(activated, down, Epilogue::Add, step.rows, nullptr, stream);
}

} // namespace engine
