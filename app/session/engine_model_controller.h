#pragma once
// EngineModelController: the ModelController of the program, over EngineHost. Remembers what was
// loaded, and whether the last load took the program down.

#include "app/engine_host.h"
#include "app/load_guard.h"
#include "app/session/model_controller.h"

namespace app {

class Settings;

class EngineModelController : public ModelController {
    Q_OBJECT

  public:
    EngineModelController(EngineHost& host, Settings& settings, LoadGuard guard,
                          QObject* parent = nullptr);
    ~EngineModelController() override;

    ModelValue model() const override { return m_model; }
    ModelProgress progress() const override { return m_progress; }
    QList<RecentModel> recentModels() const override { return m_recent; }

    void load(const QString& path, const ModelOptions& options) override;
    void cancelLoad() override;
    void unload() override;
    void forgetRecent(const QString& path) override;

    /// The last model, unless the settings or a crash say no. Returns the sentence for the banner
    /// when a crash does.
    QString autoload();

  private:
    void start(const QString& path, const ModelOptions& options, bool isRetry);
    void onLoad(const engine::LoadEvent& event, const QString& path, const ModelOptions& options,
                bool isRetry);
    void onReady(const engine::ModelInfo& model, const QString& path, const ModelOptions& options);
    void setProgress(const ModelProgress& progress);
    void showRecent();

    EngineHost& m_host;
    Settings& m_settings;
    LoadGuard m_guard;
    ModelValue m_model;
    ModelProgress m_progress;
    QList<RecentModel> m_recent;
};

ModelValue modelValueOf(const engine::ModelInfo& model);

} // namespace app
