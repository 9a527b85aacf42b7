#pragma once
// HistoryWriter: every change of history.db, each one transaction. Throws SQLite::Exception;
// History turns that into a Status. Database thread.

#include "app/history/run_records.h"

#include <SQLiteCpp/Database.h>

namespace app {

/// A turn to store before anything is computed.
struct NewTurn {
    ConversationId conversation = 0; ///< 0: a new one, called `title`
    QString title;
    RunId run = 0;        ///< of a new conversation: the run it is a lane of
    QString agent;        ///< JSON of the one who answers in that lane
    MessageId parent = 0; ///< of the user message, or of the answer when there is none
    bool hasUser = true;  ///< false: another answer below `parent`
    QString userText;
    bool hasAnswer = true; ///< false: the user message waits for its turn
    ModelStamp model;
    SamplingValues sampling;
    OverflowChoice overflow = OverflowChoice::Stop;
};

struct StoredTurn {
    Conversation conversation;
    Message user;   // id 0 when there is none
    Message answer; // id 0 when there is none; Streaming, empty
};

class HistoryWriter {
  public:
    explicit HistoryWriter(SQLite::Database& database) : m_database(database) {}

    /// What a crash left: streamed parts join their messages, which become Interrupted; waiting
    /// messages become plain ones; the trash loses what is older.
    void recover(int trashDays = 30);

    StoredTurn addTurn(const NewTurn& turn);
    /// Chats from elsewhere, all or none: new ones with the times and titles that they bring. A
    /// message's parent stands before it, or is 0; ids are those within its chat.
    void addConversations(const QList<StoredConversation>& conversations);
    /// A finished answer streams again ("Continue").
    void reopenAnswer(MessageId message);
    /// Text that arrived since the last call.
    void appendPart(MessageId message, const QString& reasoning, const QString& text);
    /// The whole answer; its parts go, the search index takes it up.
    void finishAnswer(const Message& message);
    void setMessageState(MessageId message, MessageState state);
    void setLeaf(ConversationId conversation, MessageId leaf);

    /// The run alone; its lanes follow as turns.
    RunId addRun(const StoredRun& run);
    /// With its lanes.
    void setRunTrashed(RunId run, bool trashed);

    void rename(ConversationId conversation, const QString& title);
    void setPinned(ConversationId conversation, bool pinned);
    void setTrashed(ConversationId conversation, bool trashed);
    void purgeTrash(qint64 before_ms);

    /// Makes the search index again from the messages.
    void rebuildSearch();

  private:
    void index(MessageId message, const QString& text);
    void unindex(MessageId message, const QString& text);
    QString textOf(MessageId message);
    void insertLane(ConversationId conversation, RunId run, const QString& agent);
    Message insertMessage(const Message& message);
    MessageId insertWhole(const Message& message);
    void bindAnswer(SQLite::Statement& statement, const Message& message);
    Conversation conversation(ConversationId id);
    void touch(ConversationId conversation, MessageId leaf);
    void joinParts(MessageId message);

    SQLite::Database& m_database;
};

} // namespace app
