#pragma once
// SecretStore: tokens and passwords in the keyring of the desktop, never in a file of ours. Without
// a keyring they are held in memory until the program ends. GUI thread.

#include "engine/status.h"

#include <functional>
#include <QByteArray>
#include <QHash>
#include <QObject>
#include <QString>

namespace app {

class SecretStore : public QObject {
    Q_OBJECT

  public:
    explicit SecretStore(QObject* parent = nullptr);

    /// `key`: "token-huggingface". Empty when there is none. Calls back from the event loop.
    void read(const QString& key, std::function<void(const QByteArray& secret)> then);
    /// An empty secret deletes. KeyringUnavailable: it holds in memory only, a new secret as well
    /// as that there is none; the keyring still has what it had.
    void write(const QString& key, const QByteArray& secret,
               std::function<void(const engine::Status&)> then);

  private:
    QHash<QString, QByteArray> m_known; // read or written in this session
};

} // namespace app
