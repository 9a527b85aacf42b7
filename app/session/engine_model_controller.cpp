#include "app/session/engine_model_controller.h"

#include "app/messages.h"
#include "app/paths.h"
#include "app/session/chat_sessions.h"
#include "app/session/model_options.h"
#include "app/session/request_builder.h"
#include "app/settings.h"

#include <algorithm>
#include <QCoreApplication>
#include <QFileInfo>

namespace app {

namespace {

constexpr int kIdleLook_ms = 50;

QString nameOf(const QString& path) {
    const QFileInfo info(path);
    return info.suffix() == QLatin1String("gguf") ? info.completeBaseName() : info.fileName();
}

ModelProgress progressOf(ModelPhase phase, const QString& path,
                         const engine::LoadEvent& event = {}) {
    return {phase, path, nameOf(path), event.done_bytes, event.total_bytes};
}

ModelPhase phaseFrom(engine::LoadPhase phase) {
    switch (phase) {
    case engine::LoadPhase::Opening:
        return ModelPhase::Opening;
    case engine::LoadPhase::Planning:
        return ModelPhase::Planning;
    case engine::LoadPhase::LoadingWeights:
        return ModelPhase::Loading;
    case engine::LoadPhase::Ready:
        return ModelPhase::Ready;
    case engine::LoadPhase::Failed:
    case engine::LoadPhase::Cancelled:
        break;
    }
    return ModelPhase::None;
}

/// Empty is auto; a word that is not known is refused with the words that are.
template<typename Format, typename Parse>
engine::Status takeFormat(const QString& word, Parse parse, Format& into) {
    if (word.isEmpty())
        return {};
    const engine::Result<Format> format = parse(word.toStdString());
    if (format.ok())
        into = *format;
    return format.status();
}

engine::Result<engine::LoadRequest> loadRequest(const QString& path, const ModelOptions& options) {
    engine::LoadRequest request;
    request.path = std::filesystem::path(path.toStdString());
    INGLENOOK_TRY(takeFormat(options.weights, engine::parseWeightFormat, request.formats.weights));
    INGLENOOK_TRY(takeFormat(options.activations, engine::parseActivationFormat,
                             request.formats.activations));
    INGLENOOK_TRY(takeFormat(options.kv, engine::parseKvFormat, request.formats.kv));
    INGLENOOK_TRY(takeFormat(options.split, engine::parseSplitMode, request.split));
    if (!options.device.isEmpty())
        request.device = options.device.toStdString();
    request.context = std::uint32_t(std::max(options.contextTokens, 0));
    request.slotCount = std::uint32_t(std::max(options.slotCount, 0));
    request.kvTokens = std::uint32_t(std::max(options.kvTokens, 0));
    return request;
}

ModelOptions withDefaults(ModelOptions options, const ModelDefaults& defaults) {
    if (options.isExact)
        return options;
    if (!defaults.kv.isEmpty())
        options.kv = defaults.kv;
    if (defaults.contextTokens > 0)
        options.contextTokens = defaults.contextTokens;
    return options;
}

} // namespace

ModelValue modelValueOf(const engine::ModelInfo& model) {
    const ModelStamp stamp = stampOf(model);
    ModelValue value;
    value.key = QString::fromStdString(model.key);
    value.name = stamp.name;
    value.path = QString::fromStdString(model.path.string());
    value.fileType = QString::fromStdString(model.format + " " + model.fileType).trimmed();
    value.weights = stamp.weights;
    value.activations = stamp.activations;
    value.kv = stamp.kv;
    value.device = stamp.device;
    value.contextTokens = int(model.context);
    value.file_bytes = model.fileBytes;
    for (const engine::DeviceMemory& memory : model.memory.devices) {
        value.weights_bytes += memory.weights_bytes;
        value.kv_bytes += memory.kv_bytes;
        value.workspace_bytes += memory.workspace_bytes;
    }
    const engine::SplitChoice& split = model.split;
    value.split = {int(split.devices), split.onePerSecond,      split.allPerSecond,
                   int(split.streams), split.replicasPerSecond, split.sharedPerSecond,
                   split.tookOne,      split.tookReplicas,      split.tookLayers};
    value.isReasoner = model.isReasoner;
    value.load_ms = model.load_ms;
    return value;
}

EngineModelController::EngineModelController(EngineHost& host, ChatSessions& sessions,
                                             Settings& settings, LoadGuard guard, QObject* parent)
    : ModelController(parent),
      m_host(host),
      m_sessions(sessions),
      m_settings(settings),
      m_guard(std::move(guard)) {
    m_idleLook.setInterval(kIdleLook_ms);
    connect(&m_idleLook, &QTimer::timeout, this, &EngineModelController::unloadWhenIdle);
    showRecent();
}

EngineModelController::~EngineModelController() {
    m_guard.end(); // an orderly end in the middle of a load is no crash
}

void EngineModelController::load(const QString& path, const ModelOptions& options) {
    m_answer = nullptr; // an older wish
    m_idleLook.stop();
    start(path, options, engine::SwitchPolicy::Beside);
}

void EngineModelController::start(const QString& path, const ModelOptions& options,
                                  engine::SwitchPolicy policy) {
    engine::Result<engine::LoadRequest> request =
        loadRequest(path, m_defaults ? withDefaults(options, m_defaults(path)) : options);
    if (!request.ok()) {
        fail(request.status(), path);
        return;
    }
    request->policy = policy;
    m_guard.begin(path);
    setProgress(progressOf(ModelPhase::Opening, path));
    m_host.load(*request, this,
                [=, this](const engine::LoadEvent& event) { onLoad(event, path, options); });
}

void EngineModelController::onLoad(const engine::LoadEvent& event, const QString& path,
                                   const ModelOptions& options) {
    if (event.phase == engine::LoadPhase::Ready && event.model != nullptr) {
        m_guard.end();
        setProgress(progressOf(ModelPhase::Ready, path, event));
        onReady(*event.model, path, options);
        return;
    }
    if (event.phase != engine::LoadPhase::Failed && event.phase != engine::LoadPhase::Cancelled) {
        const bool waits = event.phase == engine::LoadPhase::Planning && !event.inTheWay.empty();
        setProgress(
            progressOf(waits ? ModelPhase::WaitingToLoad : phaseFrom(event.phase), path, event));
        return;
    }
    m_guard.end();
    if (event.status.code() == engine::Code::ModelNeedsRoom && !event.inTheWay.empty()) {
        ask(nameOf(path), m_host.ownersOf(event.inTheWay), [=, this](InterruptionChoice choice) {
            start(path, options,
                  choice == InterruptionChoice::Now ? engine::SwitchPolicy::Now
                                                    : engine::SwitchPolicy::AfterRunning);
        });
        return;
    }
    onNotLoaded(event, path);
}

/// The engine has brought back what had made room; where that failed too, nothing answers.
void EngineModelController::onNotLoaded(const engine::LoadEvent& event, const QString& path) {
    setProgress({});
    m_host.forgetGoneModel();
    if (m_model.isLoaded() && m_host.model() == nullptr) {
        m_model = {};
        emit modelChanged(m_model);
    }
    if (event.phase == engine::LoadPhase::Failed)
        fail(event.status, path);
}

/// Said where it was asked for, and kept in the log for whoever looks later.
void EngineModelController::fail(const engine::Status& status, const QString& path) {
    qWarning("%s was not loaded: %s", qUtf8Printable(path), status.sentence().c_str());
    emit failed(sentence(status), path);
}

void EngineModelController::onReady(const engine::ModelInfo& model, const QString& path,
                                    const ModelOptions& options) {
    const engine::ModelKey old = m_model.key.toStdString();
    m_model = modelValueOf(model);
    if (!old.empty() && old != model.key) // its answers end on it, then its memory is free
        m_host.unloadAfterRunning(old, this, {});
    if (options.isRemembered)
        remember(path, options);
    emit modelChanged(m_model);
}

void EngineModelController::remember(const QString& path, const ModelOptions& options) {
    SettingsValues values = m_settings.values();
    values.lastModel = path;
    values.recentModels.removeAll(path);
    values.recentModels.prepend(path);
    takeModelOptions(values, options);
    m_settings.set(values);
    showRecent();
}

void EngineModelController::cancelLoad() {
    if (m_idleLook.isActive()) {
        m_idleLook.stop();
        setProgress({});
    }
    m_host.cancelLoad();
}

void EngineModelController::unload() {
    if (!m_model.isLoaded())
        return;
    const QList<RunningRequest> running = m_host.runningOn(m_model.key.toStdString());
    if (running.isEmpty()) {
        release();
        return;
    }
    ask({}, running, [this](InterruptionChoice choice) {
        if (choice == InterruptionChoice::Now) {
            release();
            return;
        }
        setProgress({ModelPhase::WaitingToUnload, m_model.path, m_model.name, 0, 0});
        m_idleLook.start();
        unloadWhenIdle();
    });
}

/// Gives its memory back; what still runs on it ends.
void EngineModelController::release() {
    const engine::ModelKey key = m_model.key.toStdString();
    if (key.empty())
        return;
    m_model = {};
    m_host.unload(key, this, {});
    emit modelChanged(m_model);
}

void EngineModelController::unloadWhenIdle() {
    const engine::ModelKey key = m_model.key.toStdString();
    if (!m_host.runningOn(key).isEmpty())
        return;
    m_idleLook.stop();
    setProgress({});
    m_model = {};
    m_host.unloadAfterRunning(key, this, {}); // one that came just now ends too
    emit modelChanged(m_model);
}

void EngineModelController::ask(const QString& replacement, const QList<RunningRequest>& running,
                                std::function<void(InterruptionChoice)> answer) {
    setProgress({});
    m_answer = std::move(answer);
    m_named = running;
    m_replacement = replacement;
    Interruption interruption;
    interruption.model = m_model.name;
    interruption.replacement = replacement;
    for (const RunningRequest& request : running) {
        const QString title = m_sessions.titleOf(request.reply);
        if (!title.isEmpty())
            interruption.chats.append(title);
        else
            interruption.clients.append(m_clientNames
                                            ? m_clientNames(QString::fromStdString(request.client))
                                            : QString::fromStdString(request.client));
    }
    interruption.chats.sort();
    interruption.clients.sort();
    emit interruptionAsked(interruption);
}

/// Somebody runs whom the question did not name: nobody ends unnamed.
bool EngineModelController::hasUnnamed() const {
    const QList<RunningRequest> running = m_host.runningOn(m_model.key.toStdString());
    return std::any_of(running.begin(), running.end(), [this](const RunningRequest& request) {
        return std::none_of(m_named.begin(), m_named.end(), [&](const RunningRequest& named) {
            return (named.reply != 0 && named.reply == request.reply) ||
                   (named.request != 0 && named.request == request.request);
        });
    });
}

void EngineModelController::decide(InterruptionChoice choice) {
    const auto answer = std::exchange(m_answer, nullptr);
    if (!answer || choice == InterruptionChoice::Never)
        return;
    if (choice == InterruptionChoice::Now && hasUnnamed())
        ask(m_replacement, m_host.runningOn(m_model.key.toStdString()), answer);
    else
        answer(choice);
}

void EngineModelController::forgetRecent(const QString& path) {
    SettingsValues values = m_settings.values();
    values.recentModels.removeAll(path);
    if (values.lastModel == path)
        values.lastModel.clear();
    m_settings.set(values);
    showRecent();
}

engine::Status EngineModelController::autoload() {
    const QString crashed = m_guard.takeCrashedModel();
    if (!crashed.isEmpty())
        return engine::Status(engine::Code::ModelCrashedBefore, {{"model", crashed.toStdString()}});
    const SettingsValues& values = m_settings.values();
    // The first start has no last model: the built-in one answers at once.
    const QString path = values.lastModel.isEmpty() ? builtInModelPath() : values.lastModel;
    if (values.autoloadModel && !path.isEmpty())
        load(path, modelOptions(values));
    return {};
}

void EngineModelController::setProgress(const ModelProgress& progress) {
    m_progress = progress;
    emit progressChanged(m_progress);
}

void EngineModelController::showRecent() {
    m_recent.clear();
    for (const QString& path : m_settings.values().recentModels)
        m_recent.append({path, nameOf(path), true});
    emit recentChanged(m_recent);
    // A model may lie on a disk that is asleep or gone: looking must not hold up the window.
    m_host.pool().start(
        [recent = m_recent, self = QPointer<EngineModelController>(this)]() mutable {
            for (RecentModel& model : recent)
                model.exists = QFileInfo::exists(model.path);
            QMetaObject::invokeMethod(
                QCoreApplication::instance(),
                [recent, self] {
                    if (!self || self->m_recent.size() != recent.size())
                        return;
                    self->m_recent = recent;
                    emit self->recentChanged(recent);
                },
                Qt::QueuedConnection);
        });
}

} // namespace app
