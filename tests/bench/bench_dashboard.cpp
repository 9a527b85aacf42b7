// What the dashboard costs: 12 live charts at 2 looks a second, visible and hidden, and the looking
// itself: the time of all threads, for Qt fills large areas on several. Prints one JSON object:
// shares of one core. Run it with QT_QPA_PLATFORM=offscreen on a quiet machine.
//
//     bench_dashboard [--seconds N] [--range INDEX]   (2 = 15 minutes)

#include "app/telemetry/metric_sampler.h"
#include "app/telemetry/telemetry_controller.h"
#include "engine/runtime/engine.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/theme.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <QApplication>
#include <QCommandLineParser>
#include <QDir>
#include <QElapsedTimer>
#include <QEventLoop>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTimer>
#include <thread>
#include <vector>

namespace {

constexpr int kLook_ms = 500;

double cpu_s() {
    timespec now{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return double(now.tv_sec) + double(now.tv_nsec) / 1e9;
}

/// A machine at work: every figure moves, and none smoothly.
app::MetricFrame busyFrame(qint64 index, qint64 now_ms) {
    app::MetricFrame frame;
    frame.time_ms = now_ms;
    frame.steady_us = index * kLook_ms * 1000;
    app::GpuFrame gpu;
    gpu.name = QStringLiteral("NVIDIA H100 80GB HBM3");
    for (const app::MetricDefinition& metric : app::metricTable()) {
        const double noise =
            0.1 *
            (std::fmod(std::abs(std::sin(double(index) * 12.9898 + double(metric.id) * 78.233)) *
                           43758.5453,
                       1.0) -
             0.5);
        const double wave = 0.5 + 0.4 * std::sin(double(index) * 0.07 + double(metric.id)) + noise;
        const double value = metric.highest ? wave * *metric.highest : wave * 1000;
        (metric.scope == app::MetricScope::Gpu ? gpu.values : frame.machine).set(metric.id, value);
    }
    frame.gpus.push_back(gpu);
    return frame;
}

/// Share of a core that the program takes while looks arrive.
double shareOver(app::TelemetryController& telemetry, qint64& index, qint64& now_ms, int seconds) {
    std::vector<app::MetricFrame> frames; // made before the clock runs
    for (int look = 0; look <= 1000 * seconds / kLook_ms; ++look)
        frames.push_back(busyFrame(index++, now_ms += kLook_ms));
    QElapsedTimer wall;
    wall.start();
    const double before = cpu_s();
    auto next = frames.begin();
    QTimer timer;
    QEventLoop loop;
    QObject::connect(&timer, &QTimer::timeout, &loop, [&] {
        if (next == frames.end())
            return loop.quit();
        telemetry.accept(*next++);
    });
    timer.start(kLook_ms);
    loop.exec();
    return (cpu_s() - before) / (double(wall.elapsed()) / 1000);
}

/// Share of a core that looking takes, with an engine that has nothing to do: all threads.
double samplerShare(int seconds) {
    const auto engine = engine::createEngine({});
    app::MetricSampler sampler(*engine, {.dataDir = QDir::tempPath()});
    const double before = cpu_s();
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    return (cpu_s() - before) / seconds;
}

} // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    QCommandLineParser parser;
    parser.addOption({QStringLiteral("seconds"), {}, QStringLiteral("N"), QStringLiteral("10")});
    parser.addOption({QStringLiteral("range"), {}, QStringLiteral("INDEX"), QStringLiteral("2")});
    parser.process(application);
    const int seconds = parser.value(QStringLiteral("seconds")).toInt();

    app::TelemetryController telemetry(nullptr);
    ui::Theme theme;
    theme.apply();
    qint64 index = 0;
    qint64 now_ms = 1'700'000'000'000;
    while (index < 7200) // an hour is there already
        telemetry.accept(busyFrame(index++, now_ms += kLook_ms));
    ui::DashboardPage page(telemetry, theme);
    page.setRangeIndex(parser.value(QStringLiteral("range")).toInt());
    page.resize(1180, 1600); // all twelve in sight
    page.show();
    shareOver(telemetry, index, now_ms, 2); // fonts and caches
    const double visible = shareOver(telemetry, index, now_ms, seconds);
    page.hide();
    const double hidden = shareOver(telemetry, index, now_ms, seconds / 2 + 1);
    const double sampler = samplerShare(seconds);
    const QJsonObject result{{"charts", page.charts().size()},
                             {"visible_percent_of_core", visible * 100},
                             {"hidden_percent_of_core", hidden * 100},
                             {"sampler_percent_of_core", sampler * 100}};
    std::printf("%s\n", QJsonDocument(result).toJson(QJsonDocument::Compact).constData());
    return 0;
}
