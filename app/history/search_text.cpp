#include "app/history/search_text.h"

#include <algorithm>
#include <array>
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
    const QStringList wanted = wordsOf(words);
    qsizetype at = -1;
    QString found;
    for (const QString& word : wanted) {
        at = text.indexOf(word, 0, Qt::CaseInsensitive);
        if (at >= 0) {
            found = text.mid(at, word.size()).simplified();
            break;
        }
    }
    qsizetype from = std::max<qsizetype>(at - kExcerptBefore, 0);
    if (from > 0 && text.at(from).isLowSurrogate())
        --from;
    QString line = text.mid(from, kExcerptLength).simplified();
    if (!line.isEmpty() && line.back().isHighSurrogate())
        line.chop(1);
    if (from > 0)
        line.prepend(QChar(0x2026));
    Excerpt excerpt;
    if (from + kExcerptLength < text.size())
        line += QChar(0x2026);
    excerpt.line = line;
    if (!found.isEmpty()) {
        excerpt.matchAt = int(line.indexOf(found, 0, Qt::CaseInsensitive));
        excerpt.matchLength = excerpt.matchAt >= 0 ? int(found.size()) : 0;
    }
    return excerpt;
}

} // namespace app
