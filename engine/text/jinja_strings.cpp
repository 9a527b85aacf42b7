#include "engine/text/jinja_strings.h"

#include <cstring>

namespace engine::jinja {

namespace {

std::uint32_t upperOf(std::uint32_t c) {
    if ((c >= 'a' && c <= 'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7) ||
        (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) || (c >= 0x430 && c <= 0x44F))
        return c - 0x20;
    if (c >= 0x450 && c <= 0x45F)
        return c - 0x50;
    if (c >= 0x100 && c <= 0x137 && c != 0x131 && c % 2 == 1)
        return c - 1;
    return c;
}

std::uint32_t lowerOf(std::uint32_t c) {
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) ||
        (c >= 0x391 && c <= 0x3A9 && c != 0x3A2) || (c >= 0x410 && c <= 0x42F))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40F)
        return c + 0x50;
    if (c >= 0x100 && c <= 0x137 && c != 0x130 && c % 2 == 0)
        return c + 1;
    return c;
}

bool isCased(std::uint32_t c) {
    return upperOf(c) != c || lowerOf(c) != c;
}

// Applies rule(previous character, character) to each character.
template<typename Rule>
Text mapped(const Text& text, Rule rule) {
    Text out;
    std::uint32_t previous = ' ';
    bool first = true;
    for (std::size_t i = 0; i < text.size();) {
        const Character c = characterAt(text.bytes(), i);
        const bool valid = c.length > 1 || c.codePoint < 0x80;
        const std::uint32_t mapped = valid ? rule(previous, c.codePoint, first) : c.codePoint;
        if (mapped == c.codePoint) {
            out.append(text, i, i + c.length);
        } else {
            std::string bytes;
            appendUtf8(bytes, mapped);
            out.appendLike(text, i, bytes);
        }
        previous = c.codePoint;
        first = false;
        i += c.length;
    }
    return out;
}

// Offset of `part` in text from `from` on, npos when absent; linear for hostile pairs too.
std::size_t findPart(const std::string& text, const std::string& part, std::size_t from) {
    if (from > text.size())
        return std::string::npos;
    const void* at = memmem(text.data() + from, text.size() - from, part.data(), part.size());
    return at == nullptr ? std::string::npos
                         : static_cast<std::size_t>(static_cast<const char*>(at) - text.data());
}

bool isSpaceAt(const std::string& bytes, std::size_t position, std::size_t& length) {
    const Character c = characterAt(bytes, position);
    length = c.length;
    return isSpace(c.codePoint) && (c.length > 1 || c.codePoint < 0x80);
}

using Ranges = std::vector<std::pair<std::size_t, std::size_t>>;

Ranges wordsOf(const std::string& bytes) {
    Ranges words;
    bool inside = false;
    for (std::size_t i = 0, length = 0; i < bytes.size(); i += length) {
        const bool space = isSpaceAt(bytes, i, length);
        if (!space && !inside)
            words.emplace_back(i, i);
        inside = !space;
        if (inside)
            words.back().second = i + length;
    }
    return words;
}

Ranges partsOf(const std::string& bytes, const std::string& separator) {
    Ranges parts;
    std::size_t from = 0;
    for (std::size_t at = findPart(bytes, separator, 0); at != std::string::npos;
         at = findPart(bytes, separator, from)) {
        parts.emplace_back(from, at);
        from = at + separator.size();
    }
    parts.emplace_back(from, bytes.size());
    return parts;
}

// Keeps `limit` cuts, the rest stays one piece: at the end, or at the start from the right.
void limitCuts(Ranges& parts, std::int64_t limit, bool fromRight, bool words, std::size_t size) {
    if (limit < 0 || parts.size() <= static_cast<std::size_t>(limit) + 1)
        return;
    const auto keep = static_cast<std::size_t>(limit);
    if (fromRight) {
        const std::size_t first = parts.size() - keep - 1;
        parts[first].first = words ? 0 : parts[0].first;
        parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(first));
    } else {
        parts[keep].second = words ? size : parts.back().second;
        parts.resize(keep + 1);
    }
}

} // namespace

Text recased(const Text& text, Casing casing) {
    return mapped(text, [casing](std::uint32_t previous, std::uint32_t c, bool first) {
        switch (casing) {
        case Casing::Upper:
            return upperOf(c);
        case Casing::Lower:
            return lowerOf(c);
        case Casing::Capitalize:
            return first ? upperOf(c) : lowerOf(c);
        default:
            return isCased(previous) ? lowerOf(c) : upperOf(c);
        }
    });
}

Text titleFiltered(const Text& text) {
    return mapped(text, [](std::uint32_t previous, std::uint32_t c, bool) {
        const bool begins = isSpace(previous) || previous == '-' || previous == '(' ||
                            previous == '{' || previous == '[' || previous == '<';
        return begins ? upperOf(c) : lowerOf(c);
    });
}

Text replaced(RenderState& state, const Text& text, const std::string& what, const Text& by,
              std::int64_t limit) {
    Text out;
    const auto put = [&](const Text& part, std::size_t from, std::size_t to) {
        if (state.spendBytes(to - from) && state.reserve(out.cost() + to - from))
            out.append(part, from, to);
    };
    std::size_t from = 0;
    if (what.empty()) { // between all characters
        for (const std::size_t offset : characterOffsets(text.bytes())) {
            if (limit == 0 || state.failed())
                break;
            put(text, from, offset);
            put(by, 0, by.size());
            from = offset;
            limit -= limit > 0 ? 1 : 0;
        }
    } else {
        for (; limit != 0 && !state.failed(); limit -= limit > 0 ? 1 : 0) {
            const std::size_t at = findPart(text.bytes(), what, from);
            if (at == std::string::npos)
                break;
            put(text, from, at);
            put(by, 0, by.size());
            from = at + what.size();
        }
    }
    put(text, from, text.size());
    return out;
}

Values split(RenderState& state, const Text& text, const std::string* separator, std::int64_t limit,
             bool fromRight) {
    if (separator != nullptr && separator->empty())
        state.fail("empty separator");
    const std::size_t worst = text.size() * (sizeof(std::size_t) * 2);
    if (state.failed() || !state.spendBytes(text.size()) || !state.reserve(worst))
        return {};
    const std::string& bytes = text.bytes();
    Ranges parts = separator == nullptr ? wordsOf(bytes) : partsOf(bytes, *separator);
    if (separator == nullptr && limit >= 0 && !parts.empty()) {
        // The uncut rest keeps its inner white space, and the outer on the far side.
        const std::size_t end = fromRight ? parts.back().second : bytes.size();
        limitCuts(parts, limit, fromRight, true, end);
    } else {
        limitCuts(parts, limit, fromRight, false, bytes.size());
    }
    Values out;
    for (const auto& [from, to] : parts) {
        if (state.failed() || !state.reserve((out.size() + 1) * 2 * sizeof(Value)))
            break;
        out.push_back(Value::string(state, text.slice(from, to)));
    }
    return out;
}

Values splitLines(RenderState& state, const Text& text, bool keepsEnds) {
    Values lines;
    const std::string& bytes = text.bytes();
    std::size_t from = 0;
    for (std::size_t i = 0; i < bytes.size() && !state.failed();) {
        const Character c = characterAt(bytes, i);
        const std::uint32_t code = c.length > 1 || c.codePoint < 0x80 ? c.codePoint : 0;
        std::size_t next = i + c.length;
        const bool ends = (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) ||
                          code == 0x85 || code == 0x2028 || code == 0x2029;
        if (code == '\r' && next < bytes.size() && bytes[next] == '\n')
            ++next;
        if (ends) {
            lines.push_back(Value::string(state, text.slice(from, keepsEnds ? next : i)));
            from = next;
        }
        i = next;
    }
    if (from < bytes.size())
        lines.push_back(Value::string(state, text.slice(from, bytes.size())));
    return lines;
}

Text joined(RenderState& state, const Text& separator, const Values& items) {
    Text out;
    for (std::size_t i = 0; i < items.size() && !state.failed(); ++i) {
        const Text part = toText(state, items[i]);
        if (!state.spendBytes(separator.size()) ||
            !state.reserve(out.cost() + separator.cost() + part.cost()))
            break;
        if (i > 0)
            out.append(separator);
        out.append(part);
    }
    return out;
}

std::int64_t countOf(RenderState& state, const Text& text, const std::string& part) {
    state.spendBytes(text.size());
    if (part.empty())
        return static_cast<std::int64_t>(countCharacters(text.bytes())) + 1;
    std::int64_t count = 0;
    for (std::size_t at = findPart(text.bytes(), part, 0); at != std::string::npos;
         at = findPart(text.bytes(), part, at + part.size()))
        ++count;
    return count;
}

} // namespace engine::jinja
