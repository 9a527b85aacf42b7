#pragma once
// Matrix product with float activations for any weight kind: a stretch of K is turned into float
// panels [k][16] that stay in the L1 cache, then multiplied with all activation rows.

#include "kernels/cpu/vector_math.h"
#include "kernels/cpu_kernels.h"

namespace kernels::vector {

/// Columns unpacked at a time: two panels take 16 KiB.
constexpr std::uint32_t kStretch = 128;

/// Zero points of the 16 rows of a tile from their scales.
template<typename V>
V zeroPoints(const std::uint16_t* scales) {
    alignas(64) float values[kTileRows];
    for (std::uint32_t r = 0; r < kTileRows; ++r)
        values[r] = zeroPoint(scales[r]);
    return V::load(values);
}

/// Columns [first, first + count) of a tile as floats [count][16]. Integer kinds write up to the
/// next multiple of 4 or 32 columns, which the stretch has room for.
template<typename V>
void unpackPanel(const PackedMatrix& matrix, const std::byte* tile, std::uint32_t tileIndex,
                 std::uint32_t first, std::uint32_t count, float* panel) {
    if (matrix.kind == WeightKind::BF16) {
        const auto* values = reinterpret_cast<const std::uint16_t*>(tile) + first * kTileRows;
        for (std::uint32_t k = 0; k < count; ++k) {
            __builtin_prefetch(values + (k + kStretch) * kTileRows);
            V::loadBf16(values + k * kTileRows).store(panel + k * kTileRows);
        }
        return;
    }
    const std::size_t tileScales =
        static_cast<std::size_t>(tileIndex) * matrix.groups() * kTileRows;
    const std::uint16_t* scales = matrix.scales + tileScales;
    for (std::uint32_t k = 0; k < count; k += kColumnBlock) {
        const std::uint32_t group = (first + k) / matrix.group;
        const V scale = V::loadHalf(scales + group * kTileRows);
        if (matrix.kind == WeightKind::Int8) {
            const std::byte* words = tile + static_cast<std::size_t>(first + k) * kTileRows;
            for (std::uint32_t j = 0; j < kColumnBlock; ++j) {
                if (j % 4 == 0)
                    __builtin_prefetch(words + j * kTileRows + kStretch * kTileRows);
                const V q = V::loadBits(words + j / 4 * 64, static_cast<int>(j % 4 * 8), 255);
                ((q - V::set(128)) * scale).store(panel + (k + j) * kTileRows);
            }
            continue;
        }
        const bool withMinimum = matrix.kind == WeightKind::Int4Min;
        const V offset = matrix.kind == WeightKind::Int4Zero
                             ? zeroPoints<V>(scales + group * kTileRows)
                             : V::set(withMinimum ? 0.0F : 8.0F);
        const V minimum =
            withMinimum ? V::loadHalf(matrix.minima + tileScales + group * kTileRows) : V::set(0);
        const std::byte* words = tile + static_cast<std::size_t>(first + k) * kTileRows / 2;
        for (std::uint32_t j = 0; j < kColumnBlock; ++j) {
            const std::uint32_t low = j % 16;
            const int shift = static_cast<int>(low % 4 * 8 + (j >= 16 ? 4 : 0));
            const V q = V::loadBits(words + low / 4 * 64, shift, 15);
            V::fma(q - offset, scale, minimum).store(panel + (k + j) * kTileRows);
        }
    }
}

template<typename V, int kVectors>
void matmulTiles(const PackedMatrix& weights, std::uint32_t firstTile, const FloatRows& x,
                 float* out, std::size_t outStride, std::uint32_t lastColumns) {
    alignas(64) float panelMemory[kVectors][kStretch * kTileRows];
    const bool direct = weights.kind == WeightKind::F32;
    for (std::uint32_t first = 0; first < weights.columns; first += kStretch) {
        const std::uint32_t rest = weights.columns - first;
        const std::uint32_t count = rest < kStretch ? rest : kStretch;
        const float* panels[kVectors];
        for (int i = 0; i < kVectors; ++i) {
            const std::uint32_t index = firstTile + static_cast<std::uint32_t>(i);
            const std::byte* tile = weights.values + weights.tileBytes() * index;
            if (direct) {
                panels[i] = reinterpret_cast<const float*>(tile) +
                            static_cast<std::size_t>(first) * kTileRows;
                continue;
            }
            unpackPanel<V>(weights, tile, index, first, count, panelMemory[i]);
            panels[i] = panelMemory[i];
        }
        panelRows<V, kVectors>(x.values + first, x.stride, x.rows, panels, kTileRows, count, out,
                               outStride, first != 0, lastColumns);
    }
}

/// KernelTable::matmul.
template<typename V>
void matmul(const PackedMatrix& weights, RowRange range, const FloatRows& x, float* out,
            std::size_t outStride) {
    for (std::uint32_t row = range.begin; row < range.end;) {
        const std::uint32_t rest = range.end - row;
        // One activation row leaves each tile a single chain of additions: four hide its latency.
        if (x.rows == 1 && rest >= 4 * kTileRows) {
            matmulTiles<V, 4>(weights, row / kTileRows, x, out + row, outStride, kTileRows);
            row += 4 * kTileRows;
        } else if (V::kTiles > 1 && rest > kTileRows) {
            const std::uint32_t last = rest - kTileRows < kTileRows ? rest - kTileRows : kTileRows;
            matmulTiles<V, 2>(weights, row / kTileRows, x, out + row, outStride, last);
            row += kTileRows + last;
        } else {
            const std::uint32_t last = rest < kTileRows ? rest : kTileRows;
            matmulTiles<V, 1>(weights, row / kTileRows, x, out + row, outStride, last);
            row += last;
        }
    }
}

} // namespace kernels::vector
