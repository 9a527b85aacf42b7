#include "app/application_settings.h"

#include "app/engine_settings.h"
#include "app/history/response_cache.h"
#include "app/settings.h"

namespace app {

ApplicationSettings::ApplicationSettings(const Settings& settings, engine::Engine& engine,
                                         ResponseCache& cache, QObject* parent)
    : QObject(parent), m_engine(engine), m_cache(cache) {
    connect(&settings, &Settings::changed, this, &ApplicationSettings::apply);
    apply(settings.values());
}

/// Cheap enough to do whole at every change, so nothing can be forgotten.
void ApplicationSettings::apply(const SettingsValues& values) {
    const engine::Status refused = m_engine.setAdmission(admissionOf(values));
    if (!refused.ok()) // the table is narrower than the engine's own check
        qWarning("%s", refused.sentence().c_str());
    m_engine.setKeeping(keepingOf(values));
    ResponseCacheLimits limits;
    limits.memory_bytes = std::size_t(values.caches.responseMemory_mb) << 20;
    limits.disk_bytes = std::int64_t(values.caches.responseDisk_mb) << 20;
    limits.life_ms = std::int64_t(values.caches.responseLife_h) * 3600 * 1000;
    m_cache.setLimits(limits);
}

} // namespace app
