#pragma once
// MessageCodec: the parts of a message that are stored as JSON, and rows as records. Unknown keys
// are ignored, absent ones are defaults: a null field never keeps a chat from opening.

#include "app/history/records.h"

#include <SQLiteCpp/Statement.h>

namespace app {

QString toJson(const ModelStamp& stamp);
/// How an answer was asked for: its sampling and its source, in one object.
QString toJson(const SamplingValues& sampling, const AnswerSource& source);
ModelStamp modelStampFrom(const QString& json);
SamplingValues samplingFrom(const QString& json);
AnswerSource sourceFrom(const QString& json);

QDateTime timeFrom(qint64 ms);
qint64 nowMs();

/// The columns of messages in the order messageFrom() reads them.
constexpr const char* kMessageColumns =
    "id, conversation, parent, role, state, text, reasoning, created_ms, stop_reason, stop_string, "
    "error, model, sampling, prompt_tokens, cached_tokens, generated_tokens, reasoning_tokens, "
    "queue_wait_us, ttft_us, reasoning_us, decode_us";
Message messageFrom(SQLite::Statement& row);

/// The columns of conversations in the order conversationFrom() reads them.
constexpr const char* kConversationColumns = "id, title, created_ms, updated_ms, pinned";
Conversation conversationFrom(SQLite::Statement& row);

QString columnText(SQLite::Statement& row, int column);
void bindText(SQLite::Statement& statement, int place, const QString& text);
/// For qint64, which SQLiteCpp's overloads cannot tell from int64_t on every platform.
void bindNumber(SQLite::Statement& statement, int place, qint64 number);

} // namespace app
