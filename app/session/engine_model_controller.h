#pragma once
// EngineModelController: the ModelController of the program, over EngineHost. Remembers what was
// loaded, and whether the last load took the program down. A model whose answers run, those of API
// clients among them, is never taken away unasked; who gives way to whom is the engine's business.

#include "app/engine_host.h"
#include "app/library/model_card.h"
#include "app/load_guard.h"
#include "app/session/model_controller.h"

#include <QTimer>

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

    /// What a model's owner has set for it goes before the options of a load.
    void setDefaults(ModelDefaultsOf defaults) { m_defaults = std::move(defaults); }
    /// What the clients of requests are called, for interruptionAsked.
    void setClientNames(std::function<QString(const QString& client)> names) {
        m_clientNames = std::move(names);
    }
    /// The last model, unless the settings or a crash say no: ModelCrashedBefore.
    engine::Status autoload();

  private:
    void start(const QString& path, const ModelOptions& options, engine::SwitchPolicy policy);
    void onLoad(const engine::LoadEvent& event, const QString& path, const ModelOptions& options);
    void onReady(const engine::ModelInfo& model, const QString& path, const ModelOptions& options);
    void onNotLoaded(const engine::LoadEvent& event, const QString& path);
    void fail(const engine::Status& status, const QString& path);
    void release();
    void ask(const QString& replacement, const QList<RunningRequest>& running,
             std::function<void(InterruptionChoice)> answer);
    bool hasUnnamed() const;
    void unloadWhenIdle();
    void remember(const QString& path, const ModelOptions& options);
    void setProgress(const ModelProgress& progress);
    void showRecent();

    EngineHost& m_host;
    ChatSessions& m_sessions;
    Settings& m_settings;
    LoadGuard m_guard;
    ModelDefaultsOf m_defaults;
    std::function<QString(const QString&)> m_clientNames;
    std::function<void(InterruptionChoice)> m_answer; // what interruptionAsked was about
    QList<RunningRequest> m_named;                    // whom it named
    QString m_replacement;
    QTimer m_idleLook; // while the model goes when its last answer has ended
    ModelValue m_model;
    ModelProgress m_progress;
    QList<RecentModel> m_recent;
};

ModelValue modelValueOf(const engine::ModelInfo& model);

} // namespace app
