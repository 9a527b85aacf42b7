#pragma once
// ChatPage: sidebar, and beside it the open chats. Knows the controllers; the views know values.
// GUI thread.

#include "app/history/records.h"

#include <QWidget>

class QSplitter;

namespace app {
class Application;
class ChatController;
} // namespace app

namespace ui {

class ChatExchange;
class ChatTabs;
class ChatView;
class ModelPicker;
class Sidebar;
class Theme;
class Toast;

class ChatPage : public QWidget {
    Q_OBJECT

  public:
    ChatPage(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    ChatExchange& exchange() { return *m_exchange; }
    ChatTabs& tabs() { return *m_tabs; }
    Sidebar& sidebar() { return *m_sidebar; }
    // Of the tab that is shown; another one after the next change of the tab.
    ChatView& view();
    ModelPicker& modelPicker();
    app::ChatController& chat();

    void newChat();
    void openConversation(app::ConversationId conversation, app::MessageId message = 0);
    void toggleSidebar();

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    void connectList();
    void markSeen();

    app::Application& m_application;
    QSplitter* m_splitter;
    Sidebar* m_sidebar;
    ChatTabs* m_tabs;
    ChatExchange* m_exchange;
    Toast* m_toast;
};

} // namespace ui
