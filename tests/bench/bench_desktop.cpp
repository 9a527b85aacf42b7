// How quick the desktop is there, and how long its event loop stands still while the real engine
// decodes. usage: bench_desktop MODEL [TOKENS]    prints one JSON object
//   start_ms     process start to the first painted frame of the main window (no model loaded yet)
//   stall_*_ms   of a 1 ms timer while an answer of TOKENS tokens streams in
#include "app/session/chat_controller.h"
#include "app/settings.h"
#include "engine/runtime/engine.h"
#include "tests/support/desktop_fixture.h"
#include "ui/main_window.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <QApplication>
#include <QElapsedTimer>
#include <QTimer>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

/// Milliseconds since this process was started, in steps of 10.
double processAge_ms() {
    std::ifstream file("/proc/self/stat");
    std::string stat((std::istreambuf_iterator<char>(file)), {});
    stat.erase(0, stat.rfind(')') + 2);
    unsigned long long start = 0; // clock ticks after boot: field 22, the 20th from here
    std::size_t at = 0;
    for (int field = 0; field < 19; ++field)
        at = stat.find(' ', at) + 1;
    start = std::stoull(stat.substr(at));
    timespec now{};
    clock_gettime(CLOCK_BOOTTIME, &now);
    return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6 -
           double(start) * 1e3 / double(sysconf(_SC_CLK_TCK));
}

double percentile(std::vector<double> values, double share) {
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    return values[std::min(values.size() - 1, std::size_t(share * double(values.size())))];
}

} // namespace

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    const QStringList arguments = application.arguments();
    if (arguments.size() < 2) {
        std::fprintf(stderr, "usage: bench_desktop MODEL [TOKENS]\n");
        return 2;
    }
    tests::DesktopFixture desktop([] { return engine::createEngine({}); });
    if (!desktop.started())
        return 1;
    desktop.window().show();
    desktop.window().grab(); // paints every widget, as a compositor would ask
    const double start_ms = processAge_ms();

    app::SettingsValues settings = desktop.application().settings().values();
    settings.samplingOverridden = true;
    settings.sampling.maxTokens = arguments.size() > 2 ? arguments[2].toInt() : 200;
    desktop.application().settings().set(settings);
    if (!desktop.load(arguments[1], 300000)) {
        std::fprintf(stderr, "bench_desktop: the model did not load\n");
        return 1;
    }
    std::vector<double> stalls;
    QElapsedTimer last;
    QTimer timer;
    timer.setTimerType(Qt::PreciseTimer);
    QObject::connect(&timer, &QTimer::timeout, [&] {
        stalls.push_back(double(last.nsecsElapsed()) / 1e6 - 1);
        last.restart();
    });
    last.start();
    timer.start(1);
    const bool answered = desktop.ask(
        QStringLiteral("Tell me a long story about the fire in the corner."), true, 300000);
    timer.stop();
    std::printf(
        "{\"start_ms\": %.0f, \"answered\": %s, \"stall_p50_ms\": %.2f, \"stall_p99_ms\": %.2f, "
        "\"stall_max_ms\": %.2f, \"samples\": %zu}\n",
        start_ms, answered ? "true" : "false", percentile(stalls, 0.5), percentile(stalls, 0.99),
        percentile(stalls, 1), stalls.size());
    return answered ? 0 : 1;
}
