#pragma once
// Filters (value | name), tests (value is name) and methods (value.name()), by name.

#include "engine/text/jinja_value.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace engine::jinja {

/// Evaluated arguments of a call.
struct Arguments {
    Values positional;
    std::vector<std::pair<std::string, Value>> named;

    /// By position or by name; null when not given.
    const Value* get(std::size_t position, std::string_view name) const;
};

using FilterFunction = Value (*)(RenderState&, const Value& input, const Arguments&);
using TestFunction = bool (*)(RenderState&, const Value& input, const Arguments&);

/// Null for a name that this subset does not know.
FilterFunction findFilter(std::string_view name);
TestFunction findTest(std::string_view name);

/// value.name(arguments) of strings and mappings; fails for a method that is not known.
Value callMethod(RenderState& state, const Value& object, std::string_view name,
                 const Arguments& arguments);
/// True when values of this kind have such a method.
bool hasMethod(const Value& object, std::string_view name);

/// object.name and object[key]; undefined when absent.
Value attributeOf(RenderState& state, const Value& object, std::string_view name);
Value itemOf(RenderState& state, const Value& object, const Value& key);
/// object[from:to:step]; null where not given.
Value sliceOf(RenderState& state, const Value& object, const Value* from, const Value* to,
              const Value* step);

} // namespace engine::jinja
