#pragma once
// ChatExchange: what the menu of the chats does: writes chats into a file of the form that its name
// ends in, and takes in those of a JSON file. Files are written off the GUI thread, whole or not
// at all. GUI thread.

#include "app/history/records.h"

#include <QObject>
#include <QThreadPool>

class QWidget;

namespace app {
class ExchangeController;
} // namespace app

namespace ui {

class ChatExchange : public QObject {
    Q_OBJECT

  public:
    /// `window`: over which files are asked for.
    ChatExchange(app::ExchangeController& exchange, QWidget* window);
    ~ChatExchange() override; ///< waits for the file that is being written

    /// Asks for a file; no chat named: all of them.
    void askToExport(const QList<app::ConversationId>& chats, const QString& title);
    void askToImport();
    /// .md, .html, .pdf, .json; `said` follows.
    void save(const QList<app::ConversationId>& chats, const QString& path);
    /// A name as the form chosen in the dialog ("PDF (*.pdf)") wants it to end.
    static QString withEnding(const QString& path, const QString& filter);

  signals:
    /// How it ended: one sentence.
    void said(const QString& sentence);

  private:
    void write(const QList<app::StoredConversation>& chats, const QString& path);

    app::ExchangeController& m_exchange;
    QWidget* m_window;
    QThreadPool m_pool; // one thread
};

} // namespace ui
