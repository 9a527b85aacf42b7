// Literals of the expression parser: lists, mappings, strings, numbers.
#include "engine/text/jinja_expression_parser.h"

#include <algorithm>
#include <charconv>

namespace engine::jinja {

ExpressionPtr ExpressionParser::parseList() {
    ExpressionPtr list = make(ExpressionKind::List, token().line);
    expectOperator("[");
    while (!failed() && !takeOperator("]")) {
        list = adopt(std::move(list), parseExpression());
        if (!atOperator("]"))
            expectOperator(",");
    }
    return list;
}

ExpressionPtr ExpressionParser::parseDict() {
    ExpressionPtr dict = make(ExpressionKind::Dict, token().line);
    expectOperator("{");
    while (!failed() && !takeOperator("}")) {
        dict = adopt(std::move(dict), parseExpression());
        expectOperator(":");
        dict = adopt(std::move(dict), parseExpression());
        if (!atOperator("}"))
            expectOperator(",");
    }
    return dict;
}

ExpressionPtr ExpressionParser::parseString() {
    ExpressionPtr node = make(ExpressionKind::Constant, token().line);
    std::string text;
    while (token().kind == TokenKind::String) { // "a" "b" is one string
        text += unescaped(token().text.substr(1, token().text.size() - 2));
        advance();
    }
    node->constant = Value::literal(Text::fromTemplate(std::move(text)));
    return node;
}

ExpressionPtr ExpressionParser::parseNumber() {
    ExpressionPtr node = make(ExpressionKind::Constant, token().line);
    std::string digits;
    for (const char c : token().text)
        if (c != '_')
            digits.push_back(c);
    const char* end = digits.data() + digits.size();
    if (token().kind == TokenKind::Integer) {
        std::int64_t value = 0;
        if (std::from_chars(digits.data(), end, value).ec != std::errc())
            fail("the number " + digits + " is too large");
        node->constant = Value::integer(value);
    } else {
        double value = 0;
        std::from_chars(digits.data(), end, value);
        node->constant = Value::number(value);
    }
    advance();
    return node;
}

namespace {

// Reads up to `most` digits of a base; moves `i` behind them.
std::uint32_t takeDigits(std::string_view text, std::size_t& i, std::size_t most, int base) {
    std::uint32_t value = 0;
    const char* begin = text.data() + i;
    const char* end = text.data() + std::min(text.size(), i + most);
    i += static_cast<std::size_t>(std::from_chars(begin, end, value, base).ptr - begin);
    return value;
}

} // namespace

std::string unescaped(std::string_view literal) {
    static constexpr std::string_view kLetters = "abfnrtv\\'\"";
    static constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v\\'\"";
    std::string out;
    for (std::size_t i = 0; i < literal.size();) {
        if (literal[i] != '\\' || i + 1 >= literal.size()) {
            out.push_back(literal[i++]);
            continue;
        }
        const char c = literal[i + 1];
        i += 2;
        if (const std::size_t at = kLetters.find(c); at != std::string_view::npos) {
            out.push_back(kMeanings[at]);
        } else if (c == 'x' || c == 'u' || c == 'U') {
            appendUtf8(out, takeDigits(literal, i, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16));
        } else if (c >= '0' && c <= '7') {
            --i;
            appendUtf8(out, takeDigits(literal, i, 3, 8));
        } else if (c != '\n') { // an unknown escape stays; a line end is swallowed
            out.push_back('\\');
            out.push_back(c);
        }
    }
    return out;
}

} // namespace engine::jinja
