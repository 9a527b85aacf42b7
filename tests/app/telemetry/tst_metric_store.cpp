#include "app/history/migrations.h"
#include "app/telemetry/metric_store.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <SQLiteCpp/Statement.h>

namespace {

constexpr qint64 kStart = 29'000'000; // a minute in 2025

std::unique_ptr<SQLite::Database> emptyStore() {
    auto database = std::make_unique<SQLite::Database>(":memory:", SQLite::OPEN_READWRITE |
                                                                       SQLite::OPEN_CREATE);
    for (const app::Migration& migration : app::migrationsOf(app::DatabaseKind::Metrics))
        database->exec(std::string(migration.sql));
    return database;
}

int count(SQLite::Database& database, const char* table) {
    return database.execAndGet(std::string("SELECT count(*) FROM ") + table).getInt();
}

} // namespace

class TstMetricStore : public QObject {
    Q_OBJECT

  private slots:
    void averagesAreExactAndGapsStayGaps() {
        auto store = emptyStore();
        for (qint64 minute = 0; minute < 120; ++minute)
            if (minute < 30 || minute >= 50)
                app::storeMinutes(
                    *store, {{QStringLiteral("rate.decode"), kStart + minute, double(minute)}},
                    kStart + minute);
        const auto found =
            app::readAverages(*store, {QStringLiteral("rate.decode"), QStringLiteral("none")},
                              kStart, kStart + 120, 1);
        const app::ChartPoints points = found.value(QStringLiteral("rate.decode"));
        QCOMPARE(points.size(), std::size_t(101)); // 100 minutes and one gap
        QCOMPARE(points[29], (app::ChartPoint{(kStart + 29) * 60'000, 29.0}));
        QCOMPARE(points[30], (app::ChartPoint{(kStart + 30) * 60'000, std::nullopt}));
        QCOMPARE(points[31], (app::ChartPoint{(kStart + 50) * 60'000, 50.0}));
        QVERIFY(found.value(QStringLiteral("none")).empty());
        const auto wide =
            app::readAverages(*store, {QStringLiteral("rate.decode")}, kStart, kStart + 120, 10);
        QCOMPARE(wide.value(QStringLiteral("rate.decode")).front().value, 4.5);
    }

    void eventsComeBackInTheirOrder() {
        using enum app::MetricEventKind;
        auto store = emptyStore();
        const qint64 begin_ms = kStart * 60'000;
        app::storeEvent(*store, {begin_ms, ModelLoaded, QStringLiteral("Ember")});
        app::storeEvent(*store, {begin_ms + 10, BreakerOpened, QStringLiteral("overload")});
        app::storeEvent(*store, {begin_ms + 10, Alert, QStringLiteral("延迟")});
        app::storeEvent(*store, {begin_ms + 20, ModelUnloaded, QStringLiteral("Ember")});
        store->exec("INSERT INTO events VALUES (1, 99, 'of a newer version')");
        const QList<app::MetricEvent> all = app::readEvents(*store, begin_ms + 20, 10);
        QCOMPARE(all.size(), 3);
        QCOMPARE(all[0].what, QStringLiteral("Ember"));
        QCOMPARE(all[1].kind, BreakerOpened);
        QCOMPARE(all[2].what, QStringLiteral("延迟"));
        QCOMPARE(app::readEvents(*store, begin_ms + 21, 2).first().kind, Alert);
        app::storeMinutes(*store, {}, kStart + app::kMinutesKept + 1);
        QVERIFY(app::readEvents(*store, begin_ms + 21, 10).isEmpty());
    }

    void hoursOutliveTheirMinutes() {
        auto store = emptyStore();
        const qint64 begin = kStart / 60 * 60;
        for (qint64 hour = 0; hour < 3; ++hour)
            for (qint64 minute = 0; minute < 60; ++minute)
                app::storeMinutes(*store,
                                  {{QStringLiteral("cpu.utilization"), begin + hour * 60 + minute,
                                    double(hour) + (minute % 2 == 0 ? 0.25 : 0.75)}},
                                  begin + hour * 60 + minute);
        QCOMPARE(count(*store, "hours"), 2); // the third one has not ended
        // From an hour on the answer comes from the hours and, for the last one, from its minutes.
        const auto hours =
            app::readAverages(*store, {QStringLiteral("cpu.utilization")}, begin, begin + 180, 60);
        const app::ChartPoints points = hours.value(QStringLiteral("cpu.utilization"));
        QCOMPARE(points.size(), std::size_t(3));
        for (int hour = 0; hour < 3; ++hour)
            QCOMPARE(points[std::size_t(hour)].value, hour + 0.5);

        app::storeMinutes(*store, {}, begin + app::kMinutesKept + 120);
        QCOMPARE(count(*store, "minutes"), 60);
        QCOMPARE(count(*store, "hours"), 3);
        app::storeMinutes(*store, {}, begin + app::kHoursKept * 60 + 61);
        QCOMPARE(count(*store, "minutes"), 0);
        QCOMPARE(count(*store, "hours"), 2);
    }
};

INGLENOOK_SUITE(metric_store, TstMetricStore)
#include "tst_metric_store.moc"
