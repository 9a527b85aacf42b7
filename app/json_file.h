#pragma once
// JsonFile: one small JSON document on disk, read at once, written atomically and off the calling
// thread, in order. A damaged file is renamed aside, never overwritten. GUI thread.

#include "engine/status.h"

#include <atomic>
#include <QJsonObject>
#include <QObject>
#include <QThreadPool>

namespace app {

class JsonFile : public QObject {
    Q_OBJECT

  public:
    /// What a person writes is far less than `most_bytes`; more is not ours.
    explicit JsonFile(QString path, qint64 most_bytes = 16 << 20, QObject* parent = nullptr);
    ~JsonFile() override; ///< writes what is pending

    /// The document; empty when there is no file. SettingsDamaged when it was put aside.
    engine::Result<QJsonObject> read();
    void write(const QJsonObject& document);
    /// Waits until the last document is on disk; false when it could not be written.
    bool flush();

  signals:
    void failed(const engine::Status& status);

  private:
    const QString m_path;
    const qint64 m_most_bytes;
    QThreadPool m_writer; // one thread: writes stay in order
    std::atomic<bool> m_lastWriteOk = true;
};

} // namespace app
