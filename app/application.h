#pragma once
// Application: builds the program without pixels, wires it, and shuts it down in order: requests
// cancelled, texts committed, threads joined, database closed last. The desktop asks it for
// controllers. GUI thread.

#include "app/paths.h"

#include <functional>
#include <memory>
#include <QObject>
#include <QStringList>

namespace engine {
class Engine;
}

namespace app {

class ChatController;
class ConversationListController;
class ModelController;
class Settings;
class TelemetryController;

using EngineFactory = std::function<std::unique_ptr<engine::Engine>()>;

class Application : public QObject {
    Q_OBJECT

  public:
    Application(Paths paths, EngineFactory engineFactory, QObject* parent = nullptr);
    ~Application() override;

    enum class StartResult {
        Started,
        RaisedOther, ///< another desktop holds this data directory and was asked to come forward
        Failed       ///< see startError()
    };
    /// Takes the data directory, opens the database in the background, starts the engine.
    StartResult start();
    QString startError() const;
    /// Loads the last model when the settings say so and the last session did not crash in it.
    void autoloadModel();
    /// Idempotent; also called by the destructor.
    void shutdown();

    // From here on: after a start that returned Started, and before shutdown().
    Settings& settings();
    ConversationListController& conversations();
    ModelController& models();
    TelemetryController& telemetry();
    /// A new view; several may show several chats at once. Owned by `parent`; delete before
    /// shutdown.
    ChatController* createChat(QObject* parent);

  signals:
    /// A lasting condition to show above the transcript (full disk, damaged history put aside ...).
    void bannerRaised(const QString& id, const QString& sentence);
    void bannerCleared(const QString& id);
    /// Another start of the program wants this window in front.
    void raiseRequested();

  private:
    void loadSettings();
    void openHistory();
    void raise(const QString& id, const QString& sentence);

    struct Parts;
    std::unique_ptr<Parts> m_parts;
};

} // namespace app
