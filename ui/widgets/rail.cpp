#include "ui/widgets/rail.h"

#include "ui/actions.h"
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
        button->setToolTip(pages[i].title);
        button->setAccessibleName(pages[i].title);
        m_buttons->addButton(button, i);
        if (i == pages.size() - 1)
            layout->addStretch(1); // settings sit at the bottom
        layout->addWidget(button);
    }
    connect(m_buttons, &QButtonGroup::idClicked, this, &Rail::pageChosen);
    connect(m_buttons, &QButtonGroup::idToggled, this, &Rail::updateColors);
    connect(&m_theme, &Theme::changed, this, &Rail::updateColors);
    setCurrent(0);
    updateColors();
}

void Rail::setCurrent(int page) {
    if (QAbstractButton* button = m_buttons->button(page))
        button->setChecked(true);
}

void Rail::updateColors() {
    const QList<PageSpec> pages = pageSpecs();
    for (int i = 0; i < pages.size(); ++i) {
        QAbstractButton* button = m_buttons->button(i);
        button->setIcon(icon(pages[i].icon, button->isChecked() ? m_theme.palette().accent
                                                                : m_theme.palette().muted));
    }
}

} // namespace ui
