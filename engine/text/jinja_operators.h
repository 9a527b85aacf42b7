#pragma once
// Operators of the Jinja subset, with python's meaning.

#include "engine/text/jinja_ast.h"

namespace engine::jinja {

/// a + b, a ~ b, a // b ...; fails for types that python refuses and for numbers beyond 64 bits.
Value applyBinary(RenderState& state, Operator op, const Value& a, const Value& b);
Value applyUnary(RenderState& state, Operator op, const Value& a);
/// a < b, a not in b ...
bool applyComparison(RenderState& state, Operator op, const Value& a, const Value& b);

} // namespace engine::jinja
