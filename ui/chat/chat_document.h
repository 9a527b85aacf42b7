#pragma once
// Chats as documents to read: one HTML file that needs nothing else, and a PDF. Of each chat the
// branch that is shown; reasoning folds in HTML and is a quotation in print. Any thread.

#include "app/history/records.h"

class QIODevice;

namespace ui {

enum class ChatMedium { Screen, Print };

QString chatsToHtml(const QList<app::StoredConversation>& chats, ChatMedium medium);
/// A4. What the device does not take it has to say itself, as QSaveFile does.
void writeChatsPdf(const QList<app::StoredConversation>& chats, QIODevice* device);

} // namespace ui
