#include "tests/support/suite_registry.h"
#include "ui/dashboard/figure_text.h"

#include <QtTest/QtTest>

using app::MetricUnit;

class TstFigureText : public QObject {
    Q_OBJECT

  private slots:
    void figuresAsPeopleReadThem() {
        QLocale::setDefault(QLocale::C);
        QCOMPARE(ui::figureText(MetricUnit::Ratio, 0.614), QStringLiteral("61 %"));
        QCOMPARE(ui::figureText(MetricUnit::Ratio, 0.0004), QStringLiteral("0.04 %"));
        QCOMPARE(ui::figureText(MetricUnit::Bytes, 9.1e9), QStringLiteral("9.10 GB"));
        QCOMPARE(ui::figureText(MetricUnit::Watts, 312.4), QStringLiteral("312 W"));
        QCOMPARE(ui::figureText(MetricUnit::TokensPerSecond, 8.44), QStringLiteral("8.4 tok/s"));
        QCOMPARE(ui::figureText(MetricUnit::Seconds, 0.038), QStringLiteral("38 ms"));
        QCOMPARE(ui::figureText(MetricUnit::Count, 0.0), QStringLiteral("0"));
        QCOMPARE(ui::figureText(MetricUnit::Count, 3.0), QStringLiteral("3"));
        QCOMPARE(ui::figureText(MetricUnit::Count, 3.26), QStringLiteral("3.3"));
    }

    void absentIsADashInEveryUnit() {
        for (int unit = 0; unit <= int(MetricUnit::Hertz); ++unit)
            QCOMPARE(ui::figureText(MetricUnit(unit), std::nullopt), QStringLiteral("–"));
    }
};

INGLENOOK_SUITE(figure_text, TstFigureText)
#include "tst_figure_text.moc"
