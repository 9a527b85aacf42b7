#include "app/telemetry/metric_store.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace app {

namespace {

void bindAll(SQLite::Statement& statement, std::initializer_list<qint64> values) {
    int index = 0;
    for (const qint64 value : values)
        statement.bind(++index, static_cast<int64_t>(value));
}

void run(SQLite::Database& database, const char* sql, std::initializer_list<qint64> values) {
    SQLite::Statement statement(database, sql);
    bindAll(statement, values);
    statement.exec();
}

} // namespace

void storeMinutes(SQLite::Database& database, const std::vector<MinuteRow>& rows,
                  qint64 nowMinute) {
    SQLite::Transaction change(database);
    SQLite::Statement insert(database, "INSERT OR REPLACE INTO minutes VALUES (?, ?, ?)");
    for (const MinuteRow& row : rows) {
        insert.bind(1, row.series.toStdString());
        insert.bind(2, static_cast<int64_t>(row.minute));
        insert.bind(3, row.value);
        insert.exec();
        insert.reset();
    }
    // Hours that have ended since the last one that is there, before their minutes can go.
    const qint64 hour = nowMinute / 60;
    SQLite::Statement last(database, "SELECT coalesce(max(hour), 0) FROM hours");
    last.executeStep();
    const qint64 from = last.getColumn(0).getInt64() + 1;
    last.reset();
    run(database,
        "INSERT OR REPLACE INTO hours SELECT metric, minute / 60, avg(value) FROM minutes "
        "WHERE minute >= ? AND minute < ? GROUP BY metric, minute / 60",
        {from * 60, hour * 60});
    run(database, "DELETE FROM minutes WHERE minute < ?", {nowMinute - kMinutesKept});
    run(database, "DELETE FROM events WHERE time_ms < ?", {(nowMinute - kMinutesKept) * 60'000});
    run(database, "DELETE FROM hours WHERE hour < ?", {hour - kHoursKept});
    change.commit();
}

void storeEvent(SQLite::Database& database, const MetricEvent& event) {
    SQLite::Statement insert(database, "INSERT INTO events VALUES (?, ?, ?)");
    bindAll(insert, {event.time_ms, static_cast<qint64>(event.kind)});
    insert.bind(3, event.what.toStdString());
    insert.exec();
}

QList<MetricEvent> readEvents(SQLite::Database& database, qint64 before_ms, int most) {
    SQLite::Statement select(database, "SELECT time_ms, kind, what FROM events WHERE time_ms < ? "
                                       "ORDER BY time_ms DESC, rowid DESC LIMIT ?");
    bindAll(select, {before_ms, most});
    QList<MetricEvent> events;
    while (select.executeStep()) {
        const int kind = select.getColumn(1).getInt();
        if (kind >= 0 && kind <= static_cast<int>(MetricEventKind::Alert))
            events.prepend({select.getColumn(0).getInt64(), static_cast<MetricEventKind>(kind),
                            QString::fromStdString(select.getColumn(2).getString())});
    }
    return events;
}

SeriesHistory readAverages(SQLite::Database& database, const QStringList& series, qint64 fromMinute,
                           qint64 toMinute, qint64 bucketMinutes) {
    SeriesHistory history;
    // From an hour on the stored hours answer; what they do not hold yet comes from the minutes.
    constexpr const char* kFromMinutes =
        "SELECT minute / ?4 AS bucket, avg(value) FROM minutes "
        "WHERE metric = ?1 AND minute >= ?2 AND minute < ?3 GROUP BY bucket ORDER BY bucket";
    constexpr const char* kFromHours =
        "SELECT bucket, avg(value) FROM ("
        "SELECT hour * 60 / ?4 AS bucket, value FROM hours "
        "WHERE metric = ?1 AND hour >= ?2 / 60 AND hour < ?3 / 60 UNION ALL "
        "SELECT minute / ?4, value FROM minutes WHERE metric = ?1 AND minute < ?3 AND minute >= "
        "max(?2, (SELECT (coalesce(max(hour), 0) + 1) * 60 FROM hours))"
        ") GROUP BY bucket ORDER BY bucket";
    SQLite::Statement select(database, bucketMinutes % 60 == 0 ? kFromHours : kFromMinutes);
    for (const QString& key : series) {
        select.bind(1, key.toStdString());
        select.bind(2, static_cast<int64_t>(fromMinute));
        select.bind(3, static_cast<int64_t>(toMinute));
        select.bind(4, static_cast<int64_t>(bucketMinutes));
        ChartPoints points;
        qint64 before = -1;
        while (select.executeStep()) {
            const qint64 bucket = select.getColumn(0).getInt64();
            if (before >= 0 && bucket > before + 1)
                points.push_back({(before + 1) * bucketMinutes * 60'000, std::nullopt});
            points.push_back({bucket * bucketMinutes * 60'000, select.getColumn(1).getDouble()});
            before = bucket;
        }
        select.reset();
        history.insert(key, points);
    }
    return history;
}

} // namespace app
