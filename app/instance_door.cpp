#include "app/instance_door.h"

#include <QDeadlineTimer>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QLocalSocket>
#include <QPointer>
#include <QThread>
#include <QTimer>

namespace app {

namespace {

constexpr int kConnect_ms = 2000;
constexpr int kStored_ms = 10000;             // a full or slow disk
constexpr int kSilence_ms = 5000;             // a guest that says nothing has to go
constexpr qsizetype kLongestSocketPath = 100; // sun_path holds 108 bytes

QByteArray line(const QJsonObject& object) {
    return QJsonDocument(object).toJson(QJsonDocument::Compact) + '\n';
}

QJsonObject toJson(const InstanceRequest& request) {
    if (request.prompt.isEmpty())
        return {{QStringLiteral("ask"), QStringLiteral("raise")}};
    return {{QStringLiteral("ask"), QStringLiteral("prompt")},
            {QStringLiteral("text"), request.prompt}};
}

void answerTo(QLocalSocket* guest, const InstanceAnswer& answer) {
    QJsonObject object{{QStringLiteral("taken"), answer.taken}};
    if (!answer.taken)
        object[QStringLiteral("reason")] = answer.reason;
    guest->write(line(object));
    guest->disconnectFromServer(); // after what is written
}

} // namespace

InstanceDoor::InstanceDoor(const QString& socket, Handler handler, QObject* parent)
    : QObject(parent), m_socket(socket), m_handler(std::move(handler)) {}

InstanceDoor::~InstanceDoor() {
    if (!m_server)
        return;
    m_server->close();
    QLocalServer::removeServer(m_socket);
}

bool InstanceDoor::listen() {
    if (QFile::encodeName(m_socket).size() > kLongestSocketPath)
        return false;
    QLocalServer::removeServer(m_socket);
    m_server = std::make_unique<QLocalServer>();
    m_server->setSocketOptions(QLocalServer::UserAccessOption);
    connect(m_server.get(), &QLocalServer::newConnection, this, [this] {
        while (QLocalSocket* guest = m_server->nextPendingConnection()) {
            guest->setReadBufferSize(kMostRequest_bytes);
            connect(guest, &QLocalSocket::disconnected, guest, &QObject::deleteLater);
            connect(guest, &QLocalSocket::readyRead, this, [this, guest] { readFrom(guest); });
            QTimer::singleShot(kSilence_ms, guest, [guest] {
                if (!guest->property("asked").toBool())
                    guest->abort();
            });
            readFrom(guest); // what came before we listened to it
        }
    });
    if (!m_server->listen(m_socket))
        return false;
    return QFile::setPermissions(m_socket, QFile::ReadOwner | QFile::WriteOwner);
}

void InstanceDoor::readFrom(QLocalSocket* guest) {
    if (guest->property("asked").toBool())
        return; // one question a visit
    if (!guest->canReadLine()) {
        if (guest->bytesAvailable() >= kMostRequest_bytes)
            guest->abort();
        return;
    }
    guest->setProperty("asked", true);
    const QJsonObject object = QJsonDocument::fromJson(guest->readLine()).object();
    const QString ask = object.value(QLatin1String("ask")).toString();
    InstanceRequest request;
    if (ask == QLatin1String("prompt"))
        request.prompt = object.value(QLatin1String("text")).toString();
    if (ask != QLatin1String("raise") && request.prompt.isEmpty()) {
        guest->abort();
        return;
    }
    m_handler(request, [guest = QPointer<QLocalSocket>(guest)](const InstanceAnswer& answer) {
        if (guest)
            answerTo(guest, answer);
    });
}

InstanceAnswer askInstance(const QString& socket, const InstanceRequest& request) {
    // The first may hold the lock and not listen yet.
    QDeadlineTimer deadline(kConnect_ms);
    QLocalSocket door;
    for (;;) {
        door.connectToServer(socket);
        if (door.waitForConnected(int(deadline.remainingTime())))
            break;
        if (deadline.hasExpired())
            return {};
        QThread::msleep(20);
    }
    door.write(line(toJson(request)));
    deadline.setRemainingTime(request.prompt.isEmpty() ? kConnect_ms : kStored_ms);
    while (!door.canReadLine())
        if (deadline.hasExpired() || !door.waitForReadyRead(int(deadline.remainingTime())))
            break;
    const QJsonObject object = QJsonDocument::fromJson(door.readLine()).object();
    return {object.value(QLatin1String("taken")).toBool(),
            object.value(QLatin1String("reason")).toString()};
}

} // namespace app
