#include "tests/support/suite_registry.h"
#include "ui/theme.h"

#include <cmath>
#include <QLineEdit>
#include <QPlainTextEdit>
#include <QtTest/QtTest>

namespace {

/// Relative luminance and contrast ratio as WCAG 2 defines them.
double luminance(const QColor& color) {
    const auto channel = [](double c) {
        return c <= 0.03928 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * channel(color.redF()) + 0.7152 * channel(color.greenF()) +
           0.0722 * channel(color.blueF());
}

double contrast(const QColor& a, const QColor& b) {
    const double la = luminance(a), lb = luminance(b);
    return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

} // namespace

class TstTheme : public QObject {
    Q_OBJECT

  private slots:
    void textMeetsWcagAa() {
        for (const ui::Palette& palette : {ui::lightPalette(), ui::darkPalette()}) {
            for (const QColor& ground : {palette.window, palette.surface, palette.sunken})
                for (const QColor& ink : {palette.text, palette.muted, palette.accent, palette.ok,
                                          palette.warn, palette.bad, palette.info})
                    QVERIFY2(contrast(ink, ground) >= 4.5,
                             qPrintable(ink.name() + QStringLiteral(" on ") + ground.name()));
            QVERIFY(contrast(palette.onAccent, palette.accent) >= 4.5);
        }
    }

    /// Qt gives a field whose colour is in a style sheet a hint of half that colour: too faint.
    void hintsInEmptyFieldsMeetWcagAa() {
        ui::Theme theme;
        for (const ui::Theme::Choice choice : {ui::Theme::Choice::Light, ui::Theme::Choice::Dark}) {
            theme.setChoice(choice);
            theme.apply();
            QLineEdit line;
            QPlainTextEdit text;
            for (QWidget* field : std::initializer_list<QWidget*>{&line, &text}) {
                field->ensurePolished();
                const QColor hint = field->palette().color(QPalette::PlaceholderText);
                QCOMPARE(hint, theme.palette().muted);
                QVERIFY(contrast(hint, theme.palette().surface) >= 4.5);
            }
        }
    }

    void glyphsOfTheStyleSheetHaveTheThemesColours() {
        for (const ui::Palette& palette : {ui::lightPalette(), ui::darkPalette()}) {
            const QString theme = palette.dark ? QStringLiteral("dark") : QStringLiteral("light");
            const QList<QPair<QString, QColor>> glyphs = {
                {QStringLiteral("down"), palette.muted},
                {QStringLiteral("up"), palette.muted},
                {QStringLiteral("check"), palette.onAccent}};
            for (const auto& [name, color] : glyphs) {
                QFile file(QStringLiteral(":/icons/control/%1-%2.svg").arg(name, theme));
                QVERIFY(file.open(QIODevice::ReadOnly));
                QVERIFY(file.readAll().toUpper().contains(color.name().toUpper().toLatin1()));
            }
        }
    }
};

INGLENOOK_SUITE(theme, TstTheme)
#include "tst_theme.moc"
