#pragma once
// SearchText: what the full-text index is given, and how a person's words become a query.
//
// FTS5's unicode61 takes a run of Han characters for one word, so that 繁忙 inside a sentence is
// never found. Here every Han, kana or hangul character stands between spaces and is a word of its
// own; several of them are then found as a phrase. The result must not change with the Unicode
// version of a library, because index entries are taken out by giving the same text again: fixed
// ranges.

#include <QString>

namespace app {

/// The copy of a text that is indexed.
QString searchCopy(const QString& text);

/// An FTS5 query: each word (or run without spaces) a phrase, all of them wanted; the last Latin
/// word of three letters or more also as a beginning. Empty when there is nothing to look for.
QString searchQuery(const QString& words);

struct Excerpt {
    QString line;
    int matchAt = -1;
    int matchLength = 0;
};
/// One line of `text` around the first of the words, white space folded, without the marks of
/// Markdown unless they are what is looked for.
Excerpt excerptAround(const QString& text, const QString& words);

} // namespace app
