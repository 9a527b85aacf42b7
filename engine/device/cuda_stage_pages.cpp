#include "engine/device/cuda_stage_pages.h"

#include "engine/device/cuda_status.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <numbers>

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

/// Without the last `dropped` bits, half to even.
float shortened(float x, int dropped) {
    auto bits = std::bit_cast<std::uint32_t>(x);
    bits += (1U << (dropped - 1)) - 1 + (bits >> dropped & 1);
    return std::bit_cast<float>(bits >> dropped << dropped);
}
float asBf16(float x) {
    return shortened(x, 16);
}
/// Finite in fp16.
float asHalf(float x) {
    constexpr float kLeastNormal = 0x1p-14F;
    return std::fabs(x) < kLeastNormal ? x + 0.75F - 0.75F : shortened(x, 13);
}

/// As the tensor cores take a query: times the scale and log2 e.
void roundScaled(std::vector<float>& query, CudaAttentionForm form) {
    const float factor =
        1.0F / std::sqrt(static_cast<float>(query.size())) * std::numbers::log2e_v<float>;
    for (float& x : query)
        x = (form == CudaAttentionForm::BF16 ? asBf16(x * factor) : asHalf(x * factor)) / factor;
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

float CudaStagePages::scaleOf(const std::byte* page, bool key, std::size_t place) const {
    float scale = 1;
    if (m_layout.kind == kernels::cuda::KvKind::Int8)
        std::memcpy(&scale,
                    page + (key ? m_layout.keyScalesOffset() : m_layout.valueScalesOffset()) +
                        place * sizeof(float),
                    sizeof(float));
    return scale;
}

void CudaStagePages::readRounded(const SlowAttentionRow& row, std::uint32_t position, bool key,
                                 std::uint32_t head, float* to) const {
    readHead(page(row.pages, position), key, head, position % kPageTokens, to);
    if (row.form == CudaAttentionForm::Half ||
        (row.form == CudaAttentionForm::HalfKeysTwice && !key))
        std::transform(to, to + m_layout.headDim, to, asHalf);
}

/// Weights are rounded as multiples of a power of two, whichever it is.
double CudaStagePages::roundedWeight(const SlowAttentionRow& row, std::uint32_t position,
                                     std::uint32_t head, double weight) const {
    const auto given = static_cast<float>(weight);
    if (row.form == CudaAttentionForm::Exact)
        return weight;
    if (row.form != CudaAttentionForm::BF16 && row.form != CudaAttentionForm::BF16Biased)
        return asHalf(given);
    const float scale = scaleOf(page(row.pages, position), false,
                                std::size_t{head} * kPageTokens + position % kPageTokens);
    return scale > 0 ? static_cast<double>(asBf16(given * scale)) / scale : 0.0;
}

void CudaStagePages::readHead(const std::byte* page, bool key, std::uint32_t head,
                              std::uint32_t inPage, float* to) const {
    using kernels::cuda::KvKind;
    const std::uint32_t dim = m_layout.headDim;
    const std::size_t place = std::size_t{head} * kPageTokens + inPage;
    const std::byte* base =
        page + (key ? 0 : m_layout.valuesOffset()) + place * dim * m_layout.elementBytes();
    const float scale = scaleOf(page, key, place);
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
        if (row.form != CudaAttentionForm::Exact)
            roundScaled(rounded, row.form);
        const bool joined = row.form == CudaAttentionForm::HalfKeysTwice;
        double largest = -INFINITY;
        for (std::uint32_t p = 0; p <= row.position; ++p) {
            readRounded(row, p, true, kvHead, head.data());
            double score = 0;
            for (std::uint32_t d = 0; d < dim; ++d)
                score += static_cast<double>(rounded[d]) * head[d];
            if (task.keyBias != nullptr)
                score += biasScore(task.rope, joined ? rounded.data() : query + at,
                                   task.keyBias + std::size_t{kvHead} * dim, dim, p);
            weights[p] = score * factor * std::numbers::log2e;
            largest = std::max(largest, weights[p]);
        }
        std::vector<double> sums(dim);
        double sum = 0;
        for (std::uint32_t p = 0; p <= row.position; ++p) {
            const double given = std::exp2(weights[p] - std::ceil(largest));
            const double weight = roundedWeight(row, p, kvHead, given);
            sum += given;
            readRounded(row, p, false, kvHead, head.data());
            for (std::uint32_t d = 0; d < dim; ++d)
                sums[d] += weight * head[d];
        }
        for (std::uint32_t d = 0; d < dim; ++d)
            out[at + d] = static_cast<float>(sums[d] / sum);
    }
}

} // namespace engine
