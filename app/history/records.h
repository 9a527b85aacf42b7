#pragma once
// Records: conversations and messages as plain values. history/ writes and reads them, session/ and
// the desktop pass them on; nothing here knows the database or the engine. Times are UTC.

#include "app/overflow_choice.h"
#include "app/sampling_values.h"

#include <optional>
#include <QDateTime>
#include <QList>
#include <QMetaType>
#include <QString>

namespace app {

using ConversationId = qint64; ///< 0 = not stored yet
using MessageId = qint64;      ///< 0 = none (the parent of a first message)

enum class Role { System, User, Assistant };

enum class MessageState {
    Done,       ///< complete, stopped or failed: see stopReason
    Waiting,    ///< a user message whose answer starts when the running one ends
    Streaming,  ///< text still arrives
    Interrupted ///< the program ended while text was arriving; what had arrived is kept
};

/// Why an answer ended. Stored by number: append only.
enum class StopReason {
    None,
    EndOfAnswer,
    StopString,
    MaxTokens,
    ContextFull,
    Cancelled,
    Failed,
    Interrupted
};

/// What a row of the conversation list shows beside the title.
enum class ConversationState { Idle, Queued, Running, Done, Failed };

/// Where a queued answer stands.
struct QueuePlace {
    int position = 0;             // 1 = next; 0 = not known yet
    qint64 estimatedWait_us = -1; // until it joins; -1 = not known

    bool operator==(const QueuePlace&) const = default;
};

/// What computed an answer: enough to tell two answers apart and to ask again in the same way.
struct ModelStamp {
    QString name;        // "DeepSeek-R1-Distill-Qwen-7B"
    QString contentHash; // of the file
    QString weights;     // "int8"
    QString activations; // "int8"
    QString kv;          // "bf16"
    QString device;      // "CPU (AVX-512 VNNI, 2 threads)"

    bool operator==(const ModelStamp&) const = default;
};

/// The engine's exact counters of one answer.
struct AnswerStats {
    int promptTokens = 0;
    int cachedTokens = 0; // prompt tokens that were not computed again
    int generatedTokens = 0;
    int reasoningTokens = 0;
    qint64 queueWait_us = 0;
    qint64 ttft_us = 0;
    qint64 reasoning_us = 0;
    qint64 decode_us = 0; // first token to last

    /// Decode speed without TTFT; 0 when there are too few tokens to tell.
    double tokensPerSecond() const {
        return generatedTokens > 1 && decode_us > 0
                   ? (generatedTokens - 1) * 1e6 / double(decode_us)
                   : 0.0;
    }
    bool operator==(const AnswerStats&) const = default;
};

/// What of its chat an answer was computed from, and whether it was computed at all.
struct AnswerSource {
    std::optional<OverflowChoice> overflow; // of the chat then; absent in older ones
    int droppedTokens = 0;                  // left out because the context was full
    int droppedMessages = 0;                // whole ones, among the above
    bool isFromCache = false;               // given again

    bool operator==(const AnswerSource&) const = default;
};

struct Message {
    MessageId id = 0;
    ConversationId conversation = 0;
    MessageId parent = 0;
    Role role = Role::User;
    MessageState state = MessageState::Done;
    QString text;
    QString reasoning; // what stood between <think> and </think>
    StopReason stopReason = StopReason::None;
    QString stopString;               // of StopReason::StopString
    QString error;                    // one sentence, of StopReason::Failed
    ModelStamp model;                 // of an answer
    SamplingValues sampling;          // of an answer
    AnswerSource source;              // of an answer
    std::optional<AnswerStats> stats; // absent until an answer has ended; shown as a dash
    QDateTime created;
    int siblingIndex = 0; // 0-based, among messages with the same parent
    int siblingCount = 1;
};

struct Conversation {
    ConversationId id = 0;
    QString title;
    QDateTime created;
    QDateTime updated;
    bool pinned = false;
    ConversationState state = ConversationState::Idle; // of this session, not stored
    QueuePlace place;                                  // of Queued
};

/// A conversation with everything in it.
struct StoredConversation {
    Conversation conversation; // id 0: it is not there
    MessageId leaf = 0;        // end of the branch that is shown
    QList<Message> messages;   // all branches, by id
};

/// One message found by a search, newest first. message = 0: the title matched.
struct SearchHit {
    ConversationId conversation = 0;
    MessageId message = 0;
    QString title;
    QString excerpt;  // one line of the text around the first match
    int matchAt = -1; // where the match stands in the excerpt, -1 = unknown
    int matchLength = 0;
    QDateTime created;
};

} // namespace app

Q_DECLARE_METATYPE(app::QueuePlace)
Q_DECLARE_METATYPE(app::Message)
Q_DECLARE_METATYPE(app::Conversation)
Q_DECLARE_METATYPE(app::SearchHit)
