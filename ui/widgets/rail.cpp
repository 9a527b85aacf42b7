#include "ui/widgets/rail.h"

#include "ui/icons.h"
#include "ui/theme.h"

#include <QButtonGroup>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

Rail::Rail(Theme& theme, QWidget* parent)
    : QWidget(parent), m_theme(theme), m_buttons(new QButtonGroup(this)) {
    setProperty("role", "rail");
    setAttribute(Qt::WA_StyledBackground);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(space::kHair, space::kMedium, space::kHair, space::kMedium);
    layout->setSpacing(space::kHair);
    const QList<PageSpec> pages = pageSpecs();
    for (int i = 0; i < pages.size(); ++i) {
        auto* button = new QToolButton;
        button->setCheckable(true);
        button->setIconSize({20, 20});
        button->setFixedSize(40, 40);
        button->setToolTip(QStringLiteral("%1 (%2)").arg(
            pages[i].title, pages[i].shortcut.toString(QKeySequence::NativeText)));
        button->setAccessibleName(pages[i].title);
        m_buttons->addButton(button, static_cast<int>(pages[i].id));
        if (i == pages.size() - 1)
            layout->addStretch(1); // settings sit at the bottom
        layout->addWidget(button);
    }
    connect(m_buttons, &QButtonGroup::idClicked, this,
            [this](int id) { emit pageChosen(static_cast<PageId>(id)); });
    connect(m_buttons, &QButtonGroup::idToggled, this, &Rail::updateColors);
    connect(&m_theme, &Theme::changed, this, &Rail::updateColors);
    setCurrent(PageId::Chat);
    updateColors();
}

void Rail::setCurrent(PageId page) {
    if (QAbstractButton* button = m_buttons->button(static_cast<int>(page)))
        button->setChecked(true);
}

void Rail::updateColors() {
    const QList<PageSpec> pages = pageSpecs();
    for (const PageSpec& page : pages) {
        QAbstractButton* button = m_buttons->button(static_cast<int>(page.id));
        button->setIcon(icon(page.icon, button->isChecked() ? m_theme.palette().accent
                                                            : m_theme.palette().muted));
    }
}

} // namespace ui
