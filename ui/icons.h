#pragma once
// The program's icon set: stroked SVGs (resources/icons/line) tinted with a colour of the palette.
// GUI thread only.

#include <QColor>
#include <QIcon>
#include <QString>

namespace ui {

/// Icon `name` in `color`; the disabled state is drawn at 40 % opacity. An unknown name gives an
/// empty icon.
QIcon icon(const QString& name, const QColor& color);

/// The same as a picture of `size` logical pixels, crisp at the given device pixel ratio.
QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal devicePixelRatio);

} // namespace ui
