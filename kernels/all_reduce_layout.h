#pragma once
// Where the parts of a sum over several GPUs ("ranks") travel: pure arithmetic that the kernels
// (kernels/cuda/all_reduce.cu, sum_*.cu) and a simulation on the CPU (tests) share.
//
// Every rank owns a window of memory that all others write into and only it reads.
//   one-shot  Everybody pushes its whole part to everybody. The data is its own flag: a word that
//             has not arrived is the bit pattern kAbsent (-0.0), which no sender sends. The reader
//             puts kAbsent back as soon as it has read a word. Two buffers in turn: whoever writes
//             a buffer again has, in between, received what its reader sent after emptying it.
//             Of a single row the product that makes the parts does this itself where it can
//             (kernels/cuda/gemv_stream_sum.cuh); a rank that cannot has the kernel all the same.
//   two-shot  Row r belongs to rank r % ranks. Parts go to the owner, with a flag a row; the owner
//             adds, norms and writes the result into everybody's rows, again with a flag a row.
//             Readers put flags back to zero. One buffer: nobody ends a sum before every owner has
//             read its part.
//   copied    The same with stretches of rows that the copy engines carry, between meetings of all
//             ranks: for sums so large that the links are what counts.
// All sums run in the order of the ranks, so that every rank gets the same bits in every run.
// Method of one-shot: the "Lamport" all-reduce of TensorRT-LLM; of two-shot: reduce-scatter and
// all-gather.

#include "kernels/on_both.h"

#include <cstddef>
#include <cstdint>

namespace kernels {

constexpr std::uint32_t kMostRanks = 8;
constexpr std::uint32_t kAbsent = 0x80000000U; // the bits of -0.0F
constexpr std::uint32_t kGatherBlocks = 64;
constexpr std::uint32_t kGatherFloats = 2048; // that a block is worth starting for
constexpr std::uint32_t kGatherSlots = 4;     // 0 and 1: meetings of copied sums; 2 and 3: gathers

/// What is sent instead of a word that would read as absent: -0.0 becomes 0.0.
INGLENOOK_ON_BOTH constexpr std::uint32_t presentBits(std::uint32_t bits) {
    return bits == kAbsent ? 0U : bits;
}

/// Offsets in a window [bytes]; the same for all ranks.
struct ReduceLayout {
    std::uint32_t ranks = 1;
    std::uint32_t stride = 0;      // floats of a row, a multiple of 4
    std::uint32_t oneShotRows = 0; // most rows of a one-shot sum
    std::uint32_t mostRows = 0;    // of a two-shot sum

    INGLENOOK_ON_BOTH constexpr std::uint32_t owner(std::uint32_t row) const { return row % ranks; }
    INGLENOOK_ON_BOTH constexpr std::uint32_t ownedRows() const {
        return (mostRows + ranks - 1) / ranks;
    }

    /// Row of `source`'s part, one-shot.
    INGLENOOK_ON_BOTH constexpr std::size_t oneShot(std::uint32_t parity, std::uint32_t source,
                                                    std::uint32_t row) const {
        return ((std::size_t{parity} * ranks + source) * oneShotRows + row) * rowBytes();
    }
    INGLENOOK_ON_BOTH constexpr std::size_t oneShotBytes() const { return oneShot(2, 0, 0); }
    /// Row of `source`'s part at the row's owner, two-shot.
    INGLENOOK_ON_BOTH constexpr std::size_t twoShot(std::uint32_t source, std::uint32_t row) const {
        return oneShotBytes() + (std::size_t{source} * ownedRows() + row / ranks) * rowBytes();
    }
    /// Flag at the owner: the part of `source` is there.
    INGLENOOK_ON_BOTH constexpr std::size_t partFlag(std::uint32_t source,
                                                     std::uint32_t row) const {
        return flags() + (std::size_t{source} * ownedRows() + row / ranks) * 4;
    }
    /// Flag at the others: the owner has written the row.
    INGLENOOK_ON_BOTH constexpr std::size_t rowFlag(std::uint32_t row) const {
        return flags() + (std::size_t{ranks} * ownedRows() + row) * 4;
    }
    /// Stretch of rows that a rank owns in a copied sum.
    INGLENOOK_ON_BOTH constexpr std::uint32_t firstRow(std::uint32_t rank,
                                                       std::uint32_t rows) const {
        return static_cast<std::uint32_t>(std::uint64_t{rows} * rank / ranks);
    }
    /// Part of `source` of the owner's row `local`, copied.
    INGLENOOK_ON_BOTH constexpr std::size_t copied(std::uint32_t source,
                                                   std::uint32_t local) const {
        return oneShotBytes() + (std::size_t{source} * ownedRows() + local) * rowBytes();
    }
    /// Flag of a gather's or meeting's block. Those that follow one another take turns (`slot`): a
    /// flag of the second must not meet one of the first that is not read yet.
    INGLENOOK_ON_BOTH constexpr std::size_t gatherFlag(std::uint32_t slot, std::uint32_t source,
                                                       std::uint32_t block) const {
        return rowFlag(mostRows) +
               ((std::size_t{slot} * ranks + source) * kGatherBlocks + block) * 4;
    }
    /// Blocks of a gather of rows of `rowFloats` floats, the columns of all ranks together. Blocks
    /// of equal number meet, so every rank must come to the same count, however uneven their
    /// columns are.
    INGLENOOK_ON_BOTH constexpr std::uint32_t gatherBlocks(std::uint32_t rows,
                                                           std::uint32_t rowFloats) const {
        const std::uint64_t blocks = std::uint64_t{rows} * rowFloats / ranks / kGatherFloats;
        return blocks < 1               ? 1
               : blocks > kGatherBlocks ? kGatherBlocks
                                        : static_cast<std::uint32_t>(blocks);
    }
    INGLENOOK_ON_BOTH constexpr std::size_t bytes() const {
        return (gatherFlag(kGatherSlots, 0, 0) + 255) / 256 * 256;
    }
    INGLENOOK_ON_BOTH constexpr std::size_t rowBytes() const { return std::size_t{stride} * 4; }
    /// Where the flags begin; zero before the first sum. All before is kAbsent or never read first.
    INGLENOOK_ON_BOTH constexpr std::size_t flags() const {
        return oneShotBytes() + std::size_t{ranks} * ownedRows() * rowBytes();
    }

    /// Up to here a push to everybody is quicker than two hops. With two ranks both send as much.
    /// A block a row, and all of them must be on the device at once.
    INGLENOOK_ON_BOTH static constexpr std::uint32_t oneShotRowsFor(std::uint32_t ranks,
                                                                    std::uint32_t stride) {
        const std::uint32_t rows = (ranks == 2 ? 2U << 20 : 256U << 10) / 4 / stride;
        return rows < 1 ? 1 : rows > 128 ? 128 : rows;
    }
    INGLENOOK_ON_BOTH constexpr bool takesOneShot(std::uint32_t rows) const {
        return rows <= oneShotRows;
    }
    /// From here on the copy engines are quicker than stores.
    INGLENOOK_ON_BOTH constexpr bool takesCopies(std::uint32_t rows) const {
        return ranks > 1 && rows >= ranks && rows * rowBytes() >= std::size_t{8} << 20;
    }
};

} // namespace kernels
