#include "app/history/history_writer.h"

#include "app/history/message_codec.h"
#include "app/history/search_text.h"

#include <QHash>
#include <sqlite3.h>
#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Savepoint.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <vector>

namespace app {

namespace {

constexpr qint64 kDay_ms = qint64(24) * 60 * 60 * 1000;

} // namespace

void HistoryWriter::recover(int trashDays) {
    SQLite::Transaction transaction(m_database);
    std::vector<MessageId> open;
    SQLite::Statement streaming(m_database, "SELECT id FROM messages WHERE state = ?");
    streaming.bind(1, int(MessageState::Streaming));
    while (streaming.executeStep())
        open.push_back(streaming.getColumn(0).getInt64());
    for (const MessageId message : open) {
        joinParts(message);
        SQLite::Statement mark(m_database,
                               "UPDATE messages SET state = ?, stop_reason = ? WHERE id = ?");
        mark.bind(1, int(MessageState::Interrupted));
        mark.bind(2, int(StopReason::Interrupted));
        bindNumber(mark, 3, message);
        mark.exec();
        index(message, textOf(message));
    }
    SQLite::Statement waiting(m_database, "UPDATE messages SET state = ? WHERE state = ?");
    waiting.bind(1, int(MessageState::Done));
    waiting.bind(2, int(MessageState::Waiting));
    waiting.exec();
    transaction.commit();
    purgeTrash(nowMs() - trashDays * kDay_ms);
}

StoredTurn HistoryWriter::addTurn(const NewTurn& turn) {
    SQLite::Transaction transaction(m_database);
    StoredTurn stored;
    ConversationId id = turn.conversation;
    if (id == 0) {
        SQLite::Statement insert(
            m_database,
            "INSERT INTO conversations (title, created_ms, updated_ms) VALUES (?, ?, ?)");
        const qint64 now = nowMs();
        bindText(insert, 1, turn.title);
        bindNumber(insert, 2, now);
        bindNumber(insert, 3, now);
        insert.exec();
        id = m_database.getLastInsertRowid();
        if (turn.run != 0)
            insertLane(id, turn.run, turn.agent);
    }
    MessageId parent = turn.parent;
    if (turn.hasUser) {
        Message user;
        user.conversation = id;
        user.parent = parent;
        user.role = Role::User;
        user.state = turn.hasAnswer ? MessageState::Done : MessageState::Waiting;
        user.text = turn.userText;
        stored.user = insertMessage(user);
        index(stored.user.id, user.text);
        parent = stored.user.id;
    }
    if (turn.hasAnswer) {
        Message answer;
        answer.conversation = id;
        answer.parent = parent;
        answer.role = Role::Assistant;
        answer.state = MessageState::Streaming;
        answer.model = turn.model;
        answer.sampling = turn.sampling;
        answer.source.overflow = turn.overflow;
        stored.answer = insertMessage(answer);
    }
    touch(id, stored.answer.id != 0 ? stored.answer.id : stored.user.id);
    stored.conversation = conversation(id);
    transaction.commit();
    return stored;
}

void HistoryWriter::addConversations(const QList<StoredConversation>& conversations) {
    SQLite::Transaction transaction(m_database);
    for (const StoredConversation& stored : conversations) {
        SQLite::Statement insert(m_database, "INSERT INTO conversations (title, created_ms, "
                                             "updated_ms, pinned) VALUES (?, ?, ?, ?)");
        bindText(insert, 1, stored.conversation.title);
        bindNumber(insert, 2, stored.conversation.created.toMSecsSinceEpoch());
        bindNumber(insert, 3, stored.conversation.updated.toMSecsSinceEpoch());
        insert.bind(4, int(stored.conversation.pinned));
        insert.exec();
        const ConversationId id = m_database.getLastInsertRowid();
        QHash<MessageId, MessageId> ids; // here, by those they came with
        for (Message message : stored.messages) {
            message.conversation = id;
            message.parent = ids.value(message.parent);
            ids.insert(message.id, insertWhole(message));
        }
        setLeaf(id, ids.value(stored.leaf));
    }
    transaction.commit();
}

MessageId HistoryWriter::insertWhole(const Message& m) {
    SQLite::Statement insert(
        m_database,
        "INSERT INTO messages (state, text, reasoning, stop_reason, stop_string, error, "
        "prompt_tokens, cached_tokens, generated_tokens, reasoning_tokens, queue_wait_us, ttft_us, "
        "reasoning_us, decode_us, model, sampling, conversation, parent, role, created_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    bindAnswer(insert, m);
    bindNumber(insert, 17, m.conversation);
    bindNumber(insert, 18, m.parent);
    insert.bind(19, int(m.role));
    bindNumber(insert, 20, m.created.toMSecsSinceEpoch());
    insert.exec();
    const MessageId id = m_database.getLastInsertRowid();
    index(id, m.text);
    return id;
}

/// The first 16 places of a statement: what becomes of a message in the course of its answer.
void HistoryWriter::bindAnswer(SQLite::Statement& statement, const Message& m) {
    statement.bind(1, int(m.state));
    bindText(statement, 2, m.text);
    bindText(statement, 3, m.reasoning);
    statement.bind(4, int(m.stopReason));
    bindText(statement, 5, m.stopString);
    bindText(statement, 6, m.error);
    if (m.stats) { // else the places stay unbound, which is NULL: not known
        statement.bind(7, m.stats->promptTokens);
        statement.bind(8, m.stats->cachedTokens);
        statement.bind(9, m.stats->generatedTokens);
        statement.bind(10, m.stats->reasoningTokens);
        bindNumber(statement, 11, m.stats->queueWait_us);
        bindNumber(statement, 12, m.stats->ttft_us);
        bindNumber(statement, 13, m.stats->reasoning_us);
        bindNumber(statement, 14, m.stats->decode_us);
    }
    const bool computed = m.role == Role::Assistant;
    bindText(statement, 15, computed ? toJson(m.model) : QString());
    bindText(statement, 16, computed ? toJson(m.sampling, m.source) : QString());
}

void HistoryWriter::reopenAnswer(MessageId message) {
    SQLite::Transaction transaction(m_database);
    unindex(message, textOf(message));
    setMessageState(message, MessageState::Streaming);
    transaction.commit();
}

void HistoryWriter::appendPart(MessageId message, const QString& reasoning, const QString& text) {
    SQLite::Statement insert(
        m_database, "INSERT INTO message_parts (message, reasoning, text) VALUES (?, ?, ?)");
    bindNumber(insert, 1, message);
    bindText(insert, 2, reasoning);
    bindText(insert, 3, text);
    insert.exec();
}

void HistoryWriter::finishAnswer(const Message& m) {
    SQLite::Transaction transaction(m_database);
    SQLite::Statement update(
        m_database,
        "UPDATE messages SET state = ?, text = ?, reasoning = ?, stop_reason = ?, stop_string = ?, "
        "error = ?, prompt_tokens = ?, cached_tokens = ?, generated_tokens = ?, "
        "reasoning_tokens = ?, queue_wait_us = ?, ttft_us = ?, reasoning_us = ?, decode_us = ?, "
        "model = ?, sampling = ? WHERE id = ?");
    bindAnswer(update, m);
    bindNumber(update, 17, m.id);
    update.exec();
    SQLite::Statement drop(m_database, "DELETE FROM message_parts WHERE message = ?");
    bindNumber(drop, 1, m.id);
    drop.exec();
    index(m.id, m.text);
    SQLite::Statement changed(m_database, "UPDATE conversations SET updated_ms = ? WHERE id = ?");
    bindNumber(changed, 1, nowMs());
    bindNumber(changed, 2, m.conversation);
    changed.exec();
    transaction.commit();
}

void HistoryWriter::setMessageState(MessageId message, MessageState state) {
    SQLite::Statement update(m_database, "UPDATE messages SET state = ? WHERE id = ?");
    update.bind(1, int(state));
    bindNumber(update, 2, message);
    update.exec();
}

void HistoryWriter::setLeaf(ConversationId conversation, MessageId leaf) {
    SQLite::Statement update(m_database, "UPDATE conversations SET leaf = ? WHERE id = ?");
    bindNumber(update, 1, leaf);
    bindNumber(update, 2, conversation);
    update.exec();
}

RunId HistoryWriter::addRun(const StoredRun& run) {
    SQLite::Statement insert(m_database, "INSERT INTO runs (title, task, material, closing, "
                                         "created_ms) VALUES (?, ?, ?, ?, ?)");
    bindText(insert, 1, run.title);
    bindText(insert, 2, run.task);
    bindText(insert, 3, run.material);
    bindText(insert, 4, run.closing);
    bindNumber(insert, 5, nowMs());
    insert.exec();
    return m_database.getLastInsertRowid();
}

void HistoryWriter::setRunTrashed(RunId run, bool trashed) {
    SQLite::Transaction transaction(m_database);
    for (const char* change : {"UPDATE runs SET trashed_ms = ? WHERE id = ?",
                               "UPDATE conversations SET trashed_ms = ? WHERE id IN "
                               "(SELECT conversation FROM lanes WHERE run = ?)"}) {
        SQLite::Statement update(m_database, change);
        if (trashed)
            bindNumber(update, 1, nowMs());
        bindNumber(update, 2, run);
        update.exec();
    }
    transaction.commit();
}

void HistoryWriter::rename(ConversationId conversation, const QString& title) {
    SQLite::Statement update(m_database, "UPDATE conversations SET title = ? WHERE id = ?");
    bindText(update, 1, title);
    bindNumber(update, 2, conversation);
    update.exec();
}

void HistoryWriter::setPinned(ConversationId conversation, bool pinned) {
    SQLite::Statement update(m_database, "UPDATE conversations SET pinned = ? WHERE id = ?");
    update.bind(1, int(pinned));
    bindNumber(update, 2, conversation);
    update.exec();
}

void HistoryWriter::setTrashed(ConversationId conversation, bool trashed) {
    SQLite::Statement update(m_database, "UPDATE conversations SET trashed_ms = ? WHERE id = ?");
    if (trashed)
        bindNumber(update, 1, nowMs());
    bindNumber(update, 2, conversation);
    update.exec();
}

void HistoryWriter::purgeTrash(qint64 before_ms) {
    SQLite::Transaction transaction(m_database);
    SQLite::Statement old(m_database,
                          "SELECT id, text FROM messages WHERE conversation IN "
                          "(SELECT id FROM conversations WHERE trashed_ms < ?) AND state <> ?");
    bindNumber(old, 1, before_ms);
    old.bind(2, int(MessageState::Streaming));
    while (old.executeStep())
        unindex(old.getColumn(0).getInt64(), columnText(old, 1));
    for (const char* table : {"conversations", "runs"}) {
        SQLite::Statement purge(m_database,
                                std::string("DELETE FROM ") + table + " WHERE trashed_ms < ?");
        bindNumber(purge, 1, before_ms);
        purge.exec();
    }
    transaction.commit();
}

void HistoryWriter::rebuildSearch() {
    SQLite::Savepoint whole(m_database, "rebuild_search");
    m_database.exec("INSERT INTO message_search (message_search) VALUES ('delete-all')");
    SQLite::Statement all(m_database, "SELECT id, text FROM messages WHERE state <> ?");
    all.bind(1, int(MessageState::Streaming));
    while (all.executeStep())
        index(all.getColumn(0).getInt64(), columnText(all, 1));
    whole.release();
}

void HistoryWriter::index(MessageId message, const QString& text) {
    if (text.isEmpty())
        return;
    SQLite::Statement insert(m_database, "INSERT INTO message_search (rowid, body) VALUES (?, ?)");
    bindNumber(insert, 1, message);
    bindText(insert, 2, searchCopy(text));
    insert.exec();
}

void HistoryWriter::unindex(MessageId message, const QString& text) {
    if (text.isEmpty())
        return;
    SQLite::Statement remove(
        m_database,
        "INSERT INTO message_search (message_search, rowid, body) VALUES ('delete', ?, ?)");
    bindNumber(remove, 1, message);
    bindText(remove, 2, searchCopy(text));
    remove.exec();
}

QString HistoryWriter::textOf(MessageId message) {
    SQLite::Statement select(m_database, "SELECT text FROM messages WHERE id = ?");
    bindNumber(select, 1, message);
    return select.executeStep() ? columnText(select, 0) : QString();
}

void HistoryWriter::insertLane(ConversationId conversation, RunId run, const QString& agent) {
    SQLite::Statement insert(m_database,
                             "INSERT INTO lanes (conversation, run, agent) VALUES (?, ?, ?)");
    bindNumber(insert, 1, conversation);
    bindNumber(insert, 2, run);
    bindText(insert, 3, agent);
    insert.exec();
}

Message HistoryWriter::insertMessage(const Message& message) {
    Message stored = message;
    const qint64 now = nowMs();
    stored.created = timeFrom(now);
    SQLite::Statement insert(
        m_database, "INSERT INTO messages (conversation, parent, role, state, text, created_ms, "
                    "model, sampling) VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    bindNumber(insert, 1, message.conversation);
    bindNumber(insert, 2, message.parent);
    insert.bind(3, int(message.role));
    insert.bind(4, int(message.state));
    bindText(insert, 5, message.text);
    bindNumber(insert, 6, now);
    const bool computed = message.role == Role::Assistant;
    bindText(insert, 7, computed ? toJson(message.model) : QString());
    bindText(insert, 8, computed ? toJson(message.sampling, message.source) : QString());
    insert.exec();
    stored.id = m_database.getLastInsertRowid();
    return stored;
}

Conversation HistoryWriter::conversation(ConversationId id) {
    SQLite::Statement select(m_database, std::string("SELECT ") + kConversationColumns +
                                             " FROM conversations WHERE id = ?");
    bindNumber(select, 1, id);
    return select.executeStep() ? conversationFrom(select) : Conversation();
}

void HistoryWriter::touch(ConversationId conversation, MessageId leaf) {
    SQLite::Statement update(m_database,
                             "UPDATE conversations SET updated_ms = ?, leaf = ? WHERE id = ?");
    bindNumber(update, 1, nowMs());
    bindNumber(update, 2, leaf);
    bindNumber(update, 3, conversation);
    update.exec();
}

void HistoryWriter::joinParts(MessageId message) {
    SQLite::Statement parts(
        m_database, "SELECT reasoning, text FROM message_parts WHERE message = ? ORDER BY id");
    bindNumber(parts, 1, message);
    QString reasoning;
    QString text;
    while (parts.executeStep()) {
        reasoning += columnText(parts, 0);
        text += columnText(parts, 1);
    }
    SQLite::Statement join(
        m_database,
        "UPDATE messages SET reasoning = reasoning || ?, text = text || ? WHERE id = ?");
    bindText(join, 1, reasoning);
    bindText(join, 2, text);
    bindNumber(join, 3, message);
    join.exec();
    SQLite::Statement drop(m_database, "DELETE FROM message_parts WHERE message = ?");
    bindNumber(drop, 1, message);
    drop.exec();
}

} // namespace app
