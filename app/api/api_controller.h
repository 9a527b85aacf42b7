#pragma once
// ApiController: the API as something to switch on. Slots take values and return at once; signals
// carry values. The server itself runs on a thread of its own. GUI thread.

#include "app/api/api_keys.h"
#include "app/api/api_limits.h"
#include "engine/status.h"

#include <memory>
#include <QObject>
#include <QStringList>
#include <QTimer>

namespace app {

class ApiRouter;
class ApiServer;
class HostBackend;
class Settings;

enum class ApiPhase { Off, Listening };

struct ApiState {
    ApiPhase phase = ApiPhase::Off;
    QString url;          ///< "http://127.0.0.1:8484" while Listening
    bool isLocal = true;  ///< only this computer can reach it
    bool asksKey = false; ///< there is a key, so every request needs one
};

/// One answered request.
struct ApiLogValue {
    QDateTime time;
    QString client; ///< the key's name, "api" without keys
    QString method;
    QString path;
    int status = 0;
    qint64 duration_ms = 0;
    quint64 promptTokens = 0;
    quint64 generatedTokens = 0;
    bool fromCache = false;
};

/// Where to listen and who may ask.
struct ApiOptions {
    QString host = QStringLiteral("127.0.0.1");
    int port = 8484;     ///< 0 = a free one
    QStringList hosts;   ///< further names of this computer
    QStringList origins; ///< web pages that may ask

    bool operator==(const ApiOptions&) const = default;
};

class ApiController : public QObject {
    Q_OBJECT

  public:
    static constexpr int kLogLines = 500;

    /// `keysFile` holds hashes of keys, and what was done with them.
    ApiController(HostBackend& backend, Settings& settings, const QString& keysFile,
                  QObject* parent = nullptr);
    ~ApiController() override; ///< stop()

    ApiState state() const { return m_state; }
    QList<ApiKeyValue> keys() const { return m_keys.list(); }
    /// What the engine's client of that word is called, as ApiKeys::nameOf() says.
    QString clientName(const QString& client) const { return m_keys.nameOf(client); }
    /// A key that holds until the program ends (serve's --api-key). Before start().
    void setSessionKey(const QString& key);
    void setLimits(const ApiLimits& limits) { m_limits = limits; }
    /// As ApiKeys::load() says.
    engine::Status loadKeys() { return m_keys.load(); }

    /// Listens; why not, else. Already listening: listens anew.
    engine::Status start(const ApiOptions& options);
    /// start() where the settings say.
    engine::Status startAsSet() { return start(optionsOfSettings()); }
    /// From now on the settings switch it on and off and move it, whoever changes them.
    void followSettings();
    /// Running answers get `grace` to end. Blocks for as long.
    void stop(std::chrono::milliseconds grace);

  public slots:
    /// With the settings' address; remembers that it is on or off.
    void setEnabled(bool enabled);
    /// A new key, told by keyCreated and never again.
    void createKey(const QString& name);
    void revokeKey(const QString& id);

  signals:
    void stateChanged(const app::ApiState& state);
    void keysChanged(const QList<app::ApiKeyValue>& keys);
    void keyCreated(const QString& name, const QString& key);
    /// Newest last; at most a few times a second.
    void requestsAnswered(const QList<app::ApiLogValue>& entries);
    /// One sentence a person can act on.
    void failed(const QString& sentence);

  private:
    struct LogBox;

    void takeLog();
    void saveUsage();
    ApiOptions optionsOfSettings() const;

    HostBackend& m_backend;
    Settings& m_settings;
    ApiKeys m_keys;
    ApiLimits m_limits;
    std::shared_ptr<LogBox> m_log;
    std::shared_ptr<ApiRouter> m_router;
    std::unique_ptr<ApiServer> m_server;
    ApiState m_state;
    ApiOptions m_options; // it was started with
    QTimer m_usageTimer;
};

} // namespace app

Q_DECLARE_METATYPE(app::ApiState)
Q_DECLARE_METATYPE(app::ApiKeyValue)
Q_DECLARE_METATYPE(app::ApiLogValue)
