#pragma once
// Dequantize: the element formats of model files as f32. Block layouts: the GGUF specification and
// the ggml type table (each block is described at its function).

#include "engine/model/tensor_source.h"

#include <cstddef>
#include <span>

namespace engine {

/// Whole blocks of a type to floats; blocks.size() and out.size() must agree. False when a value or
/// scale is NaN or infinite (out is then unusable). Any thread.
bool dequantize(TensorType type, std::span<const std::byte> blocks, std::span<float> out);

/// True when no value is NaN or infinite.
bool allFinite(std::span<const float> values);

/// Scale and minimum of one of the eight sub-blocks of 32 in a Q4_K or Q5_K block: both have 6 bits
/// in the block's 12 bytes. w = d * scale * q - dmin * minimum.
struct SubBlockScale {
    std::uint8_t scale;
    std::uint8_t minimum;
};
SubBlockScale subBlockScale(const std::uint8_t* packed, int subBlock);

} // namespace engine
