#pragma once
// The one source of colour, spacing and type. Widgets ask the theme; no colour is written anywhere
// else.

#include <array>
#include <QColor>
#include <QFont>
#include <QObject>

class QApplication;

namespace ui {

/// Colour tokens; the same names in light and dark.
struct Palette {
    QColor window, surface, sunken;
    QColor border, text, muted;
    QColor accent, onAccent;
    QColor ok, warn, bad, info;
    std::array<QColor, 6> series;
    bool dark = false;
};

Palette lightPalette();
Palette darkPalette();

} // namespace ui
