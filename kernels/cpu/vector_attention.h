#pragma once
// Attention over KV pages, written once for all vector sets. A page of keys and values becomes
// float panels once and serves all queries of a task; few queries, one block of a product, multiply
// the cache's own bytes instead. Softmax runs along with the pages (running maximum and sum, as in
// "FlashAttention", Dao et al. 2022). While one page is computed the next one comes into the cache:
// pages lie anywhere, so that no hardware sees where the next is. Contract: AttentionTask.

#include "kernels/cpu/vector_math.h"
#include "kernels/cpu/vector_rows.h"
#include "kernels/cpu_kernels.h"

namespace kernels::vector {

/// The scratch memory of a task, cut up. `width` = headDim rounded up to 16.
struct AttentionScratch {
    float* queries; // [queries][width], scaled
    float* bias;    // [queries][width]: factors of the cosines, then of the sines
    float* out;     // [queries][width], not yet divided by sums
    float* scores;  // [queries][32], or [queries][64] of a pair of pages
    float* largest; // [queries]
    float* sums;    // [queries]
    float* fixed;   // [queries]: what the bias adds at every position
    float* keys;    // [headDim][32]
    float* values;  // [32][width]
};

template<typename V>
struct Attention {
    const AttentionTask& task;
    const std::uint32_t dim;
    const std::uint32_t width;
    const std::uint32_t queryCount;
    AttentionScratch scratch;

    explicit Attention(const AttentionTask& t)
        : task(t),
          dim(t.layout.headDim),
          width((t.layout.headDim + 15) / 16 * 16),
          queryCount(t.rows * t.headsPerKv) {
        float* next = task.scratch;
        const auto take = [&next](std::size_t floats) {
            float* piece = next;
            next += floats;
            return piece;
        };
        const std::size_t all = static_cast<std::size_t>(kAttentionRows) * task.headsPerKv;
        scratch.queries = take(all * width);
        scratch.bias = take(all * width);
        scratch.out = take(all * width);
        scratch.keys = take(static_cast<std::size_t>(width) * kPagePositions);
        scratch.values = take(static_cast<std::size_t>(width) * kPagePositions);
        scratch.scores = take(all * kPagePositions);
        scratch.largest = take(all);
        scratch.sums = take(all);
        scratch.fixed = take(all);
    }

    const float* query(std::uint32_t index) const {
        return task.queries + index / task.headsPerKv * task.queryStride +
               static_cast<std::size_t>(index % task.headsPerKv) * dim;
    }

    void begin() {
        for (std::uint32_t q = 0; q < queryCount; ++q) {
            const float* source = query(q);
            float* target = scratch.queries + static_cast<std::size_t>(q) * width;
            float* out = scratch.out + static_cast<std::size_t>(q) * width;
            for (std::uint32_t i = 0; i < dim; ++i)
                target[i] = source[i] * task.scale;
            for (std::uint32_t i = 0; i < width; ++i)
                out[i] = 0;
            scratch.largest[q] = -__builtin_inff();
            scratch.sums[q] = 0;
            if (task.keyBias != nullptr)
                splitBias(q, target);
        }
    }

    /// q . RoPE(b, p) = sum over pairs of cos(p) (q1 b1 + q2 b2) + sin(p) (q2 b1 - q1 b2), plus the
    /// dimensions that do not turn: the factors are made once a query.
    void splitBias(std::uint32_t index, const float* q) {
        float* factors = scratch.bias + static_cast<std::size_t>(index) * width;
        const std::uint32_t pairs = task.rope.pairs;
        const bool adjacent = task.rope.pairing == Pairing::Adjacent;
        for (std::uint32_t i = 0; i < pairs; ++i) {
            const std::uint32_t first = adjacent ? 2 * i : i;
            const std::uint32_t second = adjacent ? 2 * i + 1 : i + pairs;
            const float a = task.keyBias[first];
            const float b = task.keyBias[second];
            factors[i] = q[first] * a + q[second] * b;
            factors[pairs + i] = q[second] * a - q[first] * b;
        }
        float fixed = 0;
        for (std::uint32_t i = 2 * pairs; i < dim; ++i)
            fixed += q[i] * task.keyBias[i];
        scratch.fixed[index] = fixed;
    }

    /// One block of a product takes all queries: a panel would be read once only.
    bool isFew() const { return queryCount <= static_cast<std::uint32_t>(V::kTokens); }

    const std::byte* pageAt(std::uint32_t pageIndex) const {
        return task.pool + task.pages[pageIndex] * task.pageStride;
    }
    const std::byte* keysOf(const std::byte* page) const {
        return page + static_cast<std::size_t>(task.kvHead) * task.layout.headBytes();
    }
    const std::byte* valuesOf(const std::byte* page) const {
        return keysOf(page) + task.layout.valuesOffset();
    }
    /// Of this head's keys or values; nullptr when they have none.
    const float* scalesOf(const std::byte* page, std::size_t offset) const {
        if (task.layout.kind != KvKind::Int8)
            return nullptr;
        return reinterpret_cast<const float*>(page + offset) +
               static_cast<std::size_t>(task.kvHead) * kPagePositions;
    }

    /// Asks for keys or values of a page that will be read soon, with their scales.
    void fetch(const std::byte* part, const float* scales) const {
        constexpr std::size_t kLine = 64;
        for (std::size_t at = 0; at < task.layout.headBytes(); at += kLine)
            __builtin_prefetch(part + at);
        if (scales != nullptr)
            for (std::size_t at = 0; at < kPagePositions; at += kLine / sizeof(float))
                __builtin_prefetch(scales + at);
    }

    /// c (+)= a * panel, where the panel's elements are the cache's.
    void product(const float* a, std::size_t aStride, std::uint32_t rows, const std::byte* panel,
                 std::size_t panelStride, std::uint32_t count, float* c, std::size_t cStride,
                 std::uint32_t columns, bool accumulate) {
        const auto multiply = [&](const auto* elements) {
            panelProduct<V>(a, aStride, rows, elements, panelStride, count, c, cStride, columns,
                            accumulate);
        };
        if (task.layout.kind == KvKind::Int8)
            multiply(reinterpret_cast<const std::int8_t*>(panel));
        else if (task.layout.kind == KvKind::BF16)
            multiply(reinterpret_cast<const std::uint16_t*>(panel));
        else
            multiply(reinterpret_cast<const float*>(panel));
    }

    /// Keys of a page as [headDim][32] floats, not yet scaled.
    const float* keyPanel(const std::byte* keys) {
        if (task.layout.kind == KvKind::F32)
            return reinterpret_cast<const float*>(keys);
        convert(keys, static_cast<std::size_t>(dim) * kPagePositions, scratch.keys);
        return scratch.keys;
    }

    /// The first `count` values of a page as [count][width] floats, not yet scaled.
    const float* valuePanel(const std::byte* values, std::uint32_t count) {
        if (task.layout.kind == KvKind::F32 && dim == width)
            return reinterpret_cast<const float*>(values);
        if (dim == width) {
            convert(values, static_cast<std::size_t>(count) * dim, scratch.values);
            return scratch.values;
        }
        // Odd head sizes: rows are moved apart one by one; what is read past a row is cut off.
        for (std::uint32_t p = 0; p < count; ++p) {
            const std::size_t from = static_cast<std::size_t>(p) * dim;
            for (std::uint32_t i = 0; i < width; ++i)
                scratch.values[static_cast<std::size_t>(p) * width + i] =
                    i < dim ? element(values, from + i) : 0;
        }
        return scratch.values;
    }

    float element(const std::byte* base, std::size_t index) const {
        if (task.layout.kind == KvKind::Int8)
            return static_cast<float>(reinterpret_cast<const std::int8_t*>(base)[index]);
        if (task.layout.kind == KvKind::F32)
            return reinterpret_cast<const float*>(base)[index];
        const std::uint32_t bits = reinterpret_cast<const std::uint16_t*>(base)[index];
        return __builtin_bit_cast(float, bits << 16);
    }

    /// `count` is a multiple of 16.
    void convert(const std::byte* from, std::size_t count, float* to) {
        const auto* bytes = reinterpret_cast<const std::int8_t*>(from);
        const auto* halves = reinterpret_cast<const std::uint16_t*>(from);
        if (task.layout.kind == KvKind::Int8)
            for (std::size_t i = 0; i < count; i += 16)
                V::loadInt8(bytes + i).store(to + i);
        else
            for (std::size_t i = 0; i < count; i += 16)
                V::loadBf16(halves + i).store(to + i);
    }

    /// Turns the scores of one query into weights and takes the page into the running softmax.
    /// `valid` of the 32 positions are visible; the others may be NaN and become 0.
    void softmax(std::uint32_t index, float* scores, std::uint32_t valid,
                 const float* valueScales) {
        const std::uint32_t second = valid > 16 ? valid - 16 : 0;
        const V nothing = V::set(-__builtin_inff());
        const V none = V::set(0);
        V low = V::firstLanes(valid, V::load(scores), nothing);
        V high = V::firstLanes(second, V::load(scores + 16), nothing);
        const float previous = scratch.largest[index];
        const float page = V::max(low, high).largest();
        const float largest = page > previous ? page : previous;
        low = V::firstLanes(valid, exponential(low - V::set(largest)), none);
        high = V::firstLanes(second, exponential(high - V::set(largest)), none);
        scratch.largest[index] = largest;
        float keep = 1;
        if (largest != previous) {
            float parts[16];
            exponential(V::set(previous - largest)).store(parts);
            keep = previous == -__builtin_inff() ? 0 : parts[0];
            float* out = scratch.out + static_cast<std::size_t>(index) * width;
            for (std::uint32_t i = 0; i < width; i += 16)
                (V::load(out + i) * V::set(keep)).store(out + i);
        }
        scratch.sums[index] = scratch.sums[index] * keep + (low + high).sum();
        if (valueScales != nullptr) {
            low = low * V::firstLanes(valid, V::load(valueScales), none);
            high = high * V::firstLanes(second, V::load(valueScales + 16), none);
        }
        low.store(scores);
        high.store(scores + 16);
    }

    /// One query has the scores of `pages` pages side by side.
    float* scoresOf(std::uint32_t query, std::uint32_t pages) const {
        return scratch.scores + static_cast<std::size_t>(query) * pages * kPagePositions;
    }

    /// Two pages give a few queries enough sums to add at the same time.
    bool takesPairs() const { return V::kTiles > 1 && queryCount <= kFewRows; }

    template<typename T>
    void multiplyPair(const float* a, const T* first, const T* second, std::uint32_t count,
                      bool accumulate) {
        const T* const panels[4] = {first, first + 16, second, second + 16};
        panelRest<V, kFewRows, 4>(a, width, queryCount, panels, kPagePositions, count,
                                  scratch.scores, 2 * kPagePositions, accumulate, 16);
    }

    /// Products of queries and keys.
    void multiplyKeys(const std::byte* const* keys, std::uint32_t pages) {
        const auto pair = [&](const auto* first, const std::byte* second) {
            multiplyPair(scratch.queries, first, reinterpret_cast<decltype(first)>(second), dim,
                         false);
        };
        if (pages == 2 && task.layout.kind == KvKind::Int8)
            pair(reinterpret_cast<const std::int8_t*>(keys[0]), keys[1]);
        else if (pages == 2 && task.layout.kind == KvKind::BF16)
            pair(reinterpret_cast<const std::uint16_t*>(keys[0]), keys[1]);
        else if (pages == 2)
            pair(reinterpret_cast<const float*>(keys[0]), keys[1]);
        else if (isFew())
            product(scratch.queries, width, queryCount, keys[0], kPagePositions, dim,
                    scratch.scores, kPagePositions, kPagePositions, false);
        else
            panelProduct<V>(scratch.queries, width, queryCount, keyPanel(keys[0]), kPagePositions,
                            dim, scratch.scores, kPagePositions, kPagePositions, false);
    }

    /// Adds q . RoPE(bias, position).
    void addBias(std::uint32_t firstPosition, std::uint32_t pages) {
        const std::uint32_t count = 2 * task.rope.pairs;
        const float* angles = task.rope.block(firstPosition);
        if (pages == 2)
            multiplyPair(scratch.bias, angles, task.rope.block(firstPosition + kPagePositions),
                         count, true);
        else
            panelProduct<V>(scratch.bias, width, queryCount, angles, kPagePositions, count,
                            scratch.scores, kPagePositions, kPagePositions, true);
        if (count == dim)
            return;
        for (std::uint32_t q = 0; q < queryCount; ++q) {
            float* scores = scoresOf(q, pages);
            const V fixed = V::set(scratch.fixed[q]);
            for (std::uint32_t i = 0; i < pages * kPagePositions; i += 16)
                (V::load(scores + i) + fixed).store(scores + i);
        }
    }

    /// Scores of one page or, when takesPairs(), two.
    void scorePages(std::uint32_t firstPage, std::uint32_t pages) {
        const std::byte* keys[2] = {keysOf(pageAt(firstPage)),
                                    keysOf(pageAt(firstPage + pages - 1))};
        multiplyKeys(keys, pages);
        for (std::uint32_t i = 0; i < pages; ++i) {
            const float* scales = scalesOf(pageAt(firstPage + i), task.layout.keyScalesOffset());
            if (scales == nullptr)
                break;
            const V low = V::load(scales);
            const V high = V::load(scales + 16);
            for (std::uint32_t q = 0; q < queryCount; ++q) {
                float* scores = scoresOf(q, pages) + i * kPagePositions;
                (V::load(scores) * low).store(scores);
                (V::load(scores + 16) * high).store(scores + 16);
            }
        }
        if (task.keyBias != nullptr)
            addBias(firstPage * kPagePositions, pages);
    }

    /// Takes page `pageIndex`, the `which`-th of `pages` that were scored, into the softmax and
    /// adds its values.
    void takeValues(std::uint32_t pageIndex, std::uint32_t which, std::uint32_t pages) {
        const std::uint32_t firstPosition = pageIndex * kPagePositions;
        const std::byte* page = pageAt(pageIndex);
        const float* valueScales = scalesOf(page, task.layout.valueScalesOffset());
        // Rows that end before this page leave it out; they are the first ones.
        std::uint32_t firstQuery = 0;
        std::uint32_t longest = 0;
        for (std::uint32_t q = 0; q < queryCount; ++q) {
            const std::uint32_t length = task.firstPosition + q / task.headsPerKv + 1;
            if (length <= firstPosition) {
                firstQuery = q + 1;
                continue;
            }
            const std::uint32_t rest = length - firstPosition;
            const std::uint32_t valid = rest < kPagePositions ? rest : kPagePositions;
            softmax(q, scoresOf(q, pages) + which * kPagePositions, valid, valueScales);
            longest = valid;
        }
        const float* weights = scoresOf(firstQuery, pages) + which * kPagePositions;
        const std::size_t stride = static_cast<std::size_t>(pages) * kPagePositions;
        float* out = scratch.out + static_cast<std::size_t>(firstQuery) * width;
        const std::uint32_t rows = queryCount - firstQuery;
        if (isFew() && dim == width)
            product(weights, stride, rows, valuesOf(page), width, longest, out, width, width, true);
        else
            panelProduct<V>(weights, stride, rows, valuePanel(valuesOf(page), longest), width,
                            longest, out, width, width, true);
    }

    /// The pages [firstPage, firstPage + pages) of `all`; those that follow come into the cache.
    void takePages(std::uint32_t firstPage, std::uint32_t pages, std::uint32_t all) {
        const std::uint32_t next = firstPage + pages;
        const std::uint32_t end = next + pages < all ? next + pages : all;
        for (std::uint32_t i = next; i < end; ++i)
            fetch(keysOf(pageAt(i)), scalesOf(pageAt(i), task.layout.keyScalesOffset()));
        scorePages(firstPage, pages);
        for (std::uint32_t i = next; i < end; ++i)
            fetch(valuesOf(pageAt(i)), scalesOf(pageAt(i), task.layout.valueScalesOffset()));
        for (std::uint32_t i = 0; i < pages; ++i)
            takeValues(firstPage + i, i, pages);
    }

    void finish() {
        for (std::uint32_t q = 0; q < queryCount; ++q) {
            float* target = task.out + q / task.headsPerKv * task.outStride +
                            static_cast<std::size_t>(q % task.headsPerKv) * dim;
            const float* out = scratch.out + static_cast<std::size_t>(q) * width;
            const float factor = 1.0F / scratch.sums[q];
            for (std::uint32_t i = 0; i < dim; ++i)
                target[i] = out[i] * factor;
        }
    }
};

/// KernelTable::attention.
template<typename V>
void attention(const AttentionTask& task) {
    Attention<V> work(task);
    work.begin();
    const std::uint32_t last = task.firstPosition + task.rows - 1;
    const std::uint32_t pages = last / kPagePositions + 1;
    for (std::uint32_t page = 0; page < pages;) {
        const std::uint32_t taken = work.takesPairs() && page + 1 < pages ? 2 : 1;
        work.takePages(page, taken, pages);
        page += taken;
    }
    work.finish();
}

/// KernelTable::storeKv.
template<typename V>
void storeKv(const KvLayout& layout, std::byte* pageLayer, std::uint32_t kvHead,
             std::uint32_t position, const float* key, const float* value) {
    const std::size_t column = position % kPagePositions;
    std::byte* heads[2] = {pageLayer + kvHead * layout.headBytes(),
                           pageLayer + layout.valuesOffset() + kvHead * layout.headBytes()};
    const float* sources[2] = {key, value};
    const std::size_t scaleOffsets[2] = {layout.keyScalesOffset(), layout.valueScalesOffset()};
    for (int which = 0; which < 2; ++which) {
        const float* x = sources[which];
        const std::size_t first = which == 0 ? column : column * layout.headDim;
        const std::size_t step = which == 0 ? kPagePositions : 1;
        std::uint32_t largestBits = 0;
        inSixteens(layout.headDim, [&](std::size_t i, std::uint32_t n) {
            const std::uint32_t bits = V::loadPart(x + i, n).largestMagnitudeBits();
            largestBits = bits > largestBits ? bits : largestBits;
        });
        const GroupScale scale = groupScale<V>(largestBits);
        inSixteens(layout.headDim, [&](std::size_t i, std::uint32_t n) {
            const V part = V::loadPart(x + i, n);
            const std::size_t at = first + i * step;
            if (layout.kind == KvKind::Int8) {
                std::int8_t bytes[16];
                quantized(part, scale).storeInt8(bytes);
                auto* target = reinterpret_cast<std::int8_t*>(heads[which]) + at;
                for (std::uint32_t j = 0; j < n; ++j)
                    target[j * step] = bytes[j];
                return;
            }
            float floats[16];
            (layout.kind == KvKind::BF16 ? part.roundedToBf16() : part).store(floats);
            for (std::uint32_t j = 0; j < n; ++j) {
                if (layout.kind == KvKind::F32)
                    reinterpret_cast<float*>(heads[which])[at + j * step] = floats[j];
                else
                    reinterpret_cast<std::uint16_t*>(heads[which])[at + j * step] =
                        static_cast<std::uint16_t>(__builtin_bit_cast(std::uint32_t, floats[j]) >>
                                                   16);
            }
        });
        if (layout.kind == KvKind::Int8)
            reinterpret_cast<float*>(
                pageLayer + scaleOffsets[which])[kvHead * kPagePositions + column] = scale.scale;
    }
}

} // namespace kernels::vector
