#pragma once
// Fonts, measures and colours that the views of ui/text draw with. A value: one for the answers,
// one for the reasoning.

#include "ui/theme.h"

#include <QFont>

namespace ui {

struct TextStyle {
    Palette palette;
    QFont body;
    QFont mono;
    QColor ink;
    qreal lineHeight = 0;     // px, 1.45 times the body size
    qreal codeLineHeight = 0; // px
    bool hardBreaks = false;  // a line feed breaks the line
};

/// `family` leads, Inter and the CJK faces follow; `pixelSize` is the body's.
TextStyle makeTextStyle(const Palette& palette, const QFont& family, int pixelSize,
                        const QColor& ink);

/// `over` laid on `ground` with the given opacity, as one opaque colour.
QColor blend(const QColor& over, const QColor& ground, qreal opacity);

} // namespace ui
