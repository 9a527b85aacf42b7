#include "app/api/host_backend.h"

#include "app/paths.h"

#include <algorithm>
#include <QDateTime>
#include <QDir>
#include <QFileInfo>

namespace app {

namespace {

constexpr int kBusyRetry_s = 5;
constexpr int kLongestRetry_s = 60;

ApiError unavailable(std::string message, std::string code, int retryAfter_s) {
    ApiError error;
    error.status = 503;
    error.type = "server_error";
    error.message = std::move(message);
    error.code = std::move(code);
    error.retryAfter_s = retryAfter_s;
    return error;
}

ApiError unknownModel(const std::string& name, const std::map<std::string, QString>& library) {
    ApiError error;
    error.status = 404;
    error.param = "model";
    error.code = "model_not_found";
    error.message = "There is no model called \"" + name + "\".";
    std::string names;
    for (const auto& [id, path] : library)
        names += (names.empty() ? "" : ", ") + id;
    if (!names.empty())
        error.message += " There are: " + names + ".";
    return error;
}

/// What a model is called by its file or folder: "qwen2-7b" of /models/qwen2-7b.gguf.
std::string idOf(const QString& path) {
    const QFileInfo info(path);
    return (info.suffix() == QLatin1String("gguf") ? info.completeBaseName() : info.fileName())
        .toStdString();
}

bool isCalled(const engine::ModelInfo& model, const std::string& name) {
    const std::string id = idOf(QString::fromStdString(model.path.string()));
    return name.empty() || name == "default" || name == model.name || name == id ||
           name == id + ".gguf";
}

} // namespace

HostBackend::HostBackend(EngineHost& host, ModelController& models, ResponseCache* cache,
                         QString library, QObject* parent)
    : QObject(parent),
      m_host(host),
      m_engine(*host.engine()),
      m_models(models),
      m_cache(cache),
      m_library(std::move(library)) {
    connect(&m_models, &ModelController::modelChanged, this, &HostBackend::onModelChanged);
    connect(&m_models, &ModelController::progressChanged, this, &HostBackend::onProgress);
    connect(&m_models, &ModelController::failed, this, [this](const QString& sentence) {
        settle(unavailable(sentence.toStdString(), "model_load_failed", kBusyRetry_s));
    });
    m_options.isRemembered = false;
    if (m_models.model().isLoaded())
        m_health = ApiHealth::Ready;
}

HostBackend::Info HostBackend::resident(const std::string& name) const {
    const std::vector<Info> models = m_engine.models();
    const auto found = std::find_if(models.rbegin(), models.rend(),
                                    [&](const Info& model) { return isCalled(*model, name); });
    return found == models.rend() ? nullptr : *found;
}

/// By name; the built-in model is one of them.
std::map<std::string, QString> HostBackend::library() const {
    std::map<std::string, QString> found;
    const QString builtIn = builtInModelPath();
    if (!builtIn.isEmpty())
        found.emplace(idOf(builtIn), builtIn);
    const QDir folder(m_library);
    for (const QFileInfo& file :
         folder.entryInfoList({QStringLiteral("*.gguf")}, QDir::Files | QDir::Readable))
        found.insert_or_assign(idOf(file.filePath()), file.absoluteFilePath());
    for (const QFileInfo& sub : folder.entryInfoList(QDir::Dirs | QDir::NoDotAndDotDot))
        if (QFileInfo::exists(sub.filePath() + QStringLiteral("/config.json")))
            found.insert_or_assign(sub.fileName().toStdString(), sub.absoluteFilePath());
    return found;
}

std::vector<ApiModel> HostBackend::models() {
    std::map<std::string, ApiModel> all;
    for (const auto& [id, path] : library())
        all[id] = {id, QFileInfo(path).lastModified().toSecsSinceEpoch(), false, 0};
    for (const Info& info : m_engine.models()) {
        const QString path = QString::fromStdString(info->path.string());
        ApiModel& model = all[idOf(path)];
        if (model.id.empty())
            model = {idOf(path), QFileInfo(path).lastModified().toSecsSinceEpoch(), false, 0};
        model.isLoaded = true;
        model.context = info->context;
    }
    std::vector<ApiModel> list;
    for (auto& [id, model] : all)
        list.push_back(std::move(model));
    std::stable_partition(list.begin(), list.end(),
                          [](const ApiModel& model) { return model.isLoaded; });
    return list;
}

void HostBackend::obtainModel(const std::string& name, ModelAnswer answer) {
    if (Info info = resident(name))
        return answer(std::move(info));
    runInPool([this, name, answer = std::move(answer)] { obtainFromLibrary(name, answer); });
}

void HostBackend::obtainFromLibrary(const std::string& name, const ModelAnswer& answer) {
    const std::map<std::string, QString> all = library();
    const bool wantsAny = name.empty() || name == "default";
    const std::string id = name.ends_with(".gguf") ? name.substr(0, name.size() - 5) : name;
    const auto found = all.find(id);
    if (!wantsAny && found == all.end() && m_health != ApiHealth::Loading)
        return answer(unknownModel(name, all));
    const QString path = found == all.end() ? QString() : found->second;
    QMetaObject::invokeMethod(
        this, [this, path, answer] { load(path, answer); }, Qt::QueuedConnection);
}

ApiError HostBackend::loadingError() const {
    // From the share that is done: a guess, but a better one than a constant.
    const double share = m_progress.total_bytes > 0
                             ? double(m_progress.done_bytes) / double(m_progress.total_bytes)
                             : 0.0;
    const double elapsed_s = double(m_loadClock.isValid() ? m_loadClock.elapsed() : 0) / 1000.0;
    const int retry_s =
        share > 0.02 ? std::clamp(int(elapsed_s * (1 - share) / share) + 1, 1, kLongestRetry_s)
                     : kBusyRetry_s;
    return unavailable("A model is being loaded. Try again in " + std::to_string(retry_s) + " s.",
                       "model_loading", retry_s);
}

void HostBackend::load(const QString& path, const ModelAnswer& answer) {
    if (m_host.isLoading()) {
        if (!path.isEmpty() && path == m_loading)
            m_waiting.push_back(answer);
        else
            answer(loadingError());
        return;
    }
    if (path.isEmpty())
        return answer(unavailable("No model is loaded. Name one of GET /v1/models, or load one.",
                                  "no_model", kBusyRetry_s));
    if (Info info = resident(idOf(path)))
        return answer(std::move(info));
    if (!m_engine.snapshot().requests.empty())
        return answer(unavailable("This model is not loaded, and answers of another one are "
                                  "running. Try again in a few seconds.",
                                  "model_busy", kBusyRetry_s));
    m_loading = path;
    m_waiting = {answer};
    m_models.load(path, m_options);
}

void HostBackend::onModelChanged(const ModelValue& model) {
    m_health = model.isLoaded() ? ApiHealth::Ready : ApiHealth::NoModel;
    const Info info = m_host.model();
    if (m_loading.isEmpty() || m_host.isLoading()) // the old one may leave before the new one is in
        return;
    if (info != nullptr && model.path == m_loading)
        settle(info);
    else
        settle(loadingError());
}

void HostBackend::onProgress(const ModelProgress& progress) {
    const bool begins = progress.phase == ModelPhase::Opening;
    if (begins)
        m_loadClock.start();
    m_progress = progress;
    if (progress.phase != ModelPhase::None && progress.phase != ModelPhase::Ready &&
        m_health == ApiHealth::NoModel)
        m_health = ApiHealth::Loading;
    if (progress.phase != ModelPhase::None)
        return;
    if (!m_models.model().isLoaded())
        m_health = ApiHealth::NoModel;
    // Cancelled, or failed: then the reason comes right behind this.
    QMetaObject::invokeMethod(
        this,
        [this] {
            if (!m_host.isLoading())
                settle(unavailable("The load of the model was cancelled.", "model_load_cancelled",
                                   kBusyRetry_s));
        },
        Qt::QueuedConnection);
}

void HostBackend::settle(std::variant<Info, ApiError> answer) {
    m_loading.clear();
    for (const ModelAnswer& waiting : std::exchange(m_waiting, {}))
        waiting(answer);
}

void HostBackend::runInPool(std::function<void()> task) {
    m_host.pool().start(std::move(task));
}

std::string HostBackend::metrics() {
    return m_metrics ? m_metrics() : std::string();
}

} // namespace app
