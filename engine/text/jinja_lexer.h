#pragma once
// Lexer of the Jinja subset: a template's source into tokens, with white-space control as jinja2
// does it under trim_blocks and lstrip_blocks (the settings chat templates are written for).

#include "engine/status.h"

#include <string_view>
#include <vector>

namespace engine::jinja {

enum class TokenKind {
    Data, // text between tags, white space already controlled
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String, // with its quotes and escapes
    Integer,
    Float,
    Operator,
    End
};

struct Token {
    TokenKind kind = TokenKind::End;
    int line = 1;
    std::string_view text; // into the source
};

/// Source with "\n" line ends and without one final line end, as jinja2 reads it.
std::string normalizedSource(std::string_view source);

/// The tokens, closed by End; they point into `source` (normalized).
Result<std::vector<Token>> tokenizeTemplate(std::string_view source);

} // namespace engine::jinja
