#include "ui/text/markdown_splitter.h"

#include <algorithm>

namespace ui {
namespace {

constexpr qsizetype kLookAhead = kMaxBlockChars + 1; // UTF-16 units

/// One line of the text, classified.
struct Line {
    qsizetype begin = 0, end = 0; // end is past the line feed
    QStringView content;          // without indent and line feed
    int indent = 0;               // columns, tabs count to the next multiple of 4
    bool blank() const { return content.isEmpty(); }
};

struct ItemMarker {
    bool ok = false;
    int ordinal = -1;
    int width = 0; // columns from the marker to the item's content
    bool empty = false;
};

Line lineAt(QStringView text, qsizetype at) {
    Line line;
    line.begin = at;
    // A line without end is looked at only as far as it takes to see that it is too long.
    const qsizetype limit = std::min(text.size(), at + kLookAhead);
    const qsizetype feed = text.left(limit).indexOf(u'\n', at);
    const qsizetype stop = feed < 0 ? limit : feed;
    line.end = feed < 0 ? limit : feed + 1;
    qsizetype i = at;
    for (; i < stop && (text[i] == u' ' || text[i] == u'\t'); ++i)
        line.indent += text[i] == u'\t' ? 4 - line.indent % 4 : 1;
    line.content = text.mid(i, stop - i);
    if (line.content.endsWith(u'\r'))
        line.content.chop(1);
    if (line.content.trimmed().isEmpty())
        line.content = {};
    return line;
}

int fenceLength(QStringView content) {
    if (content.isEmpty() || (content[0] != u'`' && content[0] != u'~'))
        return 0;
    qsizetype n = 1;
    while (n < content.size() && content[n] == content[0])
        ++n;
    // A back-tick in the info string makes it inline code.
    return n >= 3 && !(content[0] == u'`' && content.mid(n).contains(u'`')) ? int(n) : 0;
}

bool isHeading(const Line& line) {
    qsizetype n = 0;
    while (n < line.content.size() && line.content[n] == u'#')
        ++n;
    return line.indent < 4 && n >= 1 && n <= 6 &&
           (n == line.content.size() || line.content[n].isSpace());
}

bool isRule(const Line& line) {
    if (line.indent > 3 || line.content.isEmpty() || !QStringView(u"-*_").contains(line.content[0]))
        return false;
    int marks = 0;
    for (const QChar c : line.content) {
        if (c == line.content[0])
            ++marks;
        else if (!c.isSpace())
            return false;
    }
    return marks >= 3;
}

bool isSetextUnderline(const Line& line) {
    if (line.indent > 3 || line.content.isEmpty() ||
        (line.content[0] != u'-' && line.content[0] != u'='))
        return false;
    const QStringView trimmed = line.content.trimmed();
    return std::all_of(trimmed.begin(), trimmed.end(), [&](QChar c) { return c == trimmed[0]; });
}

ItemMarker itemMarker(const Line& line) {
    ItemMarker marker;
    const QStringView s = line.content;
    if (s.isEmpty() || isRule(line))
        return marker;
    qsizetype n = 0;
    if (QStringView(u"-*+").contains(s[0])) {
        n = 1;
    } else {
        while (n < s.size() && n < 9 && s[n] >= u'0' && s[n] <= u'9')
            ++n;
        if (n == 0 || n >= s.size() || (s[n] != u'.' && s[n] != u')'))
            return marker;
        marker.ordinal = s.left(n).toInt();
        ++n;
    }
    if (n < s.size() && s[n] != u' ' && s[n] != u'\t')
        return marker;
    qsizetype spaces = 0;
    while (n + spaces < s.size() && s[n + spaces] == u' ')
        ++spaces;
    marker.ok = true;
    marker.empty = n + spaces >= s.size();
    marker.width = int(n + (spaces >= 1 && spaces <= 4 && !marker.empty ? spaces : 1));
    return marker;
}

bool isTableDelimiter(QStringView content) {
    return content.contains(u'-') && content.contains(u'|') &&
           std::all_of(content.begin(), content.end(), [](QChar c) {
               return c == u'-' || c == u'|' || c == u':' || c == u' ' || c == u'\t';
           });
}

/// Lines that end a paragraph, an item's or a quote's lazy text.
bool startsBlock(const Line& line, bool inParagraph) {
    if (line.indent > 3)
        return false;
    if (fenceLength(line.content) > 0 || isHeading(line) || line.content.startsWith(u'>'))
        return true;
    if (const ItemMarker marker = itemMarker(line); marker.ok)
        return !inParagraph || (!marker.empty && marker.ordinal <= 1);
    return isRule(line);
}

bool isTooLong(const Line& line) {
    return line.end - line.begin > kMaxBlockChars;
}

/// The cutter: one call of next() makes one block.
class Splitter {
  public:
    Splitter(QStringView text, std::vector<SourceBlock>& blocks) : m_text(text), m_blocks(blocks) {}

    void next(qsizetype at) {
        m_block = {};
        m_block.begin = m_block.end = at;
        const SourceBlock* before = m_blocks.empty() ? nullptr : &m_blocks.back();
        if (before && before->kind == BlockKind::Code && !before->closed) {
            continueCode(*before);
        } else {
            Line line = lineAt(m_text, at);
            while (line.blank() && line.end < m_text.size())
                line = lineAt(m_text, line.end); // only a text that begins with blank lines
            const bool midLine = at > 0 && m_text[at - 1] != u'\n';
            if (isTooLong(line) || midLine)
                takePlain(line, midLine);
            else
                start(line, before);
        }
        if (m_block.kind != BlockKind::Code || m_block.closed)
            takeBlankLines();
        if (m_block.continues)
            m_blocks.back().joined = true;
        m_blocks.push_back(m_block);
    }

  private:
    void start(const Line& line, const SourceBlock* before) {
        const int fence = line.indent < 4 ? fenceLength(line.content) : 0;
        const ItemMarker marker = line.indent < 4 ? itemMarker(line) : ItemMarker{};
        m_block.end = line.end;
        if (fence > 0) {
            startCode(line, fence);
        } else if (isHeading(line)) {
            m_block.kind = BlockKind::Heading;
        } else if (isRule(line)) {
            m_block.kind = BlockKind::Rule;
        } else if (line.indent < 4 && line.content.startsWith(u'>')) {
            m_block.kind = BlockKind::Quote;
            m_block.continues =
                before && before->kind == BlockKind::Quote && !endsBlank(before->end);
            takeQuote();
        } else if (marker.ok) {
            startItem(line, marker, before);
        } else {
            takeParagraph(before);
        }
    }

    void startCode(const Line& line, int fence) {
        m_block.kind = BlockKind::Code;
        m_block.fence = line.content[0];
        m_block.fenceLength = fence;
        m_block.fenceIndent = line.indent;
        const QStringView info = line.content.mid(fence).trimmed();
        const qsizetype space = info.indexOf(u' ');
        m_block.language = info.left(space < 0 ? info.size() : space).left(40).toString().toLower();
        m_block.codeBegin = m_block.codeEnd = line.end;
        takeCode();
    }

    void continueCode(const SourceBlock& before) {
        m_block.kind = BlockKind::Code;
        m_block.continues = true;
        m_block.fence = before.fence;
        m_block.fenceLength = before.fenceLength;
        m_block.fenceIndent = before.fenceIndent;
        m_block.language = before.language;
        m_block.codeBegin = m_block.codeEnd = m_block.begin;
        takeCode();
    }

    void takeCode() {
        for (int count = 0; m_block.end < m_text.size() && count < kMaxBlockLines; ++count) {
            const Line line = lineAt(m_text, m_block.end);
            const int fence = fenceLength(line.content);
            if (line.indent < 4 && fence >= m_block.fenceLength &&
                line.content[0] == m_block.fence && line.content.trimmed().size() == fence) {
                m_block.end = line.end;
                m_block.closed = true;
                return;
            }
            const qsizetype room = m_block.codeBegin + kMaxBlockChars - m_block.end;
            if (line.end - line.begin > room) {
                if (count > 0)
                    return;
                m_block.end = m_block.codeEnd = cut(m_block.end, kMaxBlockChars);
                return;
            }
            m_block.end = m_block.codeEnd = line.end;
        }
    }

    void startItem(const Line& line, const ItemMarker& marker, const SourceBlock* before) {
        m_block.kind = BlockKind::Item;
        m_block.ordinal = marker.ordinal;
        m_block.contentIndent = line.indent + marker.width;
        const bool sameList = before && before->kind == BlockKind::Item &&
                              (before->ordinal >= 0) == (marker.ordinal >= 0);
        if (sameList && marker.ordinal >= 0)
            m_block.ordinal = before->ordinal + 1;
        takeItem(line, marker);
    }

    void takeItem(const Line& first, const ItemMarker& marker) {
        QChar innerFence;
        const QStringView inner =
            first.content.mid(std::min<qsizetype>(marker.width, first.content.size()));
        if (fenceLength(inner) > 0)
            innerFence = inner[0];
        bool afterBlank = false;
        int count = 0;
        while (m_block.end < m_text.size() && ++count < 4 * kMaxBlockLines &&
               m_block.end - m_block.begin < 4 * kMaxBlockChars) {
            const Line line = lineAt(m_text, m_block.end);
            if (isTooLong(line))
                return;
            if (line.blank()) {
                const qsizetype resume = afterBlankLines(line.end);
                if (resume >= m_text.size() ||
                    lineAt(m_text, resume).indent < m_block.contentIndent)
                    return;
                m_block.end = resume;
                afterBlank = true;
                continue;
            }
            const bool inside = line.indent >= m_block.contentIndent;
            if (!inside && (afterBlank || !innerFence.isNull() || startsBlock(line, false)))
                return;
            if (inside && fenceLength(line.content) > 0) {
                if (innerFence.isNull())
                    innerFence = line.content[0];
                else if (innerFence == line.content[0])
                    innerFence = QChar();
            }
            afterBlank = false;
            m_block.end = line.end;
        }
    }

    void takeQuote() {
        for (int count = 1; m_block.end < m_text.size() && count < kMaxBlockLines; ++count) {
            const Line line = lineAt(m_text, m_block.end);
            const bool quoted = line.indent < 4 && line.content.startsWith(u'>');
            if (line.blank() || isTooLong(line) || (!quoted && startsBlock(line, true)) ||
                line.end - m_block.begin > kMaxBlockChars)
                return;
            m_block.end = line.end;
        }
    }

    void takeParagraph(const SourceBlock* before) {
        m_block.kind = BlockKind::Paragraph;
        // A table that was cut goes on under its own header lines.
        if (before && before->headerEnd > 0 && before->end == m_block.begin &&
            !lineAt(m_text, m_block.begin).blank() && !endsBlank(before->end)) {
            m_block.headerBegin = before->headerBegin;
            m_block.headerEnd = before->headerEnd;
            m_block.continues = true;
        }
        for (int count = 1; m_block.end < m_text.size() && count < kMaxBlockLines; ++count) {
            const Line line = lineAt(m_text, m_block.end);
            if (line.blank() || isTooLong(line) || line.end - m_block.begin > kMaxBlockChars)
                return;
            if (isSetextUnderline(line) && !m_block.continues) {
                m_block.end = line.end;
                m_block.kind = BlockKind::Heading;
                return;
            }
            if (startsBlock(line, true))
                return;
            if (count == 1 && !m_block.continues && isTableDelimiter(line.content)) {
                m_block.headerBegin = lineAt(m_text, m_block.begin).begin;
                m_block.headerEnd = line.end;
            }
            m_block.end = line.end;
        }
    }

    void takePlain(const Line& line, bool midLine) {
        m_block.kind = BlockKind::Plain;
        m_block.continues = midLine;
        const qsizetype at = m_block.end;
        m_block.end = line.end - at <= kMaxPlainChars ? line.end : cut(at, kMaxPlainChars);
    }

    /// At most `length` further on, after a space where there is one, never inside a character.
    qsizetype cut(qsizetype at, qsizetype length) const {
        qsizetype end = at + length;
        if (end >= m_text.size())
            return m_text.size();
        for (qsizetype i = end; i > end - length / 4; --i)
            if (m_text[i - 1] == u' ')
                return i;
        return m_text[end].isLowSurrogate() ? end - 1 : end;
    }

    void takeBlankLines() { m_block.end = afterBlankLines(m_block.end); }

    qsizetype afterBlankLines(qsizetype at) const {
        if (at > 0 && at < m_text.size() && m_text[at - 1] != u'\n')
            return at;
        while (at < m_text.size()) {
            const Line line = lineAt(m_text, at);
            if (!line.blank())
                break;
            at = line.end;
        }
        return at;
    }

    bool endsBlank(qsizetype end) const {
        return end >= 2 && m_text[end - 1] == u'\n' && m_text[end - 2] == u'\n';
    }

    QStringView m_text;
    std::vector<SourceBlock>& m_blocks;
    SourceBlock m_block;
};

} // namespace

size_t splitMarkdown(QStringView text, std::vector<SourceBlock>& blocks) {
    // The end may still turn into something else ("#" becomes "#5"), and so may the block before
    // it, which that end would then have continued.
    const size_t keep = blocks.size() > 2 ? blocks.size() - 2 : 0;
    blocks.resize(keep);
    qsizetype at = keep > 0 ? blocks.back().end : 0;
    Splitter splitter(text, blocks);
    while (at < text.size()) {
        splitter.next(at);
        at = blocks.back().end;
    }
    return keep;
}

} // namespace ui
