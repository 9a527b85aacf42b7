#pragma once
// GgufCursor: reads numbers and strings one after the other from a file through a small window;
// what is asked for must lie inside the file.

#include "engine/model/file_reader.h"

#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace engine {

class GgufCursor {
  public:
    explicit GgufCursor(const FileReader& file, std::uint64_t position = 0)
        : m_file(file), m_position(position) {}

    std::uint64_t position() const { return m_position; }
    std::uint64_t remaining() const { return m_file.size() - m_position; }
    const FileReader& file() const { return m_file; }

    /// ModelDamaged that names `field`.
    Status damaged(std::string field, std::string problem) const;

    template<typename T>
    Status number(T& out, const char* field) {
        static_assert(std::is_arithmetic_v<T>);
        const std::byte* at = nullptr;
        INGLENOOK_TRY(window(sizeof(T), field, at));
        std::memcpy(&out, at, sizeof(T));
        return {};
    }
    /// A string of at most `longest` bytes.
    Status string(std::string& out, std::uint64_t longest, const char* field);
    Status skip(std::uint64_t bytes, const char* field);

  private:
    /// Makes the next `bytes` (<= the window) addressable and steps over them.
    Status window(std::uint64_t bytes, const char* field, const std::byte*& at);

    const FileReader& m_file;
    std::uint64_t m_position = 0;
    std::uint64_t m_windowStart = 0;
    std::vector<std::byte> m_window;
};

} // namespace engine
