// Find in the conversation: matches are gathered a few milliseconds at a time, so that a long chat
// never stalls the window; the first one from the reader's place on is shown as soon as it is
// known.

#include "ui/chat/transcript.h"

#include <algorithm>
#include <QElapsedTimer>
#include <QScrollBar>

namespace ui {
namespace {

constexpr qint64 kSliceNs = 4'000'000;

} // namespace

void Transcript::setFind(const QString& text) {
    if (text == m_find)
        return;
    m_find = text;
    m_findFrom = positionAt({column().left(), 1});
    m_findSeek = !text.isEmpty();
    m_match = -1;
    restartFindAt(0);
    reportFind();
    viewport()->update();
}

void Transcript::restartFindAt(int message) {
    std::erase_if(m_matches, [&](const TranscriptPosition& at) { return at.message >= message; });
    if (m_match >= int(m_matches.size()))
        m_match = -1;
    if (m_find.isEmpty()) {
        m_matches.clear();
        m_findTimer.stop();
        m_findDone = true;
        return;
    }
    if (m_findDone || message < m_findCursor.message || message == 0)
        m_findCursor = {message, Section::Reasoning, 0};
    m_findDone = false;
    if (!m_findTimer.isActive())
        m_findTimer.start();
}

void Transcript::collectMatches() {
    QElapsedTimer clock;
    clock.start();
    FindCursor& cursor = m_findCursor;
    while (cursor.message < messageCount() && clock.nsecsElapsed() < kSliceNs) {
        TranscriptFlow& flow = m_items[size_t(cursor.message)]->flow(cursor.section);
        if (cursor.block >= int(flow.blockCount())) {
            const bool more = cursor.section == Section::Reasoning;
            cursor = {more ? cursor.message : cursor.message + 1,
                      more ? Section::Body : Section::Reasoning, 0};
            continue;
        }
        const QString& text = flow.blockText(size_t(cursor.block));
        for (qsizetype at = text.indexOf(m_find, 0, Qt::CaseInsensitive); at >= 0;
             at = text.indexOf(m_find, at + m_find.size(), Qt::CaseInsensitive))
            m_matches.push_back({cursor.message, {cursor.section, {cursor.block, int(at)}}});
        ++cursor.block;
    }
    m_findDone = cursor.message >= messageCount();
    if (m_findDone)
        m_findTimer.stop();
    if (m_findSeek) {
        const auto at = std::lower_bound(m_matches.begin(), m_matches.end(), m_findFrom);
        if (at != m_matches.end())
            goToMatch(int(at - m_matches.begin()));
        else if (m_findDone && !m_matches.empty())
            goToMatch(0);
        m_findSeek = m_findSeek && !m_findDone;
    }
    reportFind();
}

void Transcript::goToMatch(int index) {
    m_findSeek = false;
    m_match = index;
    const TranscriptPosition& at = m_matches[size_t(index)];
    TranscriptItem& item = *m_items[size_t(at.message)];
    if (!item.shows(at.at.section))
        toggleFold(at.message); // a match in folded reasoning opens it
    // Twice: laying out what surrounds the match corrects where it lies.
    for (int pass = 0; pass < 2; ++pass)
        reveal(contentRect(at));
    viewport()->update();
}

void Transcript::findNext() {
    if (m_matches.empty())
        return;
    goToMatch((m_match + 1) % int(m_matches.size()));
    reportFind();
}

void Transcript::findPrevious() {
    if (m_matches.empty())
        return;
    const int count = int(m_matches.size());
    goToMatch((std::max(m_match, 0) + count - 1) % count);
    reportFind();
}

void Transcript::reportFind() {
    emit findChanged(m_match + 1, int(m_matches.size()), !m_findDone);
}

} // namespace ui
