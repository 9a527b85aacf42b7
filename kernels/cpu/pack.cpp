// Interleaves row-major weights into tiles of 16 rows. Runs once a load.

#include "kernels/cpu_kernels.h"

#include <cstring>

namespace kernels {

namespace {

/// Bytes that stay together when rows are interleaved: one element, or four quantized ones.
std::size_t unitBytes(WeightKind kind) {
    return kind == WeightKind::BF16 ? 2 : 4;
}

void packScales(const PackedMatrix& matrix, std::uint32_t tile, std::uint32_t rows,
                const std::uint16_t* source, std::size_t stride, std::uint16_t* packed) {
    const std::uint32_t groups = matrix.groups();
    std::uint16_t* out = packed + std::size_t{tile} * groups * kTileRows;
    for (std::uint32_t g = 0; g < groups; ++g)
        for (std::uint32_t r = 0; r < kTileRows; ++r)
            out[g * kTileRows + r] = r < rows ? source[r * stride + g] : std::uint16_t{0};
}

} // namespace

void packTile(const PackedMatrix& matrix, std::uint32_t tile, const RowMajorTile& source) {
    std::byte* out = matrix.values + matrix.tileBytes() * tile;
    const std::size_t unit = unitBytes(matrix.kind);
    const std::size_t units = matrix.tileBytes() / unit / kTileRows;
    const bool signedBytes = matrix.kind == WeightKind::Int8;
    // A zero weight of a padding row: its scale is 0, so any finite value serves; q = 0 is tidy.
    const std::uint32_t zero = signedBytes ? 0x80808080U : 0U;
    for (std::uint32_t r = 0; r < kTileRows; ++r) {
        const std::byte* row = source.values + r * source.strideBytes;
        for (std::size_t u = 0; u < units; ++u) {
            std::uint32_t word = 0;
            if (r < source.rows) {
                std::memcpy(&word, row + u * unit, unit);
                word ^= zero; // two's complement to offset 128
            } else {
                word = zero;
            }
            std::memcpy(out + (u * kTileRows + r) * unit, &word, unit);
        }
    }
    if (matrix.scales != nullptr)
        packScales(matrix, tile, source.rows, source.scales, source.scaleStride, matrix.scales);
    if (matrix.minima != nullptr)
        packScales(matrix, tile, source.rows, source.minima, source.scaleStride, matrix.minima);
}

} // namespace kernels
