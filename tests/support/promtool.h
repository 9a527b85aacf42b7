#pragma once
// Where the real promtool is: on PATH, or unpacked into the build folder (apt-get download
// prometheus && dpkg -x prometheus*.deb BUILD/prometheus). Empty: nowhere; tests then skip.

#include <QStandardPaths>
#include <QString>

namespace tests {

inline QString findPromtool() {
    const QString name = QStringLiteral("promtool");
    const QString onPath = QStandardPaths::findExecutable(name);
    if (!onPath.isEmpty())
        return onPath;
    return QStandardPaths::findExecutable(
        name, {QStringLiteral(INGLENOOK_BINARY_DIR "/prometheus/usr/bin")});
}

} // namespace tests
