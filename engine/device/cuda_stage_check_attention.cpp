// CudaStageCheck of attention: what is done to queries, keys and values, what the pages hold, what
// comes out.
#include "engine/device/cuda_stage_check.h"
#include "engine/device/cuda_status.h"

#include <utility>

namespace engine {

/// Biases, norms and rotation of the fetched products.
cudaError_t CudaStageCheck::finishHeads(std::uint32_t index) {
    const CudaLayer& layer = m_weights.layers[index];
    const std::uint32_t dim = m_config.headDim;
    const auto addBias = [&](Values& x, const float* deviceBias, std::size_t width) {
        if (deviceBias == nullptr)
            return cudaSuccess;
        Values bias(width);
        INGLENOOK_CUDA_CHECK(copyToHost(deviceBias, bias));
        for (std::size_t at = 0; at < x.size(); at += width)
            m_slow.add(x.data() + at, bias.data(), width);
        return cudaSuccess;
    };
    INGLENOOK_CUDA_CHECK(addBias(m_query, layer.queryBias, m_config.queryWidth()));
    INGLENOOK_CUDA_CHECK(addBias(m_value, layer.valueBias, m_config.kvWidth()));
    INGLENOOK_CUDA_CHECK(
        addBias(m_key, m_config.keyBiasOutside() ? nullptr : layer.keyBias, m_config.kvWidth()));
    if (layer.queryNorm != nullptr)
        INGLENOOK_CUDA_CHECK(normalize(m_query, layer.queryNorm, nullptr, dim));
    if (layer.keyNorm != nullptr)
        INGLENOOK_CUDA_CHECK(normalize(m_key, layer.keyNorm, nullptr, dim));
    const auto turn = [&](Values& x, std::size_t width) {
        for (std::size_t row = 0; row < m_chosen.size(); ++row)
            for (std::size_t head = 0; head < width; head += dim)
                m_slow.rope(x.data() + row * width + head, ropeTables(), m_chosen[row].position);
    };
    turn(m_query, m_config.queryWidth());
    turn(m_key, m_config.kvWidth());
    return cudaSuccess;
}

kernels::RopeTables CudaStageCheck::ropeTables() const {
    return {m_rope.data(), m_config.rotaryDim / 2,
            m_config.ropePairing == RopePairing::Adjacent ? kernels::Pairing::Adjacent
                                                          : kernels::Pairing::Halves};
}

/// What the pages hold against what the scalar kernel stores of the same keys and values.
void CudaStageCheck::compareStored(const CudaStagePages& pages) {
    Values fast;
    Values slow;
    for (std::size_t i = 0; i < m_chosen.size(); ++i)
        for (const bool key : {true, false}) {
            const std::size_t at = i * m_config.kvWidth();
            const Values& given = key ? m_key : m_value;
            pages.read(m_chosen[i].pages, m_chosen[i].position, key, fast);
            pages.stored({given.data() + at, m_config.kvWidth()}, slow);
            compare(m_stored, fast, slow, m_config.kvWidth());
        }
}

cudaError_t CudaStageCheck::attendSlowly(std::uint32_t index, const CudaStagePages& pages,
                                         Values& out) {
    SlowAttention task;
    task.headsPerKv = m_config.headCount / m_config.kvHeadCount;
    task.rope = ropeTables();
    Values bias;
    if (m_config.keyBiasOutside()) {
        bias.resize(m_config.kvWidth());
        INGLENOOK_CUDA_CHECK(copyToHost(m_weights.layers[index].keyBias, bias));
        task.keyBias = bias.data();
    }
    const std::size_t width = m_config.queryWidth();
    const CudaStageBuffers at = m_fast.stageBuffers();
    out.resize(m_chosen.size() * width);
    m_workers.run(static_cast<std::uint32_t>(m_chosen.size()) * m_config.kvHeadCount,
                  [&](std::uint32_t chunk, std::uint32_t) {
                      const std::uint32_t row = chunk / m_config.kvHeadCount;
                      const ChosenRow& chosen = m_chosen[row];
                      const CudaAttentionForm form =
                          chosen.row < at.exactRows ? CudaAttentionForm::Exact : at.attentionForm;
                      pages.attend(task, {chosen.pages, chosen.position, form},
                                   chunk % m_config.kvHeadCount, m_query.data() + row * width,
                                   out.data() + row * width);
                  });
    return cudaSuccess;
}

cudaError_t CudaStageCheck::checkAttention(std::uint32_t layer) {
    CudaStagePages pages(m_kv.layout());
    for (const ChosenRow& row : m_chosen)
        INGLENOOK_CUDA_CHECK(pages.fetch(m_kv.layerBase(layer), m_kv.pageBytes(), row.pages,
                                         row.position, m_stream));
    INGLENOOK_CUDA_CHECK(finishHeads(layer));
    compareStored(pages);
    Values slow;
    INGLENOOK_CUDA_CHECK(attendSlowly(layer, pages, slow));
    Values fast;
    INGLENOOK_CUDA_CHECK(fetch(mixedRows(), m_rows, fast));
    if (isBf16(mixedRows().form))
        m_slow.roundToBf16(slow.data(), slow.size());
    compare(worstOf(CudaStage::Attention), fast, slow, m_config.queryWidth());
    m_mixed = std::move(fast);
    return cudaSuccess;
}

} // namespace engine
