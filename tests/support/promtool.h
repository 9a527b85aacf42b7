#pragma once
// Where the real prometheus and promtool are: on PATH, or unpacked into the build folder (apt-get
// download prometheus && dpkg -x prometheus*.deb BUILD/prometheus). Empty: nowhere; tests then
// skip.

#include <QStandardPaths>
#include <QString>

namespace tests {

inline QString findPrometheusProgram(const QString& name) {
    const QString onPath = QStandardPaths::findExecutable(name);
    if (!onPath.isEmpty())
        return onPath;
    return QStandardPaths::findExecutable(
        name, {QStringLiteral(INGLENOOK_BINARY_DIR "/prometheus/usr/bin")});
}

inline QString findPromtool() {
    return findPrometheusProgram(QStringLiteral("promtool"));
}

} // namespace tests
