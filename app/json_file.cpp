#include "app/json_file.h"

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QJsonDocument>
#include <QSaveFile>

namespace app {

JsonFile::JsonFile(QString path, qint64 most_bytes, QObject* parent)
    : QObject(parent), m_path(std::move(path)), m_most_bytes(most_bytes) {
    m_writer.setMaxThreadCount(1);
}

JsonFile::~JsonFile() {
    flush();
}

engine::Result<QJsonObject> JsonFile::read() {
    QFile file(m_path);
    if (!file.exists())
        return QJsonObject();
    QByteArray bytes;
    if (file.open(QIODevice::ReadOnly))
        bytes = file.read(m_most_bytes + 1);
    file.close();
    const QJsonDocument document = QJsonDocument::fromJson(bytes);
    if (bytes.size() <= m_most_bytes && document.isObject())
        return document.object();
    const QString aside =
        QStringLiteral("%1.damaged-%2")
            .arg(m_path,
                 QDateTime::currentDateTimeUtc().toString(QStringLiteral("yyyyMMdd-HHmmss")));
    QFile::remove(aside);
    QFile::rename(m_path, aside);
    return engine::Status(engine::Code::SettingsDamaged,
                          {{"file", m_path.toStdString()}, {"aside", aside.toStdString()}});
}

void JsonFile::write(const QJsonObject& document) {
    const QByteArray bytes = QJsonDocument(document).toJson();
    // A sync may take a tenth of a second: never on the GUI thread.
    m_writer.start([this, bytes, path = m_path] {
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

bool JsonFile::flush() {
    m_writer.waitForDone();
    return m_lastWriteOk;
}

} // namespace app
