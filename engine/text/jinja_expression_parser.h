#pragma once
// ExpressionParser: the expression half of the parser (precedence as jinja2's), over a token list
// that the statement half shares.

#include "engine/text/jinja_ast.h"
#include "engine/text/jinja_lexer.h"

namespace engine::jinja {

class ExpressionParser {
  public:
    explicit ExpressionParser(std::vector<Token> tokens) : m_tokens(std::move(tokens)) {}

    // Cursor.
    const Token& token() const { return m_tokens[m_next]; }
    bool atName(std::string_view name) const {
        return token().kind == TokenKind::Name && token().text == name;
    }
    bool atOperator(std::string_view text) const {
        return token().kind == TokenKind::Operator && token().text == text;
    }
    void advance() { m_next += m_next + 1 < m_tokens.size() ? 1 : 0; }
    bool takeName(std::string_view name);
    bool takeOperator(std::string_view text);
    void expectOperator(std::string_view text);
    std::string expectName();
    void expect(TokenKind kind, std::string_view spelled);

    bool failed() const { return !m_status.ok(); }
    const Status& status() const { return m_status; }
    void fail(std::string detail);

    /// One more node or nesting level; false when the template is too large or too deep.
    bool countNode();
    bool enter();
    void leave() { --m_depth; }

    /// expression, or `a, b` as a tuple; `withCondition`: may end in `if ... else`.
    ExpressionPtr parseTuple(bool withCondition = true);
    ExpressionPtr parseExpression(bool withCondition = true);
    /// `| name(...)` and `is name` behind an expression.
    ExpressionPtr parseFilters(ExpressionPtr input, bool testsToo);

  private:
    using Rule = ExpressionPtr (ExpressionParser::*)();
    ExpressionPtr make(ExpressionKind kind, int line);
    ExpressionPtr adopt(ExpressionPtr parent, ExpressionPtr child);
    ExpressionPtr binary(Operator op, ExpressionPtr left, ExpressionPtr right);
    ExpressionPtr parseOr();
    ExpressionPtr parseAnd();
    ExpressionPtr parseNot();
    ExpressionPtr parseCompare();
    ExpressionPtr parseSum();
    ExpressionPtr parseConcat();
    ExpressionPtr parseProduct();
    ExpressionPtr parsePower();
    ExpressionPtr parseUnary(bool withFilters = true);
    ExpressionPtr parsePrimary();
    ExpressionPtr parsePostfix(ExpressionPtr object);
    ExpressionPtr parseSubscript(ExpressionPtr object);
    ExpressionPtr parseCall(ExpressionPtr callee);
    ExpressionPtr parseArguments(ExpressionPtr call);
    ExpressionPtr parseFilter(ExpressionPtr input);
    ExpressionPtr parseTest(ExpressionPtr input);
    ExpressionPtr parseList();
    ExpressionPtr parseDict();
    ExpressionPtr parseString();
    ExpressionPtr parseNumber();
    bool takeComparison(Operator& op);

    std::vector<Token> m_tokens;
    std::size_t m_next = 0;
    int m_depth = 0;
    int m_nodes = 0;
    Status m_status;
};

/// The characters of a string literal's inside, escapes resolved as python does.
std::string unescaped(std::string_view literal);

} // namespace engine::jinja
