#pragma once
// ExchangeController: chats out of the history and into it. Reading a file happens off the GUI
// thread; what is added is added whole or not at all. GUI thread.

#include "app/history/records.h"

#include <functional>
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
    /// Adds the chats of a JSON file (chat_json.h); `imported` or `failed` follows.
    void importFile(const QString& path);

  signals:
    void imported(int chats);
    /// One sentence a person can act on.
    void failed(const QString& sentence);

  private:
    void add(const QList<StoredConversation>& chats);

    History& m_history;
    QThreadPool m_pool; // one thread
};

} // namespace app
