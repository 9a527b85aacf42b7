#include "engine/text/jinja_operators.h"

#include <cmath>

namespace engine::jinja {

namespace {

std::string_view spelled(Operator op) {
    switch (op) {
    case Operator::Add:
        return "+";
    case Operator::Subtract:
        return "-";
    case Operator::Multiply:
        return "*";
    case Operator::Divide:
        return "/";
    case Operator::FloorDivide:
        return "//";
    case Operator::Modulo:
        return "%";
    case Operator::Power:
        return "**";
    default:
        return "~";
    }
}

Value refuse(RenderState& state, Operator op, const Value& a, const Value& b) {
    if (a.is(Kind::Undefined) || b.is(Kind::Undefined))
        state.fail("an operand of " + std::string(spelled(op)) + " is undefined");
    else
        state.fail("unsupported operand type(s) for " + std::string(spelled(op)) + ": '" +
                   std::string(typeName(a)) + "' and '" + std::string(typeName(b)) + "'");
    return {};
}

std::int64_t floorDivided(std::int64_t a, std::int64_t b) {
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

// a ** b for b >= 0; true on overflow.
bool powerOverflows(std::int64_t a, std::int64_t b, std::int64_t& result) {
    result = 1;
    if (a == 0 || a == 1 || a == -1) {
        result = b == 0 ? 1 : a == -1 && b % 2 == 0 ? 1 : a;
        return false;
    }
    for (; b > 0; --b)
        if (__builtin_mul_overflow(result, a, &result))
            return true;
    return false;
}

Value integers(RenderState& state, Operator op, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    bool overflow = false;
    if ((op == Operator::FloorDivide || op == Operator::Modulo) && b == 0) {
        state.fail("division by zero");
        return {};
    }
    switch (op) {
    case Operator::Add:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case Operator::Subtract:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case Operator::Multiply:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case Operator::Power:
        overflow = powerOverflows(a, b, result);
        break;
    default: // INT64_MIN / -1 is the one quotient that does not fit
        overflow = a == INT64_MIN && b == -1;
        if (!overflow)
            result = op == Operator::FloorDivide ? floorDivided(a, b) : a - floorDivided(a, b) * b;
    }
    if (overflow) {
        state.fail("a number does not fit in 64 bits");
        return {};
    }
    return Value::integer(result);
}

Value numbers(RenderState& state, Operator op, const Value& a, const Value& b) {
    const bool exact = !a.is(Kind::Float) && !b.is(Kind::Float);
    if (exact && op != Operator::Divide && (op != Operator::Power || b.asInteger() >= 0))
        return integers(state, op, a.asInteger(), b.asInteger());
    const double x = a.asDouble();
    const double y = b.asDouble();
    if (y == 0 &&
        (op == Operator::Divide || op == Operator::FloorDivide || op == Operator::Modulo)) {
        state.fail("division by zero");
        return {};
    }
    switch (op) {
    case Operator::Add:
        return Value::number(x + y);
    case Operator::Subtract:
        return Value::number(x - y);
    case Operator::Multiply:
        return Value::number(x * y);
    case Operator::Divide:
        return Value::number(x / y);
    case Operator::FloorDivide:
        return Value::number(std::floor(x / y));
    case Operator::Modulo:
        return Value::number(x - std::floor(x / y) * y);
    default:
        return Value::number(std::pow(x, y));
    }
}

Value repeated(RenderState& state, const Value& sequence, std::int64_t count) {
    const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
    if (sequence.is(Kind::String)) {
        const Text& text = sequence.text();
        // Each factor is bounded before the product is formed.
        if (text.empty() || times == 0)
            return Value::string(state, {});
        if (!state.reserve(times) || !state.reserve(times * text.cost()))
            return {};
        Text out;
        for (std::size_t i = 0; i < times && state.spendBytes(text.size()); ++i)
            out.append(text);
        return Value::string(state, std::move(out));
    }
    Values items;
    const Values& once = sequence.items();
    if (!once.empty() && state.reserve(times) && state.reserve(times * once.size() * sizeof(Value)))
        for (std::size_t i = 0; i < times && state.spend(once.size()); ++i)
            items.insert(items.end(), once.begin(), once.end());
    return Value::list(state, std::move(items), sequence.isTuple());
}

Value concatenated(RenderState& state, const Value& a, const Value& b) {
    Text text = toText(state, a);
    const Text tail = toText(state, b);
    if (!state.reserve(2 * (text.cost() + tail.cost())))
        return {};
    text.append(tail);
    return Value::string(state, std::move(text));
}

Value added(RenderState& state, const Value& a, const Value& b) {
    if (a.is(Kind::String) && b.is(Kind::String))
        return concatenated(state, a, b);
    const std::size_t count = a.items().size() + b.items().size();
    if (!state.reserve(count * sizeof(Value)) || !state.spend(count))
        return {};
    Values items;
    items.reserve(count);
    items.insert(items.end(), a.items().begin(), a.items().end());
    items.insert(items.end(), b.items().begin(), b.items().end());
    return Value::list(state, std::move(items), a.isTuple());
}

bool isSequence(const Value& value) {
    return value.is(Kind::String) || value.is(Kind::List);
}

bool isWhole(const Value& value) {
    return value.is(Kind::Integer) || value.is(Kind::Boolean);
}

} // namespace

Value applyBinary(RenderState& state, Operator op, const Value& a, const Value& b) {
    if (op == Operator::Concat)
        return concatenated(state, a, b);
    if (a.isNumber() && b.isNumber())
        return numbers(state, op, a, b);
    if (op == Operator::Add && isSequence(a) && a.kind() == b.kind() && a.isTuple() == b.isTuple())
        return added(state, a, b);
    if (op == Operator::Multiply && isSequence(a) && isWhole(b))
        return repeated(state, a, b.asInteger());
    if (op == Operator::Multiply && isSequence(b) && isWhole(a))
        return repeated(state, b, a.asInteger());
    return refuse(state, op, a, b);
}

Value applyUnary(RenderState& state, Operator op, const Value& a) {
    if (!a.isNumber())
        return refuse(state, op, Value::integer(0), a);
    if (op == Operator::Add)
        return a.is(Kind::Float) ? a : Value::integer(a.asInteger());
    if (a.is(Kind::Float))
        return Value::number(-a.asDouble());
    return integers(state, Operator::Subtract, 0, a.asInteger());
}

bool applyComparison(RenderState& state, Operator op, const Value& a, const Value& b) {
    switch (op) {
    case Operator::Equal:
        return equal(state, a, b);
    case Operator::NotEqual:
        return !equal(state, a, b);
    case Operator::Less:
        return less(state, a, b);
    case Operator::Greater:
        return less(state, b, a);
    case Operator::LessEqual:
        return equal(state, a, b) || less(state, a, b);
    case Operator::GreaterEqual:
        return equal(state, a, b) || less(state, b, a);
    case Operator::In:
        return contains(state, b, a);
    default:
        return !contains(state, b, a);
    }
}

} // namespace engine::jinja
