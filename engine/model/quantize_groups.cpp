#include "engine/model/quantize_groups.h"

#include "engine/model/float_formats.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

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

struct Fit {
    float scale = 0;
    float gain = 0; // how much of the squared weights this scale explains
};

/// Four floats that the compiler keeps in one register of any CPU: this is the inner loop of every
/// int4 load, and no compiler may reorder float additions by itself.
using Four = float __attribute__((vector_size(16)));

inline Four four(float x) {
    return Four{x, x, x, x};
}

/// Rounds with one trial scale, then takes the least squares scale of the integers that gave.
Fit fitSymmetric(const Group& weights, float inverse) {
    Four products = four(0);
    Four squares = four(0);
    for (int i = 0; i < kGroup; i += 4) {
        Four weight;
        std::memcpy(&weight, &weights[i], sizeof weight);
        Four q = weight * inverse;
        q = q < four(-8.0F) ? four(-8.0F) : q;
        q = q > four(7.0F) ? four(7.0F) : q;
        q = (q + four(12582912.0F)) - four(12582912.0F);
        products += weight * q;
        squares += q * q;
    }
    const float product = (products[0] + products[1]) + (products[2] + products[3]);
    const float square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
    if (square <= 0)
        return {};
    return {product / square, product * product / square};
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
    float step = (*high - *low) / 15.0F;
    float base = *low;
    float bestError = INFINITY;
    for (int round = 0; round < kRounds; ++round) {
        const std::uint16_t stepBits = floatToHalf(step);
        const std::uint16_t baseBits = floatToHalf(base);
        if (!isFiniteHalf(stepBits) || !isFiniteHalf(baseBits))
            return round > 0; // the first round is the plain range: nothing better was found
        const float s = halfToFloat(stepBits);
        const float m = halfToFloat(baseBits);
        const float inverse = s != 0 ? 1.0F / s : 0.0F;
        std::array<int, kGroup> q{};
        double error = 0, sumQ = 0, sumQQ = 0, sumW = 0, sumWQ = 0;
        for (std::size_t i = 0; i < weights.size(); ++i) {
            const float rounded = roundClamped((weights[i] - m) * inverse, 0.0F, 15.0F);
            q[i] = static_cast<int>(rounded);
            const double rest = weights[i] - (s * rounded + m);
            error += rest * rest;
            sumQ += rounded;
            sumQQ += rounded * rounded;
            sumW += weights[i];
            sumWQ += weights[i] * rounded;
        }
        if (error < bestError) {
            bestError = static_cast<float>(error);
            scale = stepBits;
            minimum = baseBits;
            pack(q, nibbles);
        }
        const double count = static_cast<double>(weights.size());
        const double determinant = count * sumQQ - sumQ * sumQ;
        if (determinant <= 0)
            break;
        step = static_cast<float>((count * sumWQ - sumQ * sumW) / determinant);
        base = static_cast<float>((sumW - step * sumQ) / count);
    }
    return true;
}

} // namespace engine
