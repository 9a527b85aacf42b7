// The oracle's attention: scores of all positions, softmax, weighted sum, in that order.

#include "kernels/cpu/float_bits.h"
#include "kernels/cpu/scalar_kernels.h"

#include <cmath>
#include <cstring>

namespace kernels::scalar {

namespace {

float readElement(const KvLayout& layout, const std::byte* base, std::size_t index) {
    if (layout.kind == KvKind::Int8)
        return static_cast<float>(static_cast<std::int8_t>(base[index]));
    if (layout.kind == KvKind::BF16) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, base + index * 2, 2);
        return bf16ToFloat(bits);
    }
    float value = 0;
    std::memcpy(&value, base + index * 4, 4);
    return value;
}

/// Writes headDim elements, `step` elements apart, and returns their scale (1 unless Int8).
float writeElements(const KvLayout& layout, std::byte* base, std::size_t first, std::size_t step,
                    const float* x) {
    const SymmetricScale scale = symmetricScale(x, layout.headDim);
    for (std::uint32_t i = 0; i < layout.headDim; ++i) {
        const std::size_t index = first + i * step;
        if (layout.kind == KvKind::Int8) {
            base[index] = static_cast<std::byte>(toInt8(x[i], scale.inverse));
        } else if (layout.kind == KvKind::BF16) {
            const std::uint16_t bits = floatToBf16(x[i]);
            std::memcpy(base + index * 2, &bits, 2);
        } else {
            std::memcpy(base + index * 4, &x[i], 4);
        }
    }
    return layout.kind == KvKind::Int8 ? scale.scale : 1.0F;
}

/// One page of one KV head, as the task's sequence sees it.
struct PageView {
    const std::byte* keys;   // [headDim][32]
    const std::byte* values; // [32][headDim]
    const float* keyScales = nullptr;
    const float* valueScales = nullptr;

    PageView(const AttentionTask& task, std::uint32_t position) {
        const KvLayout& layout = task.layout;
        const std::byte* page = task.pool + task.pages[position / kPagePositions] * task.pageStride;
        const std::size_t head = task.kvHead;
        keys = page + head * layout.headBytes();
        values = page + layout.valuesOffset() + head * layout.headBytes();
        if (layout.kind == KvKind::Int8) {
            keyScales = reinterpret_cast<const float*>(page + layout.keyScalesOffset()) +
                        head * kPagePositions;
            valueScales = reinterpret_cast<const float*>(page + layout.valueScalesOffset()) +
                          head * kPagePositions;
        }
    }
};

double keyScore(const AttentionTask& task, const float* query, std::uint32_t position) {
    const PageView page(task, position);
    const std::uint32_t column = position % kPagePositions;
    double score = 0;
    for (std::uint32_t i = 0; i < task.layout.headDim; ++i)
        score += static_cast<double>(query[i]) *
                 readElement(task.layout, page.keys, std::size_t{i} * kPagePositions + column);
    return page.keyScales != nullptr ? score * page.keyScales[column] : score;
}

/// q . RoPE(keyBias, position).
double biasScore(const AttentionTask& task, const float* query, std::uint32_t position) {
    const float* cosine = task.rope.block(position) + position % kPagePositions;
    const float* sine = cosine + std::size_t{task.rope.pairs} * kPagePositions;
    double score = 0;
    for (std::uint32_t i = 0; i < task.rope.pairs; ++i) {
        const bool adjacent = task.rope.pairing == Pairing::Adjacent;
        const std::uint32_t first = adjacent ? 2 * i : i;
        const std::uint32_t second = adjacent ? 2 * i + 1 : i + task.rope.pairs;
        const double a = task.keyBias[first];
        const double b = task.keyBias[second];
        const double c = cosine[i * kPagePositions];
        const double s = sine[i * kPagePositions];
        score += query[first] * (a * c - b * s) + query[second] * (b * c + a * s);
    }
    for (std::uint32_t i = 2 * task.rope.pairs; i < task.layout.headDim; ++i)
        score += static_cast<double>(query[i]) * task.keyBias[i];
    return score;
}

void attendOne(const AttentionTask& task, const float* query, std::uint32_t length, float* out) {
    float* scores = task.scratch; // [length]
    float largest = -INFINITY;
    for (std::uint32_t p = 0; p < length; ++p) {
        double score = keyScore(task, query, p);
        if (task.keyBias != nullptr)
            score += biasScore(task, query, p);
        scores[p] = static_cast<float>(score * task.scale);
        largest = std::fmax(largest, scores[p]);
    }
    double sum = 0;
    for (std::uint32_t p = 0; p < length; ++p) {
        scores[p] = std::exp(scores[p] - largest);
        sum += scores[p];
    }
    for (std::uint32_t i = 0; i < task.layout.headDim; ++i) {
        double value = 0;
        for (std::uint32_t p = 0; p < length; ++p) {
            const PageView page(task, p);
            const std::uint32_t row = p % kPagePositions;
            const double scale = page.valueScales != nullptr ? page.valueScales[row] : 1.0F;
            value +=
                scores[p] * scale *
                readElement(task.layout, page.values, std::size_t{row} * task.layout.headDim + i);
        }
        out[i] = static_cast<float>(value / sum);
    }
}

} // namespace

void storeKv(const KvLayout& layout, std::byte* pageLayer, std::uint32_t kvHead,
             std::uint32_t position, const float* key, const float* value) {
    const std::size_t column = position % kPagePositions;
    std::byte* keys = pageLayer + kvHead * layout.headBytes();
    std::byte* values = pageLayer + layout.valuesOffset() + kvHead * layout.headBytes();
    const float keyScale = writeElements(layout, keys, column, kPagePositions, key);
    const float valueScale = writeElements(layout, values, column * layout.headDim, 1, value);
    if (layout.kind == KvKind::Int8) {
        const std::size_t index = std::size_t{kvHead} * kPagePositions + column;
        reinterpret_cast<float*>(pageLayer + layout.keyScalesOffset())[index] = keyScale;
        reinterpret_cast<float*>(pageLayer + layout.valueScalesOffset())[index] = valueScale;
    }
}

void attention(const AttentionTask& task) {
    for (std::uint32_t r = 0; r < task.rows; ++r)
        for (std::uint32_t j = 0; j < task.headsPerKv; ++j) {
            const std::size_t head = std::size_t{j} * task.layout.headDim;
            attendOne(task, task.queries + r * task.queryStride + head, task.firstPosition + r + 1,
                      task.out + r * task.outStride + head);
        }
}

} // namespace kernels::scalar
