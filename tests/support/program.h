#pragma once
// Runs the built program and keeps what it said.

#include <QByteArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStringList>

namespace tests {

struct ProgramRun {
    int exitCode = -1; ///< -1: it crashed or did not end in time
    QByteArray out;
    QByteArray err;

    /// The last line of stdout as a JSON object; empty when it is none.
    QJsonObject json() const {
        const QByteArray line = out.trimmed().split('\n').last();
        return QJsonDocument::fromJson(line).object();
    }
};

inline ProgramRun runProgram(const QStringList& arguments, const QByteArray& input = {},
                             int limit_ms = 120'000) {
    QProcess process;
    process.start(QStringLiteral(INGLENOOK_PROGRAM), arguments);
    process.write(input);
    process.closeWriteChannel();
    ProgramRun run;
    if (!process.waitForFinished(limit_ms)) {
        process.kill();
        process.waitForFinished();
    } else if (process.exitStatus() == QProcess::NormalExit) {
        run.exitCode = process.exitCode();
    }
    run.out = process.readAllStandardOutput();
    run.err = process.readAllStandardError();
    return run;
}

} // namespace tests
