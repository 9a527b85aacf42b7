#pragma once
// Markdown of one block (see markdown_splitter.h) to a flat list of leaves, by md4c's event parser.
// Nothing here opens a file or a socket: images become their alternative text and address, raw HTML
// stays text, and only http and https addresses become links.
//
// Cost: the caller hands over a few kilobytes at a time; nesting deeper than kMaxNesting is kept as
// text of the deepest level.

#include <array>
#include <QString>
#include <QStringList>
#include <vector>

namespace ui {

inline constexpr int kMaxNesting = 10;
inline constexpr int kMaxTableColumns = 64;

enum InlineStyle : quint16 {
    kPlain = 0,
    kBold = 1,
    kItalic = 2,
    kStrike = 4,
    kInlineCode = 8,
    kMath = 16,
    kLink = 32,
    kAside = 64, // the visible address of an image or of a refused link
};

struct InlineRun {
    int start = 0; // UTF-16 units into RichText::text
    int length = 0;
    quint16 style = kPlain;
    int link = -1; // index into RichText::links
};

struct RichText {
    QString text; // hidden characters already written out
    std::vector<InlineRun> runs;
    QStringList links; // http and https only, as written
};

enum class LeafKind { Paragraph, Heading, Code, Table, Rule };

struct LeafContainer {
    enum Kind { Quote, Item } kind = Quote;
    QString marker; // "•" or "3." on the item's first leaf, empty after it
    int task = -1;  // -1 no task, 0 open, 1 done
};

struct TableRow {
    std::vector<RichText> cells;
};

struct Leaf {
    LeafKind kind = LeafKind::Paragraph;
    int headingLevel = 0;
    RichText rich;              // Paragraph, Heading
    QString code;               // Code: as the model wrote it, without the final line feed
    QString language;           // Code: first word of the info string, lower case
    std::vector<TableRow> rows; // Table: row 0 is the header
    std::vector<Qt::Alignment> alignments; // Table: one a column
    std::vector<LeafContainer> containers; // outermost first, at most kMaxNesting
};

struct MarkdownOptions {
    bool hardBreaks = false; // every line feed breaks the line (what people type)
    int ordinal = -1;        // number of the first top-level list item; -1: as written
};

/// `source` is one block, at most a few kilobytes; anything is accepted.
std::vector<Leaf> parseMarkdown(QStringView source, const MarkdownOptions& options = {});

/// `source` shown as it is, one paragraph.
std::vector<Leaf> plainLeaves(QStringView source);

/// True for an address that may become a link.
bool isWebAddress(QStringView address);

/// Markdown of the part [from, to) of `rich`, markers balanced.
QString toMarkdown(const RichText& rich, int from, int to);

} // namespace ui
