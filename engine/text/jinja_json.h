#pragma once
// Values written out: python's repr() and json.dumps(), byte for byte, keeping the origin of every
// character.

#include "engine/text/jinja_value.h"

namespace engine::jinja {

/// repr(value): 'text', 1.0, True, None, [1, 'a'], {'k': 1}.
Text representation(RenderState& state, const Value& value);

struct JsonStyle {
    bool ensureAscii = false;
    bool sortKeys = false;
    bool pretty = false; // indent given
    std::string indent;  // one level of it
    Text itemSeparator = Text::fromTemplate(", ");
    Text keySeparator = Text::fromTemplate(": ");
};
/// json.dumps(value). Fails for what JSON does not know.
Text toJson(RenderState& state, const Value& value, const JsonStyle& style);

/// repr(float).
std::string floatRepresentation(double value);

} // namespace engine::jinja
