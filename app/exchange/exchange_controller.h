#pragma once
// ExchangeController: chats out of the history and into it. Reading a file happens off the GUI
// thread; what is added is added whole or not at all. GUI thread.

#include "app/history/records.h"

#include <functional>
#include <memory>
#include <QObject>
#include <QThreadPool>

namespace app {

class History;

class ExchangeController : public QObject {
    Q_OBJECT

  public:
    explicit ExchangeController(History& history, QObject* parent = nullptr);
    ~ExchangeController() override; ///< waits for the file that is being read

    using Collected = std::function<void(const QList<StoredConversation>&)>;
    /// The chats named, or all outside the trash when none is; `failed` otherwise.
    void collect(const QList<ConversationId>& chats, QObject* receiver, Collected collected);
    /// Adds the chats of a JSON file (chat_json.h), some at a time, so that a message waits for a
    /// few of them at most, or for one that is very long; `imported` or `failed` follows. When the
    /// program ends before that, those that `importing` has told of stay.
    void importFile(const QString& path);

  signals:
    /// So many of the file's chats are on the disk.
    void importing(int done, int total);
    void imported(int chats);
    /// One sentence a person can act on.
    void failed(const QString& sentence);

  private:
    void addFrom(int first, const std::shared_ptr<const QList<StoredConversation>>& chats);

    History& m_history;
    QThreadPool m_pool; // one thread
};

} // namespace app
