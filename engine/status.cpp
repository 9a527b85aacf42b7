#include "engine/status.h"

#include <array>
#include <cstdint>

namespace engine {

namespace {

struct CodeEntry {
    std::string_view name;
    std::string_view sentence;
};

constexpr std::array kCodes = {
#define STATUS(name, sentence) CodeEntry{#name, sentence},
#include "engine/status_codes.inc"
#undef STATUS
};

void appendHexEscape(std::string& out, std::uint32_t codePoint) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    out += "\\u{";
    bool started = false;
    for (int shift = 20; shift >= 0; shift -= 4) {
        const unsigned digit = (codePoint >> shift) & 15U;
        if (digit == 0 && !started && shift > 4)
            continue;
        started = true;
        out += kDigits[digit];
    }
    out += '}';
}

/// Code points that change how neighbours look: C1, zero-width, bidi controls, tag characters.
bool isDeceptive(std::uint32_t c) {
    return (c >= 0x80 && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF ||
           (c >= 0xE0000 && c <= 0xE007F);
}

/// Decodes one UTF-8 character at `at`; returns its length, or 0 when the bytes are not UTF-8.
std::size_t decodeUtf8(std::string_view text, std::size_t at, std::uint32_t& codePoint) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(at);
    if (lead < 0x80) {
        codePoint = lead;
        return 1;
    }
    const std::size_t length = lead >= 0xF0 && lead < 0xF5 ? 4
                               : lead >= 0xE0              ? 3
                               : lead >= 0xC2              ? 2
                                                           : 0;
    if (length == 0 || lead >= 0xF5 || at + length > text.size())
        return 0;
    codePoint = lead & (0x7FU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(at + i) & 0xC0U) != 0x80U)
            return 0;
        codePoint = (codePoint << 6) | (byte(at + i) & 0x3FU);
    }
    return length;
}

} // namespace

std::string_view sentenceTemplate(Code code) {
    return kCodes[static_cast<std::size_t>(code)].sentence;
}

std::string_view codeName(Code code) {
    return kCodes[static_cast<std::size_t>(code)].name;
}

int codeCount() {
    return static_cast<int>(kCodes.size());
}

std::string escapeForDisplay(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size();) {
        std::uint32_t codePoint = 0;
        const std::size_t length = decodeUtf8(text, at, codePoint);
        if (length == 0) {
            appendHexEscape(out, static_cast<unsigned char>(text[at]));
            ++at;
            continue;
        }
        if (codePoint < 0x20 || codePoint == 0x7F || isDeceptive(codePoint))
            appendHexEscape(out, codePoint);
        else
            out.append(text.substr(at, length));
        at += length;
    }
    return out;
}

std::string fillTemplate(std::string_view sentence, const std::vector<StatusArgument>& arguments) {
    std::string out;
    for (std::size_t at = 0; at < sentence.size();) {
        if (sentence[at] == '{') {
            const std::size_t end = sentence.find('}', at);
            if (end != std::string_view::npos) {
                const std::string_view name = sentence.substr(at + 1, end - at - 1);
                const StatusArgument* found = nullptr;
                for (const StatusArgument& argument : arguments)
                    if (argument.name == name)
                        found = &argument;
                out += found != nullptr ? escapeForDisplay(found->value) : std::string("?");
                at = end + 1;
                continue;
            }
        }
        out += sentence[at++];
    }
    return out;
}

Status&& Status::with(std::string name, std::string value) && {
    for (StatusArgument& argument : m_arguments) {
        if (argument.name == name) {
            argument.value = std::move(value);
            return std::move(*this);
        }
    }
    m_arguments.push_back({std::move(name), std::move(value)});
    return std::move(*this);
}

std::string Status::sentence() const {
    return fillTemplate(sentenceTemplate(m_code), m_arguments);
}

} // namespace engine
