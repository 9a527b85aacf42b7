#include "ui/widgets/layouts.h"

#include "ui/theme.h"

namespace ui {

QLabel* plainLabel(const QString& text, const char* role) {
    auto* label = new QLabel(text);
    label->setTextFormat(Qt::PlainText);
    if (role != nullptr)
        label->setProperty("role", QLatin1String(role));
    return label;
}

QHBoxLayout* rowOf(const QList<QWidget*>& widgets) {
    auto* row = new QHBoxLayout;
    row->setSpacing(space::kSmall);
    for (QWidget* widget : widgets)
        row->addWidget(widget);
    row->addStretch(1);
    return row;
}

QScrollArea* scrolledColumn(QWidget* column) {
    constexpr int kColumnShare = 20; // of the width, until the column is as wide as it may be
    auto* centre = new QWidget;
    auto* row = new QHBoxLayout(centre);
    row->setContentsMargins(0, 0, 0, 0);
    row->addStretch(1);
    row->addWidget(column, kColumnShare);
    row->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setWidget(centre);
    return scroll;
}

} // namespace ui
