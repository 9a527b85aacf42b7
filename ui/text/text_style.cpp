#include "ui/text/text_style.h"

#include <cmath>
#include <QFontDatabase>

namespace ui {

TextStyle makeTextStyle(const Palette& palette, const QFont& family, int pixelSize,
                        const QColor& ink) {
    TextStyle style;
    style.palette = palette;
    style.ink = ink;
    style.body = family;
    QStringList families{family.family()};
    families += {QStringLiteral("Inter"), QStringLiteral("Noto Sans CJK SC")};
    families.removeDuplicates();
    style.body.setFamilies(families);
    style.body.setPixelSize(pixelSize);
    style.mono = QFontDatabase::systemFont(QFontDatabase::FixedFont);
    style.mono.setFamilies({style.mono.family(), QStringLiteral("DejaVu Sans Mono"),
                            QStringLiteral("Noto Sans Mono CJK SC")});
    style.mono.setStyleHint(QFont::Monospace);
    style.mono.setPixelSize(qRound(pixelSize * 13.0 / 15.0));
    style.lineHeight = std::round(pixelSize * 1.45);
    style.codeLineHeight = std::round(style.mono.pixelSize() * 1.5);
    return style;
}

QColor blend(const QColor& over, const QColor& ground, qreal opacity) {
    const auto mix = [&](int a, int b) { return qRound(a * opacity + b * (1 - opacity)); };
    return QColor(mix(over.red(), ground.red()), mix(over.green(), ground.green()),
                  mix(over.blue(), ground.blue()));
}

} // namespace ui
