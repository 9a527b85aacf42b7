#pragma once
// The charts of the dashboard in one table: which figures stand together and what an empty chart
// says. Pure function.

#include "app/telemetry/metric.h"

#include <QList>

namespace ui {

struct ChartSpec {
    QString key;                 ///< stable name
    QString title;               ///< translated
    QList<app::SeriesId> series; ///< at most three, of one unit
    QStringList names;           ///< translated, beside the series
    QString emptyReason;         ///< translated
};

/// The charts of a machine with so many GPUs, in the order of the page.
QList<ChartSpec> chartTable(int gpus);

} // namespace ui
