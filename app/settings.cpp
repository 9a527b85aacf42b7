#include "app/settings.h"

#include <algorithm>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonArray>
#include <QJsonDocument>
#include <QSaveFile>

namespace app {

namespace {

constexpr int kMaxRecentModels = 12;
constexpr qint64 kMaxFileBytes = 1 << 20; // a settings file is a few kB; more is not ours

QString themeName(ThemeChoice theme) {
    switch (theme) {
    case ThemeChoice::Light:
        return QStringLiteral("light");
    case ThemeChoice::Dark:
        return QStringLiteral("dark");
    case ThemeChoice::System:
        break;
    }
    return QStringLiteral("system");
}

ThemeChoice themeFrom(const QString& name) {
    if (name == QLatin1String("light"))
        return ThemeChoice::Light;
    return name == QLatin1String("dark") ? ThemeChoice::Dark : ThemeChoice::System;
}

/// NaN and infinities cannot come from JSON, but from a caller they could.
double within(double value, double low, double high, double otherwise) {
    return value >= low && value <= high ? value : otherwise;
}

SamplingValues inRange(SamplingValues s) {
    const SamplingValues defaults;
    s.temperature = within(s.temperature, 0.0, 5.0, defaults.temperature);
    s.topP = within(s.topP, 0.01, 1.0, defaults.topP);
    s.topK = std::clamp(s.topK, 0, 100000);
    s.minP = within(s.minP, 0.0, 1.0, defaults.minP);
    s.repetitionPenalty = within(s.repetitionPenalty, 0.1, 10.0, defaults.repetitionPenalty);
    s.presencePenalty = within(s.presencePenalty, -10.0, 10.0, defaults.presencePenalty);
    s.frequencyPenalty = within(s.frequencyPenalty, -10.0, 10.0, defaults.frequencyPenalty);
    s.maxTokens = std::max(s.maxTokens, 0);
    s.thinkingBudget = std::max(s.thinkingBudget, 0);
    return s;
}

SettingsValues inRange(SettingsValues v) {
    v.fontZoom = std::clamp(v.fontZoom, 50, 300);
    v.contextTokens = std::max(v.contextTokens, 0);
    v.apiPort = std::clamp(v.apiPort, 0, 65535);
    if (v.apiHost.trimmed().isEmpty())
        v.apiHost = SettingsValues().apiHost;
    v.recentModels.removeDuplicates();
    v.recentModels = v.recentModels.mid(0, kMaxRecentModels);
    v.sampling = inRange(v.sampling);
    return v;
}

SamplingValues samplingFrom(const QJsonObject& json) {
    SamplingValues s;
    s.temperature = json.value(QLatin1String("temperature")).toDouble(s.temperature);
    s.topP = json.value(QLatin1String("top_p")).toDouble(s.topP);
    s.topK = json.value(QLatin1String("top_k")).toInt(s.topK);
    s.minP = json.value(QLatin1String("min_p")).toDouble(s.minP);
    s.repetitionPenalty =
        json.value(QLatin1String("repetition_penalty")).toDouble(s.repetitionPenalty);
    s.presencePenalty = json.value(QLatin1String("presence_penalty")).toDouble(s.presencePenalty);
    s.frequencyPenalty =
        json.value(QLatin1String("frequency_penalty")).toDouble(s.frequencyPenalty);
    s.seed = quint64(std::max<qint64>(json.value(QLatin1String("seed")).toInteger(0), 0));
    s.maxTokens = json.value(QLatin1String("max_tokens")).toInt(s.maxTokens);
    s.thinkingBudget = json.value(QLatin1String("thinking_budget")).toInt(s.thinkingBudget);
    return s;
}

void putSampling(QJsonObject& json, const SamplingValues& s) {
    json[QLatin1String("temperature")] = s.temperature;
    json[QLatin1String("top_p")] = s.topP;
    json[QLatin1String("top_k")] = s.topK;
    json[QLatin1String("min_p")] = s.minP;
    json[QLatin1String("repetition_penalty")] = s.repetitionPenalty;
    json[QLatin1String("presence_penalty")] = s.presencePenalty;
    json[QLatin1String("frequency_penalty")] = s.frequencyPenalty;
    json[QLatin1String("seed")] = qint64(s.seed);
    json[QLatin1String("max_tokens")] = s.maxTokens;
    json[QLatin1String("thinking_budget")] = s.thinkingBudget;
}

QStringList textsFrom(const QJsonValue& list) {
    QStringList texts;
    for (const QJsonValue& each : list.toArray())
        if (each.isString())
            texts.append(each.toString());
    return texts;
}

SettingsValues valuesFrom(const QJsonObject& json) {
    SettingsValues v;
    const auto text = [&](const char* key) { return json.value(QLatin1String(key)).toString(); };
    v.language = text("language");
    v.theme = themeFrom(text("theme"));
    v.sendKey =
        text("send_key") == QLatin1String("ctrl_enter") ? SendKey::CtrlEnter : SendKey::Enter;
    v.fontZoom = json.value(QLatin1String("font_zoom")).toInt(v.fontZoom);
    v.expandReasoning = json.value(QLatin1String("expand_reasoning")).toBool(v.expandReasoning);
    v.autoloadModel = json.value(QLatin1String("autoload_model")).toBool(v.autoloadModel);
    v.lastModel = text("last_model");
    v.recentModels = textsFrom(json.value(QLatin1String("recent_models")));
    v.weights = text("weights");
    v.activations = text("activations");
    v.kv = text("kv");
    v.device = text("device");
    v.contextTokens = json.value(QLatin1String("context_tokens")).toInt(v.contextTokens);
    v.samplingOverridden =
        json.value(QLatin1String("sampling_overridden")).toBool(v.samplingOverridden);
    v.sampling = samplingFrom(json.value(QLatin1String("sampling")).toObject());
    v.randomSeed = json.value(QLatin1String("random_seed")).toBool(v.randomSeed);
    v.apiEnabled = json.value(QLatin1String("api_enabled")).toBool(v.apiEnabled);
    v.apiHost = text("api_host");
    v.apiPort = json.value(QLatin1String("api_port")).toInt(v.apiPort);
    v.apiHosts = textsFrom(json.value(QLatin1String("api_hosts")));
    v.apiOrigins = textsFrom(json.value(QLatin1String("api_origins")));
    return inRange(v);
}

/// Writes our keys into the document as it was read: what we do not know stays.
void putValues(QJsonObject& json, const SettingsValues& v) {
    json[QLatin1String("language")] = v.language;
    json[QLatin1String("theme")] = themeName(v.theme);
    json[QLatin1String("send_key")] =
        v.sendKey == SendKey::CtrlEnter ? QStringLiteral("ctrl_enter") : QStringLiteral("enter");
    json[QLatin1String("font_zoom")] = v.fontZoom;
    json[QLatin1String("expand_reasoning")] = v.expandReasoning;
    json[QLatin1String("autoload_model")] = v.autoloadModel;
    json[QLatin1String("last_model")] = v.lastModel;
    json[QLatin1String("recent_models")] = QJsonArray::fromStringList(v.recentModels);
    json[QLatin1String("weights")] = v.weights;
    json[QLatin1String("activations")] = v.activations;
    json[QLatin1String("kv")] = v.kv;
    json[QLatin1String("device")] = v.device;
    json[QLatin1String("context_tokens")] = v.contextTokens;
    json[QLatin1String("sampling_overridden")] = v.samplingOverridden;
    QJsonObject sampling = json.value(QLatin1String("sampling")).toObject();
    putSampling(sampling, v.sampling);
    json[QLatin1String("sampling")] = sampling;
    json[QLatin1String("random_seed")] = v.randomSeed;
    json[QLatin1String("api_enabled")] = v.apiEnabled;
    json[QLatin1String("api_host")] = v.apiHost;
    json[QLatin1String("api_port")] = v.apiPort;
    json[QLatin1String("api_hosts")] = QJsonArray::fromStringList(v.apiHosts);
    json[QLatin1String("api_origins")] = QJsonArray::fromStringList(v.apiOrigins);
}

} // namespace

Settings::Settings(QString file, QObject* parent) : QObject(parent), m_file(std::move(file)) {
    m_writer.setMaxThreadCount(1);
}

Settings::~Settings() {
    flush();
}

engine::Status Settings::load() {
    QFile file(m_file);
    if (!file.exists())
        return {};
    QByteArray bytes;
    if (file.open(QIODevice::ReadOnly))
        bytes = file.read(kMaxFileBytes + 1);
    file.close();
    QJsonParseError error;
    const QJsonDocument document = QJsonDocument::fromJson(bytes, &error);
    if (bytes.size() <= kMaxFileBytes && document.isObject()) {
        m_document = document.object();
        m_values = valuesFrom(m_document);
        return {};
    }
    const QString aside =
        QStringLiteral("%1.damaged-%2")
            .arg(m_file,
                 QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmss")));
    QFile::remove(aside);
    QFile::rename(m_file, aside);
    return engine::Status(engine::Code::SettingsDamaged,
                          {{"file", m_file.toStdString()}, {"aside", aside.toStdString()}});
}

void Settings::set(const SettingsValues& values) {
    const SettingsValues accepted = inRange(values);
    if (accepted == m_values)
        return;
    m_values = accepted;
    write();
    emit changed(m_values);
}

bool Settings::flush() {
    m_writer.waitForDone();
    return m_lastWriteOk;
}

void Settings::write() {
    putValues(m_document, m_values);
    const QByteArray bytes = QJsonDocument(m_document).toJson();
    // A sync may take a tenth of a second: never on the GUI thread.
    m_writer.start([this, bytes, path = m_file] {
        QDir().mkpath(QFileInfo(path).absolutePath());
        QSaveFile file(path);
        const bool ok =
            file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size() && file.commit();
        m_lastWriteOk = ok;
        if (ok)
            return;
        const engine::Status status(
            engine::Code::FileCannotWrite,
            {{"file", path.toStdString()}, {"reason", file.errorString().toStdString()}});
        QMetaObject::invokeMethod(
            this, [this, status] { emit failed(status); }, Qt::QueuedConnection);
    });
}

} // namespace app
