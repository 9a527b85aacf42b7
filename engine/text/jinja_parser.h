#pragma once
// Parser of the Jinja subset: tokens into a Template. Recursive descent, bounded in depth and size.

#include "engine/text/jinja_ast.h"

namespace engine::jinja {

/// Parses a template; the Status names the line and what is not understood.
Result<std::shared_ptr<const Template>> parseTemplate(std::string source);

} // namespace engine::jinja
