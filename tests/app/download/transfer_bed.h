#pragma once
// TransferBed: one file, a folder, a misbehaving server; runs transfers to their end.

#include "app/download/file_transfer.h"
#include "tests/support/hub_server.h"

#include <memory>
#include <optional>
#include <QNetworkAccessManager>
#include <QTemporaryDir>

namespace tests {

struct TransferEnd {
    bool isFinished = false;
    QString sha256;
    engine::Status status;
    QList<qint64> progress; ///< bytes, as told
    QList<app::JobState> states;
};

class TransferBed {
  public:
    TransferBed();

    /// Patience of a test, not of a person.
    static app::TransferLimits limits();
    /// The file at `path` of the server, as it was published.
    app::RemoteFile published(const QString& path, const QByteArray& bytes) const;
    TransferEnd run(const app::RemoteFile& file, app::TransferLimits limits = TransferBed::limits(),
                    const QByteArray& token = {});
    /// Runs until at least `bytes` have come, then stops.
    void runUntil(const app::RemoteFile& file, qint64 bytes);

    QString part() const { return m_dir.filePath(QStringLiteral("model.gguf.part")); }
    QByteArray partBytes() const;
    void writePart(const QByteArray& bytes) const;

    HubServer server;
    app::Throttle throttle;

  private:
    QTemporaryDir m_dir;
    QNetworkAccessManager m_network;
};

} // namespace tests
