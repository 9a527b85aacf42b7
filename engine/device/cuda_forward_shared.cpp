// CudaForward as one of several GPUs that share a model: the sums that follow the products over
// heads and inner columns, the exchange of logits.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace engine {

namespace {

static_assert(kMostRanks == kernels::kMostRanks);

/// Sums of one row have no kernel where a product can add them up; INGLENOOK_CUDA_SUMS=kernel keeps
/// it, to compare.
bool wantsSumsWithin() {
    const char* wanted = std::getenv("INGLENOOK_CUDA_SUMS");
    return wanted == nullptr || std::string_view(wanted) != "kernel";
}

/// Ranks on one device share its queue of launches: one that runs far ahead would fill it while its
/// kernels wait for another rank, whose launches then never get through.
cudaError_t waitUnlessCapturing(cudaStream_t stream) {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    INGLENOOK_CUDA_CHECK(cudaStreamIsCapturing(stream, &status));
    return status == cudaStreamCaptureStatusNone ? cudaStreamSynchronize(stream) : cudaSuccess;
}

} // namespace

void CudaForward::shareWith(const RankShare& share, std::uint32_t rank, std::uint32_t ranks) {
    m_share = share;
    m_links.rank = rank;
    m_links.layout.ranks = ranks;
}

void CudaForward::planWindow() {
    kernels::ReduceLayout& layout = m_links.layout;
    layout.stride = m_hiddenStride;
    layout.mostRows = m_maxRows;
    layout.oneShotRows =
        std::min(kernels::ReduceLayout::oneShotRowsFor(layout.ranks, m_hiddenStride), m_maxRows);
}

cudaError_t CudaForward::connect(std::span<CudaForward* const> all,
                                 const kernels::cuda::RankLinks& common, cudaStream_t stream) {
    m_links.fault = common.fault;
    m_links.limit_ns = common.limit_ns;
    m_links.sharesDevice = common.sharesDevice;
    m_sumsWithin = wantsSumsWithin();
    for (std::size_t i = 0; i < all.size(); ++i) {
        m_links.windows[i] = all[i]->m_window;
        m_normedOf[i] = all[i]->m_high;
        m_residualOf[i] = all[i]->m_residual;
        m_logitsOf[i] = all[i]->m_logits;
    }
    return kernels::cuda::clearWindow(m_window, m_links.layout, stream);
}

CudaForward::Normed CudaForward::normedFor(std::uint32_t index, After after,
                                           const CudaStep& step) const {
    const bool last = after == After::Mlp && index + 1 == m_config.layerCount;
    if (last || m_high == nullptr || (after == After::Mlp && m_keyBiasOutside))
        return Normed::No;
    const CudaLayer& layer = m_weights.layers[after == After::Mlp ? index + 1 : index];
    if (takesDigits(layer, step.rows)) {
        const bool oneShot = kernels::cuda::sumMethod(step.rows, m_links, m_limits) ==
                             kernels::cuda::SumMethod::OneShot;
        return oneShot ? Normed::Digits : Normed::No;
    }
    if (step.rows < kCudaGemmRows) {
        const bool rounded =
            after == After::Mlp
                ? takesRounded(layer.query) && takesRounded(layer.key) && takesRounded(layer.value)
                : takesRounded(layer.gate) && takesRounded(layer.up);
        return rounded ? Normed::Plain : Normed::No;
    }
    return takesTensorProducts(layer) && !usesInt8(step) ? Normed::Prepared : Normed::No;
}

cudaError_t CudaForward::joinParts(std::uint32_t index, After after, const CudaStep& step,
                                   cudaStream_t stream) {
    m_normed = Normed::No;
    if (!shared())
        return cudaSuccess;
    const Normed normed = normedFor(index, after, step);
    kernels::cuda::ResidualSum sum;
    sum.part = m_part;
    sum.residual = m_residual;
    sum.rows = step.rows;
    sum.columns = m_config.hiddenSize;
    sum.parity = after == After::Mlp ? 1 : 0;
    sum.spread = normed == Normed::No || (m_observer != nullptr && m_observer->readsRows());
    if (normed != Normed::No) {
        sum.normWeight = after == After::Mlp ? m_weights.layers[index + 1].attentionNorm
                                             : m_weights.layers[index].ffnNorm;
        sum.eps = m_config.normEps;
        sum.preparedOrder = normed == Normed::Prepared;
        if (normed == Normed::Digits) {
            sum.digits = m_digits;
            sum.digits.paddedColumns = m_hiddenStride;
        }
    }
    std::copy(std::begin(m_normedOf), std::end(m_normedOf), std::begin(sum.normed));
    std::copy(std::begin(m_residualOf), std::end(m_residualOf), std::begin(sum.residuals));
    INGLENOOK_CUDA_CHECK(kernels::cuda::sumResidual(sum, m_links, m_limits, stream));
    m_normed = normed;
    return m_links.sharesDevice ? waitUnlessCapturing(stream) : cudaSuccess;
}

cudaError_t CudaForward::addToResidual(std::uint32_t index, After after, const Product& product,
                                       const kernels::cuda::Matrix& matrix, const CudaStep& step,
                                       cudaStream_t stream) {
    if (shared() && m_sumsWithin && step.rows == 1) {
        const cudaError_t error = sumWithin(after, product, matrix, stream);
        if (error != cudaErrorNotSupported)
            return error;
    }
    const Part part[] = {residualPart(matrix)};
    INGLENOOK_CUDA_CHECK(multiplySlices(product, part, residualEpilogue(), step.rows, stream));
    return joinParts(index, after, step, stream);
}

cudaError_t CudaForward::sumWithin(After after, const Product& product,
                                   const kernels::cuda::Matrix& matrix, cudaStream_t stream) {
    const kernels::ReduceLayout& layout = m_links.layout;
    if (matrix.rows != layout.stride)
        return cudaErrorNotSupported; // other ranks may wait for what fills a row
    const std::uint32_t parity = after == After::Mlp ? 1 : 0; // as in joinParts()
    kernels::cuda::Gemv task = gemvOf(product, kernels::cuda::Epilogue::Store, 1, nullptr);
    task.matrices[0] = matrix;
    task.outs[0] = m_residual;
    task.outStrides[0] = m_hiddenStride;
    const auto placeOf = [&](std::uint32_t rank, std::uint32_t source) {
        return reinterpret_cast<float*>(m_links.windows[rank] + layout.oneShot(parity, source, 0));
    };
    for (std::uint32_t rank = 0; rank < layout.ranks; ++rank)
        task.sum.to[rank] = placeOf(rank, m_links.rank);
    task.sum.from = placeOf(m_links.rank, 0);
    task.sum.apart = layout.oneShotRows * layout.stride;
    task.sum.rank = m_links.rank;
    task.sum.ranks = layout.ranks;
    task.sum.sharesDevice = m_links.sharesDevice;
    task.sum.fault = m_links.fault;
    task.sum.limit_ns = m_links.limit_ns;
    INGLENOOK_CUDA_CHECK(kernels::cuda::gemv(task, m_limits, stream));
    multiplied(task, matrix);
    m_normed = Normed::No;
    return m_links.sharesDevice ? waitUnlessCapturing(stream) : cudaSuccess;
}

cudaError_t CudaForward::gatherLogits(const CudaHeadPass& pass, cudaStream_t stream) {
    if (!shared())
        return cudaSuccess;
    kernels::cuda::RowGather gather;
    std::copy(std::begin(m_logitsOf), std::end(m_logitsOf), std::begin(gather.memories));
    gather.stride = m_config.vocabularySize;
    gather.first = m_share.firstToken;
    gather.count = m_share.tokens;
    if (m_gathers > 0) { // nobody may still sample from the rows of the pass before
        gather.slot = 2 + m_gathers++ % 2;
        INGLENOOK_CUDA_CHECK(kernels::cuda::gatherRows(gather, m_links, stream));
    }
    gather.rows = pass.count;
    gather.slot = 2 + m_gathers++ % 2;
    INGLENOOK_CUDA_CHECK(kernels::cuda::gatherRows(gather, m_links, stream));
    // Copies of many rows to the host follow.
    return m_links.sharesDevice ? waitUnlessCapturing(stream) : cudaSuccess;
}

} // namespace engine
