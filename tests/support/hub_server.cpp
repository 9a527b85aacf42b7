#include "tests/support/hub_server.h"

#include <algorithm>
#include <QCryptographicHash>
#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QRandomGenerator>
#include <QSslServer>
#include <QTimer>

namespace tests {

qint64 HubRequest::from() const {
    const QByteArray range = header("range");
    return range.startsWith("bytes=") ? range.mid(6).split('-').first().toLongLong() : 0;
}

HubServer::HubServer(const QSslConfiguration& tls) : m_isTls(!tls.localCertificate().isNull()) {
    if (m_isTls) {
        auto server = std::make_unique<QSslServer>();
        server->setSslConfiguration(tls);
        m_server = std::move(server);
    } else {
        m_server = std::make_unique<QTcpServer>();
    }
    m_server->listen(QHostAddress::LocalHost);
    connect(m_server.get(), &QTcpServer::pendingConnectionAvailable, this, [this] {
        while (QTcpSocket* socket = m_server->nextPendingConnection()) {
            ++connections;
            connect(socket, &QTcpSocket::readyRead, this, [this, socket] { take(socket); });
            connect(socket, &QTcpSocket::disconnected, socket, &QObject::deleteLater);
        }
    });
}

HubServer::~HubServer() {
    m_server->close();
    for (QTcpSocket* socket : m_server->findChildren<QTcpSocket*>())
        socket->abort();
}

QUrl HubServer::url(const QString& path) const {
    return QUrl(QStringLiteral("%1://127.0.0.1:%2%3")
                    .arg(m_isTls ? QStringLiteral("https") : QStringLiteral("http"))
                    .arg(m_server->serverPort())
                    .arg(path));
}

void HubServer::on(const QString& path, Handler handler) {
    m_handlers.insert(path, std::move(handler));
}

ServedFile& HubServer::serve(const QString& path, const QByteArray& bytes) {
    auto file = std::make_shared<ServedFile>();
    file->bytes = bytes;
    m_files.append(file);
    on(path, [this, file](const HubRequest& request, QTcpSocket& socket) {
        serveFile(*file, request, socket);
    });
    return *file;
}

void HubServer::serveText(const QString& path, const QByteArray& json) {
    on(path, [json](const HubRequest&, QTcpSocket& socket) {
        answer(socket, 200, "Content-Type: application/json\r\n", json);
    });
}

void HubServer::redirect(const QString& path, const QByteArray& to, int status) {
    on(path, [to, status](const HubRequest&, QTcpSocket& socket) {
        answer(socket, status, "Location: " + to + "\r\n", {});
    });
}

void HubServer::answer(QTcpSocket& socket, int status, const QByteArray& headers,
                       const QByteArray& body) {
    socket.write("HTTP/1.1 " + QByteArray::number(status) + " X\r\nConnection: close\r\n" +
                 headers + "Content-Length: " + QByteArray::number(body.size()) + "\r\n\r\n" +
                 body);
    socket.disconnectFromHost();
}

void HubServer::take(QTcpSocket* socket) {
    const QByteArray seen = socket->peek(1 << 20);
    const qsizetype end = seen.indexOf("\r\n\r\n");
    if (end < 0)
        return;
    HubRequest request;
    const QList<QByteArray> lines = seen.left(end).split('\n');
    const QList<QByteArray> words = lines.first().trimmed().split(' ');
    if (words.size() < 2)
        return socket->abort();
    request.verb = words.at(0);
    request.target = words.at(1);
    for (qsizetype i = 1; i < lines.size(); ++i) {
        const qsizetype colon = lines.at(i).indexOf(':');
        request.headers.insert(lines.at(i).left(colon).trimmed().toLower(),
                               lines.at(i).mid(colon + 1).trimmed());
    }
    const qsizetype body = request.header("content-length").toLongLong();
    if (seen.size() < end + 4 + body)
        return;
    socket->read(end + 4);
    request.body = socket->read(body);
    requests.append(request);
    const QString path = QUrl::fromEncoded(request.target).path();
    if (m_handlers.contains(path))
        m_handlers.value(path)(request, *socket);
    else
        answer(*socket, 404, {}, "no such thing");
}

void HubServer::serveFile(ServedFile& file, const HubRequest& request, QTcpSocket& socket) {
    if (file.isSilent)
        return;
    if (file.status != 0 && file.statusTimes != 0) {
        if (file.statusTimes > 0)
            --file.statusTimes;
        const QByteArray retry =
            file.retryAfter.isEmpty() ? QByteArray() : "Retry-After: " + file.retryAfter + "\r\n";
        return answer(socket, file.status, retry, "refused");
    }
    qint64 from = file.ignoresRange ? 0 : request.from();
    const QByteArray ifRange = request.header("if-range");
    if (!ifRange.isEmpty() && ifRange != file.etag && !file.ignoresIfRange)
        from = 0;
    if (from > file.bytes.size())
        return answer(socket, 416, {}, {});
    const bool isPart = from > 0;
    from = std::max<qint64>(0, from - (isPart ? file.shift : 0));
    QByteArray body = file.bytes.mid(from);
    if (file.wrongLength >= 0)
        body = body.leftJustified(file.wrongLength, 'x', true);
    QByteArray head = isPart ? "HTTP/1.1 206 Partial Content\r\n" : "HTTP/1.1 200 OK\r\n";
    head += "Connection: close\r\nContent-Type: " + file.type + "\r\n";
    if (!file.etag.isEmpty())
        head += "ETag: " + file.etag + "\r\n";
    if (!file.encoding.isEmpty())
        head += "Content-Encoding: " + file.encoding + "\r\n";
    if (!file.hidesLength)
        head += "Content-Length: " + QByteArray::number(body.size()) + "\r\n";
    if (isPart) {
        const qint64 total = file.wrongTotal >= 0 ? file.wrongTotal : file.bytes.size();
        head += "Content-Range: bytes " + QByteArray::number(from) + '-' +
                QByteArray::number(file.bytes.size() - 1) + '/' + QByteArray::number(total) +
                "\r\n";
    }
    socket.write(head + "\r\n");
    if (file.drip_ms > 0) {
        auto* timer = new QTimer(&socket);
        connect(timer, &QTimer::timeout, &socket, [&socket, body, sent = qsizetype(0)]() mutable {
            if (sent < body.size())
                socket.write(body.mid(sent++, 1));
        });
        return timer->start(file.drip_ms);
    }
    const bool cuts = file.cutAfter >= 0 && file.cuts != 0 && body.size() > file.cutAfter;
    if (cuts && file.cuts > 0)
        --file.cuts;
    socket.write(cuts ? body.left(file.cutAfter) : body);
    socket.disconnectFromHost();
}

QByteArray modelBytes(qsizetype bytes, quint32 seed) {
    QRandomGenerator random(seed);
    QByteArray content((bytes + 3) / 4 * 4, Qt::Uninitialized);
    random.fillRange(reinterpret_cast<quint32*>(content.data()), content.size() / 4);
    content.replace(0, 4, "GGUF");
    content.truncate(bytes);
    return content;
}

QString sha256Of(const QByteArray& bytes) {
    return QString::fromLatin1(QCryptographicHash::hash(bytes, QCryptographicHash::Sha256).toHex());
}

QByteArray huggingFaceListing(const QByteArray& commit,
                              const QList<QPair<QString, QByteArray>>& files) {
    QJsonArray siblings;
    for (const auto& [path, bytes] : files)
        siblings.append(QJsonObject{
            {QStringLiteral("rfilename"), path},
            {QStringLiteral("size"), bytes.size()},
            {QStringLiteral("blobId"), QString(40, QLatin1Char('b'))},
            {QStringLiteral("lfs"), QJsonObject{{QStringLiteral("sha256"), sha256Of(bytes)},
                                                {QStringLiteral("size"), bytes.size()},
                                                {QStringLiteral("pointerSize"), 130}}}});
    return QJsonDocument(QJsonObject{{QStringLiteral("sha"), QString::fromLatin1(commit)},
                                     {QStringLiteral("gated"), false},
                                     {QStringLiteral("siblings"), siblings}})
        .toJson();
}

} // namespace tests
