// Tests: value is name(arguments).
#include "engine/text/jinja_filters.h"
#include "engine/text/jinja_operators.h"
#include "engine/text/jinja_strings.h"

#include <array>

namespace engine::jinja {

namespace {

template<Kind... kinds>
bool isKind(RenderState&, const Value& value, const Arguments&) {
    return (value.is(kinds) || ...);
}

bool isDefined(RenderState&, const Value& value, const Arguments&) {
    return !value.is(Kind::Undefined);
}

bool isNumberValue(RenderState&, const Value& value, const Arguments&) {
    return value.isNumber();
}

template<bool expected>
bool isExactly(RenderState&, const Value& value, const Arguments&) {
    return value.is(Kind::Boolean) && value.asBoolean() == expected;
}

template<Operator op>
bool compares(RenderState& state, const Value& value, const Arguments& arguments) {
    const Value* other = arguments.get(0, "other");
    return applyComparison(state, op, value, other != nullptr ? *other : Value());
}

bool isSame(RenderState& state, const Value& value, const Arguments& arguments) {
    const Value* other = arguments.get(0, "other");
    return other != nullptr && value.kind() == other->kind() && equal(state, value, *other);
}

template<int remainder>
bool hasParity(RenderState& state, const Value& value, const Arguments&) {
    if (!value.is(Kind::Integer)) {
        state.fail("odd and even ask for an integer");
        return false;
    }
    return (value.asInteger() % 2 != 0) == (remainder == 1);
}

bool isDivisible(RenderState& state, const Value& value, const Arguments& arguments) {
    const Value* by = arguments.get(0, "num");
    const Value rest = applyBinary(state, Operator::Modulo, value, by ? *by : Value());
    return rest.isNumber() && rest.asDouble() == 0;
}

template<Casing casing>
bool isCase(RenderState& state, const Value& value, const Arguments&) {
    const Text text = toText(state, value);
    const Casing other = casing == Casing::Upper ? Casing::Lower : Casing::Upper;
    return recased(text, casing).bytes() == text.bytes() &&
           recased(text, other).bytes() != text.bytes();
}

constexpr std::array<std::pair<std::string_view, TestFunction>, 34> kTests = {{
    {"defined", isDefined},
    {"undefined", isKind<Kind::Undefined>},
    {"none", isKind<Kind::None>},
    {"boolean", isKind<Kind::Boolean>},
    {"true", isExactly<true>},
    {"false", isExactly<false>},
    {"integer", isKind<Kind::Integer>},
    {"float", isKind<Kind::Float>},
    {"number", isNumberValue},
    {"string", isKind<Kind::String>},
    {"mapping", isKind<Kind::Dict>},
    {"sequence", isKind<Kind::String, Kind::List, Kind::Dict, Kind::Undefined>},
    {"iterable", isKind<Kind::String, Kind::List, Kind::Dict, Kind::Undefined, Kind::Loop>},
    {"callable", isKind<Kind::Macro, Kind::Builtin>},
    {"sameas", isSame},
    {"odd", hasParity<1>},
    {"even", hasParity<0>},
    {"divisibleby", isDivisible},
    {"upper", isCase<Casing::Upper>},
    {"lower", isCase<Casing::Lower>},
    {"in", compares<Operator::In>},
    {"eq", compares<Operator::Equal>},
    {"equalto", compares<Operator::Equal>},
    {"==", compares<Operator::Equal>},
    {"ne", compares<Operator::NotEqual>},
    {"!=", compares<Operator::NotEqual>},
    {"lt", compares<Operator::Less>},
    {"<", compares<Operator::Less>},
    {"lessthan", compares<Operator::Less>},
    {"gt", compares<Operator::Greater>},
    {">", compares<Operator::Greater>},
    {"greaterthan", compares<Operator::Greater>},
    {"le", compares<Operator::LessEqual>},
    {"ge", compares<Operator::GreaterEqual>},
}};

} // namespace

TestFunction findTest(std::string_view name) {
    for (const auto& [known, test] : kTests)
        if (known == name)
            return test;
    return nullptr;
}

} // namespace engine::jinja
