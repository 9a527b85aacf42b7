#pragma once
// Colours code line by line. A language is a row of words and marks (highlighter_languages.cpp);
// the scanner knows none by name. What goes on over a line's end (block comment, long string)
// travels in an integer state, so any line can be coloured from its predecessor's state alone.

#include <QString>
#include <QStringView>
#include <vector>

namespace ui {

enum class TokenKind : quint8 {
    Keyword,
    Type,
    String,
    Number,
    Comment,
    Function,
    Property,
    Meta,    // preprocessor, decorator, tag punctuation
    Added,   // diff
    Removed, // diff
};

struct Token {
    int start = 0, length = 0; // UTF-16 units in the line
    TokenKind kind = TokenKind::Keyword;
};

enum class Grammar : quint8 { Words, Markup, Diff };

/// One language. Strings of words are separated by spaces.
struct Language {
    const char* names; // what a fence may say: "cpp c++ cc"
    Grammar grammar = Grammar::Words;
    const char* keywords = "";
    const char* types = "";
    const char* lineComments = ""; // "// #"
    const char* blockOpen = "";
    const char* blockClose = "";
    const char* quotes = "\"'";  // each ends on its own line
    const char* longQuotes = ""; // may run over lines: "\"\"\" '''"
    char meta = 0;               // a line starting with it is Meta ('#' of the preprocessor)
    char decorator = 0;          // @decorator, $variable
    bool ignoreCase = false;
    bool keys = false; // a word or string before ':' is a Property (json, yaml, css)
};

/// nullptr for a name nobody knows: such code stays plain.
const Language* findLanguage(QStringView name);

/// Appends the tokens of `line` (without line feed); returns the state at its end. Start with 0.
int highlightLine(const Language& language, QStringView line, int state,
                  std::vector<Token>& tokens);

} // namespace ui
