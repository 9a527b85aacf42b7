#include "app/api/api_controller.h"

#include "app/api/api_router.h"
#include "app/api/api_server.h"
#include "app/api/host_backend.h"
#include "app/messages.h"
#include "app/settings.h"

#include <deque>
#include <mutex>

namespace app {

namespace {

constexpr int kUsage_ms = 10'000; // how often usage goes to disk
constexpr int kLogFrame_ms = 250;

std::vector<std::string> lowered(const QStringList& words) {
    std::vector<std::string> result;
    for (const QString& word : words)
        if (!word.trimmed().isEmpty())
            result.push_back(word.trimmed().toLower().toStdString());
    return result;
}

} // namespace

/// The I/O thread leaves lines here; more than fit in one frame push the oldest out.
struct ApiController::LogBox {
    std::mutex mutex;
    std::deque<ApiLogEntry> entries;
};

ApiController::ApiController(HostBackend& backend, Settings& settings, const QString& keysFile,
                             QObject* parent)
    : QObject(parent),
      m_backend(backend),
      m_settings(settings),
      m_keys(keysFile),
      m_log(std::make_shared<LogBox>()) {
    auto* logTimer = new QTimer(this);
    connect(logTimer, &QTimer::timeout, this, &ApiController::takeLog);
    logTimer->start(kLogFrame_ms);
    connect(&m_usageTimer, &QTimer::timeout, this, &ApiController::saveUsage);
}

ApiController::~ApiController() {
    stop({});
}

void ApiController::setSessionKey(const QString& key) {
    m_keys.setSessionKey(key.toStdString());
}

engine::Status ApiController::start(const ApiOptions& options) {
    stop({});
    m_options = options;
    const ApiAddress address{options.host.toStdString(), std::uint16_t(options.port)};
    if (!isLoopback(address.host) && !m_keys.any())
        return engine::Status(engine::Code::ApiNeedsKey, {{"address", address.host}});
    const auto log = [box = m_log](const ApiLogEntry& entry) {
        const std::lock_guard lock(box->mutex);
        if (box->entries.size() >= std::size_t(kLogLines))
            box->entries.pop_front();
        box->entries.push_back(entry);
    };
    m_router = std::make_shared<ApiRouter>(
        m_backend, m_keys, ApiAccess{lowered(options.hosts), lowered(options.origins)}, m_limits,
        log);
    m_server = std::make_unique<ApiServer>(*m_router, m_limits);
    const engine::Result<ApiAddress> actual = m_server->start(address);
    if (!actual.ok()) {
        m_server.reset();
        m_router.reset();
        return actual.status();
    }
    m_state = {ApiPhase::Listening, QString::fromStdString(actual->url()), isLoopback(actual->host),
               m_keys.any()};
    m_usageTimer.start(kUsage_ms);
    emit stateChanged(m_state);
    return {};
}

void ApiController::stop(std::chrono::milliseconds grace) {
    if (!m_server)
        return;
    m_server->stop(grace);
    m_server.reset();
    m_router.reset();
    m_usageTimer.stop();
    m_keys.save();
    takeLog();
    m_state = {};
    m_state.asksKey = m_keys.any();
    emit stateChanged(m_state);
}

ApiOptions ApiController::optionsOfSettings() const {
    const SettingsValues& values = m_settings.values();
    return {values.apiHost, values.apiPort, values.apiHosts, values.apiOrigins};
}

void ApiController::setEnabled(bool enabled) {
    engine::Status status;
    if (enabled)
        status = startAsSet();
    else
        stop({});
    SettingsValues values = m_settings.values();
    values.apiEnabled = enabled && status.ok();
    m_settings.set(values);
    if (!status.ok()) {
        emit stateChanged(m_state);
        emit failed(sentence(status));
    }
}

void ApiController::followSettings() {
    const auto wanted = [this] {
        return std::pair(m_settings.values().apiEnabled, optionsOfSettings());
    };
    // Another setting is no reason to try again what was refused, nor to switch it off.
    connect(&m_settings, &Settings::changed, this, [this, wanted, known = wanted()]() mutable {
        const auto now = wanted();
        if (now == known)
            return;
        known = now;
        const auto& [enabled, options] = now;
        const bool listens = m_state.phase == ApiPhase::Listening;
        if (enabled != listens || (listens && m_options != options))
            setEnabled(enabled);
    });
}

void ApiController::createKey(const QString& name) {
    const engine::Result<QString> key = m_keys.create(name.trimmed().left(64));
    if (!key.ok()) {
        emit failed(sentence(key.status()));
        return;
    }
    m_state.asksKey = true;
    emit keyCreated(name, *key);
    emit keysChanged(keys());
    emit stateChanged(m_state);
}

/// A server of the network stops before its last key goes: no request comes in between.
void ApiController::revokeKey(const QString& id) {
    const std::string address = m_state.url.toStdString();
    const bool wouldBeOpen = m_server && !m_state.isLocal && m_keys.isLast(id);
    if (wouldBeOpen)
        setEnabled(false);
    if (const engine::Status status = m_keys.revoke(id); !status.ok())
        emit failed(sentence(status));
    m_state.asksKey = m_keys.any();
    emit keysChanged(keys());
    emit stateChanged(m_state);
    if (wouldBeOpen)
        emit failed(sentence(engine::Status(engine::Code::ApiNeedsKey, {{"address", address}})));
}

void ApiController::takeLog() {
    std::deque<ApiLogEntry> entries;
    {
        const std::lock_guard lock(m_log->mutex);
        entries.swap(m_log->entries);
    }
    if (entries.empty())
        return;
    QList<ApiLogValue> values;
    for (const ApiLogEntry& entry : entries) {
        ApiLogValue value;
        value.time = QDateTime::fromMSecsSinceEpoch(entry.time_ms);
        value.client = m_keys.nameOf(QString::fromStdString(entry.client));
        value.method = QString::fromStdString(entry.method);
        value.path = QString::fromStdString(entry.path);
        value.status = entry.status;
        value.duration_ms = entry.duration_ms;
        value.promptTokens = entry.promptTokens;
        value.generatedTokens = entry.generatedTokens;
        value.fromCache = entry.fromCache;
        values.append(value);
    }
    emit requestsAnswered(values);
    emit keysChanged(keys());
}

/// A sync may take a tenth of a second: not on the GUI thread. The pool ends before the keys do.
void ApiController::saveUsage() {
    m_backend.runInPool([this] { m_keys.save(); });
}

} // namespace app
