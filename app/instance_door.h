#pragma once
// InstanceDoor: how a second start of the program speaks to the first one. A local socket in the
// data directory that only its owner may open. One JSON object a line:
//   asked     {"ask": "raise"}  or  {"ask": "prompt", "text": "..."}
//   answered  {"taken": true}   or  {"taken": false, "reason": "a sentence"}
// A prompt is answered when its message is committed to the history, not before. GUI thread.

#include <functional>
#include <memory>
#include <QLocalServer>
#include <QObject>
#include <QString>

class QLocalSocket;

namespace app {

/// What a second start wants. Without a prompt: that the window comes forward.
struct InstanceRequest {
    QString prompt;
};

struct InstanceAnswer {
    bool taken = false;
    QString reason; ///< why not, in the other program's words; empty when nobody answered
};

class InstanceDoor : public QObject {
    Q_OBJECT

  public:
    static constexpr qint64 kMostRequest_bytes = 4 << 20;

    /// Takes a request; the answer may come later, from the GUI thread, once.
    using Handler =
        std::function<void(const InstanceRequest&, std::function<void(const InstanceAnswer&)>)>;

    /// Only for whoever holds the DataLock of that directory: a socket that a killed program left
    /// is replaced.
    InstanceDoor(const QString& socket, Handler handler, QObject* parent = nullptr);
    ~InstanceDoor() override;

    /// False when the path is too long for a socket or the folder cannot be written: a second start
    /// then says that the directory is in use.
    bool listen();

  private:
    void readFrom(QLocalSocket* guest);

    QString m_socket;
    Handler m_handler;
    std::unique_ptr<QLocalServer> m_server;
};

/// The other side. Blocks: two seconds for somebody to answer at all, ten for a prompt to be
/// stored.
InstanceAnswer askInstance(const QString& socket, const InstanceRequest& request);

} // namespace app
