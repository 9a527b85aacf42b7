#include "engine/device/cuda_stage_pages.h"

#include "engine/device/cuda_status.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace engine {

namespace {

const kernels::KernelTable& scalar() {
    return kernels::kernelTable(kernels::InstructionSet::Scalar);
}

/// q . RoPE(bias, position) of one head.
double biasScore(const kernels::RopeTables& rope, const float* query, const float* bias,
                 std::uint32_t dim, std::uint32_t position) {
    std::vector<float> turned(bias, bias + dim);
    scalar().rope(turned.data(), rope, position);
    double score = 0;
    for (std::uint32_t d = 0; d < dim; ++d)
        score += static_cast<double>(query[d]) * turned[d];
    return score;
}

/// To bf16 as the tensor cores take a query: times the scale and log2 e.
void roundScaled(std::vector<float>& query) {
    const float factor =
        1.0F / std::sqrt(static_cast<float>(query.size())) * 1.44269504088896340736F;
    for (float& x : query)
        x *= factor;
    scalar().roundToBf16(query.data(), query.size());
    for (float& x : query)
        x /= factor;
}

} // namespace

cudaError_t CudaStagePages::fetch(const std::byte* pool, std::size_t pageStride,
                                  std::span<const PageId> pages, std::uint32_t position,
                                  cudaStream_t stream) {
    const std::size_t bytes = m_layout.layerBytes();
    for (std::uint32_t i = 0; i <= position / kPageTokens; ++i) {
        const std::size_t place = m_places.size();
        if (!m_places.try_emplace(pages[i], place).second)
            continue;
        m_bytes.resize((place + 1) * bytes);
        INGLENOOK_CUDA_CHECK(cudaMemcpyAsync(m_bytes.data() + place * bytes,
                                             pool + pageStride * pages[i], bytes,
                                             cudaMemcpyDeviceToHost, stream));
        INGLENOOK_CUDA_CHECK(cudaStreamSynchronize(stream)); // the memory may move
    }
    return cudaSuccess;
}

const std::byte* CudaStagePages::page(std::span<const PageId> pages, std::uint32_t position) const {
    return m_bytes.data() + m_places.at(pages[position / kPageTokens]) * m_layout.layerBytes();
}

void CudaStagePages::readHead(const std::byte* page, bool key, std::uint32_t head,
                              std::uint32_t inPage, float* to) const {
    using kernels::cuda::KvKind;
    const std::uint32_t dim = m_layout.headDim;
    const std::size_t place = std::size_t{head} * kPageTokens + inPage;
    const std::byte* base =
        page + (key ? 0 : m_layout.valuesOffset()) + place * dim * m_layout.elementBytes();
    float scale = 1;
    if (m_layout.kind == KvKind::Int8)
        std::memcpy(&scale,
                    page + (key ? m_layout.keyScalesOffset() : m_layout.valueScalesOffset()) +
                        place * sizeof(float),
                    sizeof(float));
    for (std::uint32_t d = 0; d < dim; ++d) {
        if (m_layout.kind == KvKind::Int8) {
            to[d] = scale * static_cast<float>(static_cast<std::int8_t>(base[d]));
        } else if (m_layout.kind == KvKind::BF16) {
            std::uint16_t bits = 0;
            std::memcpy(&bits, base + std::size_t{d} * 2, 2);
            to[d] = std::bit_cast<float>(std::uint32_t{bits} << 16);
        } else {
            std::memcpy(to + d, base + std::size_t{d} * 4, 4);
        }
    }
}

void CudaStagePages::read(std::span<const PageId> pages, std::uint32_t position, bool key,
                          std::vector<float>& to) const {
    to.resize(std::size_t{m_layout.kvHeads} * m_layout.headDim);
    for (std::uint32_t head = 0; head < m_layout.kvHeads; ++head)
        readHead(page(pages, position), key, head, position % kPageTokens,
                 to.data() + std::size_t{head} * m_layout.headDim);
}

/// Keys and values round alike; values lie the same way on the CPU and on a GPU.
void CudaStagePages::stored(std::span<const float> given, std::vector<float>& to) const {
    using kernels::KvKind;
    const auto kind = m_layout.kind == kernels::cuda::KvKind::F32    ? KvKind::F32
                      : m_layout.kind == kernels::cuda::KvKind::BF16 ? KvKind::BF16
                                                                     : KvKind::Int8;
    const kernels::KvLayout host{kind, m_layout.kvHeads, m_layout.headDim};
    std::vector<std::byte> own(host.layerBytes());
    std::vector<std::byte> same(m_layout.layerBytes());
    for (std::uint32_t head = 0; head < m_layout.kvHeads; ++head) {
        const float* x = given.data() + std::size_t{head} * m_layout.headDim;
        scalar().storeKv(host, own.data(), head, 0, x, x);
    }
    std::memcpy(same.data() + m_layout.valuesOffset(), own.data() + host.valuesOffset(),
                host.headBytes() * host.kvHeads);
    if (kind == KvKind::Int8)
        std::memcpy(same.data() + m_layout.valueScalesOffset(),
                    own.data() + host.valueScalesOffset(),
                    sizeof(float) * kPageTokens * host.kvHeads);
    to.resize(given.size());
    for (std::uint32_t head = 0; head < m_layout.kvHeads; ++head)
        readHead(same.data(), false, head, 0, to.data() + std::size_t{head} * m_layout.headDim);
}

void CudaStagePages::attend(const SlowAttention& task, const SlowAttentionRow& row,
                            std::uint32_t kvHead, const float* query, float* out) const {
    const std::uint32_t dim = m_layout.headDim;
    const double factor = 1 / std::sqrt(static_cast<double>(dim));
    std::vector<float> head(dim);
    std::vector<double> weights(row.position + 1);
    for (std::uint32_t j = 0; j < task.headsPerKv; ++j) {
        const std::size_t at = (std::size_t{kvHead} * task.headsPerKv + j) * dim;
        std::vector<float> rounded(query + at, query + at + dim);
        if (row.roundsQuery)
            roundScaled(rounded);
        double largest = -INFINITY;
        for (std::uint32_t p = 0; p <= row.position; ++p) {
            readHead(page(row.pages, p), true, kvHead, p % kPageTokens, head.data());
            double score = 0;
            for (std::uint32_t d = 0; d < dim; ++d)
                score += static_cast<double>(rounded[d]) * head[d];
            if (task.keyBias != nullptr)
                score += biasScore(task.rope, query + at, task.keyBias + std::size_t{kvHead} * dim,
                                   dim, p);
            weights[p] = score * factor;
            largest = std::max(largest, weights[p]);
        }
        std::vector<double> sums(dim);
        double sum = 0;
        for (std::uint32_t p = 0; p <= row.position; ++p) {
            const double weight = std::exp(weights[p] - largest);
            sum += weight;
            readHead(page(row.pages, p), false, kvHead, p % kPageTokens, head.data());
            for (std::uint32_t d = 0; d < dim; ++d)
                sums[d] += weight * head[d];
        }
        for (std::uint32_t d = 0; d < dim; ++d)
            out[at + d] = static_cast<float>(sums[d] / sum);
    }
}

} // namespace engine
