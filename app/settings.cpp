#include "app/settings.h"

#include "app/settings_rows.h"

#include <QJsonArray>
#include <QJsonDocument>

namespace app {

namespace {

constexpr int kMaxRecentModels = 12;
constexpr auto kRecentModels = "recent_models"; // remembered, not set
constexpr auto kExportVersion = "inglenook_settings";
constexpr qint64 kMaxFileBytes = 1 << 20; // a settings file is a few kB; more is not ours

QStringList textsFrom(const QJsonValue& list) {
    QStringList texts;
    for (const QJsonValue& each : list.toArray())
        if (each.isString())
            texts.append(each.toString());
    return texts;
}

SettingsValues remembered(SettingsValues values) {
    values = inRange(std::move(values));
    values.recentModels.removeDuplicates();
    values.recentModels = values.recentModels.mid(0, kMaxRecentModels);
    return values;
}

SettingsValues valuesFrom(const QJsonObject& json) {
    SettingsValues values;
    for (const SettingSpec& spec : settingSpecs())
        spec.write(values, settingIn(json, spec.id));
    values.recentModels = textsFrom(json.value(QLatin1String(kRecentModels)));
    return remembered(std::move(values));
}

/// Ids of everything that stands in an export.
void collectIds(const QJsonObject& json, const QString& prefix, QStringList& ids) {
    for (auto entry = json.begin(); entry != json.end(); ++entry) {
        const QString id = prefix + entry.key();
        if (entry.value().isObject())
            collectIds(entry.value().toObject(), id + QLatin1Char('.'), ids);
        else
            ids.append(id);
    }
}

bool isPortable(const SettingSpec& spec) {
    return spec.kind != SettingKind::Model;
}

} // namespace

Settings::Settings(QString file, QObject* parent)
    : QObject(parent), m_file(std::move(file), kMaxFileBytes) {
    connect(&m_file, &JsonFile::failed, this, &Settings::failed);
}

engine::Status Settings::load() {
    engine::Result<QJsonObject> read = m_file.read();
    if (!read.ok())
        return read.status();
    m_document = std::move(*read);
    m_values = valuesFrom(m_document);
    return {};
}

void Settings::set(const SettingsValues& values) {
    const SettingsValues accepted = remembered(values);
    if (accepted == m_values)
        return;
    m_values = accepted;
    write();
    emit changed(m_values);
}

void Settings::write() {
    putSettings(m_document, m_values, settingSpecs());
    m_document[QLatin1String(kRecentModels)] = QJsonArray::fromStringList(m_values.recentModels);
    m_file.write(m_document);
}

QByteArray exportSettings(const SettingsValues& values) {
    QList<SettingSpec> specs = settingSpecs();
    specs.removeIf([](const SettingSpec& spec) { return !isPortable(spec); });
    QJsonObject json{{QLatin1String(kExportVersion), 1}};
    putSettings(json, values, specs);
    return QJsonDocument(json).toJson();
}

engine::Result<ImportedSettings> importSettings(const QByteArray& file,
                                                const SettingsValues& values) {
    const QJsonDocument document =
        file.size() > kMaxFileBytes ? QJsonDocument() : QJsonDocument::fromJson(file);
    QJsonObject json = document.object();
    if (!document.isObject() || !json.contains(QLatin1String(kExportVersion)))
        return engine::Status(
            engine::Code::OptionInvalid,
            {{"option", Label::tr("This file").toStdString()},
             {"value", Label::tr("imported").toStdString()},
             {"expected",
              Label::tr("it holds no settings that were exported here").toStdString()}});
    json.remove(QLatin1String(kExportVersion));
    ImportedSettings imported;
    imported.values = values;
    collectIds(json, {}, imported.unknown);
    for (const SettingSpec& spec : settingSpecs()) {
        const QJsonValue value = settingIn(json, spec.id);
        if (!isPortable(spec) || value.isUndefined())
            continue;
        INGLENOOK_TRY(check(spec, value));
        imported.unknown.removeAll(spec.id);
        imported.changed += spec.read(values) == value ? 0 : 1;
        spec.write(imported.values, value);
    }
    return imported;
}

} // namespace app
