// The oracle's matrix products: one weight at a time, summed in double. Slow and obvious on
// purpose.

#include "kernels/cpu/scalar_kernels.h"

#include "kernels/cpu/float_bits.h"

#include <cstring>

namespace kernels::scalar {

namespace {

/// Stored integer of weight (row, column) without its offset removed.
int storedWeight(const PackedMatrix& matrix, std::uint32_t row, std::uint32_t column) {
    const auto* tile = reinterpret_cast<const std::uint8_t*>(matrix.values + matrix.tileBytes() *
                                                                                 (row / kTileRows));
    const std::size_t r = row % kTileRows;
    if (matrix.kind == WeightKind::Int8)
        return tile[(column / 4 * kTileRows + r) * 4 + column % 4];
    const std::size_t inGroup = column % 32;
    const std::size_t dword = column / 32 * 4 + inGroup % 16 / 4;
    const std::uint8_t byte = tile[(dword * kTileRows + r) * 4 + column % 4];
    return inGroup < 16 ? byte & 15 : byte >> 4;
}

int storedOffset(WeightKind kind) {
    return kind == WeightKind::Int8 ? 128 : kind == WeightKind::Int4 ? 8 : 0;
}

std::size_t scaleIndex(const PackedMatrix& matrix, std::uint32_t row, std::uint32_t column) {
    return (std::size_t{row / kTileRows} * matrix.groups() + column / matrix.group) * kTileRows +
           row % kTileRows;
}

float scaleOf(const PackedMatrix& matrix, std::uint32_t row, std::uint32_t column) {
    return fp16ToFloat(matrix.scales[scaleIndex(matrix, row, column)]);
}

float minimumOf(const PackedMatrix& matrix, std::uint32_t row, std::uint32_t column) {
    if (matrix.kind == WeightKind::Int4Zero)
        return -scaleOf(matrix, row, column) *
               zeroPoint(matrix.scales[scaleIndex(matrix, row, column)]);
    return matrix.minima == nullptr ? 0.0F
                                    : fp16ToFloat(matrix.minima[scaleIndex(matrix, row, column)]);
}

float weightAt(const PackedMatrix& matrix, std::uint32_t row, std::uint32_t column) {
    const std::byte* tile = matrix.values + matrix.tileBytes() * (row / kTileRows);
    const std::size_t index = std::size_t{column} * kTileRows + row % kTileRows;
    if (matrix.kind == WeightKind::F32) {
        float value = 0;
        std::memcpy(&value, tile + index * 4, 4);
        return value;
    }
    if (matrix.kind == WeightKind::BF16) {
        std::uint16_t bits = 0;
        std::memcpy(&bits, tile + index * 2, 2);
        return bf16ToFloat(bits);
    }
    const int q = storedWeight(matrix, row, column) - storedOffset(matrix.kind);
    return scaleOf(matrix, row, column) * static_cast<float>(q) + minimumOf(matrix, row, column);
}

/// One output of the int8 product: integers exact within a group, groups summed in double.
double dotInt8(const PackedMatrix& weights, std::uint32_t row, const Int8Rows& x, std::uint32_t m) {
    const std::int8_t* values = x.values + std::size_t{m} * x.paddedColumns();
    const std::uint32_t step = weights.group < x.group ? weights.group : x.group;
    double sum = 0;
    for (std::uint32_t first = 0; first < weights.columns; first += step) {
        std::int64_t products = 0;
        std::int64_t activations = 0;
        for (std::uint32_t k = first; k < first + step && k < weights.columns; ++k) {
            products += (storedWeight(weights, row, k) - storedOffset(weights.kind)) * values[k];
            activations += values[k];
        }
        const double scale = x.scales[std::size_t{m} * x.groups() + first / x.group];
        sum += scale * (scaleOf(weights, row, first) * static_cast<double>(products) +
                        minimumOf(weights, row, first) * static_cast<double>(activations));
    }
    return sum;
}

} // namespace

void dequantizeRow(const PackedMatrix& weights, std::uint32_t row, float* out) {
    for (std::uint32_t k = 0; k < weights.columns; ++k)
        out[k] = weightAt(weights, row, k);
}

void matmul(const PackedMatrix& weights, RowRange range, const FloatRows& x, float* out,
            std::size_t outStride) {
    // A stretch of K at a time, so that a weight is unpacked once for all activation rows.
    constexpr std::uint32_t kStretch = 256;
    for (std::uint32_t n = range.begin; n < range.end; ++n) {
        for (std::uint32_t first = 0; first < weights.columns; first += kStretch) {
            const std::uint32_t rest = weights.columns - first;
            const std::uint32_t count = rest < kStretch ? rest : kStretch;
            float w[kStretch];
            for (std::uint32_t k = 0; k < count; ++k)
                w[k] = weightAt(weights, n, first + k);
            for (std::uint32_t m = 0; m < x.rows; ++m) {
                const float* row = x.values + m * x.stride + first;
                double sum = first == 0 ? 0.0 : out[m * outStride + n];
                for (std::uint32_t k = 0; k < count; ++k)
                    sum += static_cast<double>(w[k]) * row[k];
                out[m * outStride + n] = static_cast<float>(sum);
            }
        }
    }
}

void matmulInt8(const PackedMatrix& weights, RowRange range, const Int8Rows& x, float* out,
                std::size_t outStride) {
    for (std::uint32_t n = range.begin; n < range.end; ++n)
        for (std::uint32_t m = 0; m < x.rows; ++m)
            out[m * outStride + n] = static_cast<float>(dotInt8(weights, n, x, m));
}

void quantizeRow(const float* x, const Int8Rows& rows, std::uint32_t m) {
    const std::uint32_t padded = rows.paddedColumns();
    std::int8_t* values = rows.values + std::size_t{m} * padded;
    for (std::uint32_t g = 0; g < rows.groups(); ++g) {
        const std::uint32_t begin = g * rows.group;
        const std::uint32_t end = begin + rows.group < padded ? begin + rows.group : padded;
        const std::uint32_t real = end < rows.columns ? end : rows.columns;
        const SymmetricScale scale = symmetricScale(x + begin, real - begin);
        std::int32_t sum = 0;
        for (std::uint32_t k = begin; k < end; ++k) {
            values[k] = k < real ? toInt8(x[k], scale.inverse) : std::int8_t{0};
            sum += values[k];
        }
        rows.scales[std::size_t{m} * rows.groups() + g] = scale.scale;
        rows.corrections[std::size_t{m} * rows.groups() + g] = -128 * sum;
    }
}

} // namespace kernels::scalar
