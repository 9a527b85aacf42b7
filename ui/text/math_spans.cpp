#include "ui/text/math_spans.h"

#include <algorithm>

namespace ui {
namespace {

constexpr qsizetype kMaxFormula = 2000; // UTF-16 units; longer is text

/// End of the code span that opens at `at`, or past its back-ticks when it never closes.
qsizetype skipCodeSpan(QStringView s, qsizetype at) {
    qsizetype ticks = 0;
    while (at + ticks < s.size() && s[at + ticks] == u'`')
        ++ticks;
    qsizetype i = at + ticks;
    while (i < s.size()) {
        if (s[i] != u'`') {
            ++i;
            continue;
        }
        qsizetype run = 0;
        while (i + run < s.size() && s[i + run] == u'`')
            ++run;
        i += run;
        if (run == ticks)
            return i;
    }
    return at + ticks;
}

/// End of a formula closed by `closer`, or -1. A blank line ends the search.
qsizetype findCloser(QStringView s, qsizetype from, QStringView closer) {
    const qsizetype limit = std::min(s.size(), from + kMaxFormula);
    const qsizetype at = s.left(limit).indexOf(closer, from);
    if (at < 0 || at == from || s.mid(from, at - from).contains(u"\n\n"))
        return -1;
    return at + closer.size();
}

qsizetype findDollar(QStringView s, qsizetype from) {
    if (from >= s.size() || s[from].isSpace())
        return -1;
    const qsizetype limit = std::min(s.size(), from + kMaxFormula);
    for (qsizetype i = from; i < limit; ++i) {
        if (s[i] == u'\\') {
            ++i;
        } else if (s[i] == u'`' || s[i] == u'\n') {
            return -1;
        } else if (s[i] == u'$') {
            const bool digitFollows = i + 1 < s.size() && s[i + 1].isDigit();
            return i > from && !s[i - 1].isSpace() && !digitFollows ? i + 1 : -1;
        }
    }
    return -1;
}

/// End of the formula that opens at `at`, or -1.
qsizetype formulaEnd(QStringView s, qsizetype at) {
    const QStringView rest = s.mid(at);
    if (rest.startsWith(u"$$"))
        return findCloser(s, at + 2, u"$$");
    if (rest.startsWith(u'$'))
        return findDollar(s, at + 1);
    if (rest.startsWith(u"\\("))
        return findCloser(s, at + 2, u"\\)");
    if (rest.startsWith(u"\\["))
        return findCloser(s, at + 2, u"\\]");
    return -1;
}

bool usesPlaceholders(QStringView s) {
    return std::any_of(s.begin(), s.end(), [](QChar c) {
        return c.unicode() >= MathSpans::kFirstPlaceholder &&
               c.unicode() < MathSpans::kFirstPlaceholder + MathSpans::kMaxSpans;
    });
}

} // namespace

MathSpans extractMath(QStringView source) {
    MathSpans out;
    if ((!source.contains(u'$') && !source.contains(u'\\')) || usesPlaceholders(source)) {
        out.text = source.toString();
        return out;
    }
    qsizetype copied = 0;
    qsizetype i = 0;
    // Without this, a block of opening delimiters that never close would be searched again and
    // again.
    int failures = 0;
    while (i < source.size() && out.sources.size() < MathSpans::kMaxSpans && failures < 64) {
        const QChar c = source[i];
        if (c == u'`') {
            i = skipCodeSpan(source, i);
        } else if (c == u'$' || c == u'\\') {
            if (const qsizetype end = formulaEnd(source, i); end > 0) {
                out.text += source.mid(copied, i - copied);
                out.text += QChar(ushort(MathSpans::kFirstPlaceholder + out.sources.size()));
                out.sources += source.mid(i, end - i).toString();
                i = copied = end;
            } else {
                ++failures;
                i += source.mid(i).startsWith(u"$$") || c == u'\\' ? 2 : 1;
            }
        } else {
            ++i;
        }
    }
    out.text += source.mid(copied);
    return out;
}

} // namespace ui
