#pragma once
// ChatPage: sidebar, and beside it the chat. Knows the controllers; the views know values. GUI
// thread.

#include "app/history/records.h"

#include <QHash>
#include <QWidget>

class QSplitter;

namespace app {
class Application;
class ChatController;
} // namespace app

namespace ui {

class ChatView;
class ModelPicker;
class Sidebar;
class Theme;
class Toast;

class ChatPage : public QWidget {
    Q_OBJECT

  public:
    ChatPage(app::Application& application, Theme& theme, QWidget* parent = nullptr);
    ~ChatPage() override;

    ChatView& view() { return *m_view; }
    Sidebar& sidebar() { return *m_sidebar; }
    ModelPicker& modelPicker() { return *m_picker; }
    app::ChatController& chat() { return *m_chat; }

    void newChat();
    void openConversation(app::ConversationId conversation, app::MessageId message = 0);
    void toggleSidebar();

  signals:
    void runningChanged(int running, int queued);

  private:
    void countRunning(app::ConversationId conversation, app::ConversationState state);

    app::Application& m_application;
    app::ChatController* m_chat;
    QSplitter* m_splitter;
    Sidebar* m_sidebar;
    ChatView* m_view;
    ModelPicker* m_picker;
    Toast* m_toast;
    QHash<app::ConversationId, app::ConversationState> m_states;
};

} // namespace ui
