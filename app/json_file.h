#pragma once
// JsonFile: one JSON object on disk for the GUI thread: read at once, written off the calling
// thread, in order. What it never overwrites is the JsonStore's rule.

#include "app/json_store.h"

#include <atomic>
#include <QJsonObject>
#include <QObject>
#include <QThreadPool>

namespace app {

class JsonFile : public QObject {
    Q_OBJECT

  public:
    explicit JsonFile(QString path, qint64 most_bytes = JsonStore::kMostBytes,
                      QObject* parent = nullptr);
    ~JsonFile() override; ///< writes what is pending

    /// The object; empty when there is no file. SettingsDamaged when the file was put aside;
    /// FileCannotOpen or FileCannotRead when it stays, unread and not to be written.
    engine::Result<QJsonObject> read();
    void write(const QJsonObject& document);
    /// Waits until the last document is on disk; false when it could not be written.
    bool flush();

  signals:
    /// The document of a write() is not on disk.
    void failed(const engine::Status& status);

  private:
    JsonStore m_store;
    QThreadPool m_writer; // one thread: writes stay in order
    std::atomic<bool> m_lastWriteOk = true;
};

} // namespace app
