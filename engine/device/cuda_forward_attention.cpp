// CudaForward: attention of the rows of prompts, beside rows that are alone in their sequences.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

#include <numbers>

namespace engine {

namespace {

/// Whether int8 pages are widened once instead of by every block that reads them. On an H100 a page
/// costs about 0.08 us, the launch 4; a row of four heads pays 0.0004 us for each page it sees.
/// Heads of 64 are as fast as they are.
bool wideningPays(const CudaStep& step, const kernels::cuda::KvLayout& kv, std::uint32_t heads) {
    return kv.kind == kernels::cuda::KvKind::Int8 && kv.headDim == 128 &&
           step.pagesSeen * (heads / kv.kvHeads) > std::uint64_t{800} * step.pages + 40'000;
}

} // namespace

bool CudaForward::attendsPrepared(const CudaStep& step,
                                  const kernels::cuda::TensorProduct& next) const {
    return m_limits.hopper && step.singles < step.rows && !takesDigits(next) &&
           m_config.queryWidth() == m_queryStride &&
           kernels::cuda::prefillAttentionPrepares(m_kv.layout(), m_config.headCount,
                                                   m_keyBiasOutside && !widens(step), m_limits);
}

bool CudaForward::widens(const CudaStep& step) const {
    const kernels::cuda::KvLayout layout = m_kv.layout();
    const std::uint64_t room = std::uint64_t{m_maxRows} * m_innerStride * sizeof(float); // m_up
    const std::uint64_t bytes =
        step.pages * kernels::cuda::widenedPageBytes(layout, m_keyBiasOutside);
    // Attention that keeps the bias apart from the keys takes two to six times as long.
    const bool pays =
        m_keyBiasOutside ? !attendsOneByOne(step) : wideningPays(step, layout, m_config.headCount);
    return pays && bytes <= room &&
           kernels::cuda::prefillAttentionPrepares(layout, m_config.headCount, false, m_limits);
}

void CudaForward::offerWidening(const CudaStep& step, kernels::cuda::Attention& task) const {
    if (!widens(step))
        return;
    task.widened = reinterpret_cast<std::byte*>(m_up); // free until gate and up
    task.firstPage = step.firstPage;
    task.pageCount = step.pages;
}

cudaError_t CudaForward::attentionRows(std::uint32_t index, const CudaStep& step,
                                       std::uint32_t first, cudaStream_t stream) {
    kernels::cuda::Attention task = attentionOf(index, step);
    const bool fast = m_formats.activations != ActivationFormat::F32 &&
                      kernels::cuda::prefillAttentionTakes(task.kv, task.heads,
                                                           task.keyBias != nullptr, m_limits);
    if (!fast && step.singles == 0)
        return kernels::cuda::attention(task, stream);
    if (first < step.singles) {
        task.count = step.singles;
        INGLENOOK_CUDA_CHECK(kernels::cuda::attention(task, stream));
    }
    if (step.singles == step.rows)
        return cudaSuccess;
    m_exactRows = fast ? step.singles : step.rows;
    m_attentionForm = attentionForm(step);
    skipSingles(step, task);
    offerWidening(step, task);
    return fast ? kernels::cuda::prefillAttention(task, m_limits, stream)
                : kernels::cuda::attention(task, stream);
}

CudaAttentionForm CudaForward::attentionForm(const CudaStep& step) const {
    const bool widened = widens(step);
    if (!kernels::cuda::prefillAttentionPrepares(m_kv.layout(), m_config.headCount,
                                                 m_keyBiasOutside && !widened, m_limits))
        return m_keyBiasOutside ? CudaAttentionForm::BF16Biased : CudaAttentionForm::BF16;
    if (m_keyBiasOutside)
        return CudaAttentionForm::HalfKeysTwice;
    return m_kv.layout().kind == kernels::cuda::KvKind::Int8 ? CudaAttentionForm::Half
                                                             : CudaAttentionForm::BF16;
}

void CudaForward::skipRows(std::uint32_t rows, kernels::cuda::QkvFinish& finish) {
    finish.query += std::size_t{rows} * finish.queryStride;
    finish.key += std::size_t{rows} * finish.kvStride;
    finish.value += std::size_t{rows} * finish.kvStride;
    finish.rows += rows;
    finish.count -= rows;
}

void CudaForward::skipSingles(const CudaStep& step, kernels::cuda::Attention& task) {
    task.query += std::size_t{step.singles} * task.queryStride;
    task.out += std::size_t{step.singles} * task.outStride;
    task.rows += step.singles;
    task.count = step.rows - step.singles;
    task.splits = 1;
}

cudaError_t CudaForward::attendPrepared(std::uint32_t index, const CudaStep& step,
                                        cudaStream_t stream) {
    kernels::cuda::QkvFinish finish = finishOf(index, step);
    kernels::cuda::Attention task = attentionOf(index, step);
    const std::uint32_t first = attendsFused(step.singles) ? step.singles : 0;
    if (first > 0)
        INGLENOOK_CUDA_CHECK(attendSingles(index, step, {}, stream));
    skipRows(first, finish);
    // Widened pages of bf16 want queries as fp16, which they do not become here.
    const bool alike = !m_keyBiasOutside || m_kv.layout().kind == kernels::cuda::KvKind::Int8;
    const bool halves =
        alike && kernels::cuda::finishQkvHalves(finish) && 2 * m_innerStride >= m_queryStride;
    auto* const half = reinterpret_cast<std::uint16_t*>(m_gate); // free until gate and up
    if (halves) {
        finish.queryHalf = half + std::size_t{first} * m_queryStride;
        finish.halfFrom = step.singles - first;
        finish.queryFactor = task.scale * std::numbers::log2e_v<float>;
    }
    INGLENOOK_CUDA_CHECK(kernels::cuda::finishQkv(finish, stream));
    if (step.singles > 0) {
        if (first == 0) {
            kernels::cuda::Attention singles = task;
            singles.count = step.singles;
            INGLENOOK_CUDA_CHECK(kernels::cuda::attention(singles, stream));
        }
        const kernels::cuda::RowSource mixed{m_mixed, nullptr, m_queryStride, nullptr,
                                             nullptr, 0,       step.singles,  m_queryStride};
        INGLENOOK_CUDA_CHECK(
            kernels::cuda::prepareTensorRows(mixed, {m_high, nullptr, m_queryStride}, stream));
    }
    m_exactRows = step.singles;
    m_attentionForm = attentionForm(step);
    m_mixedForm = CudaRowForm::BF16Prepared;
    skipSingles(step, task);
    const std::size_t skipped = std::size_t{step.singles} * m_queryStride;
    task.preparedOut = m_high + skipped;
    task.queryHalf = halves ? half + skipped : nullptr;
    offerWidening(step, task);
    return kernels::cuda::prefillAttention(task, m_limits, stream);
}

} // namespace engine
