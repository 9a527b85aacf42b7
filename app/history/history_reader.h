#pragma once
// HistoryReader: lists, whole conversations and searches on the read-only connection. Throws
// SQLite::Exception; History turns that into a Status. Read thread.

#include "app/history/run_records.h"

#include <SQLiteCpp/Database.h>

namespace app {

class HistoryReader {
  public:
    explicit HistoryReader(SQLite::Database& database) : m_database(database) {}

    /// Chats not in the trash: pinned first, then by last change, newest first.
    QList<Conversation> list();
    StoredConversation load(ConversationId conversation);
    /// The chats named, or all that list() gives, as they are now: an answer that is being written
    /// has what has reached the disk. Chats that are gone are left out.
    QList<StoredConversation> loadWhole(const QList<ConversationId>& conversations);
    /// Runs of agents not in the trash, without their lanes, newest first.
    QList<StoredRun> runs();
    StoredRun run(RunId id);
    /// Titles that contain the words, then messages, newest first; at most `limit` of each.
    QList<SearchHit> search(const QString& words, int limit);

  private:
    void joinParts(Message& message);

    SQLite::Database& m_database;
};

} // namespace app
