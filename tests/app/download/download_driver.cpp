// Fetches one file; made to be killed at any moment by tst_download_kill.
// Usage: inglenook_download_driver URL SHA256 BYTES PART
#include "app/download/file_transfer.h"

#include <cstdio>
#include <QCoreApplication>
#include <QNetworkAccessManager>
#include <QNetworkProxy>
#include <QTimer>

int main(int argc, char** argv) {
    QCoreApplication qt(argc, argv);
    const QStringList arguments = QCoreApplication::arguments();
    if (arguments.size() != 5) {
        std::fprintf(stderr, "usage: inglenook_download_driver URL SHA256 BYTES PART\n");
        return 2;
    }
    QNetworkAccessManager network;
    network.setProxy(QNetworkProxy::NoProxy);
    app::Throttle throttle;
    throttle.setLimit(8'000'000);
    app::TransferLimits limits;
    limits.firstPause_ms = 5;
    const app::RemoteFile file{QStringLiteral("model.gguf"), arguments.at(3).toLongLong(),
                               app::ChecksumKind::Sha256, arguments.at(2), QUrl(arguments.at(1))};
    app::FileTransfer transfer(network, throttle, {file, arguments.at(4), {}}, limits);
    QObject::connect(&transfer, &app::FileTransfer::finished, &qt,
                     [] { QCoreApplication::exit(0); });
    QObject::connect(&transfer, &app::FileTransfer::failed, &qt, [](const engine::Status& status) {
        std::fprintf(stderr, "%s\n", status.sentence().c_str());
        QCoreApplication::exit(1);
    });
    QTimer::singleShot(0, &transfer, &app::FileTransfer::start);
    return QCoreApplication::exec();
}
