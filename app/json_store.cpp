#include "app/json_store.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QSaveFile>

namespace app {

JsonStore::JsonStore(QString path, qint64 most_bytes, Readers readers)
    : m_path(std::move(path)), m_most_bytes(most_bytes), m_readers(readers) {}

engine::Result<QJsonDocument> JsonStore::read() {
    m_refusal = {};
    QFile file(m_path);
    if (!file.open(QIODevice::ReadOnly)) {
        if (!file.exists())
            return QJsonDocument();
        m_refusal = engine::Status(
            engine::Code::FileCannotOpen,
            {{"file", m_path.toStdString()}, {"reason", file.errorString().toStdString()}});
        return m_refusal;
    }
    const QByteArray bytes = file.read(m_most_bytes + 1);
    if (file.error() != QFileDevice::NoError) {
        m_refusal = engine::Status(engine::Code::FileCannotRead,
                                   {{"file", m_path.toStdString()},
                                    {"offset", std::to_string(bytes.size())},
                                    {"reason", file.errorString().toStdString()}});
        return m_refusal;
    }
    const auto damaged = [&](const QString& problem) {
        return engine::Status(engine::Code::JsonInvalid,
                              {{"file", m_path.toStdString()}, {"problem", problem.toStdString()}});
    };
    if (bytes.size() > m_most_bytes)
        return damaged(QStringLiteral("it is larger than %1 bytes").arg(m_most_bytes));
    QJsonParseError error;
    QJsonDocument document = QJsonDocument::fromJson(bytes, &error);
    if (document.isNull())
        return damaged(error.errorString());
    return document;
}

engine::Status JsonStore::putAside() {
    QString aside =
        QStringLiteral("%1.damaged-%2")
            .arg(m_path,
                 QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmss")));
    while (QFile::exists(aside))
        aside += QLatin1Char('+');
    QFile file(m_path);
    if (!file.rename(aside)) {
        m_refusal = engine::Status(
            engine::Code::FileCannotWrite,
            {{"file", aside.toStdString()}, {"reason", file.errorString().toStdString()}});
        return m_refusal;
    }
    return engine::Status(engine::Code::SettingsDamaged,
                          {{"file", m_path.toStdString()}, {"aside", aside.toStdString()}});
}

engine::Status JsonStore::write(const QJsonDocument& document) const {
    if (!m_refusal.ok())
        return m_refusal;
    const QByteArray bytes = document.toJson();
    QDir().mkpath(QFileInfo(m_path).absolutePath());
    QSaveFile file(m_path);
    const auto restrict = [&] {
        return m_readers == Readers::AsUsual ||
               file.setPermissions(QFile::ReadOwner | QFile::WriteOwner);
    };
    if (file.open(QIODevice::WriteOnly)&& restrict() && file.write(bytes) == bytes.size() &&
        file.commit())
        return {};
    return engine::Status(
        engine::Code::FileCannotWrite,
        {{"file", m_path.toStdString()}, {"reason", file.errorString().toStdString()}});
}

} // namespace app
