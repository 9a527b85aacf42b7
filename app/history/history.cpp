#include "app/history/history.h"

#include "app/history/database_file.h"
#include "app/history/sqlite_status.h"
#include "app/history/work_queue.h"

#include <QElapsedTimer>
#include <QFile>
#include <sqlite3.h>

namespace app {

namespace {
constexpr int kRetry_ms = 3000;
constexpr int kLeastRetry_ms = 500; // between two attempts, whoever asks
} // namespace

/// What the two threads own. the open databases are touched on the database thread alone, `reader`
/// on the read thread alone.
struct History::Threads {
    /// One file: its connection, or why there is none.
    struct Held : OpenedDatabase {
        engine::Status unusable{engine::Code::DatabaseCannotOpen};
        bool isWritable() const { return connection != nullptr && writable; }
    };
    Held history;
    Held cache;
    Held metrics;
    std::unique_ptr<SQLite::Database> reader;
    engine::Status readerUnusable{engine::Code::DatabaseCannotOpen};
    std::unique_ptr<SQLite::Database> metricsReader; // opened by the first question
    bool inTrouble = false;                          // database thread
    QElapsedTimer sinceAttempt;                      // to open it for writing; database thread
    WorkQueue database;
    WorkQueue reading;
};

History::History(DatabasePaths paths, QObject* parent)
    : QObject(parent), m_paths(std::move(paths)), m_threads(std::make_unique<Threads>()) {
    connect(&m_retry, &QTimer::timeout, this, [this] {
        if (m_threads)
            m_threads->database.post(Urgency::Normal, [this] { reopenForWriting(); });
    });
}

History::~History() {
    close();
}

void History::open() {
    m_threads->database.post(Urgency::Commit, [this] { openOnThread(); });
}

void History::openOnThread() {
    std::vector<engine::Status> notices;
    const auto openOne = [&](DatabaseKind kind, const QString& file, Threads::Held& into) {
        engine::Result<OpenedDatabase> opened = openDatabase(kind, file, migrationsOf(kind));
        into.unusable = opened.status();
        if (opened.ok())
            static_cast<OpenedDatabase&>(into) = std::move(*opened);
        else
            notices.push_back(opened.status());
        notices.insert(notices.end(), into.notices.begin(), into.notices.end());
    };
    openOne(DatabaseKind::History, m_paths.history, m_threads->history);
    const bool writable = m_threads->history.isWritable();
    if (writable) {
        const engine::Status recovered =
            runChange([this](HistoryWriter& writer) { writer.recover(m_trashDays); });
        if (!recovered.ok())
            notices.push_back(recovered);
    }
    m_threads->sinceAttempt.start();
    // The list is what a person waits for; the other two files come after it.
    openReaderBehind(writable);
    openOne(DatabaseKind::Cache, m_paths.cache, m_threads->cache);
    openOne(DatabaseKind::Metrics, m_paths.metrics, m_threads->metrics);
    deliver(this, [this, writable, notices] {
        if (!writable)
            m_retry.start(kRetry_ms);
        emit opened(writable, notices);
    });
}

/// On the read thread, behind what was asked of the old connection.
void History::openReaderBehind(bool writable) {
    m_threads->reading.post(Urgency::Commit, [this, writable, why = m_threads->history.unusable] {
        engine::Result<std::unique_ptr<SQLite::Database>> reader =
            why.ok() ? openReader(m_paths.history, writable)
                     : engine::Result<std::unique_ptr<SQLite::Database>>(why);
        m_threads->readerUnusable = reader.status();
        if (reader.ok())
            m_threads->reader = std::move(*reader);
    });
}

void History::reopenForWriting() {
    Threads::Held& held = m_threads->history;
    // A newer schema does not become older, and a disk that was full a moment ago still is.
    if (held.isWritable() || held.unusable.code() == engine::Code::DatabaseNewer ||
        !m_threads->sinceAttempt.isValid() || m_threads->sinceAttempt.elapsed() < kLeastRetry_ms)
        return;
    m_threads->sinceAttempt.restart();
    engine::Result<OpenedDatabase> again =
        openDatabase(DatabaseKind::History, m_paths.history, migrationsOf(DatabaseKind::History));
    if (!again.ok() || !again->writable)
        return; // what could be read until now can be read on
    static_cast<OpenedDatabase&>(held) = std::move(*again);
    held.unusable = {};
    const engine::Status recovered =
        runChange([this](HistoryWriter& writer) { writer.recover(m_trashDays); });
    openReaderBehind(true);
    noteWrite(recovered);
    deliver(this, [this, notices = held.notices] {
        m_retry.stop();
        emit opened(true, notices);
    });
}

void History::close() {
    m_retry.stop();
    if (!m_threads)
        return;
    // Questions first, so that the reader is gone before the writer closes and moves the log.
    m_threads->database.post(Urgency::Normal, [this] {
        m_threads->reading.stop();
        m_threads->reader.reset();
        m_threads->metricsReader.reset();
        m_threads->history.connection.reset();
        m_threads->cache.connection.reset();
        m_threads->metrics.connection.reset();
    });
    m_threads->database.stop();
    m_threads.reset();
}

engine::Status History::runChange(const Change& change) {
    reopenForWriting();
    if (!m_threads->history.connection)
        return m_threads->history.unusable;
    if (!m_threads->history.writable)
        return m_threads->history.notices.empty() ? m_threads->history.unusable
                                                  : m_threads->history.notices.front();
    return guarded(m_paths.history, [&]() -> engine::Status {
        HistoryWriter writer(*m_threads->history.connection);
        change(writer);
        return {};
    });
}

void History::noteWrite(const engine::Status& status) {
    if (status.ok() != m_threads->inTrouble)
        return;
    m_threads->inTrouble = !status.ok();
    deliver(this, [this, status] {
        if (status.ok())
            emit writeRecovered();
        else
            emit writeTrouble(status);
    });
}

void History::deliver(const QPointer<QObject>& receiver, std::function<void()> call) {
    // The pointer is only looked at on the GUI thread, where receivers die.
    QMetaObject::invokeMethod(
        this,
        [receiver, call = std::move(call)] {
            if (receiver)
                call();
        },
        Qt::QueuedConnection);
}

void History::addTurn(const NewTurn& turn, QObject* receiver, Reply<StoredTurn> reply) {
    if (!m_threads)
        return;
    m_threads->database.post(Urgency::Commit, [this, turn, context = QPointer<QObject>(receiver),
                                               reply = std::move(reply)] {
        auto stored = std::make_shared<StoredTurn>();
        const engine::Status status =
            runChange([&](HistoryWriter& writer) { *stored = writer.addTurn(turn); });
        noteWrite(status);
        deliver(context, [status, stored, reply] {
            reply(status.ok() ? engine::Result<StoredTurn>(*stored) : status);
        });
    });
}

void History::commit(Change change, QObject* receiver, Done done) {
    if (!m_threads)
        return;
    m_threads->database.post(Urgency::Commit,
                             [this, change = std::move(change), done = std::move(done),
                              context = QPointer<QObject>(receiver)] {
                                 const engine::Status status = runChange(change);
                                 noteWrite(status);
                                 if (done)
                                     deliver(context, [done, status] { done(status); });
                             });
}

void History::change(Change change, QObject* receiver, Done done) {
    if (!m_threads)
        return;
    m_threads->database.post(Urgency::Normal,
                             [this, change = std::move(change), done = std::move(done),
                              context = QPointer<QObject>(receiver)] {
                                 const engine::Status status = runChange(change);
                                 noteWrite(status);
                                 if (done)
                                     deliver(context, [done, status] { done(status); });
                             });
}

template<typename T>
void History::read(std::function<T(HistoryReader&)> question, QObject* receiver, Reply<T> reply) {
    if (!m_threads)
        return;
    const QPointer<QObject> context(receiver);
    // Through the database thread, so that an answer includes every change asked for before it.
    m_threads->database.post(Urgency::Normal, [this, question, context, reply] {
        m_threads->reading.post(Urgency::Normal, [this, question, context, reply] {
            engine::Result<T> result = m_threads->readerUnusable;
            if (m_threads->reader)
                result = guarded(m_paths.history, [&]() -> engine::Result<T> {
                    HistoryReader reader(*m_threads->reader);
                    return question(reader);
                });
            deliver(context, [reply, result] { reply(result); });
        });
    });
}

void History::withCache(CacheWork work) {
    if (!m_threads)
        return;
    m_threads->database.post(Urgency::Normal, [this, work = std::move(work)] {
        Threads::Held& cache = m_threads->cache;
        const engine::Status status = work(cache.writable ? cache.connection.get() : nullptr);
        if (status.code() == engine::Code::DatabaseDamaged)
            remakeCache();
    });
}

void History::remakeCache() {
    Threads::Held& cache = m_threads->cache;
    cache.connection.reset();
    for (const char* part : {"", "-wal", "-shm"})
        QFile::remove(m_paths.cache + QLatin1String(part));
    auto opened =
        openDatabase(DatabaseKind::Cache, m_paths.cache, migrationsOf(DatabaseKind::Cache));
    cache.unusable = opened.status();
    if (opened.ok())
        static_cast<OpenedDatabase&>(cache) = std::move(*opened);
}

void History::list(QObject* receiver, Reply<QList<Conversation>> reply) {
    read<QList<Conversation>>([](HistoryReader& reader) { return reader.list(); }, receiver,
                              std::move(reply));
}

void History::load(ConversationId conversation, QObject* receiver,
                   Reply<StoredConversation> reply) {
    read<StoredConversation>(
        [conversation](HistoryReader& reader) { return reader.load(conversation); }, receiver,
        [reply = std::move(reply)](const engine::Result<StoredConversation>& result) {
            if (result.ok() && result->conversation.id == 0)
                reply(engine::Status(engine::Code::ConversationUnknown));
            else
                reply(result);
        });
}

void History::loadWhole(const QList<ConversationId>& conversations, QObject* receiver,
                        Reply<QList<StoredConversation>> reply) {
    read<QList<StoredConversation>>(
        [conversations](HistoryReader& reader) { return reader.loadWhole(conversations); },
        receiver, std::move(reply));
}

void History::runs(QObject* receiver, Reply<QList<StoredRun>> reply) {
    read<QList<StoredRun>>([](HistoryReader& reader) { return reader.runs(); }, receiver,
                           std::move(reply));
}

void History::run(RunId id, QObject* receiver, Reply<StoredRun> reply) {
    read<StoredRun>([id](HistoryReader& reader) { return reader.run(id); }, receiver,
                    std::move(reply));
}

void History::search(const QString& words, int limit, QObject* receiver,
                     Reply<QList<SearchHit>> reply) {
    const QPointer<QObject> context(receiver);
    read<QList<SearchHit>>(
        [words, limit](HistoryReader& reader) { return reader.search(words, limit); }, this,
        [this, context, reply](const engine::Result<QList<SearchHit>>& result) {
            // A damaged index is made again from the messages; the next search has it.
            if (!result.ok() && result.status().code() == engine::Code::DatabaseDamaged)
                change([](HistoryWriter& writer) { writer.rebuildSearch(); });
            if (context)
                reply(result);
        });
}

void History::changeMetrics(std::function<void(SQLite::Database&)> change) {
    if (!m_threads)
        return;
    m_threads->database.post(Urgency::Normal, [this, change = std::move(change)] {
        Threads::Held& metrics = m_threads->metrics;
        if (metrics.connection && metrics.writable)
            (void)guarded(m_paths.metrics, [&]() -> engine::Status { // the figures can be missed
                change(*metrics.connection);
                return {};
            });
    });
}

void History::readMetrics(std::function<void(SQLite::Database&)> question, QObject* receiver,
                          Done done) {
    if (!m_threads)
        return;
    const QPointer<QObject> context(receiver);
    // Through the database thread: it has opened the file, and has stored what was given before.
    m_threads->database.post(Urgency::Normal, [this, question, context, done] {
        const bool writable = m_threads->metrics.writable;
        const engine::Status unusable = m_threads->metrics.unusable;
        m_threads->reading.post(Urgency::Normal,
                                [this, question, context, done, writable, unusable] {
                                    engine::Status status = unusable;
                                    if (status.ok() && !m_threads->metricsReader) {
                                        auto reader = openReader(m_paths.metrics, writable);
                                        status = reader.status();
                                        if (reader.ok())
                                            m_threads->metricsReader = std::move(*reader);
                                    }
                                    if (status.ok())
                                        status = guarded(m_paths.metrics, [&]() -> engine::Status {
                                            question(*m_threads->metricsReader);
                                            return {};
                                        });
                                    deliver(context, [done, status] { done(status); });
                                });
    });
}

} // namespace app
