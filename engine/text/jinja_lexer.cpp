#include "engine/text/jinja_lexer.h"

#include "engine/text/jinja_text.h"

#include <algorithm>
#include <array>
#include <string>

namespace engine::jinja {

namespace {

bool isNameByte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x80 || byte == '_' || (byte >= '0' && byte <= '9') ||
           (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

bool isDigit(char c) {
    return c >= '0' && c <= '9';
}

class Lexer {
  public:
    explicit Lexer(std::string_view source) : m_source(source) {}
    Result<std::vector<Token>> run();

  private:
    bool at(std::string_view text) const { return m_source.substr(m_position).starts_with(text); }
    char peek(std::size_t ahead = 0) const {
        return m_position + ahead < m_source.size() ? m_source[m_position + ahead] : '\0';
    }
    void add(TokenKind kind, std::size_t length) {
        m_tokens.push_back({kind, m_line, m_source.substr(m_position, length)});
        advance(length);
    }
    void advance(std::size_t length);
    void skipSpace();
    void fail(std::string detail);

    std::size_t findTag() const;
    void addData(std::size_t end, char sign, bool isVariable);
    bool takeEnd(std::string_view close, bool trimsNewline);
    bool takeWord(std::string_view word);
    void takeComment();
    bool takeRaw();
    void takeRawBody();
    void takeTag(bool isVariable);
    void takeToken();
    void takeString(char quote);
    void takeNumber();
    void takeOperator();

    std::string_view m_source;
    std::size_t m_position = 0;
    int m_line = 1;
    bool m_lineStarting = true; // the last match ended with a line end
    std::string m_open;         // closing brackets still expected
    std::vector<Token> m_tokens;
    Status m_status;
};

void Lexer::advance(std::size_t length) {
    const auto part = m_source.substr(m_position, length);
    m_line += static_cast<int>(std::count(part.begin(), part.end(), '\n'));
    m_position += part.size();
}

void Lexer::fail(std::string detail) {
    if (m_status.ok())
        m_status = Status(Code::TemplateSyntax,
                          {{"line", std::to_string(m_line)}, {"detail", std::move(detail)}});
    m_position = m_source.size();
}

void Lexer::skipSpace() {
    while (m_position < m_source.size()) {
        const Character c = characterAt(m_source, m_position);
        if (!isSpace(c.codePoint))
            break;
        advance(c.length);
    }
}

std::size_t Lexer::findTag() const {
    std::size_t i = m_source.find('{', m_position);
    while (i != std::string_view::npos) {
        const char next = i + 1 < m_source.size() ? m_source[i + 1] : '\0';
        if (next == '%' || next == '{' || next == '#')
            return i;
        i = m_source.find('{', i + 1);
    }
    return m_source.size();
}

// The text before a tag at `end`; `sign` is the character after the tag's opening.
void Lexer::addData(std::size_t end, char sign, bool isVariable) {
    std::string_view data = m_source.substr(m_position, end - m_position);
    std::size_t keep = data.size();
    const auto isBlank = [&](std::size_t from) {
        const Text rest = Text::fromTemplate(std::string(data.substr(from)));
        return stripped(rest, Side::Both).empty();
    };
    if (sign == '-') {
        keep = stripped(Text::fromTemplate(std::string(data)), Side::Right).size();
    } else if (sign != '+' && !isVariable) {
        const std::size_t newline = data.rfind('\n');
        const std::size_t line = newline == std::string_view::npos ? 0 : newline + 1;
        if ((line > 0 || m_lineStarting) && isBlank(line))
            keep = line;
    }
    if (keep > 0)
        m_tokens.push_back({TokenKind::Data, m_line, data.substr(0, keep)});
    advance(data.size());
    m_lineStarting = false;
}

// "-%}" with the white space after it, "+%}", or "%}" with one line end where blocks trim it.
bool Lexer::takeEnd(std::string_view close, bool trimsNewline) {
    const bool minus = peek() == '-';
    const bool plus = peek() == '+' && trimsNewline;
    const std::size_t lead = minus || plus ? 1 : 0;
    if (!m_source.substr(m_position + lead).starts_with(close))
        return false;
    advance(lead + close.size());
    if (minus)
        skipSpace();
    else if (!plus && trimsNewline && peek() == '\n')
        advance(1);
    m_lineStarting = m_source[m_position - 1] == '\n';
    return true;
}

bool Lexer::takeWord(std::string_view word) {
    skipSpace();
    if (!at(word))
        return false;
    advance(word.size());
    skipSpace();
    return true;
}

void Lexer::takeComment() {
    while (m_position < m_source.size())
        if (takeEnd("#}", true))
            return;
        else
            advance(1);
    fail("a comment {# is not closed by #}");
}

bool Lexer::takeRaw() {
    const std::size_t position = m_position;
    const int line = m_line;
    if (takeWord("raw") && (at("-%}") || at("%}"))) {
        takeEnd("%}", false);
        m_lineStarting = m_source[m_position - 1] == '\n';
        takeRawBody();
        return true;
    }
    m_position = position;
    m_line = line;
    return false;
}

void Lexer::takeRawBody() {
    for (std::size_t tag = m_source.find("{%", m_position); tag != std::string_view::npos;
         tag = m_source.find("{%", tag + 2)) {
        const char sign = tag + 2 < m_source.size() ? m_source[tag + 2] : '\0';
        Lexer ahead(m_source);
        ahead.m_position = tag + (sign == '-' || sign == '+' ? 3 : 2);
        if (!ahead.takeWord("endraw") || !ahead.takeEnd("%}", true))
            continue;
        addData(tag, sign, false);
        advance(ahead.m_position - m_position);
        m_lineStarting = ahead.m_lineStarting;
        return;
    }
    fail("{% raw %} is not closed by {% endraw %}");
}

void Lexer::takeTag(bool isVariable) {
    m_tokens.push_back({isVariable ? TokenKind::VariableBegin : TokenKind::BlockBegin, m_line, {}});
    m_open.clear();
    while (m_status.ok()) {
        skipSpace();
        if (m_position >= m_source.size())
            return fail(isVariable ? "{{ is not closed by }}" : "{% is not closed by %}");
        if (m_open.empty() && takeEnd(isVariable ? "}}" : "%}", !isVariable)) {
            m_tokens.push_back(
                {isVariable ? TokenKind::VariableEnd : TokenKind::BlockEnd, m_line, {}});
            return;
        }
        takeToken();
    }
}

void Lexer::takeString(char quote) {
    std::size_t length = 1;
    while (peek(length) != quote) {
        if (peek(length) == '\\')
            ++length;
        if (m_position + ++length >= m_source.size())
            return fail("a string is not closed");
    }
    add(TokenKind::String, length + 1);
}

void Lexer::takeNumber() {
    std::size_t length = 0;
    const auto digits = [&] {
        while (isDigit(peek(length)) || (peek(length) == '_' && isDigit(peek(length + 1))))
            ++length;
    };
    digits();
    TokenKind kind = TokenKind::Integer;
    const bool afterDot = m_position > 0 && m_source[m_position - 1] == '.'; // messages.0.role
    if (!afterDot && peek(length) == '.' && isDigit(peek(length + 1))) {
        ++length;
        digits();
        kind = TokenKind::Float;
    }
    if (!afterDot && (peek(length) == 'e' || peek(length) == 'E')) {
        const std::size_t sign = peek(length + 1) == '+' || peek(length + 1) == '-' ? 2 : 1;
        if (isDigit(peek(length + sign))) {
            length += sign;
            digits();
            kind = TokenKind::Float;
        }
    }
    add(kind, length);
}

void Lexer::takeOperator() {
    static constexpr std::array<std::string_view, 6> kPairs = {"//", "**", "==", "!=", ">=", "<="};
    for (const std::string_view pair : kPairs)
        if (at(pair))
            return add(TokenKind::Operator, 2);
    const char c = peek();
    if (std::string_view("+-/*%~[](){}><=.:|,").find(c) == std::string_view::npos)
        return fail("the character '" + std::string(1, c) + "' is not expected");
    if (c == '(' || c == '[' || c == '{') {
        m_open.push_back(c == '(' ? ')' : c == '[' ? ']' : '}');
    } else if (c == ')' || c == ']' || c == '}') {
        if (m_open.empty() || m_open.back() != c)
            return fail("'" + std::string(1, c) + "' closes nothing");
        m_open.pop_back();
    }
    add(TokenKind::Operator, 1);
}

void Lexer::takeToken() {
    const char c = peek();
    if (c == '\'' || c == '"') {
        takeString(c);
    } else if (isDigit(c)) {
        takeNumber();
    } else if (isNameByte(c)) {
        std::size_t length = 1;
        while (isNameByte(peek(length)))
            ++length;
        add(TokenKind::Name, length);
    } else {
        takeOperator();
    }
}

Result<std::vector<Token>> Lexer::run() {
    while (m_status.ok() && m_position < m_source.size()) {
        const std::size_t tag = findTag();
        if (tag == m_source.size()) {
            add(TokenKind::Data, tag - m_position);
            break;
        }
        const char kind = m_source[tag + 1];
        char sign = tag + 2 < m_source.size() ? m_source[tag + 2] : '\0';
        if (sign != '-' && sign != '+')
            sign = '\0';
        addData(tag, sign, kind == '{');
        advance(sign == '\0' ? 2 : 3);
        if (kind == '#')
            takeComment();
        else if (kind == '{' || !takeRaw())
            takeTag(kind == '{');
    }
    m_tokens.push_back({TokenKind::End, m_line, {}});
    if (!m_status.ok())
        return m_status;
    return std::move(m_tokens);
}

} // namespace

std::string normalizedSource(std::string_view source) {
    std::string out;
    out.reserve(source.size());
    for (std::size_t i = 0; i < source.size(); ++i) {
        if (source[i] != '\r') {
            out.push_back(source[i]);
            continue;
        }
        out.push_back('\n');
        if (i + 1 < source.size() && source[i + 1] == '\n')
            ++i;
    }
    if (!out.empty() && out.back() == '\n')
        out.pop_back();
    return out;
}

Result<std::vector<Token>> tokenizeTemplate(std::string_view source) {
    return Lexer(source).run();
}

} // namespace engine::jinja
