#include "app/session/engine_model_controller.h"

#include "app/messages.h"
#include "app/paths.h"
#include "app/session/chat_sessions.h"
#include "app/session/request_builder.h"
#include "app/settings.h"

#include <QCoreApplication>
#include <QFileInfo>

namespace app {

namespace {

QString nameOf(const QString& path) {
    const QFileInfo info(path);
    return info.suffix() == QLatin1String("gguf") ? info.completeBaseName() : info.fileName();
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
    if (!options.device.isEmpty())
        request.device = options.device.toStdString();
    request.context = std::uint32_t(std::max(options.contextTokens, 0));
    return request;
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
    connect(&m_host, &EngineHost::replyEnded, this, &EngineModelController::onReplyEnded);
    showRecent();
}

EngineModelController::~EngineModelController() {
    m_guard.end(); // an orderly end in the middle of a load is no crash
}

void EngineModelController::load(const QString& path, const ModelOptions& options) {
    m_wish = nullptr; // an older one
    m_wishWaits = false;
    start(path, options, false);
}

void EngineModelController::start(const QString& path, const ModelOptions& options, bool isRetry) {
    const engine::Result<engine::LoadRequest> request = loadRequest(path, options);
    if (!request.ok()) {
        emit failed(sentence(request.status()));
        return;
    }
    m_guard.begin(path);
    setProgress({ModelPhase::Opening, nameOf(path), 0, 0});
    m_host.load(*request, this, [=, this](const engine::LoadEvent& event) {
        onLoad(event, path, options, isRetry);
    });
}

void EngineModelController::onLoad(const engine::LoadEvent& event, const QString& path,
                                   const ModelOptions& options, bool isRetry) {
    if (event.phase != engine::LoadPhase::Failed)
        setProgress({phaseFrom(event.phase), nameOf(path), event.done_bytes, event.total_bytes});
    if (event.phase == engine::LoadPhase::Ready && event.model != nullptr) {
        m_guard.end();
        onReady(*event.model, path, options);
    } else if (event.phase == engine::LoadPhase::Cancelled) {
        m_guard.end();
    } else if (event.phase == engine::LoadPhase::Failed) {
        m_guard.end();
        const bool isTooMuch = (event.status.code() == engine::Code::OutOfMemory ||
                                event.status.code() == engine::Code::ModelNeedsRoom) &&
                               m_model.isLoaded() && !isRetry;
        if (isTooMuch) {
            if (runningReplies() == 0)
                makeRoom(path, options);
            else
                ask(nameOf(path), ModelPhase::WaitingToLoad,
                    [=, this] { makeRoom(path, options); });
            return;
        }
        setProgress({});
        emit failed(sentence(event.status));
        if (isRetry)
            emit modelChanged(m_model); // the old one has gone
        const SettingsValues& last = m_settings.values();
        if (isRetry && !last.lastModel.isEmpty() && last.lastModel != path)
            load(last.lastModel,
                 {last.weights, last.activations, last.kv, last.device, last.contextTokens});
    }
}

void EngineModelController::onReady(const engine::ModelInfo& model, const QString& path,
                                    const ModelOptions& options) {
    const ModelValue old = m_model;
    m_model = modelValueOf(model);
    m_retiring.removeAll(m_model.key.toStdString()); // it has come back
    if (old.isLoaded() && old.key != m_model.key) {
        if (m_host.repliesOn(old.key.toStdString()) == 0)
            release(old.key.toStdString());
        else
            m_retiring.append(old.key.toStdString());
    }
    if (options.isRemembered)
        remember(path, options);
    emit modelChanged(m_model);
}

void EngineModelController::remember(const QString& path, const ModelOptions& options) {
    SettingsValues values = m_settings.values();
    values.lastModel = path;
    values.recentModels.removeAll(path);
    values.recentModels.prepend(path);
    values.weights = options.weights;
    values.activations = options.activations;
    values.kv = options.kv;
    values.device = options.device;
    values.contextTokens = options.contextTokens;
    m_settings.set(values);
    showRecent();
}

void EngineModelController::cancelLoad() {
    if (m_wishWaits)
        decide(InterruptionChoice::Never);
    m_host.cancelLoad();
}

void EngineModelController::unload() {
    if (!m_model.isLoaded())
        return;
    const auto go = [this] {
        if (!m_model.isLoaded())
            return;
        const engine::ModelKey key = m_model.key.toStdString();
        m_model = {};
        release(key);
        emit modelChanged(m_model);
    };
    if (m_host.repliesOn(m_model.key.toStdString()) == 0)
        go();
    else
        ask({}, ModelPhase::WaitingToUnload, go);
}

/// Not enough for both: the old one goes first. If the new one fails then too, it comes back.
void EngineModelController::makeRoom(const QString& path, const ModelOptions& options) {
    for (const engine::ModelKey& key : std::exchange(m_retiring, {}))
        release(key);
    const engine::ModelKey old = m_model.key.toStdString();
    m_model = {};
    release(old, [=, this] { start(path, options, true); });
}

void EngineModelController::release(const engine::ModelKey& key, std::function<void()> then) {
    m_host.unload(key, this, std::move(then));
}

int EngineModelController::runningReplies() const {
    int replies = m_host.repliesOn(m_model.key.toStdString());
    for (const engine::ModelKey& key : m_retiring)
        replies += m_host.repliesOn(key);
    return replies;
}

void EngineModelController::ask(const QString& replacement, ModelPhase waiting,
                                std::function<void()> wish) {
    m_wish = std::move(wish);
    m_wishWaits = false;
    m_wishProgress = {waiting, replacement.isEmpty() ? m_model.name : replacement, 0, 0};
    setProgress({});
    emit interruptionAsked({m_model.name, replacement, m_sessions.busyTitles()});
}

void EngineModelController::decide(InterruptionChoice choice) {
    if (!m_wish)
        return;
    if (choice == InterruptionChoice::Never) {
        m_wish = nullptr;
        m_wishWaits = false;
        setProgress({});
    } else if (choice == InterruptionChoice::Now || runningReplies() == 0) {
        runWish();
    } else {
        m_wishWaits = true;
        setProgress(m_wishProgress);
    }
}

void EngineModelController::runWish() {
    const std::function<void()> wish = std::exchange(m_wish, nullptr);
    m_wishWaits = false;
    setProgress({});
    wish();
}

void EngineModelController::onReplyEnded() {
    for (const engine::ModelKey& key : QList<engine::ModelKey>(m_retiring))
        if (m_host.repliesOn(key) == 0) {
            m_retiring.removeAll(key);
            release(key);
        }
    if (m_wishWaits && runningReplies() == 0)
        runWish();
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
        load(path,
             {values.weights, values.activations, values.kv, values.device, values.contextTokens});
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
