#include "ui/chat/transcript_actions.h"

#include <QEnterEvent>
#include <QPainter>

namespace ui {

TextButton::TextButton(const QString& text, Look look, QWidget* parent)
    : QAbstractButton(parent), m_palette(lightPalette()), m_look(look) {
    setText(text);
    setAccessibleName(text);
    setCursor(Qt::PointingHandCursor);
    setFocusPolicy(Qt::TabFocus);
}

void TextButton::setTheme(const Palette& palette) {
    m_palette = palette;
    update();
}

QSize TextButton::sizeHint() const {
    const int height = fontMetrics().height() + (m_look == Look::Pill ? 16 : 10);
    return {fontMetrics().horizontalAdvance(text()) + (m_look == Look::Pill ? 32 : 16), height};
}

void TextButton::enterEvent(QEnterEvent* event) {
    QAbstractButton::enterEvent(event);
    update();
}

void TextButton::leaveEvent(QEvent* event) {
    QAbstractButton::leaveEvent(event);
    update();
}

void TextButton::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const bool hovered = underMouse() && isEnabled();
    const QRectF box = QRectF(rect()).adjusted(1, 1, -1, -1);
    const qreal radius = m_look == Look::Pill ? box.height() / 2 : 6;
    if (m_look == Look::Pill) {
        painter.setPen(QPen(m_palette.border, 1));
        painter.setBrush(hovered ? m_palette.sunken : m_palette.surface);
        painter.drawRoundedRect(box, radius, radius);
    } else if (hovered || isDown()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(isDown() ? m_palette.border : m_palette.sunken);
        painter.drawRoundedRect(box, radius, radius);
    }
    if (hasFocus()) {
        painter.setPen(QPen(m_palette.accent, 2));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(box, radius, radius);
    }
    painter.setPen(!isEnabled()                      ? m_palette.border
                   : hovered || m_look == Look::Pill ? m_palette.text
                                                     : m_palette.muted);
    painter.drawText(rect(), Qt::AlignCenter, text());
}

MessageActions::MessageActions(QWidget* parent) : QWidget(parent), m_palette(lightPalette()) {
    // In the order of Action.
    const std::pair<QString, QString> labels[] = {
        {tr("Copy"), tr("Copy message")},
        {tr("Edit"), tr("Edit message")},
        {tr("Regenerate"), tr("Regenerate answer")},
        {tr("Continue"), tr("Continue answer")},
        {QStringLiteral("\u2039"), tr("Previous version")},
        {QStringLiteral("\u203A"), tr("Next version")},
        {tr("Answer now"), tr("Stop thinking and answer now")},
        {QString(), tr("Where the time went")}, // its text: the figures
    };
    for (size_t i = 0; i < std::size(labels); ++i) {
        auto* item = new TextButton(labels[i].first, TextButton::Look::Flat, this);
        item->setAccessibleName(labels[i].second);
        connect(item, &TextButton::clicked, this,
                [this, i] { emit triggered(m_index, Action(i)); });
        m_buttons.push_back(item);
    }
    setAccessibleName(tr("Message actions"));
    hide();
}

void MessageActions::setTheme(const Palette& palette, const QFont& small) {
    m_palette = palette;
    setFont(small);
    for (TextButton* item : m_buttons) {
        item->setFont(small);
        item->setTheme(palette);
    }
    arrange();
}

void MessageActions::show(int index, const TranscriptMessage& message, bool thinking) {
    m_index = index;
    const bool answer = message.role == MessageRole::Assistant;
    const bool idle = !message.running;
    const auto shown = [&](Action action, bool on) { button(action)->setVisible(on); };
    shown(Action::Copy, true);
    shown(Action::Edit, idle && message.role == MessageRole::User);
    shown(Action::Regenerate, answer && idle);
    TextButton* again = button(Action::Regenerate);
    again->setText(message.isFromCache ? tr("Recompute") : tr("Regenerate"));
    again->setAccessibleName(message.isFromCache ? tr("Compute the answer anew")
                                                 : tr("Regenerate answer"));
    shown(Action::Continue, answer && idle && message.canContinue);
    shown(Action::Previous, idle && message.siblingCount > 1);
    shown(Action::Next, idle && message.siblingCount > 1);
    shown(Action::AnswerNow, thinking);
    button(Action::Previous)->setEnabled(message.siblingIndex > 0);
    button(Action::Next)->setEnabled(message.siblingIndex + 1 < message.siblingCount);
    m_siblings =
        idle && message.siblingCount > 1
            ? QStringLiteral("%1/%2").arg(message.siblingIndex + 1).arg(message.siblingCount)
            : QString();
    m_stats = message.stats;
    m_hasTimes = idle && message.hasTimes && !m_stats.isEmpty();
    button(Action::Figures)->setAccessibleDescription(m_stats);
    button(Action::Figures)->setToolTip(tr("Where the time went"));
    arrange();
    QWidget::show();
    update();
}

void MessageActions::clear() {
    m_index = -1;
    hide();
}

void MessageActions::arrange() {
    int x = -8; // the labels, not their boxes, line up with the text
    const int gap = 2;
    const auto place = [&](Action action) {
        TextButton* item = button(action);
        if (item->isHidden())
            return;
        const QSize size = item->sizeHint();
        item->setGeometry(x + 8, (height() - size.height()) / 2, size.width(), size.height());
        x += size.width() + gap;
    };
    for (const Action action :
         {Action::Copy, Action::AnswerNow, Action::Edit, Action::Regenerate, Action::Continue})
        place(action);
    m_siblingsRect = {};
    if (!m_siblings.isEmpty()) {
        x += 8;
        place(Action::Previous);
        const int width = fontMetrics().horizontalAdvance(m_siblings);
        m_siblingsRect = QRect(x + 8, 0, width, height());
        x += width + gap;
        place(Action::Next);
    }
    m_statsRect = QRect(x + 16, 0, width() - x - 24, height());
    placeFigures();
}

/// Its text stands where the painted figures would.
void MessageActions::placeFigures() {
    TextButton* figures = button(Action::Figures);
    figures->setText(fontMetrics().elidedText(m_stats, Qt::ElideRight, m_statsRect.width()));
    figures->setVisible(m_hasTimes && !figures->text().isEmpty());
    const QSize size = figures->sizeHint();
    figures->setGeometry(width() - size.width(), (height() - size.height()) / 2, size.width(),
                         size.height());
}

void MessageActions::resizeEvent(QResizeEvent*) {
    arrange();
}

void MessageActions::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setPen(m_palette.muted);
    painter.drawText(m_siblingsRect, Qt::AlignCenter, m_siblings);
    if (!button(Action::Figures)->isHidden())
        return; // the button shows them
    const QString least = m_stats.section(QStringLiteral(" · "), 0, 0);
    if (fontMetrics().horizontalAdvance(least) > m_statsRect.width())
        return; // a cut figure says nothing
    painter.drawText(m_statsRect, Qt::AlignRight | Qt::AlignVCenter | Qt::TextSingleLine,
                     fontMetrics().elidedText(m_stats, Qt::ElideRight, m_statsRect.width()));
}

} // namespace ui
