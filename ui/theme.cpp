#include "ui/theme.h"

#include "ui/system_appearance.h"

#include <QApplication>
#include <QFontDatabase>
#include <QPalette>
#include <QStyleFactory>

namespace ui {

Palette lightPalette() {
    return {QColor(0xFAF8F5),
            QColor(0xFFFFFF),
            QColor(0xF1EDE7),
            QColor(0xDDD6CC),
            QColor(0x1F1B16),
            QColor(0x6B6258),
            QColor(0xB8450B),
            QColor(0xFFFFFF),
            QColor(0x2A7230),
            QColor(0x8A5A00),
            QColor(0xB3261E),
            QColor(0x1F5FA8),
            {QColor(0xB8450B), QColor(0x1F5FA8), QColor(0x2A7230), QColor(0x7B3FA0),
             QColor(0x8A5A00), QColor(0x00707A)},
            false};
}

Palette darkPalette() {
    return {QColor(0x161412),
            QColor(0x1F1C19),
            QColor(0x100E0D),
            QColor(0x38332D),
            QColor(0xEFEAE3),
            QColor(0xA89E92),
            QColor(0xF08A4B),
            QColor(0x1B120B),
            QColor(0x7CC47F),
            QColor(0xE0AE4A),
            QColor(0xF2867C),
            QColor(0x86B6F0),
            {QColor(0xF08A4B), QColor(0x86B6F0), QColor(0x7CC47F), QColor(0xC79BE8),
             QColor(0xE0AE4A), QColor(0x5CC8D0)},
            true};
}

namespace {

QPalette qtPalette(const Palette& colors) {
    QPalette palette;
    palette.setColor(QPalette::Window, colors.window);
    palette.setColor(QPalette::WindowText, colors.text);
    palette.setColor(QPalette::Base, colors.surface);
    palette.setColor(QPalette::AlternateBase, colors.sunken);
    palette.setColor(QPalette::Text, colors.text);
    palette.setColor(QPalette::PlaceholderText, colors.muted);
    palette.setColor(QPalette::Button, colors.surface);
    palette.setColor(QPalette::ButtonText, colors.text);
    palette.setColor(QPalette::ToolTipBase, colors.surface);
    palette.setColor(QPalette::ToolTipText, colors.text);
    palette.setColor(QPalette::Highlight, colors.accent);
    palette.setColor(QPalette::HighlightedText, colors.onAccent);
    palette.setColor(QPalette::Link, colors.accent);
    palette.setColor(QPalette::LinkVisited, colors.accent);
    palette.setColor(QPalette::Mid, colors.border);
    palette.setColor(QPalette::Light, colors.border);
    for (const QPalette::ColorRole role :
         {QPalette::WindowText, QPalette::Text, QPalette::ButtonText})
        palette.setColor(QPalette::Disabled, role, colors.muted);
    return palette;
}

QStringList uiFamilies() {
    return {QStringLiteral("Inter"), QStringLiteral("Noto Sans CJK SC"),
            QStringLiteral("Noto Sans"), QStringLiteral("DejaVu Sans")};
}

} // namespace

Theme::Theme(QObject* parent)
    : QObject(parent), m_system(new SystemAppearance(this)), m_palette(lightPalette()) {
    connect(m_system, &SystemAppearance::changed, this, &Theme::refresh);
    refresh();
}

bool Theme::reducedMotion() const {
    return m_system->reducedMotion();
}

void Theme::setChoice(Choice choice) {
    m_choice = choice;
    refresh();
}

void Theme::setZoom(int percent) {
    m_zoom = std::clamp(percent, 50, 200);
    refresh();
}

void Theme::refresh() {
    const bool dark =
        m_choice == Choice::Dark || (m_choice == Choice::System && m_system->prefersDark());
    m_palette = dark ? darkPalette() : lightPalette();
    if (m_applied)
        apply();
    emit changed();
}

QFont Theme::font(TextSize size, int weight) const {
    QFont font;
    font.setFamilies(uiFamilies());
    font.setPixelSize(static_cast<int>(size) * m_zoom / 100);
    font.setWeight(static_cast<QFont::Weight>(weight));
    return font;
}

QFont Theme::monospace(TextSize size) const {
    QFont font = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    font.setFamilies({font.family(), QStringLiteral("DejaVu Sans Mono"),
                      QStringLiteral("Noto Sans Mono CJK SC")});
    font.setStyleHint(QFont::Monospace);
    font.setPixelSize(static_cast<int>(size) * m_zoom / 100);
    return font;
}

void Theme::apply() {
    m_applied = true;
    if (QApplication::style() == nullptr ||
        QApplication::style()->name() != QLatin1String("fusion"))
        QApplication::setStyle(QStyleFactory::create(QStringLiteral("Fusion")));
    QApplication::setPalette(qtPalette(m_palette));
    QApplication::setFont(font(TextSize::Body));
    qApp->setStyleSheet(styleSheet(m_palette, m_zoom));
}

} // namespace ui
