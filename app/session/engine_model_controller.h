#pragma once
// EngineModelController: the ModelController of the program, over EngineHost. Remembers what was
// loaded, and whether the last load took the program down. A model whose answers run is never taken
// away unasked.

#include "app/engine_host.h"
#include "app/load_guard.h"
#include "app/session/model_controller.h"

namespace app {

class ChatSessions;
class Settings;

class EngineModelController : public ModelController {
    Q_OBJECT

  public:
    EngineModelController(EngineHost& host, ChatSessions& sessions, Settings& settings,
                          LoadGuard guard, QObject* parent = nullptr);
    ~EngineModelController() override;

    ModelValue model() const override { return m_model; }
    ModelProgress progress() const override { return m_progress; }
    QList<RecentModel> recentModels() const override { return m_recent; }

    void load(const QString& path, const ModelOptions& options) override;
    void cancelLoad() override;
    void unload() override;
    void decide(InterruptionChoice choice) override;
    void forgetRecent(const QString& path) override;

    /// The last model, unless the settings or a crash say no: ModelCrashedBefore.
    engine::Status autoload();

  private:
    void start(const QString& path, const ModelOptions& options, bool isRetry);
    void onLoad(const engine::LoadEvent& event, const QString& path, const ModelOptions& options,
                bool isRetry);
    void onReady(const engine::ModelInfo& model, const QString& path, const ModelOptions& options);
    void makeRoom(const QString& path, const ModelOptions& options);
    void release(const engine::ModelKey& key, std::function<void()> then = {});
    int runningReplies() const;
    void ask(const QString& replacement, ModelPhase waiting, std::function<void()> wish);
    void runWish();
    void onReplyEnded();
    void remember(const QString& path, const ModelOptions& options);
    void setProgress(const ModelProgress& progress);
    void showRecent();

    EngineHost& m_host;
    ChatSessions& m_sessions;
    Settings& m_settings;
    LoadGuard m_guard;
    QList<engine::ModelKey> m_retiring; // replaced; each goes when its last answer has ended
    std::function<void()> m_wish;       // what interruptionAsked was about
    ModelProgress m_wishProgress;       // shown while it waits
    bool m_wishWaits = false;           // the decision was WhenFinished
    ModelValue m_model;
    ModelProgress m_progress;
    QList<RecentModel> m_recent;
};

ModelValue modelValueOf(const engine::ModelInfo& model);

} // namespace app
