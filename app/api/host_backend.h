#pragma once
// HostBackend: the program behind the API. Finds models by name, has them loaded by the same
// controller as the desktop, so that the window shows what an API client asked for.
//
// A request for a model that is not resident waits for its load when nothing runs; while another
// load or any answer runs it is told when to come back.

#include "app/api/api_backend.h"
#include "app/engine_host.h"
#include "app/session/model_controller.h"

#include <atomic>
#include <map>
#include <mutex>

namespace app {

/// Prometheus text of everything that is measured. Any thread.
using MetricsText = std::function<std::string()>;

class HostBackend : public QObject, public ApiBackend {
    Q_OBJECT

  public:
    /// `library`: the folder of models. All arguments outlive it; made on the GUI thread.
    HostBackend(EngineHost& host, ModelController& models, ResponseCache* cache, QString library,
                QObject* parent = nullptr);

    /// How models are loaded for the API (serve's --device and its kind). GUI thread.
    void setModelOptions(const ModelOptions& options) { m_options = options; }
    /// Before the server starts.
    void setMetrics(MetricsText metrics) { m_metrics = std::move(metrics); }

    engine::Engine& engine() override { return m_engine; }
    ApiHealth health() override { return m_health; }
    std::vector<ApiModel> models() override;
    void obtainModel(const std::string& name, ModelAnswer answer) override;
    void runInPool(std::function<void()> task) override;
    std::string metrics() override;
    ResponseCache* cache() override { return m_cache; }
    ResponseUse responseUse() override { return m_responseUse; }
    void setResponseUse(ResponseUse use) { m_responseUse = use; }

  private:
    using Info = std::shared_ptr<const engine::ModelInfo>;

    Info resident(const std::string& name) const;
    std::map<std::string, QString> library() const;
    void obtainFromLibrary(const std::string& name, const ModelAnswer& answer);

    // GUI thread.
    void load(const QString& path, const ModelAnswer& answer);
    void onModelChanged(const ModelValue& model);
    void onProgress(const ModelProgress& progress);
    void settle(std::variant<Info, ApiError> answer);
    ApiError loadingError() const;

    EngineHost& m_host;
    engine::Engine& m_engine;
    ModelController& m_models;
    ResponseCache* m_cache;
    const QString m_library;
    MetricsText m_metrics;
    std::atomic<ApiHealth> m_health{ApiHealth::NoModel};
    std::atomic<ResponseUse> m_responseUse{ResponseUse::Repeatable};

    ModelOptions m_options;
    QString m_loading;                  // the path that requests wait for
    std::vector<ModelAnswer> m_waiting; // for it
    QElapsedTimer m_loadClock;
    ModelProgress m_progress;
};

} // namespace app
