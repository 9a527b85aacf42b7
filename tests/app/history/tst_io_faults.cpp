// The n-th operation on a file fails, for every n of a session (at full length; every fourth in a
// quick run), once and from then on, as an I/O error and as a full disk. Each time: a sentence with
// a code, nothing acknowledged is lost, the database is whole, and a fault that passes leaves
// nothing that a second attempt does not mend.
#include "tests/app/history/history_scenario.h"
#include "tests/support/suite_registry.h"
#include "tests/support/watched_vfs.h"

#include <QtTest/QtTest>
#include <set>
#include <sqlite3.h>

namespace {

using tests::FileOperation;

enum class Fault { IoError, DiskFull };

int codeOf(FileOperation operation, Fault fault) {
    if (fault == Fault::DiskFull)
        return SQLITE_FULL;
    switch (operation) {
    case FileOperation::Open:
        return SQLITE_CANTOPEN;
    case FileOperation::Read:
        return SQLITE_IOERR_READ;
    case FileOperation::Write:
        return SQLITE_IOERR_WRITE;
    case FileOperation::Truncate:
        return SQLITE_IOERR_TRUNCATE;
    case FileOperation::Sync:
        return SQLITE_IOERR_FSYNC;
    case FileOperation::Delete:
        return SQLITE_IOERR_DELETE;
    }
    return SQLITE_IOERR;
}

/// What a failing disk may be called; never damage, which would put the file aside.
bool isTyped(const engine::Status& status) {
    static const std::set<engine::Code> kExpected = {
        engine::Code::DiskFull,         engine::Code::DatabaseCannotOpen,
        engine::Code::DatabaseReadOnly, engine::Code::DatabaseCannotWrite,
        engine::Code::MigrationFailed,  engine::Code::BackupFailed};
    return kExpected.contains(status.code());
}

struct Outcome {
    std::vector<FileOperation> operations; // met, in order
    tests::Acknowledged acknowledged;
    QString complaint;
};

/// Runs a session whose operation number `failing` (from 0) fails; `lasting`: all after it too.
Outcome run(const QString& file, qint64 failing, bool lasting, Fault fault) {
    Outcome outcome;
    bool failed = false;
    tests::WatchedVfs vfs([&](const tests::FileEvent& event) {
        const auto number = qint64(outcome.operations.size());
        outcome.operations.push_back(event.operation);
        const bool fails = failing >= 0 && (lasting ? number >= failing : number == failing);
        failed |= fails;
        return fails ? codeOf(event.operation, fault) : SQLITE_OK;
    });
    tests::HistoryScenario scenario(file);
    // As the program does: what fails is said, and tried once more.
    const auto attempt = [&](const QString& what, const std::function<engine::Status()>& work) {
        engine::Status status = work();
        if (status.ok())
            return true;
        if (!failed || !isTyped(status))
            outcome.complaint += what + QStringLiteral(": ") +
                                 QString::fromStdString(status.sentence()) + QLatin1Char('\n');
        status = work();
        if (!status.ok() && !lasting)
            outcome.complaint += what + QStringLiteral(", again: ") +
                                 QString::fromStdString(status.sentence()) + QLatin1Char('\n');
        return status.ok();
    };
    if (attempt(QStringLiteral("open"), [&] { return scenario.open(); }))
        for (std::size_t i = 0; i < scenario.stepCount(); ++i)
            if (!attempt(QStringLiteral("step %1").arg(i), [&] { return scenario.step(i); }))
                break; // the next start has to do
    scenario.close();
    outcome.acknowledged = scenario.acknowledged();
    return outcome;
}

} // namespace

class TstIoFaults : public QObject {
    Q_OBJECT

  private slots:
    void everyOperationMayFail_data() {
        QTest::addColumn<bool>("existing");
        QTest::newRow("new history") << false;
        QTest::newRow("history with chats") << true;
    }
    void everyOperationMayFail() {
        QFETCH(bool, existing);
        QTemporaryDir dir;
        tests::Acknowledged old;
        const QString sound = dir.filePath(QStringLiteral("sound.db"));
        if (existing)
            old = tests::fillHistory(sound, 12);
        int runs = 0;
        const auto tryOne = [&](qint64 failing, bool lasting, Fault fault) {
            QTemporaryDir place;
            const QString file = place.filePath(QStringLiteral("history.db"));
            if (existing)
                QFile::copy(sound, file);
            Outcome outcome = run(file, failing, lasting, fault);
            outcome.acknowledged.insert(old.begin(), old.end());
            const tests::WatchedVfs unsynced; // the check itself needs no durable file
            const QString wrong =
                outcome.complaint +
                tests::verifyHistory(file, outcome.acknowledged,
                                     app::migrationsOf(app::DatabaseKind::History));
            if (!wrong.isEmpty()) {
                const auto kind = failing >= 0 && failing < qint64(outcome.operations.size())
                                      ? int(outcome.operations[std::size_t(failing)])
                                      : -1;
                QTest::qFail(
                    qPrintable(QStringLiteral("operation %1 (kind %2), %3, %4: %5")
                                   .arg(failing)
                                   .arg(kind)
                                   .arg(lasting ? "lasting" : "once",
                                        fault == Fault::DiskFull ? "full" : "error", wrong)),
                    __FILE__, __LINE__);
            }
            ++runs;
            return outcome;
        };
        const std::vector<FileOperation> plain = tryOne(-1, false, Fault::IoError).operations;
        QVERIFY(plain.size() > 100);
        const std::size_t stride = qEnvironmentVariableIntValue("INGLENOOK_FAULTS") > 0 ? 1 : 4;
        for (std::size_t n = existing && stride > 1 ? 1 : 0; n < plain.size(); n += stride) {
            const bool writes =
                plain[n] == FileOperation::Write || plain[n] == FileOperation::Truncate;
            for (const bool lasting : {false, true}) {
                tryOne(qint64(n), lasting, Fault::IoError);
                if (writes)
                    tryOne(qint64(n), lasting, Fault::DiskFull);
            }
            if (QTest::currentTestFailed())
                return;
        }
        qInfo("%d sessions, %zu operations each", runs, plain.size());
    }
};

INGLENOOK_SUITE(io_faults, TstIoFaults)
#include "tst_io_faults.moc"
