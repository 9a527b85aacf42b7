#include "app/json_file.h"

namespace app {

JsonFile::JsonFile(QString path, qint64 most_bytes, QObject* parent)
    : QObject(parent), m_store(std::move(path), most_bytes) {
    m_writer.setMaxThreadCount(1);
}

JsonFile::~JsonFile() {
    flush();
}

engine::Result<QJsonObject> JsonFile::read() {
    m_writer.waitForDone();
    const engine::Result<QJsonDocument> document = m_store.read();
    if (document.status() == engine::Code::JsonInvalid || (document.ok() && document->isArray()))
        return m_store.putAside();
    if (!document.ok())
        return document.status();
    return document->object();
}

void JsonFile::write(const QJsonObject& document) {
    // A sync may take a tenth of a second: never on the GUI thread.
    m_writer.start([this, document] {
        const engine::Status status = m_store.write(QJsonDocument(document));
        m_lastWriteOk = status.ok();
        if (!status.ok())
            QMetaObject::invokeMethod(
                this, [this, status] { emit failed(status); }, Qt::QueuedConnection);
    });
}

bool JsonFile::flush() {
    m_writer.waitForDone();
    return m_lastWriteOk;
}

} // namespace app
