#pragma once
// The weight formats of the fast GEMV (gemv_stream.cuh): int8 with a scale per 128 or 32 columns,
// int4 with a scale, a scale and a minimum, or a scale with a zero point inside, per 32.

#include "kernels/cuda/gemv_stream_task.cuh"

namespace kernels::cuda {

/// Bytes 0 and 2 of a word as two bf16 integers: (128 + low 7 bits) - (128 or 256).
__device__ inline std::uint32_t bytesToBf16(std::uint32_t word) {
    return subtractBf16(maskAndSet<0x007F007FU, 0x43004300U>(word),
                        maskAndSet<0x00800080U, 0x43004300U>(word));
}

// Formats: how a unit lies in the ring and becomes A operands. lane = 4 * group + quarter holds
// weight rows `group` and `group` + 8; a piece is 8 columns a lane, two products.

struct StreamInt8 {                               // one scale per 128 columns
    static constexpr std::uint32_t kHalfStep = 8; // bytes from columns 0..3 to 4..7 of eight
    static constexpr int kColumns = 128;          // of a unit
    static constexpr int kPieces = 4;
    static constexpr int kGroupPieces = 4; // that share a scale
    static constexpr int kScaleBytes = 4;  // of a row: the aligned word that holds the scale
    static constexpr int kSlotBytes = 2048;
    static constexpr bool kMinima = false;
    static constexpr bool kZeroPoints = false;
    /// Activation columns k..k+3 of a unit: piece, quarter, half.
    static __device__ void place(std::uint32_t k, std::uint32_t& piece, std::uint32_t& quarter,
                                 std::uint32_t& half) {
        piece = k / 64 * 2 + k % 16 / 8;
        quarter = k % 64 / 16;
        half = k % 8 / 4;
    }
    /// Where 16 bytes of a row lie: two rows' halves of a line in different banks.
    static __device__ std::uint32_t slotAt(std::uint32_t row, std::uint32_t column) {
        return row * 128 + (column ^ (row % 2 * 4)) * 16;
    }
    struct Raw {
        std::uint32_t words[2][8]; // of the two rows
    };
    static __device__ void read(const std::byte* slot, std::uint32_t lane, Raw& raw) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const uint4 v = *reinterpret_cast<const uint4*>(
                slot + slotAt(lane / 4 + i / 2 * 8, lane % 4 + i % 2 * 4));
            std::uint32_t* to = raw.words[i / 2] + i % 2 * 4;
            to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
        }
    }
    static __device__ void operands(const Raw& raw, int piece, const std::uint32_t (&)[2],
                                    std::uint32_t (&a)[2][4]) {
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            const std::uint32_t low = raw.words[0][piece * 2 + i];
            const std::uint32_t high = raw.words[1][piece * 2 + i];
            a[i][0] = bytesToBf16(low), a[i][1] = bytesToBf16(high);
            a[i][2] = bytesToBf16(low >> 8), a[i][3] = bytesToBf16(high >> 8);
        }
    }
};

struct StreamInt8G32 : StreamInt8 { // one scale per 32 columns
    static constexpr int kGroupPieces = 1;
    static constexpr int kScaleBytes = 8;
    static constexpr std::uint32_t kPitch = 160; // no two lanes of a load in one bank
    static constexpr int kSlotBytes = 16 * kPitch;
    static __device__ void place(std::uint32_t k, std::uint32_t& piece, std::uint32_t& quarter,
                                 std::uint32_t& half) {
        piece = k / 32;
        quarter = k % 32 / 8;
        half = k % 8 / 4;
    }
    static __device__ std::uint32_t slotAt(std::uint32_t row, std::uint32_t column) {
        return row * kPitch + column * 16;
    }
    static __device__ void read(const std::byte* slot, std::uint32_t lane, Raw& raw) {
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const uint2 v = *reinterpret_cast<const uint2*>(slot + (lane / 4 + i / 4 * 8) * kPitch +
                                                            i % 4 * 32 + lane % 4 * 8);
            raw.words[i / 4][i % 4 * 2] = v.x, raw.words[i / 4][i % 4 * 2 + 1] = v.y;
        }
    }
};

template<WeightKind kKind>
struct StreamInt4 { // one scale (and minimum) per 32 columns; byte j holds columns j and j + 16
    static constexpr std::uint32_t kHalfStep = 16;
    static constexpr int kColumns = 256;
    static constexpr int kPieces = 8;
    static constexpr int kGroupPieces = 1;
    static constexpr int kScaleBytes = 16;
    static constexpr std::uint32_t kPitch = 144;
    static constexpr int kSlotBytes = 16 * kPitch;
    static constexpr bool kMinima = kKind == WeightKind::Int4Min;
    static constexpr bool kZeroPoints = kKind == WeightKind::Int4Zero;
    static __device__ void place(std::uint32_t k, std::uint32_t& piece, std::uint32_t& quarter,
                                 std::uint32_t& half) {
        piece = k / 32;
        quarter = k % 16 / 4;
        half = k % 32 / 16;
    }
    static __device__ std::uint32_t slotAt(std::uint32_t row, std::uint32_t column) {
        return row * kPitch + column * 16;
    }
    struct Raw {
        std::uint32_t words[2][8];
    };
    static __device__ void read(const std::byte* slot, std::uint32_t lane, Raw& raw) {
#pragma unroll
        for (int i = 0; i < 16; ++i)
            raw.words[i / 8][i % 8] = *reinterpret_cast<const std::uint32_t*>(
                slot + (lane / 4 + i / 8 * 8) * kPitch + i % 8 * 16 + lane % 4 * 4);
    }
    /// Two nibbles less 8, nothing (a minimum follows), or a zero point. Zero points are whole
    /// halves: between 64 and 128, where neighbouring bf16 lie a half apart, nibbles therefore
    /// start at bit 1 and `offset` is 64 + zero point, twice.
    static __device__ std::uint32_t plain(std::uint32_t nibbles, std::uint32_t offset) {
        if constexpr (kZeroPoints)
            return subtractBf16(maskAndSet<0x001E001EU, 0x42804280U>(nibbles), offset);
        constexpr std::uint32_t kOffset = kMinima ? 0x43004300U : 0x43084308U; // 128, 136
        return subtractBf16(maskAndSet<0x000F000FU, 0x43004300U>(nibbles), kOffset);
    }
    /// `offsets`: of the two rows, for plain().
    static __device__ void operands(const Raw& raw, int piece, const std::uint32_t (&offsets)[2],
                                    std::uint32_t (&a)[2][4]) {
        constexpr int kBit = kZeroPoints ? 1 : 0;
        const std::uint32_t low = raw.words[0][piece];
        const std::uint32_t high = raw.words[1][piece];
        a[0][0] = plain(low << kBit, offsets[0]);
        a[0][1] = plain(high << kBit, offsets[1]);
        a[0][2] = plain(low >> (8 - kBit), offsets[0]);
        a[0][3] = plain(high >> (8 - kBit), offsets[1]);
        a[1][0] = plain(low >> (4 - kBit), offsets[0]);
        a[1][1] = plain(high >> (4 - kBit), offsets[1]);
        a[1][2] = plain(low >> (12 - kBit), offsets[0]);
        a[1][3] = plain(high >> (12 - kBit), offsets[1]);
    }
    /// 64 + the zero point of group `group` of a unit, twice; `scales`: of a row of the unit.
    static __device__ std::uint32_t offsetOf(const std::byte* scales, int group) {
        const std::uint32_t pair = *reinterpret_cast<const std::uint32_t*>(scales + group / 2 * 4);
        return maskAndSet<0x001F001FU, 0x42804280U>(
            permute(pair, 0, group % 2 == 0 ? 0x1010 : 0x3232));
    }
};

/// Everything of a unit in the ring: values, then scales and minima of its rows.
template<class F>
constexpr int kRingSlot = F::kSlotBytes +
                          static_cast<int>(kStreamRows) * F::kScaleBytes*(F::kMinima ? 2 : 1);

} // namespace kernels::cuda
