#pragma once
// Chats as one Markdown text: of each the branch that is shown, with reasoning as a quotation and
// the figures below an answer. For reading; what comes back whole is chat_json.h. Any thread.

#include "app/history/records.h"

namespace app {

QString chatsToMarkdown(const QList<StoredConversation>& chats);

// What the readable forms say, in the language of the moment.
QString authorText(const Message& message);    ///< "You", "Ember 3M · INT8"
QString whenText(const QDateTime& time);       ///< "2026-11-22 19:04", of this computer's zone
QString reasoningText(const Message& message); ///< "Thought for 3.2 s · 120 tokens"
QString figuresText(const Message& message);   ///< "40 tokens · 12.5 tok/s"; empty: not known

} // namespace app
