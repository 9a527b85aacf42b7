#include "tests/app/download/transfer_bed.h"

#include <QEventLoop>
#include <QFile>
#include <QNetworkProxy>
#include <QTimer>

namespace tests {

TransferBed::TransferBed() {
    m_network.setProxy(QNetworkProxy::NoProxy);
}

app::TransferLimits TransferBed::limits() {
    app::TransferLimits limits;
    limits.fetch.answer_ms = 400;
    limits.fetch.stall_ms = 400;
    limits.attempts = 4;
    limits.firstPause_ms = 5;
    limits.longestPause_ms = 20;
    limits.spare_bytes = 0;
    return limits;
}

app::RemoteFile TransferBed::published(const QString& path, const QByteArray& bytes) const {
    return {QStringLiteral("model.gguf"), bytes.size(), app::ChecksumKind::Sha256, sha256Of(bytes),
            server.url(path)};
}

TransferEnd TransferBed::run(const app::RemoteFile& file, app::TransferLimits limits,
                             const QByteArray& token) {
    TransferEnd end;
    QEventLoop loop;
    app::FileTransfer transfer(m_network, throttle, {file, part(), token}, limits);
    QObject::connect(&transfer, &app::FileTransfer::progressed,
                     [&](qint64 done, qint64) { end.progress.append(done); });
    QObject::connect(&transfer, &app::FileTransfer::stateChanged,
                     [&](app::JobState state) { end.states.append(state); });
    QObject::connect(&transfer, &app::FileTransfer::finished, [&](const QString& sha256, qint64) {
        end.isFinished = true;
        end.sha256 = sha256;
        loop.quit();
    });
    QObject::connect(&transfer, &app::FileTransfer::failed, [&](const engine::Status& status) {
        end.status = status;
        loop.quit();
    });
    QTimer::singleShot(0, &transfer, [&] { transfer.start(); });
    QTimer::singleShot(20'000, &loop, &QEventLoop::quit);
    loop.exec();
    return end;
}

void TransferBed::runUntil(const app::RemoteFile& file, qint64 bytes) {
    throttle.setLimit(400'000); // slow enough to be stopped on the way
    QEventLoop loop;
    app::FileTransfer transfer(m_network, throttle, {file, part(), {}}, limits());
    QObject::connect(&transfer, &app::FileTransfer::progressed, [&](qint64 done, qint64) {
        if (done >= bytes)
            loop.quit();
    });
    QTimer::singleShot(0, &transfer, [&] { transfer.start(); });
    QTimer::singleShot(20'000, &loop, &QEventLoop::quit);
    loop.exec();
    transfer.stop();
    throttle.setLimit(0);
}

QByteArray TransferBed::partBytes() const {
    QFile file(part());
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

void TransferBed::writePart(const QByteArray& bytes) const {
    QFile file(part());
    if (file.open(QIODevice::WriteOnly))
        file.write(bytes);
}

} // namespace tests
