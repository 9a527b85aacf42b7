#include "ui/dashboard/figure_text.h"

#include "ui/text_format.h"

#include <cmath>
#include <QCoreApplication>

namespace ui {

namespace {

struct Figure {
    Q_DECLARE_TR_FUNCTIONS(ui::Figure)
};

/// Three figures: "0.24", "8.4", "412".
QString threeFigures(double value) {
    const double size = std::abs(value);
    if (size == 0)
        return QStringLiteral("0");
    return QString::number(value, 'f', size < 1 ? 2 : size < 10 ? 1 : 0);
}

} // namespace

QString figureText(app::MetricUnit unit, const std::optional<double>& value) {
    if (!value)
        return QStringLiteral("–");
    switch (unit) {
    case app::MetricUnit::Ratio:
        return Figure::tr("%1 %").arg(threeFigures(*value * 100));
    case app::MetricUnit::Bytes:
        return bytesText(static_cast<quint64>(std::max(0.0, *value)));
    case app::MetricUnit::BytesPerSecond:
        return Figure::tr("%1/s").arg(bytesText(static_cast<quint64>(std::max(0.0, *value))));
    case app::MetricUnit::TokensPerSecond:
        return Figure::tr("%1 tok/s").arg(threeFigures(*value));
    case app::MetricUnit::Seconds:
        return durationText(static_cast<qint64>(*value * 1e6));
    case app::MetricUnit::Watts:
        return Figure::tr("%1 W").arg(threeFigures(*value));
    case app::MetricUnit::Joules:
        return Figure::tr("%1 Wh").arg(threeFigures(*value / 3600));
    case app::MetricUnit::Celsius:
        return Figure::tr("%1 °C").arg(*value, 0, 'f', 0);
    case app::MetricUnit::Hertz:
        return Figure::tr("%1 MHz").arg(*value / 1e6, 0, 'f', 0);
    case app::MetricUnit::Count:
    case app::MetricUnit::Tokens:
        break;
    }
    return *value == std::floor(*value) ? QString::number(*value, 'f', 0) : threeFigures(*value);
}

AxisUnit axisUnit(app::MetricUnit unit, double highest) {
    switch (unit) {
    case app::MetricUnit::Ratio:
        return {QStringLiteral("%"), 0.01};
    case app::MetricUnit::Bytes:
        return highest >= 1e9 ? AxisUnit{QStringLiteral("GB"), 1e9}
                              : AxisUnit{QStringLiteral("MB"), 1e6};
    case app::MetricUnit::BytesPerSecond:
        return highest >= 1e9 ? AxisUnit{QStringLiteral("GB/s"), 1e9}
                              : AxisUnit{QStringLiteral("MB/s"), 1e6};
    case app::MetricUnit::TokensPerSecond:
        return {Figure::tr("tok/s"), 1};
    case app::MetricUnit::Seconds:
        return highest >= 10 ? AxisUnit{Figure::tr("s"), 1} : AxisUnit{Figure::tr("ms"), 1e-3};
    case app::MetricUnit::Watts:
        return {QStringLiteral("W"), 1};
    case app::MetricUnit::Joules:
        return {QStringLiteral("Wh"), 3600};
    case app::MetricUnit::Celsius:
        return {QStringLiteral("°C"), 1};
    case app::MetricUnit::Hertz:
        return {QStringLiteral("MHz"), 1e6};
    case app::MetricUnit::Tokens:
        return {Figure::tr("tokens"), 1};
    case app::MetricUnit::Count:
        break;
    }
    return {{}, 1};
}

} // namespace ui
