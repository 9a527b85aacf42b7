#include "engine/text/jinja_expression_parser.h"

namespace engine::jinja {

// ---- cursor ----

bool ExpressionParser::takeName(std::string_view name) {
    const bool found = atName(name);
    if (found)
        advance();
    return found;
}

bool ExpressionParser::takeOperator(std::string_view text) {
    const bool found = atOperator(text);
    if (found)
        advance();
    return found;
}

void ExpressionParser::expectOperator(std::string_view text) {
    if (!takeOperator(text))
        fail("'" + std::string(text) + "' expected instead of '" + std::string(token().text) + "'");
}

std::string ExpressionParser::expectName() {
    if (token().kind != TokenKind::Name) {
        fail("a name expected instead of '" + std::string(token().text) + "'");
        return {};
    }
    const std::string name(token().text);
    advance();
    return name;
}

void ExpressionParser::expect(TokenKind kind, std::string_view spelled) {
    if (token().kind == kind)
        advance();
    else
        fail(std::string(spelled) + " expected instead of '" + std::string(token().text) + "'");
}

void ExpressionParser::fail(std::string detail) {
    if (m_status.ok())
        m_status = Status(Code::TemplateSyntax,
                          {{"line", std::to_string(token().line)}, {"detail", std::move(detail)}});
    m_next = m_tokens.size() - 1; // End: every loop stops there
}

bool ExpressionParser::countNode() {
    if (++m_nodes > kMaxNodes)
        fail("it has more than " + std::to_string(kMaxNodes) + " parts");
    return !failed();
}

bool ExpressionParser::enter() {
    if (++m_depth > kMaxDepth)
        fail("it is nested more than " + std::to_string(kMaxDepth) + " deep");
    return !failed();
}

// ---- nodes ----

ExpressionPtr ExpressionParser::make(ExpressionKind kind, int line) {
    countNode();
    auto node = std::make_unique<Expression>();
    node->kind = kind;
    node->line = line;
    return node;
}

ExpressionPtr ExpressionParser::adopt(ExpressionPtr parent, ExpressionPtr child) {
    if (child != nullptr && child->depth >= parent->depth)
        parent->depth = child->depth + 1;
    if (parent->depth > 2 * kMaxDepth)
        fail("an expression is nested more than " + std::to_string(2 * kMaxDepth) + " deep");
    parent->children.push_back(std::move(child));
    return parent;
}

ExpressionPtr ExpressionParser::binary(Operator op, ExpressionPtr left, ExpressionPtr right) {
    ExpressionPtr node = make(ExpressionKind::Binary, token().line);
    node->operators.push_back(op);
    node = adopt(std::move(node), std::move(left));
    return adopt(std::move(node), std::move(right));
}

// ---- by rising precedence ----

ExpressionPtr ExpressionParser::parseTuple(bool withCondition) {
    const int line = token().line;
    ExpressionPtr first = parseExpression(withCondition);
    if (!atOperator(","))
        return first;
    ExpressionPtr tuple = adopt(make(ExpressionKind::Tuple, line), std::move(first));
    while (takeOperator(",")) {
        const TokenKind kind = token().kind;
        if (kind == TokenKind::VariableEnd || kind == TokenKind::BlockEnd || atOperator(")"))
            break;
        tuple = adopt(std::move(tuple), parseExpression(withCondition));
    }
    return tuple;
}

ExpressionPtr ExpressionParser::parseExpression(bool withCondition) {
    if (!enter()) {
        leave();
        return nullptr;
    }
    ExpressionPtr value = parseOr();
    while (withCondition && takeName("if")) {
        ExpressionPtr node = make(ExpressionKind::Conditional, token().line);
        node = adopt(std::move(node), parseOr());
        node = adopt(std::move(node), std::move(value));
        value = adopt(std::move(node), takeName("else") ? parseExpression() : nullptr);
    }
    leave();
    return value;
}

ExpressionPtr ExpressionParser::parseOr() {
    ExpressionPtr left = parseAnd();
    while (takeName("or"))
        left = adopt(adopt(make(ExpressionKind::Or, token().line), std::move(left)), parseAnd());
    return left;
}

ExpressionPtr ExpressionParser::parseAnd() {
    ExpressionPtr left = parseNot();
    while (takeName("and"))
        left = adopt(adopt(make(ExpressionKind::And, token().line), std::move(left)), parseNot());
    return left;
}

ExpressionPtr ExpressionParser::parseNot() {
    if (!atName("not"))
        return parseCompare();
    const int line = token().line;
    advance();
    ExpressionPtr operand = enter() ? parseNot() : nullptr;
    leave();
    return adopt(make(ExpressionKind::Not, line), std::move(operand));
}

bool ExpressionParser::takeComparison(Operator& op) {
    static constexpr std::pair<std::string_view, Operator> kOperators[] = {
        {"==", Operator::Equal},     {"!=", Operator::NotEqual}, {"<", Operator::Less},
        {"<=", Operator::LessEqual}, {">", Operator::Greater},   {">=", Operator::GreaterEqual}};
    for (const auto& [text, value] : kOperators)
        if (takeOperator(text)) {
            op = value;
            return true;
        }
    op = Operator::In;
    if (takeName("in"))
        return true;
    const bool negated = atName("not") && m_tokens[m_next + 1].kind == TokenKind::Name &&
                         m_tokens[m_next + 1].text == "in";
    if (negated) {
        advance();
        advance();
        op = Operator::NotIn;
    }
    return negated;
}

ExpressionPtr ExpressionParser::parseCompare() {
    const int line = token().line;
    ExpressionPtr first = parseSum();
    Operator op = Operator::Equal;
    if (!takeComparison(op))
        return first;
    ExpressionPtr node = adopt(make(ExpressionKind::Compare, line), std::move(first));
    do {
        node->operators.push_back(op);
        node = adopt(std::move(node), parseSum());
    } while (takeComparison(op));
    return node;
}

ExpressionPtr ExpressionParser::parseSum() {
    ExpressionPtr left = parseConcat();
    while (atOperator("+") || atOperator("-")) {
        const Operator op = atOperator("+") ? Operator::Add : Operator::Subtract;
        advance();
        left = binary(op, std::move(left), parseConcat());
    }
    return left;
}

ExpressionPtr ExpressionParser::parseConcat() {
    ExpressionPtr left = parseProduct();
    while (takeOperator("~"))
        left = binary(Operator::Concat, std::move(left), parseProduct());
    return left;
}

ExpressionPtr ExpressionParser::parseProduct() {
    ExpressionPtr left = parsePower();
    for (;;) {
        Operator op = Operator::Multiply;
        if (atOperator("/"))
            op = Operator::Divide;
        else if (atOperator("//"))
            op = Operator::FloorDivide;
        else if (atOperator("%"))
            op = Operator::Modulo;
        else if (!atOperator("*"))
            return left;
        advance();
        left = binary(op, std::move(left), parsePower());
    }
}

ExpressionPtr ExpressionParser::parsePower() {
    ExpressionPtr left = parseUnary();
    while (takeOperator("**"))
        left = binary(Operator::Power, std::move(left), parseUnary());
    return left;
}

ExpressionPtr ExpressionParser::parseUnary(bool withFilters) {
    ExpressionPtr node;
    const int line = token().line;
    if (atOperator("-") || atOperator("+")) {
        const Operator op = atOperator("-") ? Operator::Subtract : Operator::Add;
        advance();
        ExpressionPtr operand = enter() ? parseUnary(false) : nullptr;
        leave();
        node = make(ExpressionKind::Unary, line);
        node->operators.push_back(op);
        node = adopt(std::move(node), std::move(operand));
    } else {
        node = parsePrimary();
    }
    node = parsePostfix(std::move(node));
    return withFilters ? parseFilters(std::move(node), true) : std::move(node);
}

// ---- atoms and what follows them ----

ExpressionPtr ExpressionParser::parsePrimary() {
    const Token current = token();
    switch (current.kind) {
    case TokenKind::String:
        return parseString();
    case TokenKind::Integer:
    case TokenKind::Float:
        return parseNumber();
    case TokenKind::Name: {
        advance();
        ExpressionPtr node = make(ExpressionKind::Constant, current.line);
        if (current.text == "true" || current.text == "True") {
            node->constant = Value::boolean(true);
        } else if (current.text == "false" || current.text == "False") {
            node->constant = Value::boolean(false);
        } else if (current.text == "none" || current.text == "None") {
            node->constant = Value::none();
        } else {
            node->kind = ExpressionKind::Name;
            node->name = current.text;
        }
        return node;
    }
    default:
        break;
    }
    if (takeOperator("(")) {
        if (takeOperator(")"))
            return make(ExpressionKind::Tuple, current.line);
        ExpressionPtr inner = parseTuple();
        expectOperator(")");
        return inner;
    }
    if (atOperator("["))
        return parseList();
    if (atOperator("{"))
        return parseDict();
    fail(current.text.empty() ? "an expression is missing"
                              : "'" + std::string(current.text) + "' is not expected");
    return nullptr;
}

ExpressionPtr ExpressionParser::parsePostfix(ExpressionPtr object) {
    while (!failed()) {
        const int line = token().line;
        if (takeOperator(".")) {
            if (token().kind == TokenKind::Integer) { // messages.0
                ExpressionPtr node =
                    adopt(make(ExpressionKind::Subscript, line), std::move(object));
                object = adopt(std::move(node), parseNumber());
            } else {
                ExpressionPtr node = make(ExpressionKind::Attribute, line);
                node->name = expectName();
                object = adopt(std::move(node), std::move(object));
            }
        } else if (atOperator("[")) {
            object = parseSubscript(std::move(object));
        } else if (atOperator("(")) {
            object = parseCall(std::move(object));
        } else {
            break;
        }
    }
    return object;
}

ExpressionPtr ExpressionParser::parseSubscript(ExpressionPtr object) {
    ExpressionPtr node = make(ExpressionKind::Subscript, token().line);
    node = adopt(std::move(node), std::move(object));
    expectOperator("[");
    ExpressionPtr part;
    if (!atOperator(":"))
        part = parseExpression();
    if (!atOperator(":")) {
        node = adopt(std::move(node), std::move(part));
        expectOperator("]");
        return node;
    }
    node->kind = ExpressionKind::Slice;
    node = adopt(std::move(node), std::move(part));
    for (int i = 0; i < 2; ++i) {
        const bool given = takeOperator(":") && !atOperator(":") && !atOperator("]");
        node = adopt(std::move(node), given ? parseExpression() : nullptr);
    }
    expectOperator("]");
    return node;
}

ExpressionPtr ExpressionParser::parseArguments(ExpressionPtr call) {
    expectOperator("(");
    while (!failed() && !takeOperator(")")) {
        const Token current = token();
        if (atOperator("*") || atOperator("**"))
            fail("* and ** arguments are not supported");
        const bool named = current.kind == TokenKind::Name &&
                           m_tokens[m_next + 1].kind == TokenKind::Operator &&
                           m_tokens[m_next + 1].text == "=";
        if (named) {
            advance();
            advance();
            ExpressionPtr value = parseExpression();
            if (value != nullptr && value->depth >= call->depth)
                call->depth = value->depth + 1;
            call->named.emplace_back(current.text, std::move(value));
        } else if (!call->named.empty()) {
            fail("a positional argument follows a named one");
        } else {
            call = adopt(std::move(call), parseExpression());
        }
        if (!atOperator(")"))
            expectOperator(",");
    }
    return call;
}

ExpressionPtr ExpressionParser::parseCall(ExpressionPtr callee) {
    ExpressionPtr call = make(ExpressionKind::Call, token().line);
    return parseArguments(adopt(std::move(call), std::move(callee)));
}

ExpressionPtr ExpressionParser::parseFilters(ExpressionPtr input, bool testsToo) {
    while (!failed()) {
        if (atOperator("|"))
            input = parseFilter(std::move(input));
        else if (testsToo && atName("is"))
            input = parseTest(std::move(input));
        else if (testsToo && atOperator("(")) // (a | b)(c): calls what a filter gave
            input = parseCall(std::move(input));
        else
            break;
    }
    return input;
}

ExpressionPtr ExpressionParser::parseFilter(ExpressionPtr input) {
    expectOperator("|");
    ExpressionPtr node = make(ExpressionKind::Filter, token().line);
    node->name = expectName();
    node->filter = findFilter(node->name);
    if (!failed() && node->filter == nullptr)
        fail("the filter '" + node->name + "' is not known");
    node = adopt(std::move(node), std::move(input));
    return atOperator("(") ? parseArguments(std::move(node)) : std::move(node);
}

ExpressionPtr ExpressionParser::parseTest(ExpressionPtr input) {
    const int line = token().line;
    advance();
    const bool negated = takeName("not");
    ExpressionPtr node = make(ExpressionKind::Test, line);
    node->name = expectName();
    node->test = findTest(node->name);
    if (!failed() && node->test == nullptr)
        fail("the test '" + node->name + "' is not known");
    node = adopt(std::move(node), std::move(input));
    const TokenKind kind = token().kind;
    const bool operand =
        kind == TokenKind::String || kind == TokenKind::Integer || kind == TokenKind::Float ||
        atOperator("[") || atOperator("{") ||
        (kind == TokenKind::Name && !atName("else") && !atName("or") && !atName("and") &&
         !atName("is") && !atName("if") && !atName("not") && !atName("in"));
    if (atOperator("("))
        node = parseArguments(std::move(node));
    else if (operand)
        node = adopt(std::move(node), parsePostfix(parsePrimary()));
    return negated ? adopt(make(ExpressionKind::Not, line), std::move(node)) : std::move(node);
}

} // namespace engine::jinja
