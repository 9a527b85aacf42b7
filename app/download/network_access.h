#pragma once
// How downloads reach the network: one QNetworkAccessManager made when the first request is, with
// the proxy of the settings. One thread.

#include "engine/status.h"

#include <memory>
#include <QByteArray>
#include <QNetworkProxy>
#include <QString>

class QNetworkAccessManager;

namespace app {

/// `setting`: empty = the system's (environment), "none", or http://[user@]host:port,
/// socks5://[user@]host:port. DownloadAddressInvalid for anything else. A password is not part of
/// it: it comes from the keyring.
engine::Result<QNetworkProxy> parseProxy(const QString& setting, const QString& password);

class NetworkAccess {
  public:
    NetworkAccess();
    ~NetworkAccess();

    void setProxy(const QNetworkProxy& proxy); ///< DefaultProxy: the system's
    QNetworkAccessManager& manager();

  private:
    void applyProxy();

    QNetworkProxy m_proxy;
    std::unique_ptr<QNetworkAccessManager> m_manager;
};

} // namespace app
