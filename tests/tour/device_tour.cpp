#include "tests/tour/device_tour.h"

#include "app/api/api_controller.h"
#include "app/library/fit_controller.h"
#include "app/library/library_controller.h"
#include "app/library/roofline_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "app/telemetry/telemetry_controller.h"
#include "tests/support/desktop_fixture.h"
#include "tests/tour/api_load.h"
#include "tests/tour/random_model.h"
#include "ui/admin/model_card_view.h"
#include "ui/admin/model_fits_view.h"
#include "ui/admin/models_page.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tabs.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/dashboard/requests_page.h"
#include "ui/main_window.h"

#include <cstdio>
#include <QFileInfo>
#include <QScrollArea>
#include <QScrollBar>
#include <QtTest/QtTest>

namespace tests {

namespace {

constexpr int kChats = 3;
constexpr int kBusy_ms = 8000; // before the first picture
constexpr int kMeasured_ms = 12000;
constexpr int kEjected_ms = 2000; // memory is back within it

void say(const char* what, const QString& text) {
    std::printf("tour: %s: %s\n", what, qPrintable(text));
    std::fflush(stdout);
}

/// What the driver says is used of the first GPU [MiB]; nothing without one.
std::optional<double> usedOfGpu_mib(const app::MetricFrame& frame) {
    const auto used = frame.value({app::MetricId::GpuMemoryUsed, 0});
    return used ? std::optional(*used / 1048576) : std::nullopt;
}

QString mibText(std::optional<double> mib) {
    return mib ? QStringLiteral("%1 MiB").arg(*mib, 0, 'f', 1) : QStringLiteral("–");
}

/// The longest prompt among the answers that are being written: its lane and waterfall show most.
quint64 mostTelling(const QList<app::RequestRow>& requests) {
    const app::RequestRow* best = nullptr;
    for (const app::RequestRow& row : requests) {
        const bool answers = row.stage == app::RequestStage::Decode && row.generatedTokens > 20;
        if (answers && (best == nullptr || row.promptTokens > best->promptTokens))
            best = &row;
    }
    return best == nullptr ? 0 : best->id;
}

} // namespace

DeviceTour::DeviceTour(DesktopFixture& fixture, QString folder)
    : m_fixture(fixture), m_pictures(fixture, std::move(folder)) {}

bool DeviceTour::run(const QString& device, const QString& model) {
    m_device = device;
    QTest::qWait(1200); // the telemetry has looked
    say("GPU memory, before", mibText(usedOfGpu_mib(m_fixture.application().telemetry().latest())));
    if (!prepareModel(model))
        return false;
    app::SettingsValues values = m_fixture.application().settings().values();
    values.device = device;
    values.apiPort = 0;
    values.slotCount = 32;
    m_fixture.application().settings().set(values);
    m_fixture.window().show();
    m_fixture.application().library().addFolder(QFileInfo(m_model).absolutePath());
    measureSpeed();
    measureStages();
    if (!load())
        return false;
    m_fixture.application().api().setEnabled(true);
    ApiLoad clients(m_fixture.application().api());
    keepBusy(clients);
    for (const Look& look : looks())
        show(look);
    say("answered", QString::number(clients.answered()));
    say("failed", QString::number(clients.failed()));
    clients.stop();
    return ejectAndLoad() && clients.answered() > 0 && clients.failed() == 0;
}

bool DeviceTour::prepareModel(const QString& model) {
    m_model = QFileInfo(model).canonicalFilePath(); // as the library spells it
    if (!m_model.isEmpty())
        return true;
    m_model = m_models.filePath(QStringLiteral("random-%1-int8.gguf").arg(model));
    QElapsedTimer timer;
    timer.start();
    const QString failure = writeRandomModel(model, m_model);
    say("model written",
        failure.isEmpty() ? QStringLiteral("%1 ms").arg(timer.elapsed()) : failure);
    return failure.isEmpty();
}

/// While the device has nothing to do, as the page would.
void DeviceTour::measureSpeed() {
    app::FitController& fits = m_fixture.application().fits();
    double tokensPerSecond = 0;
    QObject here;
    QObject::connect(&fits, &app::FitController::tableReady, &here,
                     [&](const app::FitTable& table) {
                         if (!table.cells.isEmpty())
                             tokensPerSecond = table.cells.first().tokensPerSecond;
                     });
    QElapsedTimer timer;
    timer.start();
    fits.findDevices();
    const QString word = m_device == QLatin1String("cuda") ? QStringLiteral("cuda:0") : m_device;
    fits.ask({m_model, word, {}, 16});
    waitUntil([&] { return tokensPerSecond > 0; }, kMeasured_ms);
    say("speed measured", QStringLiteral("%1 ms").arg(timer.elapsed()));
}

void DeviceTour::measureStages() {
    app::RooflineController& rooflines = m_fixture.application().rooflines();
    QObject here;
    QObject::connect(&rooflines, &app::RooflineController::failed, &here,
                     [](const QString&, const QString& sentence) { say("stages", sentence); });
    QElapsedTimer timer;
    timer.start();
    rooflines.measure({m_model, m_device, {}, {}, {}});
    waitUntil([&] { return !rooflines.isRunning(); }, kMeasured_ms);
    say("stages measured", QStringLiteral("%1 ms").arg(timer.elapsed()));
}

bool DeviceTour::load() {
    app::ModelController& models = m_fixture.application().models();
    QObject here;
    QObject::connect(&models, &app::ModelController::failed, &here,
                     [](const QString& sentence, const QString&) { say("load", sentence); });
    app::ModelOptions options;
    options.device = m_device;
    options.slotCount = 32;
    models.load(m_model, options);
    const bool loaded = waitUntil([&] { return models.model().isLoaded(); }, 60000);
    say("loaded",
        loaded ? QStringLiteral("%1, %2 ms").arg(models.model().device).arg(models.model().load_ms)
               : QStringLiteral("no"));
    return loaded;
}

void DeviceTour::keepBusy(ApiLoad& clients) {
    ui::ChatPage& page = m_fixture.window().chatPage();
    for (int chat = 0; chat < kChats; ++chat) {
        if (chat > 0)
            page.tabs().newTab();
        m_fixture.ask(QStringLiteral("What does the dashboard of a busy machine show?"), false);
    }
    clients.start();
    QTest::qWait(kBusy_ms);
}

void DeviceTour::show(const Look& look) {
    m_pictures.wear(look);
    ui::MainWindow& window = m_fixture.window();
    window.showPage(ui::PageId::Dashboard);
    QTest::qWait(700); // one more look of the telemetry
    auto* overview = qobject_cast<ui::DashboardPage*>(window.pageWidget(ui::PageId::Dashboard));
    overview->setRangeIndex(0);
    QScrollBar* bar = overview->findChild<QScrollArea*>()->verticalScrollBar();
    bar->setValue(0);
    m_pictures.save(QStringLiteral("device-dashboard-") + look.name);
    bar->setValue(bar->maximum());
    m_pictures.save(QStringLiteral("device-dashboard-more-") + look.name);

    window.showPage(ui::PageId::Requests);
    auto* requests = qobject_cast<ui::RequestsPage*>(window.pageWidget(ui::PageId::Requests));
    QTest::qWait(700);
    if (const quint64 request = mostTelling(m_fixture.application().telemetry().latest().requests))
        requests->select(request);
    m_pictures.save(QStringLiteral("device-requests-") + look.name);

    window.showPage(ui::PageId::Models);
    showModels(*qobject_cast<ui::ModelsPage*>(window.pageWidget(ui::PageId::Models)), look);
}

void DeviceTour::showModels(ui::ModelsPage& page, const Look& look) {
    waitUntil([&] { return m_fixture.application().library().card(m_model) != nullptr; }, 5000);
    page.select(m_model);
    m_pictures.save(QStringLiteral("device-models-") + look.name);
    page.card().showTab(1);
    waitUntil(
        [&] {
            const app::FitTable& table = page.card().fits().table();
            return !table.cells.isEmpty() && table.cells.first().tokensPerSecond > 0;
        },
        kMeasured_ms);
    m_pictures.save(QStringLiteral("device-fits-") + look.name);
    page.card().showTab(5);
    m_pictures.save(QStringLiteral("device-speed-") + look.name);
    page.card().showTab(0);
}

bool DeviceTour::ejectAndLoad() {
    app::TelemetryController& telemetry = m_fixture.application().telemetry();
    app::ModelController& models = m_fixture.application().models();
    say("GPU memory, loaded", mibText(usedOfGpu_mib(telemetry.latest())));
    QObject here;
    QObject::connect(&models, &app::ModelController::interruptionAsked, &here,
                     [&] { models.decide(app::InterruptionChoice::Now); });
    QElapsedTimer timer;
    timer.start();
    models.unload();
    const bool ejected = waitUntil([&] { return !models.model().isLoaded(); }, 10000);
    QTest::qWait(kEjected_ms - int(std::min<qint64>(timer.elapsed(), kEjected_ms)));
    say("GPU memory, ejected",
        ejected ? mibText(usedOfGpu_mib(telemetry.latest())) : QStringLiteral("it stays"));
    m_fixture.window().showPage(ui::PageId::Chat);
    m_fixture.window().chatPage().tabs().newTab();
    const bool answers =
        load() && m_fixture.ask(QStringLiteral("And now?"), false) &&
        waitUntil(
            [&] {
                return telemetry.latest().machine.get(app::MetricId::DecodeRate).value_or(0) > 0;
            },
            5000);
    say("answers after that", answers ? QStringLiteral("yes") : QStringLiteral("no"));
    return answers;
}

} // namespace tests
