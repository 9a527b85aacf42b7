#include "ui/widgets/toast.h"

#include "ui/theme.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QTimer>

namespace ui {

namespace {
constexpr int kShown_ms = 8000;
constexpr int kAboveComposer = 130; // px: never over the text that is being written
} // namespace

Toast::Toast(QWidget* host)
    : QFrame(host), m_text(new QLabel), m_action(new QPushButton), m_timer(new QTimer(this)) {
    setProperty("role", "card");
    m_text->setTextFormat(Qt::PlainText);
    m_text->setWordWrap(true);
    m_action->setProperty("role", "link");
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(space::kLarge, space::kSmall, space::kMedium, space::kSmall);
    layout->addWidget(m_text, 1);
    layout->addWidget(m_action);
    m_timer->setSingleShot(true);
    connect(m_timer, &QTimer::timeout, this, [this] {
        if (underMouse() || m_action->hasFocus())
            m_timer->start(1000);
        else
            hide();
    });
    connect(m_action, &QPushButton::clicked, this, [this] {
        hide();
        if (m_onAction)
            m_onAction();
    });
    host->installEventFilter(this);
    hide();
}

void Toast::showMessage(const QString& text, const QString& actionText,
                        std::function<void()> action) {
    m_text->setText(text);
    m_action->setText(actionText);
    m_action->setVisible(!actionText.isEmpty());
    m_onAction = std::move(action);
    place();
    show();
    raise();
    m_timer->start(kShown_ms);
    QAccessibleEvent announcement(m_text, QAccessible::Alert);
    QAccessible::updateAccessibility(&announcement);
}

void Toast::place() {
    const QWidget* host = parentWidget();
    const int width = std::min(host->width() - 2 * space::kLarge, 520);
    setFixedWidth(std::max(width, 160));
    setFixedHeight(
        std::max(layout()->heightForWidth(this->width()), layout()->sizeHint().height()));
    move((host->width() - this->width()) / 2, host->height() - height() - kAboveComposer);
}

bool Toast::eventFilter(QObject* watched, QEvent* event) {
    if (watched == parentWidget() && event->type() == QEvent::Resize && isVisible())
        place();
    return QFrame::eventFilter(watched, event);
}

} // namespace ui
