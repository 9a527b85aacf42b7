#pragma once
// Operations on single rows, written once for all vector sets. Contracts: KernelTable.

#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_kernels.h"

namespace kernels::vector {

/// Calls step(i, n) for i = 0, 16, ... with n = 16 or, last, what is left.
template<typename Step>
[[gnu::always_inline]] inline void inSixteens(std::size_t count, const Step& step) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16)
        step(i, 16U);
    if (i < count)
        step(i, static_cast<std::uint32_t>(count - i));
}

template<typename V>
void roundToBf16(float* x, std::size_t count) {
    inSixteens(count, [x](std::size_t i, std::uint32_t n) {
        V::loadPart(x + i, n).roundedToBf16().storePart(x + i, n);
    });
}

template<typename V>
void rmsNorm(const float* x, const float* weight, std::uint32_t count, float eps, float* out) {
    V squares = V::set(0);
    inSixteens(count, [&squares, x](std::size_t i, std::uint32_t n) {
        const V value = V::loadPart(x + i, n);
        squares = V::fma(value, value, squares);
    });
    const float mean = squares.sum() / static_cast<float>(count);
    const V factor = V::set(1.0F / __builtin_sqrtf(mean + eps));
    inSixteens(count, [=](std::size_t i, std::uint32_t n) {
        (V::loadPart(x + i, n) * factor * V::loadPart(weight + i, n)).storePart(out + i, n);
    });
}

/// Two passes: the squares are of differences from the mean, which a sum of squares would lose.
template<typename V>
void layerNorm(const float* x, const float* weight, const float* bias, std::uint32_t count,
               float eps, float* out) {
    V sums = V::set(0);
    inSixteens(count,
               [&sums, x](std::size_t i, std::uint32_t n) { sums = sums + V::loadPart(x + i, n); });
    const float length = static_cast<float>(count);
    const V mean = V::set(sums.sum() / length);
    V squares = V::set(0);
    const std::size_t whole = count / 16 * 16;
    for (std::size_t i = 0; i < whole; i += 16) {
        const V rest = V::load(x + i) - mean;
        squares = V::fma(rest, rest, squares);
    }
    float sum = squares.sum();
    for (std::size_t i = whole; i < count; ++i) { // lanes behind the last would hold the mean
        const float rest = x[i] - sums.sum() / length;
        sum += rest * rest;
    }
    const V factor = V::set(1.0F / __builtin_sqrtf(sum / length + eps));
    inSixteens(count, [=](std::size_t i, std::uint32_t n) {
        const V normed = (V::loadPart(x + i, n) - mean) * factor;
        V::fma(normed, V::loadPart(weight + i, n), V::loadPart(bias + i, n)).storePart(out + i, n);
    });
}

template<typename V>
void add(float* x, const float* y, std::size_t count) {
    inSixteens(count, [=](std::size_t i, std::uint32_t n) {
        (V::loadPart(x + i, n) + V::loadPart(y + i, n)).storePart(x + i, n);
    });
}

template<typename V>
void swiglu(const float* gate, const float* up, std::size_t count, float* out) {
    inSixteens(count, [=](std::size_t i, std::uint32_t n) {
        const V g = V::loadPart(gate + i, n);
        const V denominator = V::set(1.0F) + exponential(V::set(0) - g);
        (g / denominator * V::loadPart(up + i, n)).storePart(out + i, n);
    });
}

/// (1 + tanh(u)) / 2 = 1 / (1 + e^-2u).
template<typename V>
void biasGelu(const float* x, const float* bias, std::size_t count, float* out) {
    inSixteens(count, [=](std::size_t i, std::uint32_t n) {
        const V y = V::loadPart(x + i, n) + V::loadPart(bias + i, n);
        const V inner = V::fma(y * y, V::set(0.044715F), V::set(1.0F)) * y;
        const V denominator = V::set(1.0F) + exponential(inner * V::set(-1.59576912F));
        (y / denominator).storePart(out + i, n);
    });
}

template<typename V>
void rope(float* head, const RopeTables& tables, std::uint32_t position) {
    const float* cosines = tables.block(position) + position % kPagePositions;
    const float* sines = cosines + static_cast<std::size_t>(tables.pairs) * kPagePositions;
    constexpr int kStep = static_cast<int>(kPagePositions);
    inSixteens(tables.pairs, [=](std::size_t i, std::uint32_t n) {
        const V c = V::gather(cosines + i * kPagePositions, kStep, n);
        const V s = V::gather(sines + i * kPagePositions, kStep, n);
        if (tables.pairing == Pairing::Halves) {
            float* first = head + i;
            float* second = first + tables.pairs;
            const V a = V::loadPart(first, n);
            const V b = V::loadPart(second, n);
            (a * c - b * s).storePart(first, n);
            (b * c + a * s).storePart(second, n);
            return;
        }
        float cosine[16];
        float sine[16];
        c.store(cosine);
        s.store(sine);
        for (std::uint32_t j = 0; j < n; ++j) {
            float* pair = head + 2 * (i + j);
            const float a = pair[0];
            const float b = pair[1];
            pair[0] = a * cosine[j] - b * sine[j];
            pair[1] = b * cosine[j] + a * sine[j];
        }
    });
}

/// Symmetric int8 scale of a group: NaN when it holds NaN or infinity, 0 when it is next to
/// nothing.
struct GroupScale {
    float scale = 0;
    float inverse = 0;
};

/// A template so that every set compiles its own.
template<typename V>
GroupScale groupScale(std::uint32_t largestBits) {
    if (largestBits >= 0x7F800000U)
        return {__builtin_nanf(""), 0};
    const float largest = __builtin_bit_cast(float, largestBits);
    if (largest < 1e-30F)
        return {};
    return {largest / 127.0F, 127.0F / largest};
}

template<typename V>
V quantized(V x, const GroupScale& scale) {
    // Not x * 0: infinity times 0 has no integer.
    return scale.inverse == 0 ? V::set(0) : x * V::set(scale.inverse);
}

/// KernelTable::quantizeRow for groups of 32.
template<typename V>
void quantizeRow(const float* x, const Int8Rows& rows, std::uint32_t m) {
    const std::uint32_t groups = rows.groups();
    std::int8_t* values = rows.values + static_cast<std::size_t>(m) * rows.paddedColumns();
    for (std::uint32_t g = 0; g < groups; ++g) {
        const std::uint32_t begin = g * kColumnBlock;
        const std::uint32_t rest = rows.columns - begin;
        const V low = V::loadPart(x + begin, rest);
        const V high = rest > 16 ? V::loadPart(x + begin + 16, rest - 16) : V::set(0);
        const std::uint32_t lowBits = low.largestMagnitudeBits();
        const std::uint32_t highBits = high.largestMagnitudeBits();
        const GroupScale scale = groupScale<V>(lowBits > highBits ? lowBits : highBits);
        const V a = quantized(low, scale).rounded();
        const V b = quantized(high, scale).rounded();
        a.storeInt8(values + begin);
        b.storeInt8(values + begin + 16);
        const std::size_t at = static_cast<std::size_t>(m) * groups + g;
        rows.scales[at] = scale.scale;
        rows.corrections[at] = -128 * static_cast<std::int32_t>((a + b).sum());
    }
}

} // namespace kernels::vector
