#include "ui/widgets/banner.h"

#include "ui/icons.h"
#include "ui/theme.h"

#include <QAccessible>
#include <QFrame>
#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

BannerStack::BannerStack(Theme& theme, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_layout(new QVBoxLayout(this)) {
    m_layout->setContentsMargins(0, 0, 0, 0);
    m_layout->setSpacing(0);
}

void BannerStack::raise(const QString& id, const QString& sentence) {
    clear(id);
    auto* banner = new QFrame;
    banner->setProperty("role", "banner");
    auto* mark = new QLabel;
    mark->setPixmap(
        iconPixmap(QStringLiteral("warning"), m_theme.palette().warn, 18, devicePixelRatioF()));
    auto* text = new QLabel(sentence);
    text->setTextFormat(Qt::PlainText);
    text->setWordWrap(true);
    auto* close = new QToolButton;
    close->setIcon(icon(QStringLiteral("close"), m_theme.palette().text));
    close->setToolTip(tr("Dismiss"));
    close->setAccessibleName(tr("Dismiss"));
    auto* layout = new QHBoxLayout(banner);
    layout->setContentsMargins(space::kLarge, space::kSmall, space::kSmall, space::kSmall);
    layout->addWidget(mark, 0, Qt::AlignVCenter);
    layout->addWidget(text, 1);
    layout->addWidget(close, 0, Qt::AlignVCenter);
    connect(close, &QToolButton::clicked, this, [this, id] {
        clear(id);
        emit dismissed(id);
    });
    m_layout->addWidget(banner);
    m_banners.insert(id, banner);
    QAccessibleEvent announcement(text, QAccessible::Alert);
    QAccessible::updateAccessibility(&announcement);
}

void BannerStack::clear(const QString& id) {
    if (QWidget* banner = m_banners.take(id))
        banner->deleteLater();
}

} // namespace ui
