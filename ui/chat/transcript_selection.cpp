// Selection over (message, section, block, offset), and what it copies.

#include "ui/chat/transcript.h"

#include <algorithm>
#include <QKeyEvent>
#include <QTextBoundaryFinder>

namespace ui {

std::pair<TranscriptPosition, TranscriptPosition> Transcript::selection() const {
    return m_selectionAnchor < m_selectionHead ? std::pair{m_selectionAnchor, m_selectionHead}
                                               : std::pair{m_selectionHead, m_selectionAnchor};
}

void Transcript::clearSelection() {
    m_selectionAnchor = m_selectionHead = {};
    m_selecting = false;
}

QString Transcript::selectedMarkdown() {
    const auto [from, to] = selection();
    if (!hasSelection() || from.message < 0)
        return {};
    QString out;
    for (int i = from.message; i <= to.message && i < messageCount(); ++i) {
        TranscriptItem& item = *m_items[size_t(i)];
        const QString part = item.markdown(i == from.message ? from.at : item.begin(),
                                           i == to.message ? to.at : item.end());
        if (part.isEmpty())
            continue;
        if (!out.isEmpty())
            out += QStringLiteral("\n\n");
        out += part;
    }
    return out;
}

void Transcript::copySelection() {
    copyText(selectedMarkdown());
}

void Transcript::selectAll() {
    if (m_items.empty())
        return;
    m_selectionAnchor = {0, m_items.front()->begin()};
    m_selectionHead = {messageCount() - 1, m_items.back()->end()};
    viewport()->update();
}

void Transcript::selectWord(const TranscriptPosition& at) {
    if (at.message < 0)
        return;
    TranscriptFlow& flow = m_items[size_t(at.message)]->flow(at.at.section);
    if (flow.blockCount() == 0)
        return;
    const QString& text = flow.blockText(size_t(at.at.at.block));
    QTextBoundaryFinder finder(QTextBoundaryFinder::Word, text);
    finder.setPosition(std::min<qsizetype>(at.at.at.offset, text.size()));
    const qsizetype from = finder.isAtBoundary() ? finder.position() : finder.toPreviousBoundary();
    finder.setPosition(std::max<qsizetype>(0, from));
    const qsizetype to = finder.toNextBoundary();
    m_selectionAnchor = m_selectionHead = at;
    m_selectionAnchor.at.at.offset = int(std::max<qsizetype>(0, from));
    m_selectionHead.at.at.offset = int(to < 0 ? text.size() : to);
    viewport()->update();
}

/// One character on or back, over the ends of blocks and messages.
TranscriptPosition Transcript::stepped(const TranscriptPosition& from, int delta) {
    TranscriptPosition to = from;
    TranscriptItem* item = m_items[size_t(to.message)].get();
    TranscriptFlow& flow = item->flow(to.at.section);
    FlowPosition& at = to.at.at;
    const int length = flow.blockCount() > 0 ? int(flow.blockText(size_t(at.block)).size()) : 0;
    at.offset = std::min(at.offset, length) + delta;
    if (at.offset >= 0 && at.offset <= length)
        return to;
    if (delta > 0 && at.block + 1 < int(flow.blockCount()))
        return {to.message, {to.at.section, {at.block + 1, 0}}};
    if (delta < 0 && at.block > 0)
        return {to.message,
                {to.at.section, {at.block - 1, int(flow.blockText(size_t(at.block - 1)).size())}}};
    if (delta > 0 && to.at.section == Section::Reasoning)
        return {to.message, {Section::Body, {0, 0}}};
    const int next = to.message + delta;
    if (next < 0 || next >= messageCount())
        return from;
    TranscriptItem& other = *m_items[size_t(next)];
    TranscriptPosition landed{next, delta > 0 ? other.begin() : other.end()};
    if (delta < 0 && other.flow(Section::Body).blockCount() > 0)
        landed.at.at.offset =
            int(other.flow(Section::Body).blockText(size_t(landed.at.at.block)).size());
    return landed;
}

bool Transcript::extendSelection(QKeyEvent* event) {
    const int key = event->key();
    if (m_items.empty() || (key != Qt::Key_Left && key != Qt::Key_Right && key != Qt::Key_Up &&
                            key != Qt::Key_Down && key != Qt::Key_Home && key != Qt::Key_End))
        return false;
    setAttached(false);
    if (m_selectionHead.message < 0 || m_selectionHead.message >= messageCount())
        m_selectionAnchor = m_selectionHead = positionAt({column().left(), 1});
    const int delta = key == Qt::Key_Left ? -1 : 1;
    if (key == Qt::Key_Left || key == Qt::Key_Right) {
        m_selectionHead = stepped(m_selectionHead, delta);
        if (event->modifiers() & Qt::ControlModifier) {
            // On to the next edge of a word.
            for (int i = 0; i < 200; ++i) {
                const auto& at = m_selectionHead.at;
                TranscriptFlow& flow = m_items[size_t(m_selectionHead.message)]->flow(at.section);
                if (flow.blockCount() == 0)
                    break;
                const QString& text = flow.blockText(size_t(at.at.block));
                const int next = at.at.offset + (delta > 0 ? 0 : -1);
                if (next < 0 || next >= text.size() || text[next].isSpace())
                    break;
                m_selectionHead = stepped(m_selectionHead, delta);
            }
        }
    } else {
        const QRectF caret = contentRect(m_selectionHead).translated(column().left(), -scrollY());
        const qreal line = m_styles.answer.lineHeight;
        QPointF to = caret.center();
        if (key == Qt::Key_Up || key == Qt::Key_Down)
            to.ry() += key == Qt::Key_Up ? -line : line;
        else
            to.rx() = key == Qt::Key_Home ? column().left() : column().right();
        m_selectionHead = positionAt(to);
    }
    const QRectF caret = contentRect(m_selectionHead);
    if (!caret.isNull())
        reveal(caret);
    viewport()->update();
    return true;
}

} // namespace ui
