#pragma once
// String work shared by filters and methods, keeping the origin of characters.

#include "engine/text/jinja_value.h"

namespace engine::jinja {

enum class Casing { Upper, Lower, Capitalize, Title };
/// Case mapping of Latin, Greek and Cyrillic letters that map one to one; others stay.
/// Title: a capital after each character that is no letter (str.title).
Text recased(const Text& text, Casing casing);
/// jinja2's `title` filter: a capital only after white space and - ( { [ <
Text titleFiltered(const Text& text);

/// Text with `what` replaced by `by`, at most `limit` times (< 0: all).
Text replaced(RenderState& state, const Text& text, const std::string& what, const Text& by,
              std::int64_t limit);
/// str.split(separator, limit) and rsplit; null separator: runs of white space.
Values split(RenderState& state, const Text& text, const std::string* separator, std::int64_t limit,
             bool fromRight);
Values splitLines(RenderState& state, const Text& text, bool keepsEnds);
Text joined(RenderState& state, const Text& separator, const Values& items);
/// How often `part` occurs without overlap (once more than characters when empty).
std::int64_t countOf(RenderState& state, const Text& text, const std::string& part);

} // namespace engine::jinja
