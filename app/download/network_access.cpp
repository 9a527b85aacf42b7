#include "app/download/network_access.h"

#include <QNetworkAccessManager>
#include <QUrl>

namespace app {

namespace {

/// http_proxy, https_proxy and no_proxy of the environment, for this program's downloads alone.
class SystemProxy : public QNetworkProxyFactory {
  public:
    QList<QNetworkProxy> queryProxy(const QNetworkProxyQuery& query) override {
        return systemProxyForQuery(query);
    }
};

} // namespace

engine::Result<QNetworkProxy> parseProxy(const QString& setting, const QString& password) {
    const QString text = setting.trimmed();
    if (text.isEmpty())
        return QNetworkProxy(QNetworkProxy::DefaultProxy);
    if (text == QLatin1String("none"))
        return QNetworkProxy(QNetworkProxy::NoProxy);
    const QUrl url(text, QUrl::StrictMode);
    const bool isSocks =
        url.scheme() == QLatin1String("socks5") || url.scheme() == QLatin1String("socks5h");
    const bool isHttp = url.scheme() == QLatin1String("http");
    const bool isPlain = url.password().isEmpty() && url.path().size() <= 1 && !url.hasQuery();
    if ((!isSocks && !isHttp) || url.host().isEmpty() || url.port() <= 0 || !isPlain)
        return engine::Status(
            engine::Code::DownloadAddressInvalid,
            {{"address", url.toString(QUrl::RemovePassword).toStdString()},
             {"expected", "a proxy is written like http://host:port or socks5://host:port, with a "
                          "user name before the host if it needs one, but without the password"}});
    return QNetworkProxy(isSocks ? QNetworkProxy::Socks5Proxy : QNetworkProxy::HttpProxy,
                         url.host(), quint16(url.port()), url.userName(), password);
}

NetworkAccess::NetworkAccess() : m_proxy(QNetworkProxy::DefaultProxy) {}
NetworkAccess::~NetworkAccess() = default;

void NetworkAccess::setProxy(const QNetworkProxy& proxy) {
    m_proxy = proxy;
    if (m_manager)
        applyProxy();
}

QNetworkAccessManager& NetworkAccess::manager() {
    if (!m_manager) {
        m_manager = std::make_unique<QNetworkAccessManager>();
        applyProxy();
    }
    return *m_manager;
}

void NetworkAccess::applyProxy() {
    if (m_proxy.type() == QNetworkProxy::DefaultProxy)
        m_manager->setProxyFactory(new SystemProxy); // the manager's now
    else
        m_manager->setProxy(m_proxy);
}

} // namespace app
