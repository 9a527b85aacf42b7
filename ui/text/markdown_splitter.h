#pragma once
// Cuts a growing Markdown text into top-level blocks, so that only the open end of an answer is
// parsed and laid out again. Every block is bounded (kMaxBlockChars, kMaxBlockLines): long code,
// tables and quotes go on in a continuation block, a line no person would write is shown as plain
// text in pieces.
//
// A top-level list is one block an item; its number travels in `ordinal`.

#include <QString>
#include <QStringView>
#include <vector>

namespace ui {

inline constexpr qsizetype kMaxBlockChars = 4096; // UTF-16 units; list items may have 4 times that
inline constexpr qsizetype kMaxPlainChars = 1024;
inline constexpr int kMaxBlockLines = 64;

enum class BlockKind { Paragraph, Heading, Rule, Item, Quote, Code, Plain };

struct SourceBlock {
    BlockKind kind = BlockKind::Paragraph;
    qsizetype begin = 0, end = 0; // in the message's text; end is past trailing blank lines
    bool continues = false;       // goes on from the block before without a gap
    bool joined = false;          // the next block continues this one
    // Item
    int ordinal = -1; // number of the item, -1: bullet
    int contentIndent = 0;
    // Code
    qsizetype codeBegin = 0, codeEnd = 0; // the code itself, without fences
    QChar fence;
    int fenceLength = 0;
    int fenceIndent = 0;
    bool closed = false; // its closing fence has come
    QString language;
    // Paragraph that is a table: its two header lines, repeated before a continuation
    qsizetype headerBegin = 0, headerEnd = 0;

    bool operator==(const SourceBlock&) const = default;
};

/// Brings `blocks` up to date with `text`, which has only grown at its end since the last call
/// (or `blocks` is empty). Returns the index of the first block that may have changed.
size_t splitMarkdown(QStringView text, std::vector<SourceBlock>& blocks);

} // namespace ui
