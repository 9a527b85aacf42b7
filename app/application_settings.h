#pragma once
// ApplicationSettings: brings the settings into force while the program runs: what the engine
// admits and keeps, what the response cache holds. What takes a load of the model is the model
// controller's. GUI thread.

#include "app/library/model_card.h"
#include "app/settings_values.h"

#include <QObject>

namespace app {

class EngineHost;
class ModelController;
class ResponseCache;
class Settings;

class ApplicationSettings : public QObject {
    Q_OBJECT

  public:
    /// Applies what is set now, and follows. All arguments outlive it. `defaults`: what chats with
    /// a model begin with.
    ApplicationSettings(const Settings& settings, EngineHost& host, const ModelController& models,
                        ResponseCache& cache, ModelDefaultsOf defaults, QObject* parent = nullptr);

  private:
    void apply(const SettingsValues& values);
    void prewarm();

    const Settings& m_settings;
    EngineHost& m_host;
    ResponseCache& m_cache;
    ModelDefaultsOf m_defaults;
};

} // namespace app
