#pragma once
// SHA-256 (FIPS 180-4), for content hashes of model files.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace engine {

class Sha256 {
  public:
    void add(std::span<const std::byte> bytes);
    void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
    /// As eight little-endian bytes.
    void add(std::uint64_t number);
    /// 64 lower-case hex digits; the object is spent afterwards.
    std::string finish();

  private:
    void compress(const std::uint8_t* block);

    std::array<std::uint32_t, 8> m_state = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                                            0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
    std::array<std::uint8_t, 64> m_block{};
    std::uint64_t m_length = 0; // bytes so far
};

} // namespace engine
