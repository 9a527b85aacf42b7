#include "engine/model/quantize_groups.h"

#include "engine/model/float_formats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

namespace engine {

namespace {

constexpr int kGroup = 32;
using Group = std::array<float, kGroup>;

/// To nearest even for |x| < 2^22, in a form that vectorises: the addition pushes the fraction out.
inline int roundToInt(float x) {
    const float shifted = x + 12582912.0F;
    return std::bit_cast<std::int32_t>(shifted) - 0x4B400000;
}

inline float roundClamped(float x, float low, float high) {
    x = std::min(std::max(x, low), high);
    return (x + 12582912.0F) - 12582912.0F;
}

bool isFiniteHalf(std::uint16_t bits) {
    return (bits & 0x7C00U) != 0x7C00U;
}

Group padded(std::span<const float> weights) {
    Group group{};
    std::copy(weights.begin(), weights.end(), group.begin());
    return group;
}

void pack(const std::array<int, kGroup>& q, std::uint8_t* nibbles) {
    for (int i = 0; i < kGroup / 2; ++i)
        nibbles[i] = static_cast<std::uint8_t>(q[i] | (q[i + 16] << 4));
}

/// Four floats that the compiler keeps in one register of any CPU: this is the inner loop of every
/// int4 load, and no compiler may reorder float additions by itself.
using Four = float __attribute__((vector_size(16)));

inline Four four(float x) {
    return Four{x, x, x, x};
}

inline Four load(const Group& group, int at) {
    Four values;
    std::memcpy(&values, &group[at], sizeof values);
    return values;
}

inline Four roundClamped(Four x, float low, float high) {
    x = x < four(low) ? four(low) : x;
    x = x > four(high) ? four(high) : x;
    return (x + four(12582912.0F)) - four(12582912.0F);
}

inline float sum(Four x) {
    return (x[0] + x[1]) + (x[2] + x[3]);
}

struct Fit {
    float scale = 0;
    float gain = 0; // how much of the squared weights this scale explains
};

/// Rounds with one trial scale, then takes the least squares scale of the integers that gave.
Fit fitSymmetric(const Group& weights, float inverse) {
    Four products = four(0);
    Four squares = four(0);
    for (int i = 0; i < kGroup; i += 4) {
        const Four weight = load(weights, i);
        const Four q = roundClamped(weight * inverse, -8.0F, 7.0F);
        products += weight * q;
        squares += q * q;
    }
    const float product = sum(products);
    const float square = sum(squares);
    if (square <= 0)
        return {};
    return {product / square, product * product / square};
}

/// Sums over one rounding of a group with scale and minimum.
struct AffineSums {
    float error = 0; // squared
    float q = 0;
    float qq = 0;
    float wq = 0;
};

AffineSums roundAffine(const Group& weights, float step, float base, std::array<float, kGroup>& q) {
    const float inverse = step != 0 ? 1.0F / step : 0.0F;
    Four error = four(0);
    Four sumQ = four(0);
    Four sumQQ = four(0);
    Four sumWQ = four(0);
    for (int i = 0; i < kGroup; i += 4) {
        const Four weight = load(weights, i);
        const Four rounded = roundClamped((weight - base) * inverse, 0.0F, 15.0F);
        const Four rest = weight - (rounded * step + base);
        error += rest * rest;
        sumQ += rounded;
        sumQQ += rounded * rounded;
        sumWQ += weight * rounded;
        std::memcpy(&q[i], &rounded, sizeof rounded);
    }
    return {sum(error), sum(sumQ), sum(sumQQ), sum(sumWQ)};
}

/// The finite half nearest to a value >= 0 among those whose lowest bits are `code`. Halves of one
/// sign are ordered as their bits are, so the step carries into the exponent by itself.
std::uint16_t halfWithCode(std::uint16_t half, int code) {
    constexpr int kInfinity = 0x7C00;
    const int above = std::max(half - code + kZeroCodes / 2, 0);
    const int bits = above / kZeroCodes * kZeroCodes + code;
    return static_cast<std::uint16_t>(bits < kInfinity ? bits : bits - kZeroCodes);
}

/// A scale with its zero point, and how well it does.
struct ZeroFit {
    std::uint16_t bits = 0;
    float scale = 0; // least squares of the integers that `bits` gave
    float gain = 0;  // how much of the squared weights `bits` explains
};

/// Rounds with the scale and zero point of `bits`.
ZeroFit fitZero(const Group& weights, std::uint16_t bits) {
    const float scale = halfToFloat(bits);
    if (scale <= 0)
        return {};
    const float zero = zeroPoint(bits);
    const float inverse = 1.0F / scale;
    Four products = four(0);
    Four squares = four(0);
    for (int i = 0; i < kGroup; i += 4) {
        const Four weight = load(weights, i);
        const Four value = roundClamped(weight * inverse + zero, 0.0F, 15.0F) - zero;
        products += weight * value;
        squares += value * value;
    }
    const float product = sum(products);
    const float square = sum(squares);
    if (square <= 0)
        return {};
    return {bits, product / square, scale * (2 * product - scale * square)};
}

/// The range of a group, zero included, and its sum.
struct Spread {
    float low = 0;
    float high = 0;
    float total = 0;
};

Spread spreadOf(const Group& weights) {
    Four low = four(0);
    Four high = four(0);
    Four total = four(0);
    for (int i = 0; i < kGroup; i += 4) {
        const Four weight = load(weights, i);
        low = weight < low ? weight : low;
        high = weight > high ? weight : high;
        total += weight;
    }
    return {std::min({low[0], low[1], low[2], low[3]}),
            std::max({high[0], high[1], high[2], high[3]}), sum(total)};
}

/// Where the search for a scale with a zero point begins.
struct ZeroStart {
    float step = 0;
    int code = 0;
};

/// Some rounds of rounding and least squares from the range, zero included. A group on one side of
/// zero may want a zero point beyond the codes: it then takes the last one and its own range.
ZeroStart startOfZero(const Group& weights) {
    constexpr int kRounds = 3;
    constexpr float kLastCode = kZeroCodes - 1;
    const auto [low, high, total] = spreadOf(weights);
    float step = (high - low) / 15.0F;
    float base = low;
    for (int round = 0; round < kRounds; ++round) {
        std::array<float, kGroup> rounded;
        const AffineSums sums = roundAffine(weights, step, base, rounded);
        const float determinant = kGroup * sums.qq - sums.q * sums.q;
        if (determinant <= 0)
            break;
        step = (kGroup * sums.wq - sums.q * total) / determinant;
        base = (total - step * sums.q) / kGroup;
    }
    if (!(step > 0))
        return {step, 0};
    const float code = -2.0F * base / step;
    if (code >= 0 && code <= kLastCode)
        return {step, roundToInt(code)};
    return {(high - low) / 15.0F, code < 0 ? 0 : static_cast<int>(kLastCode)};
}

} // namespace

bool quantizeInt8(std::span<const float> weights, std::uint16_t& scale, std::int8_t* q) {
    float largest = 0;
    for (const float weight : weights)
        largest = std::max(largest, std::fabs(weight));
    scale = floatToHalfUp(largest / 127.0F);
    if (!isFiniteHalf(scale))
        return false;
    const float step = halfToFloat(scale);
    const float inverse = step > 0 ? 1.0F / step : 0.0F;
    for (std::size_t i = 0; i < weights.size(); ++i)
        q[i] = static_cast<std::int8_t>(roundToInt(weights[i] * inverse));
    return true;
}

bool quantizeInt4(std::span<const float> weights, std::uint16_t& scale, std::uint8_t* nibbles) {
    const Group group = padded(weights);
    float extreme = 0; // the weight of largest magnitude, with its sign
    for (const float weight : group)
        extreme = std::fabs(weight) > std::fabs(extreme) ? weight : extreme;
    Fit best;
    if (extreme != 0) {
        // The negative end has one step more (-8 against 7): both signs of the scale are tried, and
        // ends between 5.5 and 9.5 steps, since clipping the extreme often serves the other 31.
        for (const float end :
             {-9.5F, -9.0F, -8.6F, -8.3F, -8.0F, -7.7F, -7.4F, -7.1F, -6.7F, -6.3F,
              -5.9F, -5.5F, 5.6F,  6.0F,  6.3F,  6.6F,  6.9F,  7.1F,  7.4F,  7.8F}) {
            const Fit fit = fitSymmetric(group, end / extreme);
            if (fit.gain > best.gain)
                best = fit;
        }
        // Rounding again with the fitted scale can only explain more; it settles in a few steps.
        for (int round = 0; round < 3 && best.scale != 0; ++round) {
            const Fit fit = fitSymmetric(group, 1.0F / best.scale);
            if (fit.gain <= best.gain)
                break;
            best = fit;
        }
    }
    scale = floatToHalf(best.scale);
    if (!isFiniteHalf(scale))
        return false;
    const float step = halfToFloat(scale);
    const float inverse = step != 0 ? 1.0F / step : 0.0F;
    std::array<int, kGroup> q{};
    for (int i = 0; i < kGroup; ++i)
        q[i] = static_cast<int>(roundClamped(group[i] * inverse, -8.0F, 7.0F)) + 8;
    pack(q, nibbles);
    return true;
}

bool quantizeInt4Min(std::span<const float> weights, std::uint16_t& scale, std::uint16_t& minimum,
                     std::uint8_t* nibbles) {
    constexpr int kRounds = 4;
    const auto [low, high] = std::minmax_element(weights.begin(), weights.end());
    // A short last group is filled with its first weight: padding must not widen the range. The
    // columns behind it meet zero activations.
    Group group;
    group.fill(weights.front());
    std::copy(weights.begin(), weights.end(), group.begin());
    const float total = std::accumulate(group.begin(), group.end(), 0.0F);
    float step = (*high - *low) / 15.0F;
    float base = *low;
    float bestError = std::numeric_limits<float>::infinity();
    for (int round = 0; round < kRounds; ++round) {
        const std::uint16_t stepBits = floatToHalf(step);
        const std::uint16_t baseBits = floatToHalf(base);
        if (!isFiniteHalf(stepBits) || !isFiniteHalf(baseBits))
            return round > 0; // the plain range of the first round stands
        std::array<float, kGroup> rounded;
        const AffineSums sums =
            roundAffine(group, halfToFloat(stepBits), halfToFloat(baseBits), rounded);
        if (sums.error < bestError) {
            bestError = sums.error;
            scale = stepBits;
            minimum = baseBits;
            std::array<int, kGroup> q;
            std::copy(rounded.begin(), rounded.end(), q.begin());
            pack(q, nibbles);
        }
        const float determinant = kGroup * sums.qq - sums.q * sums.q;
        if (determinant <= 0)
            break;
        step = (kGroup * sums.wq - sums.q * total) / determinant;
        base = (total - step * sums.q) / kGroup;
    }
    return true;
}

bool quantizeInt4Zero(std::span<const float> weights, std::uint16_t& scale, std::uint8_t* nibbles) {
    Group group; // a short one is filled as in quantizeInt4Min()
    group.fill(weights.front());
    std::copy(weights.begin(), weights.end(), group.begin());
    const ZeroStart from = startOfZero(group);
    const std::uint16_t start = floatToHalf(from.step);
    if (!isFiniteHalf(start))
        return false;
    ZeroFit best; // a scale of 0 where none explains anything
    for (int code = from.code - 1; code <= from.code + 1; ++code) {
        if (code < 0 || code >= kZeroCodes)
            continue;
        ZeroFit fit = fitZero(group, halfWithCode(start, code));
        for (int round = 0; round < 2; ++round) {
            if (fit.gain > best.gain)
                best = fit;
            fit = fitZero(group, halfWithCode(floatToHalf(fit.scale), code));
        }
    }
    scale = best.bits;
    const float step = halfToFloat(scale);
    const float inverse = step > 0 ? 1.0F / step : 0.0F;
    const float zero = zeroPoint(scale);
    std::array<int, kGroup> q;
    for (int i = 0; i < kGroup; ++i)
        q[i] = static_cast<int>(roundClamped(group[i] * inverse + zero, 0.0F, 15.0F));
    pack(q, nibbles);
    return true;
}

} // namespace engine
