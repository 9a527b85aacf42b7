#include "app/history/history_reader.h"

#include "app/history/message_codec.h"
#include "app/history/search_text.h"

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Statement.h>

namespace app {

namespace {

QString likePattern(const QString& words) {
    QString escaped = words.simplified();
    for (const char special : {'\\', '%', '_'})
        escaped.replace(QLatin1Char(special), QLatin1Char('\\') + QString(QLatin1Char(special)));
    return QLatin1Char('%') + escaped + QLatin1Char('%');
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
    SQLite::Statement select(m_database, std::string("SELECT ") + kConversationColumns +
                                             " FROM conversations WHERE trashed_ms IS NULL "
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
