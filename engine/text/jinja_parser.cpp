#include "engine/text/jinja_parser.h"

#include "engine/text/jinja_expression_parser.h"

namespace engine::jinja {

namespace {

// The statement half: tags that open, divide and close blocks.
class Parser {
  public:
    explicit Parser(std::vector<Token> tokens) : m_in(std::move(tokens)) {}

    Body parseAll() { return parseBody({}); }
    bool failed() const { return m_in.failed(); }
    const Status& status() const { return m_in.status(); }

  private:
    using Ends = std::initializer_list<std::string_view>;
    using StatementPtr = std::unique_ptr<Statement>;

    Body parseBody(Ends ends);
    void parseTag(Body& body, const std::string& tag, int line);
    StatementPtr make(StatementKind kind, int line);
    void closeTag() { m_in.expect(TokenKind::BlockEnd, "%}"); }
    Target parseTarget(bool allowsAttribute);
    StatementPtr parseIf(int line);
    StatementPtr parseFor(int line);
    StatementPtr parseSet(int line);
    StatementPtr parseMacro(int line);
    StatementPtr parseWith(int line);

    ExpressionParser m_in;
    int m_loops = 0; // open for blocks around, for break and continue
};

Parser::StatementPtr Parser::make(StatementKind kind, int line) {
    m_in.countNode();
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->line = line;
    return statement;
}

// Statements up to {% end %} of one of the names, which stays unread (the name, not its "{%").
Body Parser::parseBody(Ends ends) {
    Body body;
    if (!m_in.enter()) {
        m_in.leave();
        return body;
    }
    bool closed = false;
    while (!m_in.failed() && !closed && m_in.token().kind != TokenKind::End) {
        const Token token = m_in.token();
        m_in.advance();
        if (token.kind == TokenKind::Data) {
            StatementPtr data = make(StatementKind::Data, token.line);
            data->data = Value::literal(Text::fromTemplate(std::string(token.text)));
            body.push_back(std::move(data));
        } else if (token.kind == TokenKind::VariableBegin) {
            StatementPtr output = make(StatementKind::Output, token.line);
            output->value = m_in.parseTuple();
            m_in.expect(TokenKind::VariableEnd, "}}");
            body.push_back(std::move(output));
        } else {
            for (const std::string_view end : ends)
                closed = closed || m_in.atName(end);
            if (!closed)
                parseTag(body, m_in.expectName(), token.line);
        }
    }
    if (!closed && ends.size() > 0)
        m_in.fail("{% " + std::string(*(ends.end() - 1)) + " %} is missing");
    m_in.leave();
    return body;
}

void Parser::parseTag(Body& body, const std::string& tag, int line) {
    if (tag == "if")
        return body.push_back(parseIf(line));
    if (tag == "for")
        return body.push_back(parseFor(line));
    if (tag == "set")
        return body.push_back(parseSet(line));
    if (tag == "macro")
        return body.push_back(parseMacro(line));
    if (tag == "with")
        return body.push_back(parseWith(line));
    if (tag == "break" || tag == "continue") {
        if (m_loops == 0)
            m_in.fail("'" + tag + "' stands outside a loop");
        body.push_back(make(tag == "break" ? StatementKind::Break : StatementKind::Continue, line));
        return closeTag();
    }
    if (tag == "generation") { // marks what a model is trained on; nothing to render
        closeTag();
        Body inner = parseBody({"endgeneration"});
        m_in.expectName();
        closeTag();
        for (StatementPtr& statement : inner)
            body.push_back(std::move(statement));
        return;
    }
    m_in.fail("the tag '" + tag + "' is not known");
}

Target Parser::parseTarget(bool allowsAttribute) {
    Target target;
    const bool round = m_in.takeOperator("(");
    target.names.push_back(m_in.expectName());
    if (allowsAttribute && m_in.takeOperator(".")) {
        target.attribute = m_in.expectName();
        return target;
    }
    while (m_in.takeOperator(",")) {
        target.unpacks = true;
        if (m_in.token().kind == TokenKind::Name && !m_in.atName("in"))
            target.names.push_back(m_in.expectName());
    }
    if (round)
        m_in.expectOperator(")");
    return target;
}

Parser::StatementPtr Parser::parseIf(int line) {
    StatementPtr statement = make(StatementKind::If, line);
    std::string tag = "if";
    while (!m_in.failed() && tag != "endif") {
        Branch branch;
        if (tag != "else")
            branch.condition = m_in.parseTuple(false);
        closeTag();
        branch.body = tag == "else" ? parseBody({"endif"}) : parseBody({"elif", "else", "endif"});
        statement->branches.push_back(std::move(branch));
        tag = m_in.expectName();
    }
    closeTag();
    return statement;
}

Parser::StatementPtr Parser::parseFor(int line) {
    StatementPtr statement = make(StatementKind::For, line);
    statement->target = parseTarget(false);
    if (!m_in.takeName("in"))
        m_in.fail("'in' expected in a for tag");
    statement->value = m_in.parseTuple(false);
    if (m_in.takeName("if"))
        statement->filter = m_in.parseExpression();
    if (m_in.atName("recursive"))
        m_in.fail("recursive loops are not supported");
    closeTag();
    ++m_loops;
    statement->body = parseBody({"else", "endfor"});
    --m_loops;
    if (m_in.expectName() == "else") {
        closeTag();
        statement->otherwise = parseBody({"endfor"});
        m_in.expectName();
    }
    closeTag();
    return statement;
}

Parser::StatementPtr Parser::parseSet(int line) {
    StatementPtr statement = make(StatementKind::Set, line);
    statement->target = parseTarget(true);
    if (m_in.takeOperator("=")) {
        statement->value = m_in.parseTuple();
        closeTag();
        return statement;
    }
    statement->kind = StatementKind::SetBlock;
    if (m_in.atOperator("|")) {
        auto captured = std::make_unique<Expression>();
        captured->kind = ExpressionKind::Captured;
        captured->line = line;
        statement->value = m_in.parseFilters(std::move(captured), false);
    }
    closeTag();
    statement->body = parseBody({"endset"});
    m_in.expectName();
    closeTag();
    return statement;
}

Parser::StatementPtr Parser::parseMacro(int line) {
    StatementPtr statement = make(StatementKind::Macro, line);
    statement->name = m_in.expectName();
    m_in.expectOperator("(");
    while (!m_in.failed() && !m_in.takeOperator(")")) {
        Parameter parameter;
        parameter.name = m_in.expectName();
        if (m_in.takeOperator("="))
            parameter.fallback = m_in.parseExpression();
        statement->parameters.push_back(std::move(parameter));
        if (!m_in.atOperator(")"))
            m_in.expectOperator(",");
    }
    closeTag();
    const int loops = std::exchange(m_loops, 0);
    statement->body = parseBody({"endmacro"});
    m_loops = loops;
    m_in.expectName();
    closeTag();
    return statement;
}

Parser::StatementPtr Parser::parseWith(int line) {
    StatementPtr statement = make(StatementKind::With, line);
    while (!m_in.failed() && m_in.token().kind != TokenKind::BlockEnd) {
        Parameter variable;
        variable.name = m_in.expectName();
        m_in.expectOperator("=");
        variable.fallback = m_in.parseExpression();
        statement->parameters.push_back(std::move(variable));
        if (m_in.token().kind != TokenKind::BlockEnd)
            m_in.expectOperator(",");
    }
    closeTag();
    statement->body = parseBody({"endwith"});
    m_in.expectName();
    closeTag();
    return statement;
}

} // namespace

Result<std::shared_ptr<const Template>> parseTemplate(std::string source) {
    if (source.size() > kMaxSource)
        return Status(Code::TemplateSyntax,
                      {{"line", "1"},
                       {"detail", "it has " + std::to_string(source.size()) + " bytes, more than " +
                                      std::to_string(kMaxSource)}});
    const std::string normalized = normalizedSource(source);
    auto tokens = tokenizeTemplate(normalized);
    if (!tokens)
        return tokens.status();
    Parser parser(std::move(tokens).value());
    auto parsed = std::make_shared<Template>();
    parsed->body = parser.parseAll();
    if (parser.failed())
        return parser.status();
    parsed->source = std::move(source);
    return std::shared_ptr<const Template>(std::move(parsed));
}

} // namespace engine::jinja
