#include "ui/chat/transcript.h"

#include "ui/chat/transcript_accessible.h"
#include "ui/chat/transcript_actions.h"
#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <cmath>
#include <QAccessible>
#include <QLabel>
#include <QPainter>
#include <QPaintEvent>
#include <QScrollBar>
#include <QWheelEvent>

namespace ui {
namespace {

constexpr qreal kPadTop = 4, kPadBottom = 16, kMargin = 28; // px
constexpr int kActionsHeight = 32;
constexpr qreal kLayAhead = 96; // px laid out above and below what shows

} // namespace

Transcript::Transcript(QWidget* parent) : QAbstractScrollArea(parent), m_palette(lightPalette()) {
    installTranscriptAccessibility();
    setFrameShape(QFrame::NoFrame);
    setFocusPolicy(Qt::StrongFocus);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setAccessibleName(tr("Conversation"));
    viewport()->setMouseTracking(true);
    viewport()->setCursor(Qt::IBeamCursor);
    viewport()->setAutoFillBackground(false);
    viewport()->setAttribute(Qt::WA_OpaquePaintEvent);
    m_frameTimer.setSingleShot(true);
    m_frameTimer.setTimerType(Qt::PreciseTimer);
    m_frameTimer.setInterval(kFrameMs);
    m_clockTimer.setInterval(100);
    m_copiedTimer.setSingleShot(true);
    m_copiedTimer.setInterval(1500);
    m_dragTimer.setInterval(30);
    m_findTimer.setInterval(0);
    connect(&m_frameTimer, &QTimer::timeout, this, &Transcript::frame);
    connect(&m_clockTimer, &QTimer::timeout, this, &Transcript::tickClock);
    connect(&m_findTimer, &QTimer::timeout, this, &Transcript::collectMatches);
    connect(&m_copiedTimer, &QTimer::timeout, this, [this] {
        m_copied = {};
        viewport()->update();
    });
    connect(&m_dragTimer, &QTimer::timeout, this, [this] {
        // The pointer is held beyond an edge while selecting.
        const qreal past = m_dragPoint.y() < 0
                               ? m_dragPoint.y()
                               : std::max(0.0, m_dragPoint.y() - viewport()->height());
        if (past != 0)
            setScroll(scrollY() + std::clamp(past, -60.0, 60.0));
        m_selectionHead = positionAt(m_dragPoint);
        viewport()->update();
    });

    m_hoverActions = new MessageActions(viewport());
    m_lastActions = new MessageActions(viewport());
    for (MessageActions* row : {m_hoverActions, m_lastActions}) {
        connect(row, &MessageActions::triggered, this,
                [this](int index, MessageActions::Action action) {
                    using Action = MessageActions::Action;
                    if (index < 0 || index >= messageCount())
                        return;
                    const QString id = m_items[size_t(index)]->message().id;
                    switch (action) {
                    case Action::Copy:
                        copyText(messageMarkdown(index));
                        break;
                    case Action::Edit:
                        emit editRequested(id);
                        break;
                    case Action::Regenerate:
                        emit regenerateRequested(id);
                        break;
                    case Action::Continue:
                        emit continueRequested(id);
                        break;
                    case Action::Previous:
                        emit siblingRequested(id, -1);
                        break;
                    case Action::Next:
                        emit siblingRequested(id, 1);
                        break;
                    case Action::AnswerNow:
                        emit answerNowRequested(id);
                        break;
                    }
                });
    }
    auto* pill = new TextButton(tr("\u2193  Jump to latest"), TextButton::Look::Pill, viewport());
    pill->setAccessibleName(tr("Jump to latest"));
    pill->hide();
    connect(pill, &TextButton::clicked, this, &Transcript::jumpToLatest);
    m_pill = pill;
    m_address = new QLabel(viewport());
    m_address->setTextFormat(Qt::PlainText);
    m_address->setAttribute(Qt::WA_TransparentForMouseEvents);
    m_address->setAutoFillBackground(true);
    m_address->setMargin(4);
    m_address->hide();

    // Taking hold of the bar is reading: the view stays where the reader puts it.
    connect(verticalScrollBar(), &QScrollBar::sliderPressed, this, [this] { setAttached(false); });
    connect(verticalScrollBar(), &QScrollBar::actionTriggered, this, [this](int action) {
        if (action != QAbstractSlider::SliderNoAction)
            setAttached(verticalScrollBar()->sliderPosition() >= verticalScrollBar()->maximum());
    });
    rebuildStyles();
}

Transcript::~Transcript() = default;

void Transcript::setTheme(const Palette& palette) {
    m_palette = palette;
    rebuildStyles();
}

void Transcript::setTextSize(int pixelSize) {
    m_textSize = std::clamp(pixelSize, 9, 40);
    rebuildStyles();
}

void Transcript::setReasoningView(bool collapseAtEnd, bool startOpen) {
    m_collapseAtEnd = collapseAtEnd;
    m_startOpen = startOpen;
}

void Transcript::rebuildStyles() {
    m_styles.answer = makeTextStyle(m_palette, font(), m_textSize, m_palette.text);
    m_styles.user = m_styles.answer;
    m_styles.user.hardBreaks = true;
    m_styles.reasoning = makeTextStyle(
        m_palette, font(), std::max(9, qRound(m_textSize * 13.0 / 15.0)), m_palette.muted);
    m_styles.reasoning.hardBreaks = true;
    QFont small = m_styles.answer.body;
    small.setPixelSize(std::max(11, qRound(m_textSize * 12.0 / 15.0)));
    for (MessageActions* row : {m_hoverActions, m_lastActions})
        row->setTheme(m_palette, small);
    m_pill->setFont(small);
    static_cast<TextButton*>(m_pill)->setTheme(m_palette);
    m_address->setFont(small);
    QPalette colors = m_address->palette();
    colors.setColor(QPalette::Window, m_palette.surface);
    colors.setColor(QPalette::WindowText, m_palette.muted);
    m_address->setPalette(colors);
    for (const auto& item : m_items)
        item->setStyles(m_styles);
    relayoutAll();
}

void Transcript::setEmptyWidget(QWidget* widget) {
    delete m_empty;
    m_empty = widget;
    if (m_empty)
        m_empty->setParent(viewport());
    showEmptyWidget();
}

void Transcript::showEmptyWidget() {
    if (!m_empty)
        return;
    const QSize size = m_empty->sizeHint().boundedTo(viewport()->size());
    m_empty->setGeometry(QRect((viewport()->width() - size.width()) / 2,
                               (viewport()->height() - size.height()) * 2 / 5, size.width(),
                               size.height()));
    m_empty->setVisible(m_items.empty());
}

TranscriptItem* Transcript::find(const QString& id) {
    const auto at = m_index.constFind(id);
    return at == m_index.constEnd() ? nullptr : m_items[size_t(*at)].get();
}

void Transcript::addItem(const TranscriptMessage& message) {
    m_index.insert(message.id, messageCount());
    m_items.push_back(
        std::make_unique<TranscriptItem>(message, m_styles, column().width(), m_startOpen));
    m_heights.append(m_items.back()->height());
    if (message.running)
        m_clockTimer.start();
}

void Transcript::setMessages(const std::vector<TranscriptMessage>& messages) {
    m_items.clear();
    m_heights.clear();
    m_index.clear();
    m_dirty.clear();
    m_clockTimer.stop();
    m_hoveredMessage = m_current = -1;
    m_focused = m_hovered = m_pressed = m_copied = {};
    clearSelection();
    for (const TranscriptMessage& message : messages)
        addItem(message);
    setAttached(true);
    m_slack = 0;
    restartFindAt(0);
    settle(false);
    showEmptyWidget();
    viewport()->update();
}

void Transcript::appendMessage(const TranscriptMessage& message) {
    addItem(message);
    if (message.role == MessageRole::User)
        setAttached(true);
    restartFindAt(messageCount() - 1);
    showEmptyWidget();
    settle(true);
    viewport()->update();
    QAccessibleEvent event(this, QAccessible::ObjectReorder);
    QAccessible::updateAccessibility(&event);
}

void Transcript::appendText(const QString& id, const QString& delta, bool reasoning) {
    TranscriptItem* item = find(id);
    if (!item)
        return;
    item->append(delta, reasoning);
    markDirty(m_index.value(id));
}

void Transcript::setReasoningProgress(const QString& id, double seconds, int tokens) {
    if (TranscriptItem* item = find(id)) {
        item->setReasoningProgress(seconds, tokens);
        markDirty(m_index.value(id));
    }
}

void Transcript::setStats(const QString& id, const QString& stats) {
    if (TranscriptItem* item = find(id)) {
        item->message().stats = stats;
        markDirty(m_index.value(id));
    }
}

void Transcript::finishMessage(const QString& id, const QString& stats, const QString& error) {
    TranscriptItem* item = find(id);
    if (!item)
        return;
    item->message().stats = stats;
    item->message().error = error;
    item->finish();
    markDirty(m_index.value(id));
}

void Transcript::replaceMessage(const TranscriptMessage& message) {
    const auto at = m_index.constFind(message.id);
    if (at == m_index.constEnd()) {
        appendMessage(message);
        return;
    }
    const int index = *at;
    TranscriptItem& item = *m_items[size_t(index)];
    if (item.replace(message)) {
        if (message.running)
            m_clockTimer.start();
        markDirty(index);
        return;
    }
    m_items[size_t(index)] =
        std::make_unique<TranscriptItem>(message, m_styles, column().width(), m_startOpen);
    m_heights.set(size_t(index), m_items[size_t(index)]->height());
    if (message.running)
        m_clockTimer.start();
    m_focused = m_hovered = m_pressed = m_copied = {};
    clearSelection();
    restartFindAt(index);
    settle(true);
    viewport()->update();
}

void Transcript::showMessage(const QString& id) {
    const auto at = m_index.constFind(id);
    if (at == m_index.constEnd())
        return;
    setAttached(false);
    m_current = *at;
    // Twice: laying out what is there corrects where it lies.
    for (int pass = 0; pass < 2; ++pass)
        setScroll(itemTop(m_current) - 24);
    viewport()->update();
}

void Transcript::removeAfter(const QString& id) {
    const auto at = m_index.constFind(id);
    if (at == m_index.constEnd())
        return;
    const size_t keep = size_t(*at) + 1;
    for (size_t i = keep; i < m_items.size(); ++i)
        m_index.remove(m_items[i]->message().id);
    m_items.resize(keep);
    m_heights.truncate(keep);
    std::erase_if(m_dirty, [&](int index) { return size_t(index) >= keep; });
    m_hoveredMessage = -1;
    m_current = std::min(m_current, int(keep) - 1);
    m_focused = m_hovered = m_pressed = m_copied = {};
    clearSelection();
    restartFindAt(int(keep));
    m_slack = 0;
    settle(false);
    viewport()->update();
}

void Transcript::markDirty(int index) {
    if (std::find(m_dirty.begin(), m_dirty.end(), index) == m_dirty.end())
        m_dirty.push_back(index);
    if (!m_frameTimer.isActive())
        m_frameTimer.start();
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
    const qreal width = std::clamp(viewport()->width() - 2 * kMargin, 160.0, qreal(kColumnWidth));
    return {std::max(kMargin, std::floor((viewport()->width() - width) / 2)), 0, width, 0};
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
    showEmptyWidget();
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

void Transcript::paintEvent(QPaintEvent* event) {
    QPainter painter(viewport());
    painter.fillRect(event->rect(), m_palette.window);
    painter.setRenderHint(QPainter::Antialiasing);
    if (m_items.empty())
        return;
    const auto [from, to] = selection();
    for (int i = itemAt(scrollY() + event->rect().top());
         i < messageCount() && columnOrigin(i).y() <= event->rect().bottom(); ++i) {
        const QPointF origin = columnOrigin(i);
        ItemPaint item;
        item.clip = QRectF(event->rect()).translated(-origin);
        if (from < to && from.message <= i && i <= to.message) {
            item.selectionFrom =
                from.message == i ? from.at : ItemPosition{Section::Reasoning, {0, 0}};
            item.selectionTo =
                to.message == i ? to.at : ItemPosition{Section::Body, {INT_MAX, INT_MAX}};
        }
        item.find = m_find;
        if (m_match >= 0 && m_matches[size_t(m_match)].message == i)
            item.currentMatch = m_matches[size_t(m_match)].at;
        const auto here = [&](const Target& t) { return t.message == i ? t.item : ItemTarget{}; };
        item.focused = here(m_focused);
        item.hovered = here(m_hovered);
        item.copied = here(m_copied);
        item.current = m_current == i && hasFocus();
        painter.save();
        painter.translate(origin);
        m_items[size_t(i)]->paint(painter, item);
        painter.restore();
    }
}

QString Transcript::messageMarkdown(int index) const {
    return m_items[size_t(index)]->flow(Section::Body).text();
}

QString Transcript::accessibleText(int index) {
    TranscriptItem& item = *m_items[size_t(index)];
    QString text = item.flow(Section::Body).visibleText();
    if (item.hasReasoning())
        text.prepend(item.reasoningTitle() + u'\n');
    if (!item.message().error.isEmpty())
        text += u'\n' + item.message().error;
    return text;
}

QString Transcript::accessibleAuthor(int index) const {
    return visibleEscapes(m_items[size_t(index)]->message().author, EscapeScope::Strict);
}

} // namespace ui
