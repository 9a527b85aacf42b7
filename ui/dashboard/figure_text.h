#pragma once
// Figures of the metric table as people read them; an absent one is a dash. Pure functions.

#include "app/telemetry/metric.h"

namespace ui {

/// "61 %", "9.1 GB", "312 W", "38 ms", "412 tok/s"; "–" when absent.
QString figureText(app::MetricUnit unit, const std::optional<double>& value);
/// The unit of an axis: "%", "GB", "ms"; and what a value is divided by to stand on it.
struct AxisUnit {
    QString name;
    double divisor = 1;
};
AxisUnit axisUnit(app::MetricUnit unit, double highest);

} // namespace ui
