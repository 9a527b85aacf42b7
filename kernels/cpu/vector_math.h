#pragma once
// Small pieces of the vector kernels. V is the Lanes of an instruction set; a template of it is a
// different function in every set, so that no two files share code compiled with different flags.

#include <cstddef>
#include <cstdint>

namespace kernels::vector {

/// e^x to about 2 units in the last place; below -87 it is 1e-38. Method: x = n ln 2 + r, Taylor
/// polynomial of degree 6 in |r| <= 0.35, times 2^n.
template<typename V>
V exponential(V x) {
    const V limited = V::min(V::set(88.0F), V::max(V::set(-87.3F), x));
    const V n = (limited * V::set(1.44269504F)).rounded();
    V r = V::fma(n, V::set(-0.693359375F), limited); // ln 2 in two parts: r keeps its last bits
    r = V::fma(n, V::set(2.12194440e-4F), r);
    V p = V::fma(V::set(1.0F / 720), r, V::set(1.0F / 120));
    p = V::fma(p, r, V::set(1.0F / 24));
    p = V::fma(p, r, V::set(1.0F / 6));
    p = V::fma(p, r, V::set(0.5F));
    p = V::fma(p, r, V::set(1.0F));
    p = V::fma(p, r, V::set(1.0F));
    return p * n.exp2Integral();
}

// Sixteen numbers of a panel as floats, whatever type they have in memory.
template<typename V>
V loadLanes(const float* p) {
    return V::load(p);
}
template<typename V>
V loadLanes(const std::uint16_t* bf16) {
    return V::loadBf16(bf16);
}
template<typename V>
V loadLanes(const std::int8_t* p) {
    return V::loadInt8(p);
}

/// c[t][i] (+)= sum over k of a[t][k] * panel[k][i] for kTokens rows and kVectors x 16 columns. The
/// order of the sum does not depend on the blocking.
template<typename V, int kTokens, int kVectors, typename T>
void panelBlock(const float* a, std::size_t aStride, const T* const* panels,
                std::size_t panelStride, std::uint32_t count, float* c, std::size_t cStride,
                bool accumulate, std::uint32_t lastColumns) {
    V sums[kTokens][kVectors];
    for (int t = 0; t < kTokens; ++t)
        for (int i = 0; i < kVectors; ++i) {
            const std::uint32_t columns = i + 1 == kVectors ? lastColumns : 16;
            sums[t][i] = accumulate ? V::loadPart(c + t * cStride + i * 16, columns) : V::set(0);
        }
    for (std::uint32_t k = 0; k < count; ++k) {
        V w[kVectors];
        for (int i = 0; i < kVectors; ++i)
            w[i] = loadLanes<V>(panels[i] + k * panelStride);
        for (int t = 0; t < kTokens; ++t) {
            const V x = V::set(a[t * aStride + k]);
            for (int i = 0; i < kVectors; ++i)
                sums[t][i] = V::fma(x, w[i], sums[t][i]);
        }
    }
    for (int t = 0; t < kTokens; ++t)
        for (int i = 0; i < kVectors; ++i)
            sums[t][i].storePart(c + t * cStride + i * 16, i + 1 == kVectors ? lastColumns : 16);
}

/// What whole blocks leave, 1 to kTokens rows, in one block of its own: few rows in small blocks
/// would wait for each addition to end.
template<typename V, int kTokens, int kVectors, typename T>
void panelRest(const float* a, std::size_t aStride, std::uint32_t rows, const T* const* panels,
               std::size_t panelStride, std::uint32_t count, float* c, std::size_t cStride,
               bool accumulate, std::uint32_t lastColumns) {
    if (rows == kTokens)
        panelBlock<V, kTokens, kVectors>(a, aStride, panels, panelStride, count, c, cStride,
                                         accumulate, lastColumns);
    else if constexpr (kTokens > 1)
        panelRest<V, kTokens - 1, kVectors>(a, aStride, rows, panels, panelStride, count, c,
                                            cStride, accumulate, lastColumns);
}

/// All rows of a in blocks of V::kTokens.
template<typename V, int kVectors, typename T>
void panelRows(const float* a, std::size_t aStride, std::uint32_t rows, const T* const* panels,
               std::size_t panelStride, std::uint32_t count, float* c, std::size_t cStride,
               bool accumulate, std::uint32_t lastColumns) {
    std::uint32_t row = 0;
    for (; row + V::kTokens <= rows; row += V::kTokens)
        panelBlock<V, V::kTokens, kVectors>(a + row * aStride, aStride, panels, panelStride, count,
                                            c + row * cStride, cStride, accumulate, lastColumns);
    if (row < rows)
        panelRest<V, V::kTokens - 1, kVectors>(a + row * aStride, aStride, rows - row, panels,
                                               panelStride, count, c + row * cStride, cStride,
                                               accumulate, lastColumns);
}

/// Rows that leave a core waiting for its own additions: they take four vectors at a time.
constexpr std::uint32_t kFewRows = 4;

/// c[rows][columns] (+)= a[rows][count] * panel[count][panelStride], columns <= panelStride; every
/// panel row can be read up to the next multiple of 16.
template<typename V, typename T>
void panelProduct(const float* a, std::size_t aStride, std::uint32_t rows, const T* panel,
                  std::size_t panelStride, std::uint32_t count, float* c, std::size_t cStride,
                  std::uint32_t columns, bool accumulate) {
    for (std::uint32_t column = 0; column < columns;) {
        const std::uint32_t rest = columns - column;
        const T* panels[4] = {panel + column, panel + column + 16, panel + column + 32,
                              panel + column + 48};
        if (V::kTiles > 1 && rows <= kFewRows && rest >= 64) {
            panelRest<V, kFewRows, 4>(a, aStride, rows, panels, panelStride, count, c + column,
                                      cStride, accumulate, 16);
            column += 64;
        } else if (V::kTiles > 1 && rest > 16) {
            const std::uint32_t last = rest - 16 < 16 ? rest - 16 : 16;
            panelRows<V, 2>(a, aStride, rows, panels, panelStride, count, c + column, cStride,
                            accumulate, last);
            column += 16 + last;
        } else {
            const std::uint32_t last = rest < 16 ? rest : 16;
            panelRows<V, 1>(a, aStride, rows, panels, panelStride, count, c + column, cStride,
                            accumulate, last);
            column += last;
        }
    }
}

} // namespace kernels::vector
