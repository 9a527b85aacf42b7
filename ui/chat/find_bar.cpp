#include "ui/chat/find_bar.h"

#include "ui/icons.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QToolButton>

namespace ui {

FindBar::FindBar(Theme& theme, QWidget* parent)
    : QFrame(parent),
      m_theme(theme),
      m_edit(new QLineEdit),
      m_count(new QLabel),
      m_previous(new QToolButton),
      m_next(new QToolButton),
      m_close(new QToolButton) {
    setProperty("role", "banner");
    m_edit->setPlaceholderText(tr("Find in this chat"));
    m_edit->setAccessibleName(tr("Find in this chat"));
    m_edit->setMaximumWidth(320);
    m_edit->installEventFilter(this);
    m_count->setProperty("role", "muted");
    m_previous->setToolTip(tr("Previous match (Shift+Enter)"));
    m_next->setToolTip(tr("Next match (Enter)"));
    m_close->setToolTip(tr("Close (Esc)"));
    for (QToolButton* button : {m_previous, m_next, m_close})
        button->setAccessibleName(button->toolTip());
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(space::kLarge, space::kHair, space::kSmall, space::kHair);
    layout->addWidget(m_edit, 1);
    layout->addWidget(m_count);
    layout->addWidget(m_previous);
    layout->addWidget(m_next);
    layout->addStretch(1);
    layout->addWidget(m_close);
    connect(m_edit, &QLineEdit::textChanged, this, &FindBar::textChanged);
    connect(m_previous, &QToolButton::clicked, this, &FindBar::previousRequested);
    connect(m_next, &QToolButton::clicked, this, &FindBar::nextRequested);
    connect(m_close, &QToolButton::clicked, this, &FindBar::close);
    connect(&m_theme, &Theme::changed, this, &FindBar::updateColors);
    updateColors();
    hide();
}

void FindBar::open() {
    show();
    m_edit->setFocus(Qt::ShortcutFocusReason);
    m_edit->selectAll();
    emit textChanged(m_edit->text());
}

void FindBar::close() {
    hide();
    emit closed();
}

void FindBar::showCount(int current, int total) {
    if (m_edit->text().isEmpty())
        m_count->clear();
    else
        m_count->setText(total > 0 ? tr("%1 of %2").arg(current).arg(total) : tr("no match"));
}

void FindBar::updateColors() {
    const QColor ink = m_theme.palette().text;
    m_previous->setIcon(icon(QStringLiteral("chevron-left"), ink));
    m_next->setIcon(icon(QStringLiteral("chevron-right"), ink));
    m_close->setIcon(icon(QStringLiteral("close"), ink));
}

bool FindBar::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_edit && event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        if (key->key() == Qt::Key_Return || key->key() == Qt::Key_Enter) {
            if (key->modifiers().testFlag(Qt::ShiftModifier))
                emit previousRequested();
            else
                emit nextRequested();
            return true;
        }
    }
    return QFrame::eventFilter(watched, event);
}

} // namespace ui
