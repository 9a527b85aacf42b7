#include "app/application_settings.h"

#include "app/engine_host.h"
#include "app/engine_settings.h"
#include "app/history/response_cache.h"
#include "app/session/model_controller.h"
#include "app/session/request_builder.h"
#include "app/settings.h"

namespace app {

ApplicationSettings::ApplicationSettings(const Settings& settings, EngineHost& host,
                                         const ModelController& models, ResponseCache& cache,
                                         ModelDefaultsOf defaults, QObject* parent)
    : QObject(parent),
      m_settings(settings),
      m_host(host),
      m_cache(cache),
      m_defaults(std::move(defaults)) {
    connect(&settings, &Settings::changed, this, &ApplicationSettings::apply);
    connect(&models, &ModelController::modelChanged, this, &ApplicationSettings::prewarm);
    apply(settings.values());
}

/// Cheap enough to do whole at every change, so nothing can be forgotten.
void ApplicationSettings::apply(const SettingsValues& values) {
    engine::Engine* engine = m_host.engine();
    if (engine == nullptr)
        return;
    const engine::Status refused = engine->setAdmission(admissionOf(values));
    if (!refused.ok()) // the table is narrower than the engine's own check
        qWarning("%s", refused.sentence().c_str());
    engine->setKeeping(keepingOf(values));
    ResponseCacheLimits limits;
    limits.memory_bytes = std::size_t(values.caches.responseMemory_mb) << 20;
    limits.disk_bytes = std::int64_t(values.caches.responseDisk_mb) << 20;
    limits.life_ms = std::int64_t(values.caches.responseLife_h) * 3600 * 1000;
    m_cache.setLimits(limits);
}

/// What the next chat begins with, and the answers that were wanted most.
void ApplicationSettings::prewarm() {
    const EngineHost::ModelInfo model = m_host.model();
    const SettingsValues& values = m_settings.values();
    if (model == nullptr || !values.caches.prewarm)
        return;
    m_cache.prewarm(*model);
    const QString path = QString::fromStdString(model->path.string());
    const QString systemPrompt = systemPromptOf(m_defaults(path), values);
    if (systemPrompt.isEmpty())
        return;
    engine::Request request;
    request.model = model->key;
    request.messages = {{"system", systemPrompt.toStdString()}};
    m_host.pool().start([engine = m_host.engine(), request = std::move(request)] {
        if (const engine::Status status = engine->prewarm(request); !status.ok())
            qWarning("%s", status.sentence().c_str());
    });
}

} // namespace app
