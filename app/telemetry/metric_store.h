#pragma once
// MetricStore: the statements over metrics.db: minute averages and events for 30 days, hour
// averages for two years. Throws SQLite::Exception; History turns that into a Status. Writes on the
// database thread, reads on the read thread.

#include "app/telemetry/minute_averages.h"
#include "app/telemetry/sample_ring.h"

#include <QHash>
#include <SQLiteCpp/Database.h>

namespace app {

constexpr qint64 kMinutesKept = 30LL * 24 * 60;
constexpr qint64 kHoursKept = 2LL * 365 * 24;

using SeriesHistory = QHash<QString, ChartPoints>; // by seriesKey()

/// Stores rows; makes the averages of hours that have ended, and drops what is too old for `now`.
void storeMinutes(SQLite::Database& database, const std::vector<MinuteRow>& rows, qint64 nowMinute);

void storeEvent(SQLite::Database& database, const MetricEvent& event);
/// Oldest first, the last `most` of those before `before_ms`.
QList<MetricEvent> readEvents(SQLite::Database& database, qint64 before_ms, int most);

/// Averages over buckets of `bucketMinutes`, oldest first, the time that of the bucket's beginning;
/// a bucket without a row stands as an absent point between two that have one.
SeriesHistory readAverages(SQLite::Database& database, const QStringList& series, qint64 fromMinute,
                           qint64 toMinute, qint64 bucketMinutes);

} // namespace app
