#include "app/download/http_fetch.h"

#include "engine/phrase.h"

#include <algorithm>
#include <QDateTime>
#include <QHostAddress>
#include <QLocale>
#include <QNetworkAccessManager>
#include <QNetworkReply>
#include <QNetworkRequest>
#include <QSslError>
#include <QTimeZone>
#include <utility>

namespace app {

namespace {

constexpr qint64 kReadAhead_bytes = 1 << 20;

bool isWeb(const QUrl& url) {
    return (url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http")) &&
           !url.host().isEmpty();
}

int portOf(const QUrl& url) {
    return url.port(url.scheme() == QLatin1String("https") ? 443 : 80);
}

bool isSameOrigin(const QUrl& a, const QUrl& b) {
    return a.scheme() == b.scheme() && a.host() == b.host() && portOf(a) == portOf(b);
}

bool isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// An address or a query may hold a signature: sentences name the host alone.
std::string hostOf(const QUrl& url) {
    return url.host().toStdString();
}

} // namespace

bool isLocalHost(const QString& host) {
    if (host == QLatin1String("localhost") || host.endsWith(QLatin1String(".localhost")))
        return true;
    QHostAddress address(host);
    bool isV4 = false;
    if (const quint32 v4 = address.toIPv4Address(&isV4); isV4)
        address = QHostAddress(v4); // ::ffff:127.0.0.1 too
    if (address.isNull())
        return false;
    for (const char* net :
         {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "::/128"})
        if (address.isInSubnet(QHostAddress::parseSubnet(QString::fromLatin1(net))))
            return true;
    return address.isLoopback() || address.isLinkLocal() || address.isSiteLocal() ||
           address.isUniqueLocalUnicast();
}

qint64 FetchAnswer::length() const {
    bool isNumber = false;
    const qint64 bytes = header("content-length").trimmed().toLongLong(&isNumber);
    return isNumber && bytes >= 0 ? bytes : -1;
}

qint64 FetchAnswer::retryAfter_s() const {
    const QByteArray text = header("retry-after").trimmed();
    bool isNumber = false;
    const qint64 seconds = text.toLongLong(&isNumber);
    if (isNumber)
        return std::max<qint64>(seconds, 0);
    QDateTime when = QLocale::c().toDateTime(QString::fromLatin1(text),
                                             QStringLiteral("ddd, dd MMM yyyy hh:mm:ss 'GMT'"));
    when.setTimeZone(QTimeZone::utc());
    return when.isValid() ? std::max<qint64>(QDateTime::currentDateTimeUtc().secsTo(when), 0) : 0;
}

QByteArray FetchAnswer::strongEtag() const {
    const QByteArray etag = header("etag").trimmed();
    const bool isStrong =
        etag.size() > 2 && etag.size() <= 256 && etag.startsWith('"') && etag.endsWith('"');
    return isStrong ? etag : QByteArray();
}

engine::Status FetchAnswer::refusal(const QString& file) const {
    const auto with = [&](engine::Code code) {
        return engine::Status(
            code, {{"host", host.toStdString()},
                   {"file", file.toStdString()},
                   {"status", std::to_string(status)},
                   {"retry_after_s", std::to_string(std::max<qint64>(retryAfter_s(), 1))}});
    };
    switch (status) {
    case 401:
    case 403:
    case 407:
        return with(engine::Code::DownloadDenied);
    case 404:
    case 410:
        return with(engine::Code::DownloadNotFound);
    case 429:
    case 503:
        return with(engine::Code::DownloadBusy);
    default:
        return with(engine::Code::DownloadServerFailed);
    }
}

HttpFetch::HttpFetch(QNetworkAccessManager& network, FetchLimits limits, QObject* parent)
    : QObject(parent), m_network(network), m_limits(limits) {
    connect(&m_watch, &QTimer::timeout, this, &HttpFetch::watch);
}

HttpFetch::~HttpFetch() {
    abort();
}

engine::Status HttpFetch::unusable(const std::string& problem) const {
    const QUrl url = m_reply ? m_reply->url() : m_request.url;
    return engine::Status(
        engine::Code::DownloadUnusable,
        {{"host", hostOf(url)}, {"file", m_request.file.toStdString()}, {"problem", problem}});
}

void HttpFetch::start(const FetchRequest& request) {
    abort();
    m_request = request;
    m_redirects = 0;
    if (isWeb(request.url))
        send(request.url);
    else
        QTimer::singleShot(0, this, [this] {
            endWith(engine::Status(engine::Code::DownloadAddressInvalid,
                                   {{"address", m_request.url.toString().toStdString()},
                                    {"expected", "it has to begin with https:// or http://"}}));
        });
}

void HttpFetch::send(const QUrl& url) {
    QNetworkRequest request(url);
    request.setAttribute(QNetworkRequest::RedirectPolicyAttribute,
                         QNetworkRequest::ManualRedirectPolicy);
    request.setAttribute(QNetworkRequest::CacheLoadControlAttribute,
                         QNetworkRequest::AlwaysNetwork);
    request.setAttribute(QNetworkRequest::CacheSaveControlAttribute, false);
    request.setAttribute(QNetworkRequest::CookieLoadControlAttribute, QNetworkRequest::Manual);
    request.setAttribute(QNetworkRequest::CookieSaveControlAttribute, QNetworkRequest::Manual);
    request.setAttribute(QNetworkRequest::AuthenticationReuseAttribute, QNetworkRequest::Manual);
    // Single long transfers gain nothing from HTTP/2, and ranges are plain in HTTP/1.1.
    request.setAttribute(QNetworkRequest::Http2AllowedAttribute, false);
    request.setRawHeader("User-Agent", "Inglenook/" INGLENOOK_VERSION);
    request.setRawHeader("Accept-Encoding", "identity");
    if (!m_request.token.isEmpty() && isSameOrigin(url, m_request.url))
        request.setRawHeader("Authorization", "Bearer " + m_request.token);
    if (m_request.from > 0) {
        request.setRawHeader("Range", "bytes=" + QByteArray::number(m_request.from) + '-');
        if (!m_request.ifRange.isEmpty())
            request.setRawHeader("If-Range", m_request.ifRange);
    }
    m_answered = m_finished = false;
    m_distrust.clear();
    m_read = 0;
    if (!m_request.body.isEmpty())
        request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
    m_reply = m_request.body.isEmpty()
                  ? m_network.get(request)
                  : m_network.sendCustomRequest(request, m_request.verb, m_request.body);
    m_reply->setParent(this);
    m_reply->setReadBufferSize(kReadAhead_bytes);
    connect(m_reply, &QNetworkReply::metaDataChanged, this, &HttpFetch::takeHead);
    connect(m_reply, &QNetworkReply::readyRead, this, [this] {
        takeHead();
        if (m_answered && m_reply &&
            !isRedirect(m_reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt()))
            emit arrived();
    });
    connect(m_reply, &QNetworkReply::finished, this, &HttpFetch::onFinished);
    // Never ignored: the connection ends before anything of the request is sent.
    connect(m_reply, &QNetworkReply::sslErrors, this, [this](const QList<QSslError>& errors) {
        m_distrust = errors.isEmpty() ? QString() : errors.first().errorString();
    });
    m_watch.start(m_limits.answer_ms);
}

void HttpFetch::takeHead() {
    if (m_answered || !m_reply)
        return;
    FetchAnswer answer;
    answer.status = m_reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
    if (answer.status < 200)
        return;
    if (isRedirect(answer.status) && m_reply->hasRawHeader("Location")) {
        // Its body does not matter, however long it is. Not from within a signal of the reply.
        m_answered = true;
        QTimer::singleShot(0, m_reply, [this] { redirect(); });
        return;
    }
    answer.host = m_reply->url().host();
    for (const auto& [name, value] : m_reply->rawHeaderPairs())
        answer.headers.insert(name.toLower(), value);
    m_answered = true;
    m_watch.start(m_limits.stall_ms);
    emit answered(answer);
}

QByteArray HttpFetch::read(qint64 most) {
    if (!m_reply || most <= 0)
        return {};
    const QByteArray bytes = m_reply->read(most);
    m_read += bytes.size();
    // The end may have come while there was still something to read.
    if (m_finished && m_reply->bytesAvailable() == 0)
        QTimer::singleShot(0, m_reply, [this] { onFinished(); });
    return bytes;
}

qint64 HttpFetch::available() const {
    return m_reply ? m_reply->bytesAvailable() : 0;
}

void HttpFetch::onFinished() {
    if (!m_reply)
        return;
    m_finished = true;
    takeHead();
    if (!m_reply)
        return; // whoever was told has had enough
    const int status = m_reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
    if (isRedirect(status) && m_reply->hasRawHeader("Location"))
        return; // is on its way
    if (m_answered && m_reply->bytesAvailable() > 0 && status < 300) {
        emit arrived();
        return; // read() comes back here
    }
    const QNetworkReply::NetworkError error = m_reply->error();
    const bool isAnswer = m_answered && (error == QNetworkReply::NoError || status >= 400);
    if (!isAnswer && !m_distrust.isEmpty())
        return endWith(engine::Status(
            engine::Code::DownloadDistrusted,
            {{"host", hostOf(m_reply->url())}, {"reason", m_distrust.toStdString()}}));
    if (!isAnswer && !m_answered && status != 0)
        return endWith(unusable("status " + std::to_string(status)));
    if (!isAnswer)
        return endWith(engine::Status(
            m_answered ? engine::Code::DownloadInterrupted : engine::Code::DownloadUnreachable,
            {{"host", hostOf(m_reply->url())},
             {"file", m_request.file.toStdString()},
             {"reason", m_reply->errorString().remove(m_reply->url().toString()).toStdString()}}));
    m_watch.stop();
    std::exchange(m_reply, nullptr)->deleteLater();
    emit ended();
}

void HttpFetch::redirect() {
    const QUrl from = m_reply->url();
    QUrl next = from.resolved(QUrl::fromEncoded(m_reply->rawHeader("Location")));
    next.setUserInfo({});
    if (++m_redirects > m_limits.redirects)
        return endWith(unusable("more than " + std::to_string(m_limits.redirects) + " redirects"));
    if (!isWeb(next))
        return endWith(
            unusable(PHRASE("Status", "a redirect to something that is not on the web")));
    if (from.scheme() == QLatin1String("https") && next.scheme() != QLatin1String("https"))
        return endWith(unusable(
            PHRASE("Status", "a redirect from https to http, which anybody could change")));
    if (isLocalHost(next.host()) && !isLocalHost(m_request.url.host()))
        return endWith(unusable(PHRASE("Status", "a redirect into this computer's own network")));
    m_reply->disconnect(this);
    m_reply->abort();
    m_reply->deleteLater();
    send(next);
}

void HttpFetch::watch() {
    if (!m_reply)
        return;
    // What waits for us to read it is not the server's fault.
    const bool isReading = m_answered && (m_read >= m_limits.stall_bytes ||
                                          m_reply->bytesAvailable() > 0 || m_finished);
    m_read = 0;
    if (isReading)
        return;
    const int waited_s = (m_answered ? m_limits.stall_ms : m_limits.answer_ms) / 1000;
    endWith(engine::Status(
        m_answered ? engine::Code::DownloadInterrupted : engine::Code::DownloadUnreachable,
        {{"host", hostOf(m_reply->url())},
         {"file", m_request.file.toStdString()},
         {"reason", "almost nothing came for " + std::to_string(waited_s) + " seconds"}}));
}

void HttpFetch::endWith(const engine::Status& status) {
    abort();
    emit failed(status);
}

void HttpFetch::abort() {
    m_watch.stop();
    if (!m_reply)
        return;
    QNetworkReply* reply = std::exchange(m_reply, nullptr);
    reply->disconnect(this);
    reply->abort();
    reply->deleteLater();
}

} // namespace app
