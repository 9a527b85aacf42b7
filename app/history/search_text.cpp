#include "app/history/search_text.h"

#include <algorithm>
#include <array>
#include <QRegularExpression>
#include <QStringList>

namespace app {

namespace {

struct Range {
    char32_t first;
    char32_t last;
};
// Han with its extensions, kana, hangul, and the marks that stand for a character.
constexpr std::array<Range, 13> kWordEach = {{{0x1100, 0x11FF},
                                              {0x3005, 0x3007},
                                              {0x3041, 0x30FF},
                                              {0x3130, 0x318F},
                                              {0x31F0, 0x31FF},
                                              {0x3400, 0x4DBF},
                                              {0x4E00, 0x9FFF},
                                              {0xA960, 0xA97F},
                                              {0xAC00, 0xD7FF},
                                              {0xF900, 0xFAFF},
                                              {0xFF66, 0xFF9F},
                                              {0xFFA0, 0xFFDC},
                                              {0x20000, 0x3FFFF}}};

bool isWordByItself(char32_t c) {
    return std::any_of(kWordEach.begin(), kWordEach.end(),
                       [c](const Range& range) { return c >= range.first && c <= range.last; });
}

bool holdsWordCharacter(const QString& text) {
    const QList<uint> points = text.toUcs4();
    return std::any_of(points.begin(), points.end(),
                       [](uint c) { return QChar::isLetterOrNumber(c) || isWordByItself(c); });
}

QStringList wordsOf(const QString& words) {
    // U+3000 is the space of CJK text; simplified() folds it too.
    QStringList kept;
    for (const QString& word : words.simplified().split(QLatin1Char(' '), Qt::SkipEmptyParts))
        if (holdsWordCharacter(word))
            kept.append(word);
    return kept;
}

constexpr int kExcerptBefore = 40;
constexpr int kExcerptLength = 160;
constexpr int kPrefixLetters = 3;
// What is looked at for an excerpt: the rest of a long message would be cut off anyway.
constexpr qsizetype kWindowBefore = 200;
constexpr qsizetype kWindowLength = 1000;
constexpr QChar kEllipsis(0x2026);

struct Place {
    QString word;
    qsizetype at = -1;
};
/// The first of the words that the text holds.
Place firstOf(const QStringList& words, const QString& text) {
    for (const QString& word : words)
        if (const qsizetype at = text.indexOf(word, 0, Qt::CaseInsensitive); at >= 0)
            return {word, at};
    return {};
}

/// `at`, or one less where that is the second half of a character.
qsizetype wholeAt(const QString& text, qsizetype at) {
    return at > 0 && at < text.size() && text.at(at).isLowSurrogate() ? at - 1 : at;
}

/// A line of Markdown without the marks at its ends: of headings, lists, quotes, tables; nothing of
/// a line that is a mark as a whole.
QString lineWithoutMarks(const QString& line) {
    static const QRegularExpression whole(QStringLiteral(R"(^\s*(?:```.*|~~~.*|\|[\s|:-]+)$)"));
    static const QRegularExpression leading(QStringLiteral(R"(^\s*(?:#{1,6}|>|[-*+])\s+)"));
    if (whole.match(line).hasMatch())
        return {};
    if (const QString row = line.trimmed();
        row.size() > 1 && row.front() == u'|' && row.back() == u'|')
        return QString(row).replace(u'|', u' ');
    return QString(line).remove(leading);
}

/// The words of Markdown as a page would show them, line by line.
QString withoutMarks(const QString& text) {
    static const std::array<QRegularExpression, 3> kAround = {
        QRegularExpression(QStringLiteral(R"(\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*)")),
        QRegularExpression(QStringLiteral(R"(`([^`\n]+)`)")),
        QRegularExpression(QStringLiteral(R"(!?\[([^\]\n]*)\]\([^)\n]*\))"))};
    QStringList lines = text.split(u'\n');
    for (QString& line : lines)
        line = lineWithoutMarks(line);
    QString plain = lines.join(u'\n');
    for (const QRegularExpression& around : kAround)
        plain.replace(around, QStringLiteral("\\1"));
    return plain;
}

} // namespace

QString searchCopy(const QString& text) {
    QString copy;
    copy.reserve(text.size() * 2);
    for (qsizetype i = 0; i < text.size(); ++i) {
        char32_t point = text.at(i).unicode();
        qsizetype units = 1;
        if (text.at(i).isHighSurrogate() && i + 1 < text.size() &&
            text.at(i + 1).isLowSurrogate()) {
            point = QChar::surrogateToUcs4(text.at(i), text.at(i + 1));
            units = 2;
        }
        const bool apart = isWordByItself(point);
        if (apart)
            copy += QLatin1Char(' ');
        if (point != 0) // FTS5 would end the text there
            copy += QStringView(text).mid(i, units);
        if (apart)
            copy += QLatin1Char(' ');
        i += units - 1;
    }
    return copy;
}

QString searchQuery(const QString& words) {
    const QStringList wanted = wordsOf(words);
    QStringList phrases;
    for (const QString& word : wanted) {
        QString phrase = searchCopy(word);
        phrase.replace(QLatin1Char('"'), QLatin1String("\"\""));
        phrases.append(QLatin1Char('"') + phrase + QLatin1Char('"'));
    }
    if (!wanted.isEmpty()) {
        const QString& last = wanted.constLast();
        const bool latin = std::all_of(last.begin(), last.end(), [](QChar c) {
            return c.isLetterOrNumber() && !isWordByItself(c.unicode()) && !c.isSurrogate();
        });
        if (latin && last.size() >= kPrefixLetters)
            phrases.last() += QLatin1String(" *");
    }
    return phrases.join(QLatin1Char(' '));
}

Excerpt excerptAround(const QString& text, const QString& words) {
    const Place first = firstOf(wordsOf(words), text);
    const qsizetype from = wholeAt(text, std::max<qsizetype>(first.at - kWindowBefore, 0));
    const QString window = text.mid(from, kWindowLength);
    QString plain = withoutMarks(window);
    if (!first.word.isEmpty() && !plain.contains(first.word, Qt::CaseInsensitive))
        plain = window; // the marks are what was looked for
    const qsizetype at =
        first.word.isEmpty() ? 0 : plain.indexOf(first.word, 0, Qt::CaseInsensitive);
    const qsizetype begin = wholeAt(plain, std::max<qsizetype>(at - kExcerptBefore, 0));

    Excerpt excerpt;
    excerpt.line = plain.mid(begin, kExcerptLength).simplified();
    if (!excerpt.line.isEmpty() && excerpt.line.back().isHighSurrogate())
        excerpt.line.chop(1);
    if (from + begin > 0)
        excerpt.line.prepend(kEllipsis);
    if (from + kWindowLength < text.size() || begin + kExcerptLength < plain.size())
        excerpt.line += kEllipsis;
    if (const QString found = plain.mid(at, first.word.size()).simplified(); !found.isEmpty()) {
        excerpt.matchAt = int(excerpt.line.indexOf(found, 0, Qt::CaseInsensitive));
        excerpt.matchLength = excerpt.matchAt >= 0 ? int(found.size()) : 0;
    }
    return excerpt;
}

} // namespace app
