#pragma once
// Random operands for the kernel tests, and the measure by which a fast kernel is held against its
// slow twin.

#include "kernels/cpu_kernels.h"

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace tests {

inline std::vector<float> randomFloats(std::size_t count, std::uint32_t seed, float spread = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> values(count);
    for (float& value : values)
        value = normal(random);
    return values;
}

/// ||a - b|| / ||b||; NaN when any element is.
inline double relativeError(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    double size = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
        size += static_cast<double>(b[i]) * b[i];
    }
    return std::sqrt(difference / size);
}

/// fp16 bits of a value that fp16 holds exactly.
inline std::uint16_t halfBits(float value) {
    const _Float16 half = static_cast<_Float16>(value);
    std::uint16_t bits = 0;
    static_assert(sizeof bits == sizeof half);
    __builtin_memcpy(&bits, &half, sizeof bits);
    return bits;
}

/// A random matrix, packed, and beside it the plain weights it stands for.
class RandomMatrix {
  public:
    RandomMatrix(kernels::WeightKind kind, std::uint32_t rows, std::uint32_t columns,
                 std::uint32_t group, std::uint32_t seed)
        : m_random(seed) {
        m_packed.kind = kind;
        m_packed.rows = rows;
        m_packed.columns = columns;
        m_packed.group = group;
        m_values.resize(m_packed.valueBytes());
        m_scales.resize(m_packed.scaleCount());
        m_minima.resize(kind == kernels::WeightKind::Int4Min ? m_packed.scaleCount() : 0);
        m_packed.values = m_values.data();
        m_packed.scales = m_scales.empty() ? nullptr : m_scales.data();
        m_packed.minima = m_minima.empty() ? nullptr : m_minima.data();
        m_plain.resize(std::size_t{rows} * columns);
        for (std::uint32_t tile = 0; tile < m_packed.tiles(); ++tile)
            fillTile(tile);
    }

    const kernels::PackedMatrix& packed() const { return m_packed; }
    float at(std::uint32_t row, std::uint32_t column) const {
        return m_plain[std::size_t{row} * m_packed.columns + column];
    }
    bool isInteger() const { return m_packed.group != 0; }

  private:
    void fillTile(std::uint32_t tile) {
        using kernels::kTileRows;
        const std::uint32_t first = tile * kTileRows;
        kernels::RowMajorTile source;
        source.rows = std::min(kTileRows, m_packed.rows - first);
        // Wider than needed, as the quantizer's rows are: padded to 128 columns.
        const std::uint32_t stored = (m_packed.columns + 127) / 128 * 128;
        source.strideBytes = std::size_t{stored} * 4;
        source.scaleStride = isInteger() ? stored / m_packed.group : 0;
        std::vector<std::byte> values(source.strideBytes * source.rows);
        std::vector<std::uint16_t> scales(source.scaleStride * source.rows);
        std::vector<std::uint16_t> minima(source.scaleStride * source.rows);
        for (std::uint32_t r = 0; r < source.rows; ++r)
            fillRow(first + r, values.data() + r * source.strideBytes,
                    scales.data() + r * source.scaleStride, minima.data() + r * source.scaleStride);
        source.values = values.data();
        source.scales = scales.data();
        source.minima = minima.data();
        kernels::packTile(m_packed, tile, source);
    }

    void fillRow(std::uint32_t row, std::byte* values, std::uint16_t* scales,
                 std::uint16_t* minima) {
        std::uniform_int_distribution<int> eighths(1, 15);
        float scale = 1;
        float minimum = 0;
        for (std::uint32_t k = 0; k < m_packed.columns; ++k) {
            if (isInteger() && k % m_packed.group == 0) {
                scale = static_cast<float>(eighths(m_random)) / 64;
                minimum = static_cast<float>(eighths(m_random) - 8) / 16;
                scales[k / m_packed.group] = halfBits(scale);
                minima[k / m_packed.group] = halfBits(minimum);
                if (m_packed.kind == kernels::WeightKind::Int4Zero) {
                    // The scale above leaves its five lowest bits free.
                    const int code = std::uniform_int_distribution<int>(0, 31)(m_random);
                    scales[k / m_packed.group] += static_cast<std::uint16_t>(code);
                    scale += std::ldexp(static_cast<float>(code), std::ilogb(scale) - 10);
                    minimum = -scale * static_cast<float>(code) / 2;
                }
            }
            m_plain[std::size_t{row} * m_packed.columns + k] = fill(k, values, scale, minimum);
        }
    }

    float fill(std::uint32_t k, std::byte* values, float scale, float minimum) {
        using kernels::WeightKind;
        std::normal_distribution<float> normal;
        if (m_packed.kind == WeightKind::F32) {
            const float value = normal(m_random);
            __builtin_memcpy(values + std::size_t{k} * 4, &value, 4);
            return value;
        }
        if (m_packed.kind == WeightKind::BF16) {
            const std::uint32_t bits =
                __builtin_bit_cast(std::uint32_t, normal(m_random)) & 0xFFFF0000U;
            const auto upper = static_cast<std::uint16_t>(bits >> 16);
            __builtin_memcpy(values + std::size_t{k} * 2, &upper, 2);
            return __builtin_bit_cast(float, bits);
        }
        if (m_packed.kind == WeightKind::Int8) {
            const int q = std::uniform_int_distribution<int>(-127, 127)(m_random);
            values[k] = static_cast<std::byte>(static_cast<std::int8_t>(q));
            return scale * static_cast<float>(q);
        }
        const int q = std::uniform_int_distribution<int>(0, 15)(m_random);
        const std::uint32_t inGroup = k % 32;
        std::byte& pair = values[k / 32 * 16 + inGroup % 16];
        pair |= static_cast<std::byte>(inGroup < 16 ? q : q << 4);
        return m_packed.kind == WeightKind::Int4 ? scale * static_cast<float>(q - 8)
                                                 : scale * static_cast<float>(q) + minimum;
    }

    std::mt19937 m_random;
    kernels::PackedMatrix m_packed;
    std::vector<std::byte> m_values;
    std::vector<std::uint16_t> m_scales;
    std::vector<std::uint16_t> m_minima;
    std::vector<float> m_plain; // [rows][columns]
};

/// Activation rows in int8 with their memory.
struct QuantizedRows {
    kernels::Int8Rows rows;
    std::vector<std::int8_t> values;
    std::vector<float> scales;
    std::vector<std::int32_t> corrections;

    QuantizedRows(const kernels::KernelTable& table, const std::vector<float>& x,
                  std::uint32_t count, std::uint32_t columns, std::uint32_t group) {
        rows.rows = count;
        rows.columns = columns;
        rows.group = group;
        values.resize(std::size_t{count} * rows.paddedColumns());
        scales.resize(std::size_t{count} * rows.groups());
        corrections.resize(scales.size());
        rows.values = values.data();
        rows.scales = scales.data();
        rows.corrections = corrections.data();
        for (std::uint32_t m = 0; m < count; ++m)
            table.quantizeRow(x.data() + std::size_t{m} * columns, rows, m);
    }
};

} // namespace tests
