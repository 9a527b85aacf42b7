#pragma once
// ChatTabs: the chats that are open, each in a tab with a view and a controller of its own, so that
// what is typed, where one reads and what runs stay apart. A tab that closes leaves its answer
// running; a tab that was never looked at has no view yet. GUI thread.

#include "app/session/open_tabs.h"

#include <memory>
#include <QTimer>
#include <QWidget>
#include <vector>

class QStackedWidget;
class QToolButton;

namespace app {
class Application;
class ChatController;
struct GenerationProgress;
} // namespace app

namespace ui {

class ChatTabBar;
class ChatView;
class ModelPicker;
class Theme;

class ChatTabs : public QWidget {
    Q_OBJECT

  public:
    ChatTabs(app::Application& application, Theme& theme, QWidget* parent = nullptr);
    ~ChatTabs() override; ///< what is open is remembered

    // Of the tab that is shown.
    ChatView& view() const;
    app::ChatController& chat() const;
    ModelPicker& modelPicker() const;
    app::ConversationId conversation() const;

    ChatTabBar& bar() { return *m_bar; }
    int count() const { return int(m_tabs.size()); }
    app::ConversationId conversationAt(int tab) const;

    /// An empty chat in this tab where that hides nothing (no draft, no running answer), else in a
    /// new one.
    void newChat();
    void newTab();
    /// Goes to its tab; without one it takes this tab like newChat(). A message is brought into
    /// view.
    void open(app::ConversationId conversation, app::MessageId message = 0);
    void openInBackground(app::ConversationId conversation);
    /// Its answer goes on. The last tab becomes an empty chat.
    void closeTab(int tab);
    void closeCurrent();
    /// The conversation goes: its tab closes, if there is one, and does not come back.
    void closeConversation(app::ConversationId conversation);
    /// The tab that was closed last, with its draft.
    void reopenTab();
    /// The tab `step` to the right, around the ends.
    void step(int step);

  signals:
    /// Another tab, or another chat in this one.
    void shown(app::ConversationId conversation);
    void progressChanged(const app::GenerationProgress& progress);
    void contextChanged(int usedTokens, int contextTokens);
    /// One sentence, of any tab.
    void failed(const QString& sentence);
    void addModelRequested();

  private:
    struct Tab {
        app::OpenTab stored; // what it held when it was last looked at
        app::ConversationState state = app::ConversationState::Idle;
        app::QueuePlace place;
        app::ChatController* chat = nullptr; // null until the tab is shown
        ChatView* view = nullptr;
        ModelPicker* picker = nullptr;
        int usedTokens = 0;
        int contextTokens = 0;
    };

    void layOut();
    /// Titles, states and places in the queue come from the list of conversations.
    void followList();
    Tab& current() const;
    Tab* find(app::ConversationId conversation) const;
    int indexOf(const Tab& tab) const;
    bool isFree(const Tab& tab) const;
    void take(Tab& tab, app::ConversationId conversation);
    Tab& addTab(const app::OpenTab& stored);
    void makeView(Tab& tab);
    void connectTab(Tab& tab);
    void showTab(int index);
    void refreshTab(Tab& tab);
    void refreshFromList();
    app::OpenTab storedOf(const Tab& tab) const;
    void remember();
    void restore();

    app::Application& m_application;
    Theme& m_theme;
    ChatTabBar* m_bar;
    QToolButton* m_plus;
    QStackedWidget* m_stack;
    std::vector<std::unique_ptr<Tab>> m_tabs; // in the order of the bar
    QList<app::OpenTab> m_closed;             // newest last
    QTimer m_remember;
};

} // namespace ui
