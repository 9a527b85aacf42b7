#include "engine/text/jinja_json.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace engine::jinja {

namespace {

constexpr char kHex[] = "0123456789abcdef";

std::string hexEscape(const char* prefix, std::uint32_t value, int digits) {
    std::string out = prefix;
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
        out += kHex[value >> shift & 0xF];
    return out;
}

// What python calls unprintable and writes as an escape; the blocks that occur in text.
bool isPrintable(std::uint32_t c) {
    if (c < 0xA1)
        return c >= 0x20 && c < 0x7F;
    return c != 0xAD && !(isSpace(c) || (c >= 0x200B && c <= 0x200F)) &&
           !(c >= 0x202A && c <= 0x202E) && !(c >= 0x2060 && c <= 0x206F) &&
           !(c >= 0xD800 && c <= 0xF8FF) && c != 0xFEFF && !(c >= 0xFFF0 && c <= 0xFFFB) &&
           c < 0xE0000;
}

// Writes one value; a class because both writers share output, budget and recursion.
class Writer {
  public:
    Writer(RenderState& state, const JsonStyle* style) : m_state(state), m_style(style) {}

    void write(const Value& value, int level);
    Text take() { return std::move(m_out); }

  private:
    void put(std::string_view bytes) {
        if (m_state.spend() && m_state.reserve(m_out.cost() + bytes.size()))
            m_out.appendTemplate(bytes);
    }
    void writeString(const Text& text);
    void writeCharacter(const Text& text, std::size_t position, Character c, char quote);
    void writeList(const Value& value, int level);
    void writeDict(const Value& value, int level);
    void writeKey(const Value& key, int level);
    void newLine(int level);
    void separate(int level);

    RenderState& m_state;
    const JsonStyle* m_style; // null: repr()
    Text m_out;
};

void Writer::newLine(int level) {
    if (m_style == nullptr || !m_style->pretty)
        return;
    put("\n");
    for (int i = 0; i < level; ++i)
        put(m_style->indent);
}

void Writer::separate(int level) {
    if (m_style == nullptr)
        put(", ");
    else
        m_out.append(m_style->itemSeparator);
    newLine(level);
}

void Writer::writeCharacter(const Text& text, std::size_t position, Character c, char quote) {
    std::string escape;
    const std::uint32_t code = c.codePoint;
    if (code == static_cast<unsigned char>(quote) || code == '\\')
        escape = {'\\', static_cast<char>(code)};
    else if (code == '\n')
        escape = "\\n";
    else if (code == '\r')
        escape = "\\r";
    else if (code == '\t')
        escape = "\\t";
    else if (m_style == nullptr && !isPrintable(code))
        escape = code < 0x100     ? hexEscape("\\x", code, 2)
                 : code < 0x10000 ? hexEscape("\\u", code, 4)
                                  : hexEscape("\\U", code, 8);
    else if (m_style != nullptr && code == '\b')
        escape = "\\b";
    else if (m_style != nullptr && code == '\f')
        escape = "\\f";
    else if (m_style != nullptr && (code < 0x20 || (m_style->ensureAscii && code > 0x7E))) {
        if (code == 0x7F) { // json.dumps escapes from 0x80 on
            m_out.append(text, position, position + c.length);
            return;
        }
        escape = code < 0x10000 ? hexEscape("\\u", code, 4)
                                : hexEscape("\\u", 0xD800 + ((code - 0x10000) >> 10), 4) +
                                      hexEscape("\\u", 0xDC00 + ((code - 0x10000) & 0x3FF), 4);
    }
    if (escape.empty())
        m_out.append(text, position, position + c.length);
    else
        m_out.appendLike(text, position, escape);
}

void Writer::writeString(const Text& text) {
    const std::string& bytes = text.bytes();
    const bool apostrophe = m_style == nullptr && (bytes.find('\'') == std::string::npos ||
                                                   bytes.find('"') != std::string::npos);
    const char quote = apostrophe ? '\'' : '"';
    put(std::string_view(&quote, 1));
    m_state.spendBytes(16 * bytes.size());
    for (std::size_t i = 0; i < bytes.size();) {
        if (m_state.failed() || !m_state.reserve(m_out.cost() + 16))
            return;
        const Character c = characterAt(bytes, i);
        writeCharacter(text, i, c, quote);
        i += c.length;
    }
    put(std::string_view(&quote, 1));
}

void Writer::writeList(const Value& value, int level) {
    const bool round = m_style == nullptr && value.isTuple();
    const Values& items = value.items();
    put(round ? "(" : "[");
    for (std::size_t i = 0; i < items.size() && !m_state.failed(); ++i) {
        if (i > 0)
            separate(level + 1);
        else
            newLine(level + 1);
        write(items[i], level + 1);
    }
    if (round && items.size() == 1)
        put(",");
    if (!items.empty())
        newLine(level);
    put(round ? ")" : "]");
}

void Writer::writeKey(const Value& key, int level) {
    if (m_style == nullptr || key.is(Kind::String)) {
        write(key, level);
        return;
    }
    put("\"");
    write(key, level); // numbers, true, false, null: JSON wants them quoted
    put("\"");
}

void Writer::writeDict(const Value& value, int level) {
    Entries sorted;
    if (m_style != nullptr && m_style->sortKeys) {
        sorted = value.entries();
        std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) {
            return less(m_state, a.first, b.first);
        });
    }
    const Entries& entries = sorted.empty() ? value.entries() : sorted;
    put("{");
    for (std::size_t i = 0; i < entries.size() && !m_state.failed(); ++i) {
        if (i > 0)
            separate(level + 1);
        else
            newLine(level + 1);
        writeKey(entries[i].first, level + 1);
        if (m_style == nullptr)
            put(": ");
        else
            m_out.append(m_style->keySeparator);
        write(entries[i].second, level + 1);
    }
    if (!entries.empty())
        newLine(level);
    put("}");
}

void Writer::write(const Value& value, int level) {
    if (m_state.failed())
        return;
    const bool json = m_style != nullptr;
    switch (value.kind()) {
    case Kind::None:
        return put(json ? "null" : "None");
    case Kind::Boolean:
        return put(value.asBoolean() ? (json ? "true" : "True") : (json ? "false" : "False"));
    case Kind::Integer:
        return put(std::to_string(value.asInteger()));
    case Kind::Float: {
        std::string text = floatRepresentation(value.asDouble());
        if (json && !std::isfinite(value.asDouble()))
            text = text == "nan" ? "NaN" : text == "inf" ? "Infinity" : "-Infinity";
        return put(text);
    }
    case Kind::String:
        return writeString(value.text());
    case Kind::List:
        return writeList(value, level);
    case Kind::Dict:
        return writeDict(value, level);
    case Kind::Undefined:
        if (!json)
            return put("Undefined");
        break;
    default:
        break;
    }
    m_state.fail("a value of type " + std::string(typeName(value)) + " cannot be written as text");
}

} // namespace

Text representation(RenderState& state, const Value& value) {
    Writer writer(state, nullptr);
    writer.write(value, 0);
    return writer.take();
}

Text toJson(RenderState& state, const Value& value, const JsonStyle& style) {
    Writer writer(state, &style);
    writer.write(value, 0);
    return writer.take();
}

std::string floatRepresentation(double value) {
    if (std::isnan(value))
        return "nan";
    if (std::isinf(value))
        return value > 0 ? "inf" : "-inf";
    char buffer[64];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                   std::chars_format::scientific); // shortest that reads back
    std::string digits(buffer, end.ptr);
    const std::size_t mark = digits.find('e');
    const int exponent = std::stoi(digits.substr(mark + 1));
    digits.resize(mark);
    const std::string sign = digits[0] == '-' ? "-" : "";
    digits.erase(
        std::remove_if(digits.begin(), digits.end(), [](char c) { return c == '.' || c == '-'; }),
        digits.end());
    if (exponent < -4 || exponent >= 16) {
        std::string out = sign + digits.substr(0, 1);
        if (digits.size() > 1)
            out += "." + digits.substr(1);
        const std::string power = std::to_string(std::abs(exponent));
        return out + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
    }
    if (exponent < 0)
        return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const std::size_t whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole)
        return sign + digits + std::string(whole - digits.size(), '0') + ".0";
    return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

} // namespace engine::jinja
