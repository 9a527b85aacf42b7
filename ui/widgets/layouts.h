#pragma once
// Pieces that many pages are laid out from.

#include <QHBoxLayout>
#include <QLabel>
#include <QList>
#include <QScrollArea>

namespace ui {

/// Text that is shown as it is, in the role of a style sheet.
QLabel* plainLabel(const QString& text, const char* role = nullptr);
/// Side by side, from the left.
QHBoxLayout* rowOf(const QList<QWidget*>& widgets);
/// A column of limited width in the middle of what scrolls.
QScrollArea* scrolledColumn(QWidget* column);

} // namespace ui
