#include "app/history/history_reader.h"

#include "app/history/message_codec.h"
#include "app/history/migrations.h"
#include "app/history/search_text.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

namespace app {

namespace {

QString likePattern(const QString& words) {
    QString escaped = words.simplified();
    for (const char special : {'\\', '%', '_'})
        escaped.replace(QLatin1Char(special), QLatin1Char('\\') + QString(QLatin1Char(special)));
    return QLatin1Char('%') + escaped + QLatin1Char('%');
}

constexpr int kSchemaWithRuns = 2;
constexpr const char* kRunColumns = "id, title, task, material, closing, created_ms";

StoredRun runFrom(SQLite::Statement& row) {
    StoredRun run;
    run.id = row.getColumn(0).getInt64();
    run.title = columnText(row, 1);
    run.task = columnText(row, 2);
    run.material = columnText(row, 3);
    run.closing = columnText(row, 4);
    run.created = timeFrom(row.getColumn(5).getInt64());
    return run;
}

QList<SearchHit> searchTitles(SQLite::Database& database, const QString& words, int limit) {
    QList<SearchHit> hits;
    SQLite::Statement select(
        database, "SELECT id, title, updated_ms FROM conversations WHERE trashed_ms IS NULL AND "
                  "title LIKE ? ESCAPE '\\' ORDER BY updated_ms DESC LIMIT ?");
    select.bind(1, likePattern(words).toStdString());
    select.bind(2, limit);
    while (select.executeStep()) {
        SearchHit hit;
        hit.conversation = select.getColumn(0).getInt64();
        hit.title = columnText(select, 1);
        hit.created = timeFrom(select.getColumn(2).getInt64());
        hits.append(hit);
    }
    return hits;
}

} // namespace

QList<Conversation> HistoryReader::list() {
    QList<Conversation> conversations;
    // A file that can only be read may still have the schema without lanes.
    const char* chats = schemaVersion(m_database) < kSchemaWithRuns
                            ? ""
                            : "AND id NOT IN (SELECT conversation FROM lanes) ";
    SQLite::Statement select(m_database, std::string("SELECT ") + kConversationColumns +
                                             " FROM conversations WHERE trashed_ms IS NULL " +
                                             chats +
                                             "ORDER BY pinned DESC, updated_ms DESC, id DESC");
    while (select.executeStep())
        conversations.append(conversationFrom(select));
    return conversations;
}

StoredConversation HistoryReader::load(ConversationId conversation) {
    StoredConversation stored;
    SQLite::Statement head(m_database, std::string("SELECT ") + kConversationColumns +
                                           ", leaf FROM conversations WHERE id = ?");
    bindNumber(head, 1, conversation);
    if (!head.executeStep())
        return stored;
    stored.conversation = conversationFrom(head);
    stored.leaf = head.getColumn(5).getInt64();
    SQLite::Statement rows(m_database, std::string("SELECT ") + kMessageColumns +
                                           " FROM messages WHERE conversation = ? ORDER BY id");
    bindNumber(rows, 1, conversation);
    while (rows.executeStep())
        stored.messages.append(messageFrom(rows));
    return stored;
}

QList<StoredConversation> HistoryReader::loadWhole(const QList<ConversationId>& conversations) {
    // As of one moment: an answer that ends meanwhile has its parts or its text, never neither.
    const SQLite::Transaction moment(m_database);
    QList<ConversationId> wanted = conversations;
    if (wanted.isEmpty())
        for (const Conversation& conversation : list())
            wanted.append(conversation.id);
    QList<StoredConversation> whole;
    for (const ConversationId id : std::as_const(wanted)) {
        StoredConversation stored = load(id);
        for (Message& message : stored.messages)
            if (message.state == MessageState::Streaming)
                joinParts(message);
        if (stored.conversation.id != 0)
            whole.append(std::move(stored));
    }
    return whole;
}

void HistoryReader::joinParts(Message& message) {
    SQLite::Statement parts(
        m_database, "SELECT reasoning, text FROM message_parts WHERE message = ? ORDER BY id");
    bindNumber(parts, 1, message.id);
    while (parts.executeStep()) {
        message.reasoning += columnText(parts, 0);
        message.text += columnText(parts, 1);
    }
}

QList<StoredRun> HistoryReader::runs() {
    QList<StoredRun> runs;
    if (schemaVersion(m_database) < kSchemaWithRuns)
        return runs;
    SQLite::Statement select(m_database,
                             std::string("SELECT ") + kRunColumns +
                                 " FROM runs WHERE trashed_ms IS NULL ORDER BY id DESC");
    while (select.executeStep())
        runs.append(runFrom(select));
    return runs;
}

StoredRun HistoryReader::run(RunId id) {
    if (schemaVersion(m_database) < kSchemaWithRuns)
        return {};
    SQLite::Statement head(m_database,
                           std::string("SELECT ") + kRunColumns + " FROM runs WHERE id = ?");
    bindNumber(head, 1, id);
    if (!head.executeStep())
        return {};
    StoredRun run = runFrom(head);
    SQLite::Statement lanes(
        m_database, "SELECT l.conversation, l.agent, m.state, m.stop_reason, m.generated_tokens "
                    "FROM lanes AS l JOIN conversations AS c ON c.id = l.conversation "
                    "LEFT JOIN messages AS m ON m.id = c.leaf "
                    "WHERE l.run = ? ORDER BY l.conversation");
    bindNumber(lanes, 1, id);
    while (lanes.executeStep()) {
        StoredLane lane;
        lane.conversation = lanes.getColumn(0).getInt64();
        lane.agent = columnText(lanes, 1);
        lane.state = MessageState(lanes.getColumn(2).getInt());
        lane.stopReason = StopReason(lanes.getColumn(3).getInt());
        lane.generatedTokens = lanes.getColumn(4).getInt();
        run.lanes.append(lane);
    }
    return run;
}

QList<SearchHit> HistoryReader::search(const QString& words, int limit) {
    const QString query = searchQuery(words);
    if (query.isEmpty())
        return {};
    QList<SearchHit> hits = searchTitles(m_database, words, limit);
    // Newest first by id: the index is read from its end and left after `limit` hits; an order by
    // relevance would have to read all of it.
    SQLite::Statement select(
        m_database,
        "SELECT m.conversation, m.id, c.title, m.text, m.created_ms FROM message_search AS s "
        "CROSS JOIN messages AS m ON m.id = s.rowid CROSS JOIN conversations AS c "
        "ON c.id = m.conversation WHERE message_search MATCH ? AND c.trashed_ms IS NULL "
        "ORDER BY s.rowid DESC LIMIT ?");
    select.bind(1, query.toStdString());
    select.bind(2, limit);
    while (select.executeStep()) {
        SearchHit hit;
        hit.conversation = select.getColumn(0).getInt64();
        hit.message = select.getColumn(1).getInt64();
        hit.title = columnText(select, 2);
        const Excerpt excerpt = excerptAround(columnText(select, 3), words);
        hit.excerpt = excerpt.line;
        hit.matchAt = excerpt.matchAt;
        hit.matchLength = excerpt.matchLength;
        hit.created = timeFrom(select.getColumn(4).getInt64());
        hits.append(hit);
    }
    return hits;
}

} // namespace app
