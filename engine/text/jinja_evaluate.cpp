// The interpreter's expressions.
#include "engine/text/jinja_interpreter.h"
#include "engine/text/jinja_operators.h"

namespace engine::jinja {

Value Interpreter::evaluate(const Expression& node) {
    const Level level(m_state);
    if (!level)
        return {};
    m_state.atLine(node.line);
    const auto child = [&](std::size_t i) { return evaluate(*node.children[i]); };
    switch (node.kind) {
    case ExpressionKind::Constant:
        return node.constant;
    case ExpressionKind::Captured:
        return m_captured;
    case ExpressionKind::Name: {
        const Value* found = lookUp(node.name);
        return found != nullptr ? *found : Value();
    }
    case ExpressionKind::List:
    case ExpressionKind::Tuple:
        return evaluateList(node);
    case ExpressionKind::Dict:
        return evaluateDict(node);
    case ExpressionKind::Attribute:
        return attributeOf(m_state, child(0), node.name);
    case ExpressionKind::Subscript: {
        const Value object = child(0);
        return itemOf(m_state, object, child(1));
    }
    case ExpressionKind::Slice:
        return evaluateSlice(node);
    case ExpressionKind::Call:
        return evaluateCall(node);
    case ExpressionKind::Filter:
        return evaluateFilter(node);
    case ExpressionKind::Test:
        return evaluateTest(node);
    case ExpressionKind::Not:
        return Value::boolean(!child(0).truthy());
    case ExpressionKind::And: {
        Value left = child(0);
        return left.truthy() ? child(1) : left;
    }
    case ExpressionKind::Or: {
        Value left = child(0);
        return left.truthy() ? left : child(1);
    }
    case ExpressionKind::Unary:
        return applyUnary(m_state, node.operators[0], child(0));
    case ExpressionKind::Binary:
        return evaluateBinary(node);
    case ExpressionKind::Compare:
        return evaluateCompare(node);
    case ExpressionKind::Conditional:
        if (child(0).truthy())
            return child(1);
        return node.children[2] != nullptr ? child(2) : Value();
    }
    return {};
}

Value Interpreter::evaluateFilter(const Expression& node) {
    const Value input = evaluate(*node.children[0]);
    const Arguments arguments = evaluateArguments(node);
    return m_state.failed() ? Value() : node.filter(m_state, input, arguments);
}

Value Interpreter::evaluateBinary(const Expression& node) {
    const Value left = evaluate(*node.children[0]);
    const Value right = evaluate(*node.children[1]);
    return m_state.failed() ? Value() : applyBinary(m_state, node.operators[0], left, right);
}

Value Interpreter::evaluateList(const Expression& node) {
    Values items;
    for (const ExpressionPtr& child : node.children)
        items.push_back(evaluate(*child));
    return m_state.failed()
               ? Value()
               : Value::list(m_state, std::move(items), node.kind == ExpressionKind::Tuple);
}

Value Interpreter::evaluateDict(const Expression& node) {
    Entries entries;
    for (std::size_t i = 0; i + 1 < node.children.size() && !m_state.failed(); i += 2) {
        Value key = evaluate(*node.children[i]);
        Value value = evaluate(*node.children[i + 1]);
        bool replacesOld = false;
        for (auto& [oldKey, oldValue] : entries)
            if (equal(m_state, oldKey, key)) {
                oldValue = value;
                replacesOld = true;
            }
        if (!replacesOld)
            entries.emplace_back(std::move(key), std::move(value));
    }
    return m_state.failed() ? Value() : Value::dict(m_state, std::move(entries));
}

Value Interpreter::evaluateSlice(const Expression& node) {
    const Value object = evaluate(*node.children[0]);
    Value bounds[3];
    const Value* given[3] = {};
    for (std::size_t i = 0; i < 3; ++i)
        if (node.children[i + 1] != nullptr) {
            bounds[i] = evaluate(*node.children[i + 1]);
            given[i] = &bounds[i];
        }
    return m_state.failed() ? Value() : sliceOf(m_state, object, given[0], given[1], given[2]);
}

Value Interpreter::evaluateCompare(const Expression& node) {
    Value left = evaluate(*node.children[0]);
    for (std::size_t i = 0; i < node.operators.size(); ++i) {
        Value right = evaluate(*node.children[i + 1]);
        if (m_state.failed() || !applyComparison(m_state, node.operators[i], left, right))
            return Value::boolean(false);
        left = std::move(right);
    }
    return Value::boolean(true);
}

Value Interpreter::evaluateTest(const Expression& node) {
    const Value input = evaluate(*node.children[0]);
    const Arguments arguments = evaluateArguments(node);
    return Value::boolean(!m_state.failed() && node.test(m_state, input, arguments));
}

Arguments Interpreter::evaluateArguments(const Expression& node) {
    Arguments arguments;
    for (std::size_t i = 1; i < node.children.size(); ++i)
        arguments.positional.push_back(evaluate(*node.children[i]));
    for (const auto& [name, value] : node.named)
        arguments.named.emplace_back(name, evaluate(*value));
    return arguments;
}

Value Interpreter::evaluateCall(const Expression& node) {
    const Expression& callee = *node.children[0];
    if (callee.kind == ExpressionKind::Attribute) {
        const Value object = evaluate(*callee.children[0]);
        const Arguments arguments = evaluateArguments(node);
        if (m_state.failed())
            return {};
        if (hasMethod(object, callee.name))
            return callMethod(m_state, object, callee.name, arguments);
        const Value value = attributeOf(m_state, object, callee.name);
        if (value.is(Kind::Undefined))
            m_state.fail("'" + std::string(typeName(object)) + "' has no method '" + callee.name +
                         "'");
        return m_state.failed() ? Value() : call(value, arguments);
    }
    const Value value = evaluate(callee);
    if (value.is(Kind::Undefined))
        m_state.fail("'" + callee.name + "' is undefined");
    const Arguments arguments = evaluateArguments(node);
    return m_state.failed() ? Value() : call(value, arguments);
}

} // namespace engine::jinja
