#pragma once
// History: the door to the databases. Calls return at once; answers come back to the GUI thread as
// values, and not at all when the asking object has gone.
//
// One database thread holds the only read-write connection of each of the three files; one read
// thread holds a read-only connection to history.db for lists, searches and whole conversations.
// Messages are committed before anything else that waits.

#include "app/history/history_reader.h"
#include "app/history/history_writer.h"
#include "engine/status.h"

#include <functional>
#include <memory>
#include <QObject>
#include <QPointer>
#include <QTimer>
#include <vector>

namespace app {

struct DatabasePaths {
    QString history;
    QString cache;
    QString metrics;
};

class History : public QObject {
    Q_OBJECT

  public:
    template<typename T>
    using Reply = std::function<void(const engine::Result<T>&)>;
    using Done = std::function<void(const engine::Status&)>;
    using Change = std::function<void(HistoryWriter&)>;
    /// Gets cache.db, or nullptr when there is none.
    using CacheWork = std::function<engine::Status(SQLite::Database*)>;

    explicit History(DatabasePaths paths, QObject* parent = nullptr);
    ~History() override; ///< close()

    /// How long deleted chats can be brought back; before open().
    void setTrashDays(int days) { m_trashDays = days; }
    /// Opens in the background; `opened` follows. What is asked meanwhile waits its turn. A history
    /// that can only be read (full disk, permissions) is tried again before every change and by a
    /// timer; `opened` follows once more when that works.
    void open();
    /// Commits what is queued, closes the reader, then the writers, ends the threads. Blocks.
    /// Answers to `receiver`s are still delivered when the event loop runs next.
    void close();

    void addTurn(const NewTurn& turn, QObject* receiver, Reply<StoredTurn> reply);
    /// Any other change of messages: goes before changes of the list.
    void commit(Change change, QObject* receiver = nullptr, Done done = {});
    /// A change that may wait: titles, pins, trash.
    void change(Change change, QObject* receiver = nullptr, Done done = {});

    void list(QObject* receiver, Reply<QList<Conversation>> reply);
    void load(ConversationId conversation, QObject* receiver, Reply<StoredConversation> reply);
    /// HistoryReader::loadWhole(): of all chats when none is named.
    void loadWhole(const QList<ConversationId>& conversations, QObject* receiver,
                   Reply<QList<StoredConversation>> reply);
    void runs(QObject* receiver, Reply<QList<StoredRun>> reply);
    void run(RunId id, QObject* receiver, Reply<StoredRun> reply);
    void search(const QString& words, int limit, QObject* receiver, Reply<QList<SearchHit>> reply);

    /// Work on metrics.db, behind everything else; dropped where the file cannot be written.
    void changeMetrics(std::function<void(SQLite::Database&)> change);
    /// A question to metrics.db on the read thread. `done` on the GUI thread.
    void readMetrics(std::function<void(SQLite::Database&)> question, QObject* receiver, Done done);
    /// Work on cache.db, on the database thread, behind the messages. When it ends in
    /// DatabaseDamaged the file is made anew: everything in it can be. Any thread until close().
    void withCache(CacheWork work);

  signals:
    /// `notices`: what a person should know (salvage, read-only, newer file), worst first.
    void opened(bool writable, const std::vector<engine::Status>& notices);
    /// A write failed (full disk, I/O error). Sent once until writing works again.
    void writeTrouble(const engine::Status& status);
    void writeRecovered();

  private:
    struct Threads;

    // On the database thread.
    void openOnThread();
    void reopenForWriting();
    void openReaderBehind(bool writable);
    void remakeCache();
    engine::Status runChange(const Change& change);
    void noteWrite(const engine::Status& status);
    /// Back to the GUI thread, guarded by the receiver's life. Any thread.
    void deliver(const QPointer<QObject>& receiver, std::function<void()> call);
    template<typename T>
    void read(std::function<T(HistoryReader&)> question, QObject* receiver, Reply<T> reply);

    DatabasePaths m_paths;
    int m_trashDays = 30;
    QTimer m_retry; // while the history cannot be written
    std::unique_ptr<Threads> m_threads;
};

} // namespace app
