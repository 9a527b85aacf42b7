#pragma once
// Application: builds the program without pixels, wires it, and shuts it down in order: requests
// cancelled, texts committed, threads joined, database closed last. The desktop asks it for
// controllers. GUI thread.

#include "app/paths.h"

#include "app/history/records.h"

#include <functional>
#include <memory>
#include <QList>
#include <QObject>
#include <vector>

namespace engine {
class Engine;
class Status;
} // namespace engine

namespace app {

class AgentController;
class AlertController;
class ApiController;
class ChatController;
class ConversationListController;
class ConversionController;
class DownloadController;
class ExchangeController;
class FitController;
class HostBackend;
class LibraryController;
class ModelController;
class QualityController;
class RooflineController;
class OpenTabs;
class Settings;
class TelemetryController;

struct InstanceAnswer;
struct InstanceRequest;

using EngineFactory = std::function<std::unique_ptr<engine::Engine>()>;

/// A lasting condition: full disk, damaged history put aside ...
struct Banner {
    QString id;
    QString sentence; // in the language of the moment it was asked for
};

class Application : public QObject {
    Q_OBJECT

  public:
    Application(Paths paths, EngineFactory engineFactory, QObject* parent = nullptr);
    ~Application() override;

    enum class StartResult {
        Started,
        RaisedOther, ///< another desktop holds this data directory and did what was asked
        Failed       ///< see startError()
    };
    enum class StartMode {
        Desktop, ///< the API listens when the settings say so
        Server   ///< nobody is asked to come forward; the command says where to listen
    };
    /// Takes the data directory, opens the database in the background, starts the engine. When
    /// another desktop has the directory it is asked to come forward, or to send `prompt` in a new
    /// chat; RaisedOther means that it has, and a prompt is in its history.
    StartResult start(const QString& prompt = {}, StartMode mode = StartMode::Desktop);
    QString startError() const; ///< in the language of the moment
    /// Loads the last model when the settings say so and the last session did not crash in it.
    void autoloadModel();
    /// Idempotent; also called by the destructor.
    void shutdown();

    // From here on: after a start that returned Started, and before shutdown().
    Settings& settings();
    ConversationListController& conversations();
    ModelController& models();
    LibraryController& library();
    FitController& fits();
    ConversionController& conversions();
    QualityController& quality();
    RooflineController& rooflines();
    TelemetryController& telemetry();
    AlertController& alerts();
    AgentController& agents();
    ApiController& api();
    HostBackend& apiBackend();
    DownloadController& downloads();
    ExchangeController& exchange();
    OpenTabs& openTabs();
    /// A new view; several may show several chats at once. Owned by `parent`; delete before
    /// shutdown.
    ChatController* createChat(QObject* parent);
    /// What a window shows that is made now; later changes come as signals.
    QList<Banner> banners() const;
    /// The user has seen it.
    void dismissBanner(const QString& id);

  signals:
    /// To show above the transcript, in place of an older one of the same id.
    void bannerRaised(const QString& id, const QString& sentence);
    void bannerCleared(const QString& id);
    /// Another start of the program wants this window in front.
    void raiseRequested();
    /// Another start of the program sent a message: it is stored and being answered there.
    void chatStarted(app::ConversationId conversation);

  private:
    void listenForOthers();
    void serveOther(const InstanceRequest& request,
                    const std::function<void(const InstanceAnswer&)>& answer);
    void loadSettings();
    void watchAlerts();
    void openHistory();
    void openLibrary();
    void openDownloads();
    void makeApi(StartMode mode);
    void raise(const QString& id, const std::vector<engine::Status>& conditions);
    void clear(const QString& id);

    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

} // namespace app
