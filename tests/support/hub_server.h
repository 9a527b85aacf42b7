#pragma once
// HubServer: a web server on this computer that misbehaves as told, byte by byte. Lives on the
// thread of the test. What it is asked is kept for the test to look at.

#include <functional>
#include <memory>
#include <QByteArray>
#include <QHash>
#include <QList>
#include <QObject>
#include <QPointer>
#include <QSslConfiguration>
#include <QTcpServer>
#include <QTcpSocket>
#include <QUrl>

namespace tests {

struct HubRequest {
    QByteArray verb;
    QByteArray target; ///< path and query, as sent
    QHash<QByteArray, QByteArray> headers;
    QByteArray body;

    QByteArray header(const char* name) const { return headers.value(name); }
    /// The first byte of "Range: bytes=N-"; 0 without one.
    qint64 from() const;
};

/// How a file is served; by default as it should be.
struct ServedFile {
    QByteArray bytes;
    QByteArray etag = "\"one\"";
    QByteArray type = "application/octet-stream";
    qint64 cutAfter = -1;        ///< closes after so many bytes of a body
    int cuts = -1;               ///< so many times; -1: always
    bool ignoresRange = false;   ///< 200 for a Range
    bool ignoresIfRange = false; ///< 206 though the ETag has changed
    qint64 shift = 0;            ///< 206 from so many bytes earlier than asked
    qint64 wrongTotal = -1;      ///< in Content-Range
    qint64 wrongLength = -1;     ///< in Content-Length; the body is as long as that
    QByteArray encoding;         ///< Content-Encoding
    bool hidesLength = false;    ///< neither Content-Length nor chunks
    int status = 0;              ///< instead of the file, `statusTimes` times
    int statusTimes = -1;        ///< -1: always
    QByteArray retryAfter;
    int drip_ms = 0;       ///< one byte in so many ms
    bool isSilent = false; ///< takes the request and says nothing
};

class HubServer : public QObject {
    Q_OBJECT

  public:
    using Handler = std::function<void(const HubRequest& request, QTcpSocket& socket)>;

    /// With a certificate in `tls` it speaks https; what a client does not trust is no connection.
    explicit HubServer(const QSslConfiguration& tls = {});
    ~HubServer() override;

    QUrl url(const QString& path) const;
    QString endpoint() const { return url(QString()).toString(); }
    /// `path` without a query.
    void on(const QString& path, Handler handler);
    /// A file; the reference stays valid and may be changed later.
    ServedFile& serve(const QString& path, const QByteArray& bytes);
    void serveText(const QString& path, const QByteArray& json);
    void redirect(const QString& path, const QByteArray& to, int status = 302);

    QList<HubRequest> requests;
    int connections = 0;

    /// A whole answer at once.
    static void answer(QTcpSocket& socket, int status, const QByteArray& headers,
                       const QByteArray& body);

  private:
    void take(QTcpSocket* socket);
    void serveFile(ServedFile& file, const HubRequest& request, QTcpSocket& socket);

    std::unique_ptr<QTcpServer> m_server;
    bool m_isTls;
    QHash<QString, Handler> m_handlers;
    QList<std::shared_ptr<ServedFile>> m_files;
};

/// `bytes` bytes that begin like a model and repeat nowhere soon.
QByteArray modelBytes(qsizetype bytes, quint32 seed = 1);
QString sha256Of(const QByteArray& bytes);
/// Hugging Face's answer to a question for the files of a repository, all in LFS.
QByteArray huggingFaceListing(const QByteArray& commit,
                              const QList<QPair<QString, QByteArray>>& files);

} // namespace tests
