#include "app/application.h"

#include "app/agents/agent_runs.h"
#include "app/alerts/alert_controller.h"
#include "app/api/api_controller.h"
#include "app/api/host_backend.h"
#include "app/application_memory.h"
#include "app/application_settings.h"
#include "app/data_lock.h"
#include "app/download/download_controller.h"
#include "app/engine_host.h"
#include "app/exchange/exchange_controller.h"
#include "app/history/history.h"
#include "app/history/response_cache.h"
#include "app/instance_door.h"
#include "app/library/conversion_controller.h"
#include "app/library/fit_controller.h"
#include "app/library/library_controller.h"
#include "app/library/quality_controller.h"
#include "app/library/roofline_controller.h"
#include "app/load_guard.h"
#include "app/log.h"
#include "app/messages.h"
#include "app/session/answer_cache.h"
#include "app/session/chat_sessions.h"
#include "app/session/engine_model_controller.h"
#include "app/session/open_tabs.h"
#include "app/session/session_chat_controller.h"
#include "app/session/stored_list_controller.h"
#include "app/settings.h"
#include "app/telemetry/metric_sampler.h"
#include "app/telemetry/prometheus_text.h"
#include "app/telemetry/telemetry_controller.h"
#include "engine/runtime/fit.h"

#include <mutex>
#include <QFileInfo>

namespace app {

namespace {

QString join(const std::vector<engine::Status>& conditions) {
    QStringList sentences;
    for (const engine::Status& status : conditions)
        sentences.append(sentence(status));
    return sentences.join(QLatin1Char('\n'));
}

/// The newest figures as Prometheus wants them; made on whatever thread asks.
MetricsText metricsText(TelemetryController& telemetry) {
    struct Newest {
        std::mutex mutex;
        MetricFrame frame;
    };
    auto newest = std::make_shared<Newest>();
    QObject::connect(&telemetry, &TelemetryController::frameArrived, &telemetry,
                     [newest](const MetricFrame& frame) {
                         const std::lock_guard lock(newest->mutex);
                         newest->frame = frame;
                     });
    return [newest] {
        MetricFrame frame;
        {
            const std::lock_guard lock(newest->mutex);
            frame = newest->frame;
        }
        return prometheusText(frame);
    };
}

} // namespace

/// Everything, in the order it is built; shutdown() goes the other way.
struct Application::Parts {
    Parts(Paths where, EngineFactory factory)
        : paths(std::move(where)),
          engineFactory(std::move(factory)),
          lock(paths.lockFile()),
          settings(paths.settingsFile()) {}

    Paths paths;
    EngineFactory engineFactory;
    engine::Status startError;
    DataLock lock;
    std::unique_ptr<InstanceDoor> door;
    QString refusal; // of the other program, in its words
    QList<std::pair<QString, std::vector<engine::Status>>> banners;
    Settings settings;
    std::unique_ptr<Log> log;
    std::unique_ptr<LogInstall> logInstall;
    std::unique_ptr<History> history;
    std::unique_ptr<EngineHost> host;
    std::unique_ptr<ChatSessions> sessions;
    std::unique_ptr<StoredListController> list;
    std::unique_ptr<ExchangeController> exchange;
    std::unique_ptr<OpenTabs> openTabs;
    std::unique_ptr<AgentRuns> agents;
    std::unique_ptr<EngineModelController> models;
    std::unique_ptr<LibraryController> library;
    ModelDefaultsOf defaultsOf; // as the library has them
    std::unique_ptr<FitController> fits;
    std::unique_ptr<ConversionController> conversions;
    std::unique_ptr<QualityController> quality;
    std::unique_ptr<RooflineController> rooflines;
    std::unique_ptr<TelemetryController> telemetry;
    std::unique_ptr<AlertController> alerts;
    std::unique_ptr<ResponseCache> cache;
    std::unique_ptr<AnswerCache> answers;
    std::unique_ptr<ApplicationSettings> inForce;
    std::unique_ptr<HostBackend> backend;
    std::unique_ptr<ApiController> api;
    std::unique_ptr<DownloadController> downloads;
};

Application::Application(Paths paths, EngineFactory engineFactory, QObject* parent)
    : QObject(parent),
      m_parts(std::make_unique<Parts>(std::move(paths), std::move(engineFactory))) {}

Application::~Application() {
    shutdown();
}

Application::StartResult Application::start(const QString& prompt, StartMode mode) {
    Parts& p = *m_parts;
    if (!p.lock.take()) {
        if (!p.lock.error().isEmpty()) {
            p.startError = engine::Status(engine::Code::FileCannotOpen,
                                          {{"file", p.paths.lockFile().toStdString()},
                                           {"reason", p.lock.error().toStdString()}});
            return StartResult::Failed;
        }
        const InstanceAnswer answer = mode == StartMode::Desktop
                                          ? askInstance(p.paths.raiseSocket(), {prompt})
                                          : InstanceAnswer();
        if (answer.taken)
            return StartResult::RaisedOther;
        p.refusal = answer.reason;
        p.startError =
            engine::Status(engine::Code::DataDirInUse, {{"dir", p.paths.dataDir.toStdString()}});
        return StartResult::Failed;
    }
    p.log = std::make_unique<Log>(p.paths.logDir());
    p.logInstall = std::make_unique<LogInstall>(*p.log);
    loadSettings();
    p.history = std::make_unique<History>(DatabasePaths{
        p.paths.historyDatabase(), p.paths.cacheDatabase(), p.paths.metricsDatabase()});
    p.host = std::make_unique<EngineHost>(p.engineFactory());
    p.sessions = std::make_unique<ChatSessions>(*p.history, *p.host, p.settings);
    p.list = std::make_unique<StoredListController>(*p.history, *p.sessions);
    p.exchange = std::make_unique<ExchangeController>(*p.history);
    connect(p.exchange.get(), &ExchangeController::imported, p.list.get(),
            &StoredListController::refresh);
    connect(p.exchange.get(), &ExchangeController::failed, p.list.get(),
            &StoredListController::refresh); // some may have come before that
    p.openTabs = std::make_unique<OpenTabs>(p.paths.openTabsFile());
    p.agents = std::make_unique<AgentRuns>(*p.history, *p.sessions, p.paths.agentsFile());
    if (const engine::Status damaged = p.agents->loadAgents(); !damaged.ok())
        raise(QStringLiteral("agents"), {damaged});
    p.models = std::make_unique<EngineModelController>(*p.host, *p.sessions, p.settings,
                                                       LoadGuard(p.paths.loadMark()));
    openLibrary();
    connect(p.models.get(), &ModelController::modelChanged, p.sessions.get(),
            &ChatSessions::measureContexts);
    p.telemetry = std::make_unique<TelemetryController>(p.history.get());
    watchAlerts();
    openHistory();
    p.telemetry->start(*p.host->engine(), {.dataDir = p.paths.dataDir});
    listenForOthers();
    makeApi(mode);
    openDownloads();
    return StartResult::Started;
}

void Application::openDownloads() {
    Parts& p = *m_parts;
    p.downloads = std::make_unique<DownloadController>(
        p.settings, p.paths.modelsDir(), p.paths.downloadsFile(), TransferLimits(),
        [&p, hasCuda = engine::hasCudaLibrary()] {
            return loadRoom(p.settings.values(), p.telemetry->latest(), memoryHeld(*p.host),
                            hasCuda);
        });
    connect(p.downloads.get(), &DownloadController::installed, p.library.get(),
            &LibraryController::rescan);
    connect(p.downloads.get(), &DownloadController::queueTroubled, this,
            [this](const engine::Status& status) { raise(QStringLiteral("downloads"), {status}); });
}

void Application::listenForOthers() {
    Parts& p = *m_parts;
    p.door = std::make_unique<InstanceDoor>(
        p.paths.raiseSocket(), [this](const InstanceRequest& request,
                                      const std::function<void(const InstanceAnswer&)>& answer) {
            serveOther(request, answer);
        });
    p.door->listen(); // else a second start says that the directory is in use
}

void Application::serveOther(const InstanceRequest& request,
                             const std::function<void(const InstanceAnswer&)>& answer) {
    if (request.prompt.isEmpty()) {
        answer({true, {}});
        emit raiseRequested();
        return;
    }
    m_parts->sessions->startChat(
        request.prompt, [this, answer](ConversationId conversation, const QString& refused) {
            answer({conversation != 0, refused});
            if (conversation != 0)
                emit chatStarted(conversation);
        });
}

void Application::loadSettings() {
    Settings& settings = m_parts->settings;
    const engine::Status damaged = settings.load();
    if (!damaged.ok())
        raise(QStringLiteral("settings"), {damaged});
    connect(&settings, &Settings::failed, this,
            [this](const engine::Status& status) { raise(QStringLiteral("settings"), {status}); });
}

void Application::openHistory() {
    History* history = m_parts->history.get();
    connect(history, &History::opened, this,
            [this](bool, const std::vector<engine::Status>& notices) {
                if (notices.empty())
                    clear(QStringLiteral("history"));
                else
                    raise(QStringLiteral("history"), notices);
                m_parts->list->refresh();
                m_parts->agents->refresh();
            });
    connect(history, &History::writeTrouble, this,
            [this](const engine::Status& status) { raise(QStringLiteral("disk"), {status}); });
    connect(history, &History::writeRecovered, this, [this] { clear(QStringLiteral("disk")); });
    history->setTrashDays(m_parts->settings.values().trashDays);
    history->open();
    m_parts->list->refresh();
}

void Application::openLibrary() {
    Parts& p = *m_parts;
    const QString builtIn = builtInModelPath();
    LibraryController::Options options;
    options.choicesFile = p.paths.libraryFile();
    options.ownFolder = p.paths.modelsDir();
    options.builtInFolder = builtIn.isEmpty() ? QString() : QFileInfo(builtIn).absolutePath();
    options.watch.cacheFile = p.paths.libraryCacheFile();
    p.library = std::make_unique<LibraryController>(options);
    if (const engine::Status damaged = p.library->start(); !damaged.ok())
        raise(QStringLiteral("library"), {damaged});
    p.fits = std::make_unique<FitController>(p.paths.machineFile(),
                                             [host = p.host.get()] { return memoryHeld(*host); });
    p.fits->setBusy([&p] {
        return p.telemetry &&
               p.telemetry->latest().machine.get(MetricId::RequestsRunning).value_or(0) > 0;
    });
    p.conversions = std::make_unique<ConversionController>(p.paths.modelsDir());
    p.quality = std::make_unique<QualityController>();
    p.rooflines = std::make_unique<RooflineController>();
    connect(p.conversions.get(), &ConversionController::finished, p.library.get(),
            &LibraryController::rescan);
    p.defaultsOf = [library = p.library.get()](const QString& path) {
        return library->defaultsOf(path);
    };
    p.models->setDefaults(p.defaultsOf);
    p.sessions->setDefaults(p.defaultsOf);
}

void Application::makeApi(StartMode mode) {
    Parts& p = *m_parts;
    p.cache = std::make_unique<ResponseCache>(*p.history);
    p.answers = std::make_unique<AnswerCache>(*p.host, *p.cache, p.settings);
    p.sessions->setCache(p.answers.get());
    p.inForce = std::make_unique<ApplicationSettings>(p.settings, *p.host, *p.models, *p.cache,
                                                      p.defaultsOf);
    p.backend =
        std::make_unique<HostBackend>(*p.host, *p.models, p.cache.get(), p.paths.modelsDir());
    p.backend->setMetrics(metricsText(*p.telemetry));
    const auto followCaches = [backend = p.backend.get()](const SettingsValues& values) {
        backend->setResponseUse(values.caches.responses);
    };
    followCaches(p.settings.values());
    connect(&p.settings, &Settings::changed, p.backend.get(), followCaches);
    p.api = std::make_unique<ApiController>(*p.backend, p.settings, p.paths.apiKeysFile());
    const auto names = [&p](const QString& client) {
        return p.api ? p.api->clientName(client) : client;
    };
    p.telemetry->setClientNames(names);
    p.models->setClientNames(names);
    std::vector<engine::Status> troubles;
    if (const engine::Status damaged = p.api->loadKeys(); !damaged.ok())
        troubles.push_back(damaged);
    if (mode == StartMode::Desktop) {
        if (p.settings.values().apiEnabled)
            if (const engine::Status refused = p.api->startAsSet(); !refused.ok())
                troubles.push_back(refused);
        p.api->followSettings();
    }
    if (!troubles.empty())
        raise(QStringLiteral("api"), troubles);
}

void Application::raise(const QString& id, const std::vector<engine::Status>& conditions) {
    for (const engine::Status& status : conditions)
        qWarning("%s", status.sentence().c_str());
    auto& banners = m_parts->banners;
    banners.removeIf([&](const auto& banner) { return banner.first == id; });
    banners.append({id, conditions});
    emit bannerRaised(id, join(conditions));
}

void Application::clear(const QString& id) {
    dismissBanner(id);
    emit bannerCleared(id);
}

QList<Banner> Application::banners() const {
    QList<Banner> shown;
    for (const auto& [id, conditions] : m_parts->banners)
        shown.append({id, join(conditions)});
    return shown;
}

void Application::dismissBanner(const QString& id) {
    m_parts->banners.removeIf([&](const auto& banner) { return banner.first == id; });
}

/// Information is a mark on the charts; what needs a hand is a banner.
void Application::watchAlerts() {
    m_parts->alerts = std::make_unique<AlertController>(
        *m_parts->telemetry, m_parts->paths.dataDir + QStringLiteral("/alerts.json"));
    const AlertController* alerts = m_parts->alerts.get();
    if (!alerts->trouble().ok())
        raise(QStringLiteral("alerts"), {alerts->trouble()});
    const auto id = [](const QString& name) { return QStringLiteral("alert-") + name; };
    connect(alerts, &AlertController::raised, this,
            [this, id](const QString& name, AlertSeverity severity, const QString& sentence) {
                if (severity != AlertSeverity::Information)
                    emit bannerRaised(id(name), sentence);
            });
    connect(alerts, &AlertController::cleared, this,
            [this, id](const QString& name) { clear(id(name)); });
}

QString Application::startError() const {
    return m_parts->refusal.isEmpty() ? sentence(m_parts->startError) : m_parts->refusal;
}

void Application::autoloadModel() {
    const engine::Status crashed = m_parts->models->autoload();
    if (!crashed.ok())
        raise(QStringLiteral("model"), {crashed});
}

void Application::shutdown() {
    Parts& p = *m_parts;
    p.downloads.reset(); // what came so far stays, and the queue
    p.door.reset();      // nobody sends a message into a program that ends
    if (p.telemetry)
        p.telemetry->stop(); // it looks at the engine; its last minute goes to the database
    if (p.api)
        p.api->stop({}); // nothing new comes from clients
    p.inForce.reset();   // it knows the engine
    p.exchange.reset();  // a file that it still reads is not imported
    p.agents.reset();    // what ends now ends with the program: nobody closes
    if (p.host)
        p.host->shutdown(); // answers end; their sessions hand the last text to the history
    if (p.history)
        p.history->close(); // commits what is queued, then closes the files
    p.settings.flush();
    p.openTabs.reset(); // writes what is pending
    p.alerts.reset();
    p.telemetry.reset();
    p.api.reset();
    p.backend.reset();
    p.cache.reset();
    p.rooflines.reset();
    p.quality.reset();
    p.conversions.reset();
    p.fits.reset();
    p.library.reset();
    p.models.reset();
    p.list.reset();
    p.sessions.reset();
    p.answers.reset();
    p.host.reset();
    p.history.reset();
    p.logInstall.reset();
}

Settings& Application::settings() {
    return m_parts->settings;
}

ConversationListController& Application::conversations() {
    return *m_parts->list;
}

ExchangeController& Application::exchange() {
    return *m_parts->exchange;
}

OpenTabs& Application::openTabs() {
    return *m_parts->openTabs;
}

ModelController& Application::models() {
    return *m_parts->models;
}

LibraryController& Application::library() {
    return *m_parts->library;
}

FitController& Application::fits() {
    return *m_parts->fits;
}

ConversionController& Application::conversions() {
    return *m_parts->conversions;
}

QualityController& Application::quality() {
    return *m_parts->quality;
}

RooflineController& Application::rooflines() {
    return *m_parts->rooflines;
}

AgentController& Application::agents() {
    return *m_parts->agents;
}

AlertController& Application::alerts() {
    return *m_parts->alerts;
}

TelemetryController& Application::telemetry() {
    return *m_parts->telemetry;
}

ApiController& Application::api() {
    return *m_parts->api;
}

HostBackend& Application::apiBackend() {
    return *m_parts->backend;
}

DownloadController& Application::downloads() {
    return *m_parts->downloads;
}

ChatController* Application::createChat(QObject* parent) {
    return new SessionChatController(*m_parts->sessions, parent);
}

} // namespace app
