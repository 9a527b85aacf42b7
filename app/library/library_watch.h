#pragma once
// LibraryWatch: keeps what the library found up to date, on a thread of its own: scans at start and
// whenever a watched folder changes, looks every few seconds whether a disk came or went, keeps the
// cache file. The disk may be asleep: nobody waits for this thread but its destructor.

#include "app/library/library_scan.h"

#include <memory>
#include <QObject>
#include <QThread>

namespace app {

class LibraryWatch : public QObject {
    Q_OBJECT

  public:
    struct Options {
        QString cacheFile;
        int settle_ms = 700;   // after the last change of a folder, before it is looked at
        int disks_ms = 10'000; // how often folders that are away are looked for
    };

    explicit LibraryWatch(Options options, QObject* parent = nullptr);
    ~LibraryWatch() override; ///< stops a scan and joins the thread

    /// Takes effect with a scan that begins at once. `marked`: see scanLibrary().
    void scan(const QList<LibraryRoot>& roots, const QStringList& marked);
    /// What its owner has marked since.
    void setMarked(const QStringList& marked);
    /// Keeps a hash with the model in the cache.
    void keepHash(const QString& model, const QString& file, const QString& sha256);
    /// Drops a model that is away.
    void forget(const QString& model);

  signals:
    // On the thread of this object.
    void scanStarted();
    void scanned(const app::LibraryScan& scan);
    void failed(const engine::Status& status);

  private:
    class Worker;

    std::atomic<bool> m_stop = false;
    QThread m_thread;
    Worker* m_worker; // lives on m_thread
};

} // namespace app

Q_DECLARE_METATYPE(app::LibraryScan)
