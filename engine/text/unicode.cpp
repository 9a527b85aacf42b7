#include "engine/text/unicode.h"

#include <cstdint>
#include <cstring>

namespace engine {

namespace {

unsigned byteAt(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

// What table 3-7 of the Unicode standard allows: the length by the first byte, and the range of the
// second byte, which alone decides overlong forms, surrogates and the upper limit.
struct LeadByte {
    std::size_t length = 0;
    unsigned secondMin = 0x80;
    unsigned secondMax = 0xBF;
};

LeadByte leadByte(unsigned lead) {
    if (lead < 0x80)
        return {1};
    if (lead < 0xC2 || lead > 0xF4)
        return {0};
    if (lead < 0xE0)
        return {2};
    if (lead < 0xF0)
        return {3, lead == 0xE0 ? 0xA0U : 0x80U, lead == 0xED ? 0x9FU : 0xBFU};
    return {4, lead == 0xF0 ? 0x90U : 0x80U, lead == 0xF4 ? 0x8FU : 0xBFU};
}

/// How many bytes from `at` on fit the pattern of the lead byte (up to its length).
std::size_t fittingBytes(std::string_view text, std::size_t at, const LeadByte& lead) {
    std::size_t fitting = 1;
    while (fitting < lead.length && at + fitting < text.size()) {
        const unsigned byte = byteAt(text, at + fitting);
        const bool fits = fitting == 1 ? byte >= lead.secondMin && byte <= lead.secondMax
                                       : (byte & 0xC0U) == 0x80U;
        if (!fits)
            break;
        ++fitting;
    }
    return fitting;
}

} // namespace

std::size_t utf8Length(std::string_view text, std::size_t at) {
    if (at >= text.size())
        return 0;
    const LeadByte lead = leadByte(byteAt(text, at));
    if (lead.length <= 1)
        return lead.length;
    return fittingBytes(text, at, lead) == lead.length ? lead.length : 0;
}

std::size_t utf8Decode(std::string_view text, std::size_t at, char32_t& codePoint) {
    const std::size_t length = utf8Length(text, at);
    if (length == 0)
        return 0;
    const unsigned lead = byteAt(text, at);
    char32_t value = length == 1 ? lead : lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i)
        value = (value << 6) | (byteAt(text, at + i) & 0x3FU);
    codePoint = value;
    return length;
}

void utf8Append(std::string& out, char32_t codePoint) {
    const auto push = [&out](char32_t byte) { out += static_cast<char>(byte); };
    if (codePoint < 0x80) {
        push(codePoint);
    } else if (codePoint < 0x800) {
        push(0xC0 | (codePoint >> 6));
        push(0x80 | (codePoint & 0x3F));
    } else if (codePoint < 0x10000) {
        push(0xE0 | (codePoint >> 12));
        push(0x80 | ((codePoint >> 6) & 0x3F));
        push(0x80 | (codePoint & 0x3F));
    } else {
        push(0xF0 | (codePoint >> 18));
        push(0x80 | ((codePoint >> 12) & 0x3F));
        push(0x80 | ((codePoint >> 6) & 0x3F));
        push(0x80 | (codePoint & 0x3F));
    }
}

std::size_t utf8ValidUntil(std::string_view text, std::size_t from) {
    std::size_t at = from;
    while (at < text.size()) {
        // Eight ASCII bytes at a time: most text is mostly that.
        std::uint64_t eight = 0;
        if (at + 8 <= text.size()) {
            std::memcpy(&eight, text.data() + at, 8);
            if ((eight & 0x8080808080808080ULL) == 0) {
                at += 8;
                continue;
            }
        }
        const std::size_t length = utf8Length(text, at);
        if (length == 0)
            return at;
        at += length;
    }
    return at;
}

std::size_t utf8MalformedLength(std::string_view text, std::size_t at, bool& incomplete) {
    incomplete = false;
    const LeadByte lead = leadByte(byteAt(text, at));
    if (lead.length <= 1)
        return 1;
    const std::size_t fitting = fittingBytes(text, at, lead);
    incomplete = at + fitting == text.size() && fitting < lead.length;
    return fitting;
}

} // namespace engine
