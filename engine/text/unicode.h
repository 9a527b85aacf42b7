#pragma once
// UTF-8 for the tokenizer: strict (no overlong forms, no surrogates, nothing above U+10FFFF), never
// failing.

#include <cstddef>
#include <string>
#include <string_view>

namespace engine {

/// Bytes (1..4) of the well-formed character at `at`, 0 when none begins there or it is cut off.
std::size_t utf8Length(std::string_view text, std::size_t at);

/// As utf8Length, and gives the code point.
std::size_t utf8Decode(std::string_view text, std::size_t at, char32_t& codePoint);

/// Appends one code point; the caller keeps it a Unicode scalar value.
void utf8Append(std::string& out, char32_t codePoint);

/// First position >= from where the text is malformed, or its size.
std::size_t utf8ValidUntil(std::string_view text, std::size_t from);

/// How many bytes at `at` belong together when no character begins there: a "maximal subpart" in
/// the words of the Unicode standard (chapter 3, table 3-8), at least 1. `incomplete` becomes true
/// when the text ends inside what may still become a character.
std::size_t utf8MalformedLength(std::string_view text, std::size_t at, bool& incomplete);

/// Canonical composition (NFC) by the tables of unicode_nfc_table.inc; malformed bytes are kept.
/// Returns false and leaves `out` alone when the text is already composed.
bool composeNfc(std::string_view text, std::string& out);

} // namespace engine
