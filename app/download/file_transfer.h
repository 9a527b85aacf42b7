#pragma once
// FileTransfer: fetches one file into its ".part" and proves it whole: goes on where it broke off
// only when the bytes are provably of the same content, tries again after faults that pass, checks
// length and checksum, and leaves a complete part on the disk. One thread with an event loop.

#include "app/download/content_hash.h"
#include "app/download/http_fetch.h"
#include "app/download/part_file.h"
#include "app/download/throttle.h"

#include <QElapsedTimer>
#include <QObject>
#include <QTimer>

namespace app {

struct TransferLimits {
    FetchLimits fetch;
    int attempts = 6;              ///< in a row without a byte gained
    int firstPause_ms = 1000;      ///< doubled with every attempt
    int longestPause_ms = 60'000;  ///< of our own; Retry-After may ask for longer
    qint64 longestAsked_s = 900;   ///< a Retry-After beyond this is a failure that says so
    qint64 spare_bytes = 64 << 20; ///< left free on the disk
};

struct TransferOrder {
    RemoteFile file;
    QString part;     ///< absolute path of the ".part"
    QByteArray token; ///< for the host of file.url; may be empty
};

class FileTransfer : public QObject {
    Q_OBJECT

  public:
    FileTransfer(QNetworkAccessManager& network, Throttle& throttle, TransferOrder order,
                 TransferLimits limits, QObject* parent = nullptr);

    void start();
    /// Stops; what came is kept. Nothing is signalled afterwards.
    void stop();
    /// stop(), and throws away what came.
    void discard();

  signals:
    void progressed(qint64 done_bytes, qint64 total_bytes);
    void stateChanged(app::JobState state); ///< Running, Retrying, Checking
    /// The part is complete, checked and on the disk.
    void finished(const QString& sha256, qint64 bytes);
    void failed(const engine::Status& status);

  private:
    void readOn();
    void request();
    void takeAnswer(const FetchAnswer& answer);
    void takeWhole(const FetchAnswer& answer);
    void takeRange(const FetchAnswer& answer);
    void takeBytes();
    void takeEnd();
    void verify();
    void startAnew(const engine::Status& why);
    bool retry(const engine::Status& status, qint64 after_s = 0);
    void fail(const engine::Status& status);
    engine::Status status(engine::Code code,
                          std::initializer_list<engine::StatusArgument> more) const;
    PartOrigin origin(const QByteArray& etag) const;
    bool looksRight(const QByteArray& first) const;

    TransferOrder m_order;
    TransferLimits m_limits;
    Throttle& m_throttle;
    HttpFetch m_fetch;
    PartFile m_part;
    ContentHash m_hash;
    QTimer m_pause; // until the throttle allows more, or until the next attempt
    qint64 m_total = -1;
    qint64 m_hashed = 0;        // bytes of the part that m_hash has seen
    qint64 m_gained = 0;        // bytes that came with this attempt
    int m_attempts = 0;         // in a row without a byte
    bool m_hasOldBytes = false; // of an earlier run or attempt
    bool m_startedAnew = false; // because of a wrong checksum
    bool m_refuseRange = false; // the server's ranges are wrong: whole files only
    QString m_host;
};

} // namespace app
