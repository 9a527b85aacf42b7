#include "app/application.h"

#include "app/data_lock.h"
#include "app/engine_host.h"
#include "app/history/history.h"
#include "app/load_guard.h"
#include "app/log.h"
#include "app/messages.h"
#include "app/session/chat_sessions.h"
#include "app/session/engine_model_controller.h"
#include "app/session/session_chat_controller.h"
#include "app/session/stored_list_controller.h"
#include "app/settings.h"
#include "app/telemetry/metric_sampler.h"
#include "app/telemetry/telemetry_controller.h"

namespace app {

/// Everything, in the order it is built; shutdown() goes the other way.
struct Application::Parts {
    Parts(Paths where, EngineFactory factory)
        : paths(std::move(where)),
          engineFactory(std::move(factory)),
          lock(paths.lockFile(), paths.raiseSocket()),
          settings(paths.settingsFile()) {}

    Paths paths;
    EngineFactory engineFactory;
    QString startError;
    DataLock lock;
    Settings settings;
    std::unique_ptr<Log> log;
    std::unique_ptr<LogInstall> logInstall;
    std::unique_ptr<History> history;
    std::unique_ptr<EngineHost> host;
    std::unique_ptr<ChatSessions> sessions;
    std::unique_ptr<StoredListController> list;
    std::unique_ptr<EngineModelController> models;
    std::unique_ptr<TelemetryController> telemetry;
};

Application::Application(Paths paths, EngineFactory engineFactory, QObject* parent)
    : QObject(parent),
      m_parts(std::make_unique<Parts>(std::move(paths), std::move(engineFactory))) {}

Application::~Application() {
    shutdown();
}

Application::StartResult Application::start() {
    Parts& p = *m_parts;
    if (!p.lock.take()) {
        if (p.lock.error().isEmpty() && p.lock.askToRaise())
            return StartResult::RaisedOther;
        if (p.lock.error().isEmpty())
            p.startError = sentence(engine::Status(engine::Code::DataDirInUse,
                                                   {{"dir", p.paths.dataDir.toStdString()}}));
        else
            p.startError = sentence(engine::Status(engine::Code::FileCannotOpen,
                                                   {{"file", p.paths.lockFile().toStdString()},
                                                    {"reason", p.lock.error().toStdString()}}));
        return StartResult::Failed;
    }
    connect(&p.lock, &DataLock::raiseRequested, this, &Application::raiseRequested);
    p.log = std::make_unique<Log>(p.paths.logDir());
    p.logInstall = std::make_unique<LogInstall>(*p.log);
    loadSettings();
    p.history = std::make_unique<History>(DatabasePaths{
        p.paths.historyDatabase(), p.paths.cacheDatabase(), p.paths.metricsDatabase()});
    p.host = std::make_unique<EngineHost>(p.engineFactory());
    p.sessions = std::make_unique<ChatSessions>(*p.history, *p.host, p.settings);
    p.list = std::make_unique<StoredListController>(*p.history, *p.sessions);
    p.models =
        std::make_unique<EngineModelController>(*p.host, p.settings, LoadGuard(p.paths.loadMark()));
    connect(p.models.get(), &ModelController::modelChanged, p.sessions.get(),
            &ChatSessions::measureContexts);
    p.telemetry = std::make_unique<TelemetryController>(p.history.get());
    openHistory();
    p.telemetry->start(*p.host->engine(), {.dataDir = p.paths.dataDir});
    return StartResult::Started;
}

void Application::loadSettings() {
    Settings& settings = m_parts->settings;
    const QString damaged = settings.load();
    if (!damaged.isEmpty())
        raise(QStringLiteral("settings"), damaged);
    connect(&settings, &Settings::failed, this,
            [this](const QString& sentence) { raise(QStringLiteral("settings"), sentence); });
}

void Application::openHistory() {
    History* history = m_parts->history.get();
    connect(history, &History::opened, this, [this](bool, const QStringList& notices) {
        if (!notices.isEmpty())
            raise(QStringLiteral("history"), notices.join(QLatin1Char('\n')));
    });
    connect(history, &History::writeTrouble, this,
            [this](const QString& sentence) { raise(QStringLiteral("disk"), sentence); });
    connect(history, &History::writeRecovered, this,
            [this] { emit bannerCleared(QStringLiteral("disk")); });
    history->open();
    m_parts->list->refresh();
}

void Application::raise(const QString& id, const QString& sentence) {
    qWarning("%s", qPrintable(sentence));
    // Queued: a window that is just being built hears of what happened before it stood.
    QMetaObject::invokeMethod(
        this, [this, id, sentence] { emit bannerRaised(id, sentence); }, Qt::QueuedConnection);
}

QString Application::startError() const {
    return m_parts->startError;
}

void Application::autoloadModel() {
    const QString crashed = m_parts->models->autoload();
    if (!crashed.isEmpty())
        raise(QStringLiteral("model"), crashed);
}

void Application::shutdown() {
    Parts& p = *m_parts;
    if (p.telemetry)
        p.telemetry->stop(); // it looks at the engine; its last minute goes to the database
    if (p.host)
        p.host->shutdown(); // answers end; their sessions hand the last text to the history
    if (p.history)
        p.history->close(); // commits what is queued, then closes the files
    p.settings.flush();
    p.telemetry.reset();
    p.models.reset();
    p.list.reset();
    p.sessions.reset();
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

ModelController& Application::models() {
    return *m_parts->models;
}

TelemetryController& Application::telemetry() {
    return *m_parts->telemetry;
}

ChatController* Application::createChat(QObject* parent) {
    return new SessionChatController(*m_parts->sessions, parent);
}

} // namespace app
