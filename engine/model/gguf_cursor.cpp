#include "engine/model/gguf_cursor.h"

#include "engine/phrase.h"

#include <algorithm>

namespace engine {

namespace {
constexpr std::uint64_t kWindowBytes = 128 * 1024;
}

Status GgufCursor::damaged(std::string field, std::string problem) const {
    return Status(
        Code::ModelDamaged,
        {{"file", m_file.name()}, {"field", std::move(field)}, {"problem", std::move(problem)}});
}

Status GgufCursor::window(std::uint64_t bytes, const char* field, const std::byte*& at) {
    if (bytes > remaining())
        return damaged(field, PHRASE("Status", "is cut off at the end of the file"));
    const std::uint64_t end = m_windowStart + m_window.size();
    if (m_position < m_windowStart || m_position + bytes > end) {
        m_window.resize(std::min(std::max(kWindowBytes, bytes), remaining()));
        m_windowStart = m_position;
        INGLENOOK_TRY(m_file.read(m_windowStart, m_window));
    }
    at = m_window.data() + (m_position - m_windowStart);
    m_position += bytes;
    return {};
}

Status GgufCursor::string(std::string& out, std::uint64_t longest, const char* field) {
    std::uint64_t length = 0;
    INGLENOOK_TRY(number(length, field));
    if (length > remaining())
        return damaged(field, PHRASE("Status", "is cut off at the end of the file"));
    if (length > longest)
        return damaged(field, "is " + std::to_string(length) + " bytes long");
    out.resize(length);
    if (length <= kWindowBytes) {
        const std::byte* at = nullptr;
        INGLENOOK_TRY(window(length, field, at));
        if (length > 0)
            std::memcpy(out.data(), at, length);
        return {};
    }
    INGLENOOK_TRY(
        m_file.read(m_position, std::as_writable_bytes(std::span(out.data(), out.size()))));
    m_position += length;
    return {};
}

Status GgufCursor::skip(std::uint64_t bytes, const char* field) {
    if (bytes > remaining())
        return damaged(field, PHRASE("Status", "is cut off at the end of the file"));
    m_position += bytes;
    return {};
}

} // namespace engine
