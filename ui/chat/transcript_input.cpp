// Pointer and keyboard of the transcript.

#include "ui/chat/transcript.h"
#include "ui/chat/transcript_actions.h"
#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <QApplication>
#include <QClipboard>
#include <QContextMenuEvent>
#include <QKeyEvent>
#include <QLabel>
#include <QMenu>
#include <QMouseEvent>
#include <QScrollBar>
#include <QWheelEvent>

namespace ui {

TranscriptPosition Transcript::positionAt(const QPointF& viewportPoint) {
    if (m_items.empty())
        return {};
    const int index = itemAt(viewportPoint.y() + scrollY());
    return {index, m_items[size_t(index)]->positionAt(viewportPoint - columnOrigin(index))};
}

Transcript::Target Transcript::targetAt(const QPointF& viewportPoint) {
    if (m_items.empty())
        return {};
    const int index = itemAt(viewportPoint.y() + scrollY());
    return {index, m_items[size_t(index)]->targetAt(viewportPoint - columnOrigin(index))};
}

void Transcript::copyText(const QString& text) {
    if (!text.isEmpty())
        QApplication::clipboard()->setText(text);
}

void Transcript::activate(const Target& target) {
    if (!target.valid())
        return;
    if (target.item.fold) {
        toggleFold(target.message);
        return;
    }
    TranscriptFlow& flow = m_items[size_t(target.message)]->flow(target.item.section);
    if (target.item.target.target.link >= 0) {
        const QString url = flow.address(target.item.target);
        if (isWebAddress(url))
            emit linkActivated(url);
        return;
    }
    copyText(flow.code(target.item.target));
    m_copied = target;
    m_copiedTimer.start();
    viewport()->update();
}

/// The real address of a link, where a browser shows it.
void Transcript::showAddress(const Target& target) {
    QString url;
    if (target.valid() && !target.item.fold && target.item.target.target.link >= 0)
        url =
            m_items[size_t(target.message)]->flow(target.item.section).address(target.item.target);
    emit linkHovered(url);
    m_address->setVisible(!url.isEmpty());
    if (url.isEmpty())
        return;
    const QString shown = visibleEscapes(url, EscapeScope::Strict);
    m_address->setText(
        m_address->fontMetrics().elidedText(shown, Qt::ElideMiddle, viewport()->width() * 3 / 4));
    m_address->adjustSize();
    m_address->move(0, viewport()->height() - m_address->height());
    m_address->raise();
}

void Transcript::hover(const QPointF& viewportPoint) {
    const Target target = targetAt(viewportPoint);
    if (!(target == m_hovered)) {
        m_hovered = target;
        showAddress(target.valid() ? target : m_focused);
        viewport()->update();
    }
    const bool overColumn = !m_items.empty() && viewportPoint.x() >= column().left() - 24 &&
                            viewportPoint.x() <= column().right() + 24;
    viewport()->setCursor(target.valid() ? Qt::PointingHandCursor
                          : overColumn   ? Qt::IBeamCursor
                                         : Qt::ArrowCursor);
    const int message = m_items.empty() ? -1 : itemAt(viewportPoint.y() + scrollY());
    if (message != m_hoveredMessage) {
        m_hoveredMessage = message;
        placeOverlays();
    }
}

bool Transcript::viewportEvent(QEvent* event) {
    if (event->type() == QEvent::Leave) {
        m_hovered = {};
        m_hoveredMessage = -1;
        showAddress(m_focused);
        placeOverlays();
        viewport()->update();
    }
    return QAbstractScrollArea::viewportEvent(event);
}

void Transcript::changeEvent(QEvent* event) {
    QAbstractScrollArea::changeEvent(event);
    if (event->type() == QEvent::FontChange && m_pill)
        rebuildStyles();
}

void Transcript::wheelEvent(QWheelEvent* event) {
    const QPoint pixels = event->pixelDelta();
    const QPoint angle = event->angleDelta();
    qreal sideways = pixels.isNull() ? angle.x() / 2.0 : pixels.x();
    if (sideways == 0 && event->modifiers() & Qt::ShiftModifier)
        sideways = pixels.isNull() ? angle.y() / 2.0 : pixels.y();
    if (sideways != 0 &&
        std::abs(angle.x()) >= std::abs(event->modifiers() & Qt::ShiftModifier ? 0 : angle.y()) &&
        !m_items.empty()) {
        const int index = itemAt(event->position().y() + scrollY());
        TranscriptItem& item = *m_items[size_t(index)];
        for (const Section section : {Section::Reasoning, Section::Body}) {
            const QPointF local =
                event->position() - columnOrigin(index) - item.flowOrigin(section);
            if (item.shows(section) && item.flow(section).scrollSideways(local, -sideways)) {
                viewport()->update();
                event->accept();
                return;
            }
        }
    }
    if (event->modifiers() & Qt::ControlModifier) {
        event->ignore(); // zoom belongs to the window
        return;
    }
    const qreal delta = pixels.isNull() ? angle.y() : pixels.y();
    if (delta > 0 && verticalScrollBar()->maximum() > 0)
        setAttached(false); // before anything moves: the reader has taken over
    QAbstractScrollArea::wheelEvent(event);
    if (delta < 0 && scrollY() >= verticalScrollBar()->maximum())
        setAttached(true);
    hover(event->position());
}

void Transcript::mousePressEvent(QMouseEvent* event) {
    if (event->button() != Qt::LeftButton || m_items.empty())
        return;
    m_pressed = targetAt(event->position());
    m_focused = {};
    if (m_pressed.valid())
        return;
    const TranscriptPosition at = positionAt(event->position());
    m_selectionHead = at;
    if (!(event->modifiers() & Qt::ShiftModifier) || m_selectionAnchor.message < 0)
        m_selectionAnchor = at;
    m_selecting = true;
    viewport()->update();
}

void Transcript::mouseMoveEvent(QMouseEvent* event) {
    if (!m_selecting) {
        hover(event->position());
        return;
    }
    m_dragPoint = event->position();
    const bool outside = m_dragPoint.y() < 0 || m_dragPoint.y() > viewport()->height();
    if (outside && !m_dragTimer.isActive()) {
        setAttached(false);
        m_dragTimer.start();
    } else if (!outside) {
        m_dragTimer.stop();
    }
    m_selectionHead = positionAt(m_dragPoint);
    if (hasSelection())
        setAttached(false);
    viewport()->update();
}

void Transcript::mouseReleaseEvent(QMouseEvent* event) {
    m_dragTimer.stop();
    m_selecting = false;
    if (event->button() != Qt::LeftButton)
        return;
    if (m_pressed.valid() && targetAt(event->position()) == m_pressed)
        activate(m_pressed);
    m_pressed = {};
    if (hasSelection() && QApplication::clipboard()->supportsSelection())
        QApplication::clipboard()->setText(selectedMarkdown(), QClipboard::Selection);
}

void Transcript::mouseDoubleClickEvent(QMouseEvent* event) {
    if (event->button() == Qt::LeftButton && !targetAt(event->position()).valid())
        selectWord(positionAt(event->position()));
}

void Transcript::contextMenuEvent(QContextMenuEvent* event) {
    if (m_items.empty())
        return;
    const Target target = targetAt(event->pos());
    const int index = itemAt(event->pos().y() + scrollY());
    QMenu menu(this);
    QAction* copy = menu.addAction(tr("Copy"), this, &Transcript::copySelection);
    copy->setEnabled(hasSelection());
    menu.addAction(tr("Copy message"), this, [this, index] { copyText(messageMarkdown(index)); });
    if (target.valid() && !target.item.fold && target.item.target.target.link >= 0) {
        const QString url =
            m_items[size_t(index)]->flow(target.item.section).address(target.item.target);
        menu.addAction(tr("Copy link"), this, [this, url] { copyText(url); });
    }
    menu.addSeparator();
    menu.addAction(tr("Select all"), this, &Transcript::selectAll);
    menu.exec(event->globalPos());
}

void Transcript::reveal(const QRectF& contentRect) {
    const qreal top = contentRect.top();
    const qreal bottom = contentRect.bottom();
    const qreal page = viewport()->height();
    if (top >= scrollY() + 24 && bottom <= scrollY() + page - 24)
        return;
    setAttached(false);
    setScroll(top < scrollY() + 24 || bottom - top > page ? top - page / 4 : bottom - page * 3 / 4);
}

QRectF Transcript::contentRect(const TranscriptPosition& position) {
    if (position.message < 0 || position.message >= messageCount())
        return {};
    TranscriptItem& item = *m_items[size_t(position.message)];
    const QRectF rect = item.caret(position.at);
    m_heights.set(size_t(position.message), item.height());
    return rect.translated(0, itemTop(position.message));
}

void Transcript::setCurrent(int index) {
    if (m_items.empty())
        return;
    m_current = std::clamp(index, 0, messageCount() - 1);
    m_focused = {};
    m_hoveredMessage = -1;
    const qreal top = itemTop(m_current);
    const qreal height = std::min(m_heights.height(size_t(m_current)), viewport()->height() / 2.0);
    reveal(QRectF(0, top, 1, height));
    settle(false);
    viewport()->update();
    QAccessibleEvent event(this, QAccessible::Focus);
    event.setChild(m_current);
    QAccessible::updateAccessibility(&event);
}

bool Transcript::focusNextPrevChild(bool next) {
    if (m_items.empty())
        return QAbstractScrollArea::focusNextPrevChild(next);
    if (m_current < 0)
        m_current = messageCount() - 1;
    const std::vector<ItemTarget> all = m_items[size_t(m_current)]->targets();
    int at = -1;
    for (size_t i = 0; i < all.size(); ++i)
        if (m_focused.message == m_current && all[i] == m_focused.item)
            at = int(i);
    const int to = at < 0 ? (next ? 0 : -1) : at + (next ? 1 : -1);
    if (to < 0 || to >= int(all.size())) {
        m_focused = {};
        showAddress({});
        placeOverlays();
        viewport()->update();
        return QAbstractScrollArea::focusNextPrevChild(next);
    }
    m_focused = {m_current, all[size_t(to)]};
    reveal(
        m_items[size_t(m_current)]->targetRect(m_focused.item).translated(0, itemTop(m_current)));
    showAddress(m_focused);
    viewport()->update();
    return true;
}

void Transcript::focusOutEvent(QFocusEvent* event) {
    QAbstractScrollArea::focusOutEvent(event);
    viewport()->update();
}

void Transcript::scrollByKey(int key) {
    const qreal page = viewport()->height() - m_styles.answer.lineHeight * 2;
    const qreal line = 3 * m_styles.answer.lineHeight;
    const QScrollBar* bar = verticalScrollBar();
    const qreal to = key == Qt::Key_PageUp     ? scrollY() - page
                     : key == Qt::Key_PageDown ? scrollY() + page
                     : key == Qt::Key_Up       ? scrollY() - line
                     : key == Qt::Key_Down     ? scrollY() + line
                     : key == Qt::Key_Home     ? 0
                                               : bar->maximum();
    if (to < scrollY())
        setAttached(false);
    setScroll(to);
    if (to >= bar->maximum())
        jumpToLatest();
}

void Transcript::keyPressEvent(QKeyEvent* event) {
    const int key = event->key();
    if (event->matches(QKeySequence::Copy)) {
        copySelection();
    } else if (event->matches(QKeySequence::SelectAll)) {
        selectAll();
    } else if (event->modifiers() == Qt::AltModifier &&
               (key == Qt::Key_Up || key == Qt::Key_Down)) {
        const int from = m_current >= 0 ? m_current : messageCount() - (key == Qt::Key_Up ? 0 : 1);
        setCurrent(from + (key == Qt::Key_Up ? -1 : 1));
    } else if (event->modifiers() & Qt::ShiftModifier && extendSelection(event)) {
        // done
    } else if ((key == Qt::Key_Return || key == Qt::Key_Enter || key == Qt::Key_Space) &&
               m_focused.valid()) {
        activate(m_focused);
    } else if (event->modifiers() == Qt::NoModifier || event->modifiers() == Qt::KeypadModifier ||
               (event->modifiers() == Qt::ControlModifier &&
                (key == Qt::Key_Home || key == Qt::Key_End))) {
        switch (key) {
        case Qt::Key_PageUp:
        case Qt::Key_PageDown:
        case Qt::Key_Up:
        case Qt::Key_Down:
        case Qt::Key_Home:
        case Qt::Key_End:
            scrollByKey(key);
            break;
        case Qt::Key_Space:
            scrollByKey(Qt::Key_PageDown);
            break;
        default:
            event->ignore();
        }
    } else {
        event->ignore();
    }
}

} // namespace ui
