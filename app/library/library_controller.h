#pragma once
// LibraryController: the models of this computer, as the desktop shows them: folders that are
// looked through in the background, a card a model, what its owner wrote on it. Opens no model
// itself and touches no disk but for its one small file at the start. GUI thread.

#include "app/json_file.h"
#include "app/library/file_hasher.h"
#include "app/library/library_watch.h"

namespace app {

class LibraryController : public QObject {
    Q_OBJECT

  public:
    struct Options {
        QString choicesFile;
        QString ownFolder;     // where downloads and conversions go
        QString builtInFolder; // empty: there is none
        LibraryWatch::Options watch;
    };

    explicit LibraryController(Options options, QObject* parent = nullptr);

    /// Reads its file and begins to look. Not OK: as JsonFile::read() says.
    engine::Status start();

    /// Favourites first, then by name; the built-in model last of its kind.
    const QList<ModelCard>& cards() const { return m_cards; }
    /// nullptr when the library has no such path.
    const ModelCard* card(const QString& path) const;
    const QList<RejectedModel>& rejected() const { return m_rejected; }
    const QList<LibraryFolder>& folders() const { return m_folders; }
    bool isScanning() const { return m_isScanning; }
    /// A hash of one of its files is being computed, or is next.
    bool isHashing(const ModelCard& card) const;
    /// What a model begins with; empty for one that is not in the library.
    ModelDefaults defaultsOf(const QString& path) const;
    /// Waits until everything is on disk; at shutdown and in tests.
    bool flush() { return m_file.flush(); }

  public slots:
    /// Any folder, read-only or on a disk that comes and goes. One that is there already is
    /// ignored.
    void addFolder(const QString& path);
    /// Its models leave the list; their notes are kept.
    void removeFolder(const QString& path);
    void rescan();
    void setFavourite(const QString& path, bool isFavourite);
    void setNote(const QString& path, const QString& note);
    void setDefaults(const QString& path, const app::ModelDefaults& defaults);
    /// Drops a model that is away, with what was written on it.
    void forget(const QString& path);
    /// Computes the hashes of a model's files that have none yet; cardChanged when that begins and
    /// after each file, read or not.
    void computeHashes(const QString& path);

  signals:
    /// Cards, rejected files, folders, or whether a scan runs.
    void changed();
    void cardChanged(const QString& path);
    void hashProgressed(const QString& path, const QString& file, quint64 done_bytes,
                        quint64 total_bytes);
    void failed(const QString& sentence);

  private:
    void onScanned(const LibraryScan& scan);
    void onHashed(const QString& file, const QString& sha256);
    void keepHashes(const ModelCard& before);
    ModelCard* find(const QString& path);
    template<typename Change>
    void mark(const QString& path, Change change);
    void sortCards();
    QStringList marked() const;
    void scan();
    void write();

    const Options m_options;
    JsonFile m_file;
    LibraryChoices m_choices;
    LibraryWatch m_watch;
    FileHasher m_hasher;
    QList<ModelCard> m_cards;
    QList<RejectedModel> m_rejected;
    QList<LibraryFolder> m_folders;
    bool m_isScanning = false;
};

} // namespace app
