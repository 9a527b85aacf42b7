#include "ui/chat/transcript.h"

#include "ui/chat/transcript_accessible.h"
#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <QAccessible>
#include <QLabel>
#include <QPainter>
#include <QPaintEvent>
#include <QScrollBar>

namespace ui {

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
    setUpTimers();
    addOverlays();

    // Taking hold of the bar is reading: the view stays where the reader puts it.
    connect(verticalScrollBar(), &QScrollBar::sliderPressed, this, [this] { setAttached(false); });
    connect(verticalScrollBar(), &QScrollBar::actionTriggered, this, [this](int action) {
        if (action != QAbstractSlider::SliderNoAction)
            setAttached(verticalScrollBar()->sliderPosition() >= verticalScrollBar()->maximum());
    });
    rebuildStyles();
}

Transcript::~Transcript() = default;

void Transcript::setUpTimers() {
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
}

/// What lies on the messages: their actions, the way to the latest one, a link's address.
void Transcript::addOverlays() {
    m_hoverActions = new MessageActions(viewport());
    m_lastActions = new MessageActions(viewport());
    for (MessageActions* row : {m_hoverActions, m_lastActions})
        connect(row, &MessageActions::triggered, this, &Transcript::act);
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
}

void Transcript::act(int index, MessageActions::Action action) {
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
    case Action::Figures:
        emit timesRequested(id);
        break;
    }
}

void Transcript::setTheme(const Palette& palette) {
    m_palette = palette;
    rebuildStyles();
}

void Transcript::setTextSize(int pixelSize) {
    pixelSize = std::clamp(pixelSize, 9, 40);
    if (pixelSize == m_textSize)
        return;
    m_textSize = pixelSize;
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
    viewport()->update();
}

void Transcript::appendMessage(const TranscriptMessage& message) {
    addItem(message);
    if (message.role == MessageRole::User)
        setAttached(true);
    restartFindAt(messageCount() - 1);
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

void Transcript::setNotes(const QString& id, const QStringList& notes) {
    TranscriptItem* item = find(id);
    if (item == nullptr || item->message().notes == notes)
        return;
    item->message().notes = notes;
    markDirty(m_index.value(id));
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
    const TranscriptMessage& message = m_items[size_t(index)]->message();
    const QStringList parts = QStringList(message.author) + message.notes;
    return visibleEscapes(parts.join(QStringLiteral(", ")), EscapeScope::Strict);
}

} // namespace ui
