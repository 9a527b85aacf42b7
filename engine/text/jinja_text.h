#pragma once
// Text: a string that remembers which of its bytes came from a message body.
//
// Everything a template can do to a string (slice, concatenate, replace, trim ...) is done through
// append(), so that the origin of each byte survives to the finished prompt and a body can never
// become a special token. Also the few UTF-8 and white-space questions that python's str answers by
// code point. Values; no threads of their own.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engine::jinja {

class Text {
  public:
    Text() = default;
    static Text fromTemplate(std::string bytes);
    static Text fromBody(std::string bytes);

    const std::string& bytes() const { return m_bytes; }
    std::size_t size() const { return m_bytes.size(); }
    bool empty() const { return m_bytes.empty(); }
    /// Bytes of memory this text needs.
    std::size_t cost() const { return m_bytes.size() + m_edges.size() * sizeof(std::uint32_t); }

    void append(const Text& other) { append(other, 0, other.size()); }
    /// Appends bytes [from, to) of another text, with their origin.
    void append(const Text& other, std::size_t from, std::size_t to);
    /// Appends bytes that are of the same origin as byte `position` of another text.
    void appendLike(const Text& other, std::size_t position, std::string_view bytes);
    void appendTemplate(std::string_view bytes);
    Text slice(std::size_t from, std::size_t to) const;

    bool isBodyAt(std::size_t position) const;
    /// Ascending offsets at which the origin flips; the text begins with template bytes.
    const std::vector<std::uint32_t>& edges() const { return m_edges; }

  private:
    void appendBytes(std::string_view bytes, bool body);

    std::string m_bytes;
    std::vector<std::uint32_t> m_edges;
};

/// A decoded character. Bytes that are not UTF-8 count as one character each.
struct Character {
    std::uint32_t codePoint = 0;
    std::size_t length = 0; // bytes
};
Character characterAt(std::string_view bytes, std::size_t position);
std::size_t countCharacters(std::string_view bytes);
/// Byte offset of each character, and of the end.
std::vector<std::size_t> characterOffsets(std::string_view bytes);
void appendUtf8(std::string& out, std::uint32_t codePoint);
/// What python's str.isspace() says.
bool isSpace(std::uint32_t codePoint);

/// str.strip(), lstrip(), rstrip(): `characters` null means white space.
enum class Side { Left, Right, Both };
Text stripped(const Text& text, Side side, const std::string* characters = nullptr);

} // namespace engine::jinja
