#include "app/session/loop_watch.h"

#include <QHash>
#include <vector>

namespace app {

namespace {

constexpr qsizetype kHandful = 64;

/// The end is one passage over and over. By the failure function of Knuth, Morris and Pratt on the
/// text read backwards: its first n characters have the period n - border[n].
bool endsInCircles(QStringView text) {
    const qsizetype size = text.size();
    const auto at = [&](qsizetype i) { return text[size - 1 - i]; };
    std::vector<qsizetype> border(static_cast<std::size_t>(size) + 1, 0);
    qsizetype matched = 0;
    for (qsizetype n = 1; n < size; ++n) {
        while (matched > 0 && at(n) != at(matched))
            matched = border[static_cast<std::size_t>(matched)];
        if (at(n) == at(matched))
            ++matched;
        const qsizetype length = n + 1;
        border[static_cast<std::size_t>(length)] = matched;
        if (length >= LoopWatch::kLeast && length >= LoopWatch::kTimes * (length - matched))
            return true;
    }
    return false;
}

bool isEnd(QChar c) {
    return c == u'\n' || c == u'.' || c == u'!' || c == u'?' || c == u'。' || c == u'！' ||
           c == u'？';
}

bool saysTheSameAgain(QStringView text) {
    QHash<QStringView, int> seen;
    qsizetype begin = 0;
    for (qsizetype i = 0; i < text.size(); ++i) {
        if (!isEnd(text[i]))
            continue;
        const QStringView said = text.mid(begin, i - begin).trimmed();
        begin = i + 1;
        if (said.size() >= LoopWatch::kShortestSentence &&
            ++seen[said] >= LoopWatch::kSameSentences)
            return true;
    }
    return false;
}

} // namespace

void LoopWatch::push(QStringView text) {
    if (text.isEmpty())
        return;
    m_tail += text;
    m_unseen += text.size();
    if (m_unseen < kHandful)
        return;
    m_unseen = 0;
    if (m_tail.size() > kWindow)
        m_tail.remove(0, m_tail.size() - kWindow);
    m_repeats = endsInCircles(m_tail) || saysTheSameAgain(m_tail);
}

} // namespace app
