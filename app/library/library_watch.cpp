#include "app/library/library_watch.h"

#include <QDir>
#include <QFileInfo>
#include <QFileSystemWatcher>
#include <QTimer>

namespace app {

namespace {

constexpr qsizetype kMostWatched = 2000; // the kernel's watches are few and shared

bool hasEntries(const QString& folder) {
    return !QDir(folder).isEmpty();
}

} // namespace

/// What lives on the thread. Its signals cross to the owner's thread by themselves.
class LibraryWatch::Worker : public QObject {
  public:
    Worker(LibraryWatch& owner, Options options) : m_owner(owner), m_options(std::move(options)) {}

    /// On the thread: timers and the watcher belong there.
    void begin() {
        m_watcher = std::make_unique<QFileSystemWatcher>();
        m_settle = std::make_unique<QTimer>();
        m_settle->setSingleShot(true);
        m_settle->setInterval(m_options.settle_ms);
        m_disks = std::make_unique<QTimer>();
        m_disks->setInterval(m_options.disks_ms);
        connect(m_watcher.get(), &QFileSystemWatcher::directoryChanged, m_settle.get(),
                qOverload<>(&QTimer::start));
        connect(m_settle.get(), &QTimer::timeout, this, [this] { scan(); });
        connect(m_disks.get(), &QTimer::timeout, this, [this] { lookForDisks(); });
        m_finds = readFinds(m_options.cacheFile);
        m_disks->start();
    }

    void end() {
        m_watcher.reset();
        m_settle.reset();
        m_disks.reset();
    }

    void setRoots(const QList<LibraryRoot>& roots, const QStringList& marked) {
        m_roots = roots;
        m_marked = marked;
        scan();
    }

    void setMarked(const QStringList& marked) { m_marked = marked; }

    void keepHash(const QString& model, const QString& file, const QString& sha256) {
        for (ModelCard& card : m_finds.cards)
            if (card.path == model)
                for (ModelFile& each : card.files)
                    if (each.name == file)
                        each.sha256 = sha256;
        keep();
    }

    void forget(const QString& model) {
        m_finds.cards.removeIf([&](const ModelCard& card) { return card.path == model; });
        m_finds.rejected.removeIf([&](const RejectedModel& each) { return each.path == model; });
        m_marked.removeAll(model);
        keep();
        scan();
    }

  private:
    void scan() {
        emit m_owner.scanStarted();
        const LibraryScan scan = scanLibrary(m_roots, m_finds, m_marked, m_owner.m_stop);
        if (m_owner.m_stop)
            return;
        m_hadEntries.clear();
        for (const LibraryFolder& folder : scan.folders)
            m_hadEntries.insert(folder.path, hasEntries(folder.path));
        m_finds = scan.finds;
        watch(scan.directories);
        emit m_owner.scanned(scan);
        if (scan.opened > 0 || !QFileInfo::exists(m_options.cacheFile))
            keep();
    }

    void watch(const QStringList& directories) {
        const QStringList before = m_watcher->directories();
        if (before == directories.mid(0, kMostWatched))
            return;
        if (!before.isEmpty())
            m_watcher->removePaths(before);
        if (!directories.isEmpty())
            m_watcher->addPaths(directories.mid(0, kMostWatched));
    }

    /// A disk that comes back, or goes with no word from the kernel.
    void lookForDisks() {
        for (auto it = m_hadEntries.cbegin(); it != m_hadEntries.cend(); ++it)
            if (hasEntries(it.key()) != it.value()) {
                scan();
                return;
            }
    }

    void keep() {
        const engine::Status status = writeFinds(m_options.cacheFile, m_finds);
        if (!status.ok())
            emit m_owner.failed(status);
    }

    LibraryWatch& m_owner;
    const Options m_options;
    QList<LibraryRoot> m_roots;
    QStringList m_marked;
    QHash<QString, bool> m_hadEntries; // by folder, at the last look
    LibraryFinds m_finds;
    std::unique_ptr<QFileSystemWatcher> m_watcher;
    std::unique_ptr<QTimer> m_settle;
    std::unique_ptr<QTimer> m_disks;
};

LibraryWatch::LibraryWatch(Options options, QObject* parent)
    : QObject(parent), m_worker(new Worker(*this, std::move(options))) {
    qRegisterMetaType<LibraryScan>();
    qRegisterMetaType<engine::Status>();
    m_worker->moveToThread(&m_thread);
    connect(
        &m_thread, &QThread::finished, m_worker, [worker = m_worker] { worker->end(); },
        Qt::DirectConnection);
    connect(&m_thread, &QThread::finished, m_worker, &QObject::deleteLater);
    m_thread.setObjectName(QStringLiteral("library"));
    m_thread.start(QThread::LowPriority);
    QMetaObject::invokeMethod(m_worker, [worker = m_worker] { worker->begin(); });
}

LibraryWatch::~LibraryWatch() {
    m_stop = true;
    m_thread.quit();
    m_thread.wait();
}

void LibraryWatch::scan(const QList<LibraryRoot>& roots, const QStringList& marked) {
    QMetaObject::invokeMethod(
        m_worker, [worker = m_worker, roots, marked] { worker->setRoots(roots, marked); });
}

void LibraryWatch::setMarked(const QStringList& marked) {
    QMetaObject::invokeMethod(m_worker, [worker = m_worker, marked] { worker->setMarked(marked); });
}

void LibraryWatch::keepHash(const QString& model, const QString& file, const QString& sha256) {
    QMetaObject::invokeMethod(m_worker, [worker = m_worker, model, file, sha256] {
        worker->keepHash(model, file, sha256);
    });
}

void LibraryWatch::forget(const QString& model) {
    QMetaObject::invokeMethod(m_worker, [worker = m_worker, model] { worker->forget(model); });
}

} // namespace app
