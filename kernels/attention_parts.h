#pragma once
// How the positions of one row are dealt out to the blocks that share it: pure arithmetic that the
// kernel (kernels/cuda/attention_rows.cu) and a test share. A turn is a chunk for every warp of a
// block.

#include "kernels/on_both.h"

#include <cstdint>

namespace kernels {

/// As few parts as keep the longest as short as `most` parts would, and none more than a turn
/// longer than another: every part costs its meeting with the others, while the longest decides
/// when the last one comes.
struct RowParts {
    std::uint32_t count; // that have any turns
    std::uint32_t even;  // turns of each
    std::uint32_t rest;  // parts, the first ones, that have one more

    /// `turns`, `most`: at least 1.
    INGLENOOK_ON_BOTH RowParts(std::uint32_t turns, std::uint32_t most) {
        const std::uint32_t longest = (turns + most - 1) / most;
        count = (turns + longest - 1) / longest;
        even = turns / count;
        rest = turns % count;
    }
    /// First turn of a part; of part `count` all of them.
    INGLENOOK_ON_BOTH std::uint32_t begin(std::uint32_t part) const {
        return part * even + (part < rest ? part : rest);
    }
};

} // namespace kernels
