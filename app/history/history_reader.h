#pragma once
// HistoryReader: lists, whole conversations and searches on the read-only connection. Throws
// SQLite::Exception; History turns that into a Status. Read thread.

#include "app/history/run_records.h"

#include <SQLiteCpp/Database.h>

namespace app {

struct StoredConversation {
    Conversation conversation; // id 0: it is not there
    MessageId leaf = 0;
    QList<Message> messages; // all branches, by id
};

class HistoryReader {
  public:
    explicit HistoryReader(SQLite::Database& database) : m_database(database) {}

    /// Chats not in the trash: pinned first, then by last change, newest first.
    QList<Conversation> list();
    StoredConversation load(ConversationId conversation);
    /// Runs of agents not in the trash, without their lanes, newest first.
    QList<StoredRun> runs();
    StoredRun run(RunId id);
    /// Titles that contain the words, then messages, newest first; at most `limit` of each.
    QList<SearchHit> search(const QString& words, int limit);

  private:
    SQLite::Database& m_database;
};

} // namespace app
