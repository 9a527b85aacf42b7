// CudaForward for many rows: prefill and large batches, through the tensor cores.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

#include <algorithm>

namespace engine {

using kernels::cuda::Epilogue;

cudaError_t CudaForward::multiply(const Product& product, std::span<const Part> parts,
                                  Epilogue epilogue, std::uint32_t rows,
                                  const std::uint32_t* rowMap, cudaStream_t stream) {
    const bool tensorCores = rows >= kCudaGemmRows && m_high != nullptr &&
                             std::all_of(parts.begin(), parts.end(), [](const Part& part) {
                                 return kernels::cuda::gemmTakes(part.matrix->kind);
                             });
    if (!tensorCores)
        return multiplyRows(product, parts, epilogue, rows, rowMap, stream);
    const std::uint32_t columns = parts[0].matrix->columns;
    const kernels::cuda::PreparedRows prepared{m_high, product.exactInput ? m_low : nullptr,
                                               paddedColumns(columns)};
    INGLENOOK_CUDA_CHECK(kernels::cuda::prepareRows(product.x, product.xStride, rowMap,
                                                    product.norm, m_config.normEps, rows, columns,
                                                    prepared, stream));
    for (const Part& part : parts)
        INGLENOOK_CUDA_CHECK(kernels::cuda::gemm(*part.matrix, prepared, rows, part.out,
                                                 part.stride, epilogue, stream));
    return cudaSuccess;
}

cudaError_t CudaForward::prefillLayer(std::uint32_t index, const CudaStep& step,
                                      cudaStream_t stream) {
    const CudaLayer& layer = m_weights.layers[index];
    const Product input = attentionInput(layer);
    const Part projections[] = {{&layer.query, m_query, m_queryStride},
                                {&layer.key, m_key, m_kvStride},
                                {&layer.value, m_value, m_kvStride}};
    INGLENOOK_CUDA_CHECK(multiply(input, projections, Epilogue::Store, step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(finishKeysAndValues(index, step, stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::attention(attentionOf(index, step), stream));
    const Product mixed{m_mixed, m_queryStride, nullptr, false};
    const Part output[] = {{&layer.output, m_residual, m_hiddenStride}};
    INGLENOOK_CUDA_CHECK(multiply(mixed, output, Epilogue::Add, step.rows, nullptr, stream));

    const Product normed{m_residual, m_hiddenStride, layer.ffnNorm, false};
    const Part gateUp[] = {{&layer.gate, m_gate, m_innerStride}, {&layer.up, m_up, m_innerStride}};
    INGLENOOK_CUDA_CHECK(multiply(normed, gateUp, Epilogue::Store, step.rows, nullptr, stream));
    INGLENOOK_CUDA_CHECK(kernels::cuda::swiglu(m_gate, m_up, m_gate, step.rows,
                                               m_config.intermediateSize, m_innerStride, stream));
    const Product activated{m_gate, m_innerStride, nullptr, false};
    const Part down[] = {{&layer.down, m_residual, m_hiddenStride}};
    return multiply(activated, down, Epilogue::Add, step.rows, nullptr, stream);
}

} // namespace engine
