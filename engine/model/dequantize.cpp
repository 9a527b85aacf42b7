#include "engine/model/dequantize.h"

#include "engine/model/float_formats.h"

#include <bit>
#include <cstdint>
#include <cstring>

namespace engine {

namespace {

using Bytes = const std::uint8_t*;

template<typename T>
T load(Bytes at) {
    T value;
    std::memcpy(&value, at, sizeof(T)); // files are little-endian, and so are we
    return value;
}

float loadHalf(Bytes at) {
    return halfToFloat(load<std::uint16_t>(at));
}

/// {half d; int8 q[32]}: w = d q
void decodeQ8_0(Bytes block, float* out) {
    const float d = loadHalf(block);
    for (int i = 0; i < 32; ++i)
        out[i] = d * static_cast<float>(static_cast<std::int8_t>(block[2 + i]));
}

/// {half d; nibbles[16]}: w = d (q - 8); byte i holds weights i and i + 16
void decodeQ4_0(Bytes block, float* out) {
    const float d = loadHalf(block);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>((block[2 + i] & 15) - 8);
        out[i + 16] = d * static_cast<float>((block[2 + i] >> 4) - 8);
    }
}

/// {half d; half m; nibbles[16]}: w = d q + m
void decodeQ4_1(Bytes block, float* out) {
    const float d = loadHalf(block);
    const float m = loadHalf(block + 2);
    for (int i = 0; i < 16; ++i) {
        out[i] = d * static_cast<float>(block[4 + i] & 15) + m;
        out[i + 16] = d * static_cast<float>(block[4 + i] >> 4) + m;
    }
}

/// {half d; fifth bits[4 bytes]; nibbles[16]}: w = d (q - 16)
void decodeQ5_0(Bytes block, float* out) {
    const float d = loadHalf(block);
    const auto high = load<std::uint32_t>(block + 2);
    for (int i = 0; i < 16; ++i) {
        const int low = (block[6 + i] & 15) | static_cast<int>(((high >> i) & 1U) << 4);
        const int up = (block[6 + i] >> 4) | static_cast<int>(((high >> (i + 16)) & 1U) << 4);
        out[i] = d * static_cast<float>(low - 16);
        out[i + 16] = d * static_cast<float>(up - 16);
    }
}

/// {half d; half m; fifth bits[4 bytes]; nibbles[16]}: w = d q + m
void decodeQ5_1(Bytes block, float* out) {
    const float d = loadHalf(block);
    const float m = loadHalf(block + 2);
    const auto high = load<std::uint32_t>(block + 4);
    for (int i = 0; i < 16; ++i) {
        const int low = (block[8 + i] & 15) | static_cast<int>(((high >> i) & 1U) << 4);
        const int up = (block[8 + i] >> 4) | static_cast<int>(((high >> (i + 16)) & 1U) << 4);
        out[i] = d * static_cast<float>(low) + m;
        out[i + 16] = d * static_cast<float>(up) + m;
    }
}

/// {half d; half dmin; scales[12]; nibbles[128]}: eight sub-blocks of 32; each 32 bytes of nibbles
/// hold one sub-block low and the next one high
void decodeQ4_K(Bytes block, float* out) {
    const float d = loadHalf(block);
    const float dmin = loadHalf(block + 2);
    for (int sub = 0; sub < 8; ++sub) {
        const SubBlockScale packed = subBlockScale(block + 4, sub);
        const float scale = d * static_cast<float>(packed.scale);
        const float minimum = dmin * static_cast<float>(packed.minimum);
        const Bytes nibbles = block + 16 + sub / 2 * 32;
        const int shift = sub % 2 * 4;
        for (int i = 0; i < 32; ++i)
            out[sub * 32 + i] = scale * static_cast<float>((nibbles[i] >> shift) & 15) - minimum;
    }
}

/// {half d; half dmin; scales[12]; fifth bits[32]; nibbles[128]}: as Q4_K; bit `sub` of fifth-bit
/// byte i belongs to weight i of sub-block `sub`
void decodeQ5_K(Bytes block, float* out) {
    const float d = loadHalf(block);
    const float dmin = loadHalf(block + 2);
    const Bytes high = block + 16;
    for (int sub = 0; sub < 8; ++sub) {
        const SubBlockScale packed = subBlockScale(block + 4, sub);
        const float scale = d * static_cast<float>(packed.scale);
        const float minimum = dmin * static_cast<float>(packed.minimum);
        const Bytes nibbles = block + 48 + sub / 2 * 32;
        const int shift = sub % 2 * 4;
        for (int i = 0; i < 32; ++i) {
            const int q = ((nibbles[i] >> shift) & 15) | (((high[i] >> sub) & 1) << 4);
            out[sub * 32 + i] = scale * static_cast<float>(q) - minimum;
        }
    }
}

/// {low nibbles[128]; high pairs[64]; int8 scales[16]; half d}: w = d scale (q - 32), a scale per
/// 16; halves of 128 weights, each as four runs of 32 that share 64 low and 32 high bytes
void decodeQ6_K(Bytes block, float* out) {
    const float d = loadHalf(block + 208);
    for (int half = 0; half < 2; ++half) {
        const Bytes low = block + half * 64;
        const Bytes high = block + 128 + half * 32;
        const Bytes scales = block + 192 + half * 8;
        for (int run = 0; run < 4; ++run) {
            for (int i = 0; i < 32; ++i) {
                const int nibble = (low[i + run % 2 * 32] >> (run / 2 * 4)) & 15;
                const int q = (nibble | (((high[i] >> (2 * run)) & 3) << 4)) - 32;
                const auto scale = static_cast<std::int8_t>(scales[run * 2 + i / 16]);
                out[half * 128 + run * 32 + i] =
                    d * static_cast<float>(scale) * static_cast<float>(q);
            }
        }
    }
}

template<typename T>
void decodePlain(Bytes bytes, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(load<T>(bytes + i * sizeof(T)));
}

void decodeDoubles(Bytes bytes, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto wide = load<double>(bytes + 8 * i);
        // A double beyond float's range would be undefined to convert: call it infinite.
        out[i] = wide >= -0x1.fffffep127 && wide <= 0x1.fffffep127
                     ? static_cast<float>(wide)
                     : std::bit_cast<float>(0x7F800000U);
    }
}

void decodeBlocks(Bytes bytes, std::span<float> out, TensorBlock block,
                  void (*decode)(Bytes, float*)) {
    for (std::size_t i = 0; i * block.elements < out.size(); ++i)
        decode(bytes + i * block.bytes, out.data() + i * block.elements);
}

} // namespace

SubBlockScale subBlockScale(const std::uint8_t* packed, int subBlock) {
    if (subBlock < 4)
        return {static_cast<std::uint8_t>(packed[subBlock] & 63),
                static_cast<std::uint8_t>(packed[subBlock + 4] & 63)};
    return {
        static_cast<std::uint8_t>((packed[subBlock + 4] & 15) | ((packed[subBlock - 4] >> 6) << 4)),
        static_cast<std::uint8_t>((packed[subBlock + 4] >> 4) | ((packed[subBlock] >> 6) << 4))};
}

bool allFinite(std::span<const float> values) {
    std::uint32_t bad = 0; // no early exit: the loop vectorises
    for (const float value : values)
        bad |= (std::bit_cast<std::uint32_t>(value) & 0x7F800000U) == 0x7F800000U ? 1U : 0U;
    return bad == 0;
}

bool dequantize(TensorType type, std::span<const std::byte> blocks, std::span<float> out) {
    const auto bytes = reinterpret_cast<Bytes>(blocks.data());
    const TensorBlock block = tensorBlock(type);
    switch (type) {
    case TensorType::F32:
        std::memcpy(out.data(), bytes, out.size_bytes());
        break;
    case TensorType::F16:
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = loadHalf(bytes + 2 * i);
        break;
    case TensorType::BF16:
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = bfloatToFloat(load<std::uint16_t>(bytes + 2 * i));
        break;
    case TensorType::Q8_0:
        decodeBlocks(bytes, out, block, decodeQ8_0);
        break;
    case TensorType::Q4_0:
        decodeBlocks(bytes, out, block, decodeQ4_0);
        break;
    case TensorType::Q4_1:
        decodeBlocks(bytes, out, block, decodeQ4_1);
        break;
    case TensorType::Q5_0:
        decodeBlocks(bytes, out, block, decodeQ5_0);
        break;
    case TensorType::Q5_1:
        decodeBlocks(bytes, out, block, decodeQ5_1);
        break;
    case TensorType::Q4_K:
        decodeBlocks(bytes, out, block, decodeQ4_K);
        break;
    case TensorType::Q5_K:
        decodeBlocks(bytes, out, block, decodeQ5_K);
        break;
    case TensorType::Q6_K:
        decodeBlocks(bytes, out, block, decodeQ6_K);
        break;
    case TensorType::I32:
        decodePlain<std::int32_t>(bytes, out);
        break;
    case TensorType::F64:
        decodeDoubles(bytes, out);
        break;
    case TensorType::I64:
        decodePlain<std::int64_t>(bytes, out);
        break;
    case TensorType::I16:
        decodePlain<std::int16_t>(bytes, out);
        break;
    case TensorType::I8:
        decodePlain<std::int8_t>(bytes, out);
        break;
    }
    return allFinite(out);
}

} // namespace engine
