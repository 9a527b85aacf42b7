#pragma once
// Chats as a JSON file: everything that history.db has of them, all branches, reasoning, figures;
// and back without loss. One object: "format" (kChatsFormat), "version", "chats". Times are UTC to
// the millisecond, 64-bit numbers are text. Unknown keys are ignored, absent ones are defaults.
// Pure functions; any thread.

#include "app/history/records.h"

#include <QByteArray>

namespace app {

constexpr const char* kChatsFormat = "inglenook-chats";
constexpr int kChatsVersion = 1;

QByteArray chatsToJson(const QList<StoredConversation>& chats);

struct ReadChats {
    QList<StoredConversation> chats;
    QString problem; ///< why not, in the language of the moment; empty when they are whole
};
ReadChats chatsFromJson(const QByteArray& json);

} // namespace app
