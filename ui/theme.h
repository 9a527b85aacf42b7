#pragma once
// The one source of colour, spacing and type. Widgets ask the theme; no colour is written anywhere
// else. GUI thread. One Theme lives in main_window's creator and is handed down by reference.

#include <array>
#include <QColor>
#include <QFont>
#include <QObject>

namespace ui {

class SystemAppearance;

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

/// Spacing steps and radii in logical pixels.
namespace space {
constexpr int kHair = 4, kSmall = 8, kMedium = 12, kLarge = 16, kWide = 24, kHuge = 32;
constexpr int kControlRadius = 6, kCardRadius = 10;
} // namespace space

/// The type scale [px at 100 % zoom].
enum class TextSize { Small = 12, Body = 13, Reading = 15, Title = 18, Display = 24 };

class Theme : public QObject {
    Q_OBJECT

  public:
    enum class Choice { System, Light, Dark };

    explicit Theme(QObject* parent = nullptr);

    const Palette& palette() const { return m_palette; }
    Choice choice() const { return m_choice; }
    void setChoice(Choice choice);

    /// Font zoom in percent, 50 to 200.
    int zoom() const { return m_zoom; }
    void setZoom(int percent);

    bool reducedMotion() const;
    QFont font(TextSize size, int weight = 400) const;
    QFont monospace(TextSize size) const;

    /// Sets palette, font and style sheet of the application; again whenever something changes.
    void apply();

  signals:
    void changed();

  private:
    void refresh();

    SystemAppearance* m_system;
    Palette m_palette;
    Choice m_choice = Choice::System;
    int m_zoom = 100;
    bool m_applied = false;
};

/// The application's style sheet for a palette and zoom.
QString styleSheet(const Palette& palette, int zoomPercent);

} // namespace ui
