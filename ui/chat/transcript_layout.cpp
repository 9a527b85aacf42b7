// Transcript, part two: frames, heights, scrolling, and what floats above the text.
#include "ui/chat/transcript.h"

#include "ui/chat/transcript_actions.h"

#include <algorithm>
#include <cmath>
#include <QAbstractButton>
#include <QScrollBar>

namespace ui {
namespace {

constexpr qreal kPadTop = 4, kPadBottom = 16, kMargin = 28; // px
constexpr int kActionsHeight = 32;
constexpr qreal kLayAhead = 96; // px laid out above and below what shows

} // namespace

void Transcript::markDirty(int index) {
    if (std::find(m_dirty.begin(), m_dirty.end(), index) == m_dirty.end())
        m_dirty.push_back(index);
    if (!m_frameTimer.isActive() && isVisible())
        m_frameTimer.start();
}

/// What came in while nobody saw it is laid out once.
void Transcript::showEvent(QShowEvent* event) {
    QAbstractScrollArea::showEvent(event);
    if (!m_dirty.empty())
        frame();
}

QString Transcript::topMessage() const {
    return m_items.empty() ? QString() : m_items[size_t(itemAt(scrollY()))]->message().id;
}

/// Shows everything that came in since the last frame.
void Transcript::frame() {
    for (const int index : m_dirty) {
        TranscriptItem& item = *m_items[size_t(index)];
        const qreal oldReasoning = item.reasoningRect().height();
        const qreal top = itemTop(index) - scrollY();
        item.sync(m_collapseAtEnd);
        m_heights.set(size_t(index), item.height());
        // Reasoning that folds away above the reader must not pull the text under their eyes.
        const qreal lost = oldReasoning - item.reasoningRect().height();
        if (!m_attached && lost > 0 && top + item.bodyRect().top() < 0)
            setScroll(scrollY() - lost);
        if (!m_find.isEmpty())
            restartFindAt(index);
    }
    m_dirty.clear();
    settle(true);
    viewport()->update();
}

void Transcript::relayoutAll() {
    const Anchor anchor = anchorAtTop();
    for (size_t i = 0; i < m_items.size(); ++i) {
        m_items[i]->setWidth(column().width());
        m_heights.set(i, m_items[i]->height());
    }
    m_slack = 0;
    if (!m_attached && anchor.item >= 0)
        setScroll(itemTop(anchor.item) + m_items[size_t(anchor.item)]->anchorY(anchor.at) -
                  anchor.screenY);
    settle(false);
    viewport()->update();
}

bool Transcript::ensureVisible() {
    bool changed = false;
    const qreal from = scrollY() - kLayAhead;
    const qreal to = scrollY() + viewport()->height() + kLayAhead;
    if (m_items.empty())
        return false;
    for (int i = itemAt(from); i < messageCount() && itemTop(i) < to; ++i) {
        TranscriptItem& item = *m_items[size_t(i)];
        if (item.ensure(from - itemTop(i), to - itemTop(i))) {
            m_heights.set(size_t(i), item.height());
            changed = true;
        }
    }
    return changed;
}

void Transcript::releaseFar() {
    if (m_items.empty())
        return;
    // Whoever scrolls away has the layouts of three screens behind them.
    const qreal reach = 3 * viewport()->height();
    const int first = itemAt(scrollY() - 2 * reach);
    for (int i = first; i < messageCount() && itemTop(i) < scrollY() + 3 * reach; ++i)
        m_items[size_t(i)]->releaseOutside(scrollY() - reach - itemTop(i),
                                           scrollY() + viewport()->height() + reach - itemTop(i));
}

Transcript::Anchor Transcript::anchorAtTop() const {
    Anchor anchor;
    if (m_items.empty())
        return anchor;
    anchor.item = itemAt(scrollY());
    anchor.at = m_items[size_t(anchor.item)]->anchorAt(scrollY() - itemTop(anchor.item));
    anchor.screenY =
        itemTop(anchor.item) + m_items[size_t(anchor.item)]->anchorY(anchor.at) - scrollY();
    return anchor;
}

/// Lays out what shows and corrects the estimates around it. The end stays in view when attached;
/// otherwise the topmost block keeps its place. With `keepView` content that became shorter leaves
/// room below instead of moving what is read.
void Transcript::settle(bool keepView) {
    if (m_settling)
        return;
    m_settling = true;
    for (int pass = 0; pass < 8; ++pass) {
        const Anchor anchor = anchorAtTop();
        const bool changed = ensureVisible();
        const qreal content = contentHeight();
        const qreal page = viewport()->height();
        if (m_attached) {
            if (keepView && pass == 0)
                m_slack = std::max(0.0, m_slack - (content - m_lastContent));
            else if (!keepView)
                m_slack = 0;
        } else {
            m_slack = std::max(0.0, std::min(m_slack, scrollY() + page - content));
            if (keepView)
                m_slack = std::max(0.0, scrollY() + page - content);
        }
        m_slack = std::min(m_slack, std::max(0.0, page - 48));
        verticalScrollBar()->setPageStep(int(page));
        verticalScrollBar()->setSingleStep(int(m_styles.answer.lineHeight));
        verticalScrollBar()->setRange(0, int(std::max(0.0, std::ceil(content + m_slack - page))));
        if (m_attached)
            setScroll(verticalScrollBar()->maximum());
        else if (changed && anchor.item >= 0)
            setScroll(itemTop(anchor.item) + m_items[size_t(anchor.item)]->anchorY(anchor.at) -
                      anchor.screenY);
        if (!changed && (pass > 0 || !m_attached))
            break;
    }
    m_lastContent = contentHeight();
    m_settling = false;
    releaseFar();
    placeOverlays();
}

void Transcript::setScroll(qreal y) {
    verticalScrollBar()->setValue(qRound(y));
}

qreal Transcript::scrollY() const {
    return verticalScrollBar()->value();
}

int Transcript::contentHeight() const {
    return int(std::ceil(kPadTop + m_heights.total() + kPadBottom));
}

qreal Transcript::itemTop(int index) const {
    return kPadTop + m_heights.prefix(size_t(index));
}

int Transcript::itemAt(qreal contentY) const {
    return int(m_heights.at(std::max(0.0, contentY - kPadTop)));
}

QRectF Transcript::column() const {
    // The room of the scroll bar stays free without it, so that nothing moves when it comes.
    const QScrollBar* bar = verticalScrollBar();
    const int room = viewport()->width() - (bar->isVisibleTo(this) ? 0 : bar->sizeHint().width());
    const qreal width = std::clamp(room - 2 * kMargin, 160.0, qreal(kColumnWidth));
    return {std::max(kMargin, std::floor((room - width) / 2)), 0, width, 0};
}

QPointF Transcript::columnOrigin(int index) const {
    return {column().left(), itemTop(index) - scrollY()};
}

QRect Transcript::messageRect(int index) const {
    const QPointF origin = columnOrigin(index);
    return QRectF(origin.x(), origin.y(), column().width(), m_heights.height(size_t(index)))
        .toRect();
}

void Transcript::setAttached(bool attached) {
    if (m_attached == attached)
        return;
    m_attached = attached;
    emit attachedChanged(attached);
    placeOverlays();
}

void Transcript::jumpToLatest() {
    setAttached(true);
    m_slack = 0;
    settle(false);
    viewport()->update();
}

void Transcript::scrollContentsBy(int, int) {
    if (!m_settling)
        settle(false);
    viewport()->update();
}

void Transcript::resizeEvent(QResizeEvent* event) {
    QAbstractScrollArea::resizeEvent(event);
    relayoutAll();
}

void Transcript::toggleFold(int index) {
    TranscriptItem& item = *m_items[size_t(index)];
    item.toggleFold();
    m_heights.set(size_t(index), item.height());
    // What is under the pointer stays: following the end would move it.
    if (contentHeight() > scrollY() + viewport()->height() + 1)
        setAttached(false);
    settle(true);
    viewport()->update();
}

void Transcript::tickClock() {
    bool running = false;
    for (int i = messageCount() - 1; i >= 0 && i >= messageCount() - 4; --i) {
        TranscriptItem& item = *m_items[size_t(i)];
        running |= item.message().running;
        if (item.reasoningRunning() && item.hasReasoning())
            viewport()->update(item.foldRect().translated(columnOrigin(i)).toAlignedRect());
    }
    if (!running)
        m_clockTimer.stop();
}

void Transcript::placeActions(MessageActions* row, int index) {
    if (index < 0 || index >= messageCount()) {
        row->clear();
        return;
    }
    TranscriptItem& item = *m_items[size_t(index)];
    const QPointF origin = columnOrigin(index);
    const QRect place(int(origin.x()) - 8, int(origin.y() + item.actionsTop()),
                      int(column().width()) + 8, kActionsHeight);
    if (!place.intersects(viewport()->rect())) {
        if (row->isVisible() && !row->isAncestorOf(focusWidget()))
            row->clear();
        else
            row->setGeometry(place);
        return;
    }
    row->setGeometry(place);
    row->show(index, item.message(), item.reasoningRunning() && item.hasReasoning());
}

void Transcript::placeOverlays() {
    const int last = messageCount() - 1;
    placeActions(m_lastActions, last);
    int other = m_hoveredMessage >= 0 ? m_hoveredMessage : m_current;
    if (m_hoverActions->isAncestorOf(focusWidget()))
        other = m_hoverActions->index();
    placeActions(m_hoverActions, other == last ? -1 : other);
    const bool away = !m_attached && verticalScrollBar()->maximum() - scrollY() > 24;
    if (away) {
        const QSize size = m_pill->sizeHint();
        m_pill->setGeometry((viewport()->width() - size.width()) / 2,
                            viewport()->height() - size.height() - 12, size.width(), size.height());
        m_pill->raise();
    }
    m_pill->setVisible(away);
}

} // namespace ui
