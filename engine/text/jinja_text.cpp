#include "engine/text/jinja_text.h"

#include <algorithm>

namespace engine::jinja {

Text Text::fromTemplate(std::string bytes) {
    Text text;
    text.m_bytes = std::move(bytes);
    return text;
}

Text Text::fromBody(std::string bytes) {
    Text text;
    text.m_bytes = std::move(bytes);
    if (!text.m_bytes.empty())
        text.m_edges.push_back(0);
    return text;
}

bool Text::isBodyAt(std::size_t position) const {
    const auto after = std::upper_bound(m_edges.begin(), m_edges.end(), position);
    return (after - m_edges.begin()) % 2 == 1;
}

void Text::append(const Text& other, std::size_t from, std::size_t to) {
    if (from >= to)
        return;
    const std::size_t start = m_bytes.size();
    if ((m_edges.size() % 2 == 1) != other.isBodyAt(from))
        m_edges.push_back(static_cast<std::uint32_t>(start));
    auto edge = std::upper_bound(other.m_edges.begin(), other.m_edges.end(), from);
    for (; edge != other.m_edges.end() && *edge < to; ++edge)
        m_edges.push_back(static_cast<std::uint32_t>(start + *edge - from));
    m_bytes.append(other.m_bytes, from, to - from);
}

void Text::appendBytes(std::string_view bytes, bool body) {
    if (bytes.empty())
        return;
    if ((m_edges.size() % 2 == 1) != body)
        m_edges.push_back(static_cast<std::uint32_t>(m_bytes.size()));
    m_bytes.append(bytes);
}

void Text::appendLike(const Text& other, std::size_t position, std::string_view bytes) {
    appendBytes(bytes, other.isBodyAt(position));
}

void Text::appendTemplate(std::string_view bytes) {
    appendBytes(bytes, false);
}

Text Text::slice(std::size_t from, std::size_t to) const {
    Text part;
    part.append(*this, from, to);
    return part;
}

Character characterAt(std::string_view bytes, std::size_t position) {
    const auto byte = [&](std::size_t i) {
        return static_cast<unsigned char>(bytes[position + i]);
    };
    const unsigned char lead = byte(0);
    if (lead < 0x80)
        return {lead, 1};
    const std::size_t length = lead >= 0xF0 && lead < 0xF5   ? 4
                               : lead >= 0xE0 && lead < 0xF0 ? 3
                               : lead >= 0xC2 && lead < 0xE0 ? 2
                                                             : 1;
    if (length == 1 || position + length > bytes.size())
        return {lead, 1};
    std::uint32_t codePoint = lead & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80)
            return {lead, 1};
        codePoint = codePoint << 6 | (byte(i) & 0x3FU);
    }
    return {codePoint, length};
}

std::size_t countCharacters(std::string_view bytes) {
    std::size_t count = 0;
    for (std::size_t i = 0; i < bytes.size(); ++count)
        i += characterAt(bytes, i).length;
    return count;
}

std::vector<std::size_t> characterOffsets(std::string_view bytes) {
    std::vector<std::size_t> offsets;
    offsets.reserve(bytes.size() + 1);
    for (std::size_t i = 0; i < bytes.size(); i += characterAt(bytes, i).length)
        offsets.push_back(i);
    offsets.push_back(bytes.size());
    return offsets;
}

void appendUtf8(std::string& out, std::uint32_t codePoint) {
    const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (codePoint < 0x80) {
        put(codePoint);
    } else if (codePoint < 0x800) {
        put(0xC0 | codePoint >> 6);
        put(0x80 | (codePoint & 0x3F));
    } else if (codePoint < 0x10000) {
        put(0xE0 | codePoint >> 12);
        put(0x80 | (codePoint >> 6 & 0x3F));
        put(0x80 | (codePoint & 0x3F));
    } else {
        put(0xF0 | codePoint >> 18);
        put(0x80 | (codePoint >> 12 & 0x3F));
        put(0x80 | (codePoint >> 6 & 0x3F));
        put(0x80 | (codePoint & 0x3F));
    }
}

bool isSpace(std::uint32_t c) {
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
           c == 0x202F || c == 0x205F || c == 0x3000;
}

Text stripped(const Text& text, Side side, const std::string* characters) {
    const std::string& bytes = text.bytes();
    const auto strips = [&](std::size_t position, std::size_t length) {
        if (characters == nullptr) {
            const Character c = characterAt(bytes, position);
            // A stray byte 0x85 or 0xA0 is no character, hence no white space.
            return isSpace(c.codePoint) && (c.length > 1 || c.codePoint < 0x80);
        }
        const std::string_view one(bytes.data() + position, length);
        for (std::size_t i = 0; i < characters->size();) {
            const std::size_t width = characterAt(*characters, i).length;
            if (std::string_view(*characters).substr(i, width) == one)
                return true;
            i += width;
        }
        return false;
    };
    std::size_t from = 0;
    std::size_t to = bytes.size();
    while (side != Side::Right && from < to) {
        const std::size_t length = characterAt(bytes, from).length;
        if (!strips(from, length))
            break;
        from += length;
    }
    while (side != Side::Left && to > from) {
        std::size_t length = 1; // walk back over at most three continuation bytes
        while (length < 4 && to - length > from &&
               (static_cast<unsigned char>(bytes[to - length]) & 0xC0) == 0x80)
            ++length;
        if (characterAt(bytes, to - length).length != length)
            length = 1;
        if (!strips(to - length, length))
            break;
        to -= length;
    }
    return text.slice(from, to);
}

} // namespace engine::jinja
