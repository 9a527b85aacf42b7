#pragma once
// HttpFetch: one GET (or PUT) over http or https, redirects followed by our own rules: at most ten,
// never from https to http, never from the net into this computer or its network, and a token only
// goes to the host that it was meant for. Certificates are always verified. Bodies come as they are
// sent, never unpacked. One thread with an event loop.

#include "engine/status.h"

#include <QByteArray>
#include <QHash>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <QUrl>

class QNetworkAccessManager;
class QNetworkReply;

namespace app {

struct FetchLimits {
    int answer_ms = 30'000; ///< until the head of the answer is complete
    int stall_ms = 30'000;  ///< within which `stall_bytes` of the body must come
    qint64 stall_bytes = 4096;
    int redirects = 10;
};

struct FetchRequest {
    QUrl url;
    QString file; ///< as sentences call what is asked for
    QByteArray verb = "GET";
    QByteArray body;    ///< JSON, of a PUT
    QByteArray token;   ///< sent to the host of `url` alone
    qint64 from = 0;    ///< > 0: the bytes from here on
    QByteArray ifRange; ///< strong ETag; with `from`: the whole file when it has changed
};

struct FetchAnswer {
    int status = 0;
    QString host;
    QHash<QByteArray, QByteArray> headers; ///< names in lower case

    QByteArray header(const char* name) const { return headers.value(name); }
    /// Content-Length; -1 when it is not told or is no number.
    qint64 length() const;
    /// Retry-After in seconds, of a number or a date; 0 when it is not told.
    qint64 retryAfter_s() const;
    /// The ETag when it is a strong one, else empty.
    QByteArray strongEtag() const;
    /// Why `file` is not given out, by a status that is no success: DownloadDenied,
    /// DownloadNotFound, DownloadBusy or DownloadServerFailed.
    engine::Status refusal(const QString& file) const;
};

class HttpFetch : public QObject {
    Q_OBJECT

  public:
    HttpFetch(QNetworkAccessManager& network, FetchLimits limits, QObject* parent = nullptr);
    ~HttpFetch() override;

    void start(const FetchRequest& request);
    /// Nothing is signalled afterwards.
    void abort();
    /// At most `most` bytes of what has come. What is not read is not fetched either, beyond 1 MiB.
    QByteArray read(qint64 most);
    qint64 available() const;

  signals:
    /// The head of the last answer. Of a status other than 200 and 206 no body follows, but
    /// ended().
    void answered(const app::FetchAnswer& answer);
    void arrived();
    /// The body is complete, as far as the protocol can tell, and has been read.
    void ended();
    /// Instead of ended().
    void failed(const engine::Status& status);

  private:
    void send(const QUrl& url);
    void takeHead();
    void redirect();
    void onFinished();
    void watch();
    void endWith(const engine::Status& status);
    engine::Status unusable(const std::string& problem) const;

    QNetworkAccessManager& m_network;
    FetchLimits m_limits;
    FetchRequest m_request;
    QPointer<QNetworkReply> m_reply;
    QTimer m_watch;
    int m_redirects = 0;
    bool m_answered = false;
    bool m_finished = false;
    QString m_distrust; // why the certificate of the server is not taken; empty: it is
    qint64 m_read = 0;  // bytes read since the last look of m_watch
};

/// True for this computer and its own network: localhost, 127/8, 10/8, 192.168/16, fe80::/10 ...
bool isLocalHost(const QString& host);

} // namespace app
