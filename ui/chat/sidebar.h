#pragma once
// Sidebar: new chat, search, the list of conversations by date with the state of each. GUI thread.

#include "app/history/records.h"

#include <QWidget>

class QLabel;
class QLineEdit;
class QListView;
class QPushButton;
class QTimer;
class QToolButton;

namespace app {
class ConversationListController;
}

namespace ui {

class ConversationListModel;
class Theme;

class Sidebar : public QWidget {
    Q_OBJECT

  public:
    Sidebar(app::ConversationListController& conversations, Theme& theme,
            QWidget* parent = nullptr);

    void focusSearch();
    /// Marks the row of the chat that is shown.
    void setCurrent(app::ConversationId conversation);

  signals:
    void newChatRequested();
    /// message = 0: just the conversation.
    void conversationChosen(app::ConversationId conversation, app::MessageId message);
    /// In a tab of its own, behind the one that is shown.
    void backgroundTabRequested(app::ConversationId conversation);

    /// No chat named: all of them.
    void exportRequested(const QList<app::ConversationId>& chats, const QString& title);
    void importRequested();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void setUpControls();
    void layOut();
    void connectControls();
    void connectConversations();
    void rebuild();
    void search();
    void showHits(const QString& query, const QList<app::SearchHit>& hits);
    void openMenu(const QPoint& at);
    void choose(const QModelIndex& index);
    void updateColors();

    app::ConversationListController& m_conversations;
    Theme& m_theme;
    ConversationListModel* m_model;
    QPushButton* m_newChat;
    QToolButton* m_more;
    QLineEdit* m_search;
    QListView* m_list;
    QLabel* m_empty;
    QTimer* m_searchDelay;
    app::ConversationId m_current = 0;
};

} // namespace ui
