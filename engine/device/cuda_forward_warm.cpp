// CudaForward before its first step: every kernel is loaded that steps may take.
#include "engine/device/cuda_forward.h"
#include "engine/device/cuda_status.h"
#include "engine/device/cuda_turns.h"
#include "kernels/cuda_attend_finished.h"

#include <algorithm>

namespace engine {

/// Which kernels a layer takes depends on the formats of its matrices and on which biases and norms
/// it has; all layers of most models are alike.
bool CudaForward::isUnlikeBefore(std::uint32_t index) const {
    if (index == 0)
        return true;
    const CudaLayer& one = m_weights.layers[index - 1];
    const CudaLayer& other = m_weights.layers[index];
    const auto differ = [&](kernels::cuda::Matrix CudaLayer::*matrix) {
        return (one.*matrix).kind != (other.*matrix).kind ||
               (one.*matrix).group != (other.*matrix).group;
    };
    const auto onlyOneHas = [&](float* CudaLayer::*values) {
        return (one.*values == nullptr) != (other.*values == nullptr);
    };
    return differ(&CudaLayer::query) || differ(&CudaLayer::key) || differ(&CudaLayer::value) ||
           differ(&CudaLayer::output) || differ(&CudaLayer::gate) || differ(&CudaLayer::up) ||
           differ(&CudaLayer::down) || onlyOneHas(&CudaLayer::keyBias) ||
           onlyOneHas(&CudaLayer::queryNorm);
}

/// A step as run() computes it, of layers that differ, and the last, behind which comes no other's
/// norm.
cudaError_t CudaForward::runUnlike(const CudaStep& step, cudaStream_t stream) {
    m_normed = Normed::No;
    m_gathers = 0;
    if (m_stretch.embeds)
        INGLENOOK_CUDA_CHECK(embedRows(step, stream));
    for (std::uint32_t layer = 0; layer < m_config.layerCount; ++layer)
        if (isUnlikeBefore(layer) || layer + 1 == m_config.layerCount)
            INGLENOOK_CUDA_CHECK(layerOf(layer, step, stream));
    float* nobodys = nullptr; // logits
    return m_stretch.samples ? outputs(step, 0, nobodys, stream) : cudaSuccess;
}

cudaError_t CudaForward::warmUpWith(std::uint32_t rows, std::uint32_t singles, std::uint32_t splits,
                                    cudaStream_t stream) {
    const CudaQuiet quiet; // loading a kernel waits for the device
    // The batch on the device is zero: token 0 at position 0 of page 0, slot 0, groups of no job.
    CudaStep step;
    step.rows = rows;
    step.singles = singles;
    step.splits = splits > 0 ? splits : splitsFor(step, 1);
    if (singles == 0 && rows > kCudaHeadRows) { // also what widens pages for many rows
        step.pages = 1;
        step.pagesSeen = std::uint64_t{1} << 20;
    }
    CudaHeadPass pass;
    pass.count = step.single() ? std::min(rows, kCudaHeadRows) : 1;
    pass.groupCount = pass.count;
    pass.jobCount = step.single() ? pass.groupCount : 2; // one each, or several of one slot
    step.passes.push_back(pass);
    INGLENOOK_CUDA_CHECK(runUnlike(step, stream));
    if (step.pages == 0 || !m_keyBiasOutside)
        return cudaSuccess;
    step.pages = UINT32_MAX; // and what attends where these find no room
    return runUnlike(step, stream);
}

cudaError_t CudaForward::warmUpOne(cudaStream_t stream) {
    CudaStep one;
    one.rows = one.singles = 1;
    INGLENOOK_CUDA_CHECK(warmUpWith(1, 1, splitsFor(one, m_context), stream));
    // Clusters of each size: how many rows have which depends on the device.
    for (const std::uint32_t splits : kernels::cuda::kAttentionClusters)
        INGLENOOK_CUDA_CHECK(warmUpWith(1, 1, splits, stream));
    return cudaSuccess;
}

cudaError_t CudaForward::warmUpAlone(cudaStream_t stream) {
    for (const std::uint32_t rows :
         {1U, 2U, 3U, 8U, 9U, 10U, 12U, 17U, 33U, 65U, 129U, 257U, 512U, 2048U})
        for (const std::uint32_t singles : {rows, 0U, 1U}) {
            const bool mixed = singles == 1 && rows > 1;
            if (rows > m_maxRows || (mixed && rows > kCudaGemmRows))
                continue; // decoding beside a prefill takes the same attention at any size
            INGLENOOK_CUDA_CHECK(warmUpWith(rows, singles, 0, stream));
            // Also what adds up the splits of long contexts: not by clusters, and of prompts.
            constexpr std::uint32_t kSplits = 2;
            if (singles == 1 || (singles == 0 && rows == 1))
                INGLENOOK_CUDA_CHECK(warmUpWith(rows, singles, kSplits, stream));
            if (rows == 1 && singles == 1)
                INGLENOOK_CUDA_CHECK(warmUpOne(stream));
        }
    return cudaStreamSynchronize(stream);
}

cudaError_t CudaForward::warmUp(cudaStream_t stream) {
    if (!shared())
        return warmUpAlone(stream);
    INGLENOOK_CUDA_CHECK(kernels::cuda::loadRankKernels()); // alone, few of them would run
    const kernels::cuda::RankLinks links = m_links;
    std::uint16_t* const normed = m_normedOf[0];
    float* const residual = m_residualOf[0];
    float* const logits = m_logitsOf[0];
    // Alone: rank 0 of one.
    m_links.rank = 0;
    m_links.layout.ranks = 1;
    m_links.windows[0] = m_window;
    m_normedOf[0] = m_high;
    m_residualOf[0] = m_residual;
    m_logitsOf[0] = m_logits;
    const cudaError_t error = warmUpAlone(stream);
    m_links = links;
    m_normedOf[0] = normed;
    m_residualOf[0] = residual;
    m_logitsOf[0] = logits;
    return error;
}

} // namespace engine
