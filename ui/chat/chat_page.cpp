#include "ui/chat/chat_page.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "ui/chat/chat_exchange.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/interruption_dialog.h"
#include "ui/chat/sidebar.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/toast.h"

#include <QSplitter>
#include <QVBoxLayout>

namespace ui {

ChatPage::ChatPage(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_splitter(new QSplitter),
      m_sidebar(new Sidebar(application.conversations(), theme)),
      m_tabs(new ChatTabs(application, theme)),
      m_exchange(new ChatExchange(application.exchange(), this)),
      m_toast(new Toast(this)) {
    m_splitter->addWidget(m_sidebar);
    m_splitter->addWidget(m_tabs);
    m_splitter->setStretchFactor(1, 1);
    m_splitter->setSizes({260, 900});
    m_splitter->setHandleWidth(1);
    m_splitter->setCollapsible(1, false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_splitter);

    connect(m_sidebar, &Sidebar::newChatRequested, this, &ChatPage::newChat);
    connect(m_sidebar, &Sidebar::conversationChosen, this, &ChatPage::openConversation);
    connect(m_sidebar, &Sidebar::backgroundTabRequested, m_tabs, &ChatTabs::openInBackground);
    connect(m_sidebar, &Sidebar::exportRequested, m_exchange, &ChatExchange::askToExport);
    connect(m_sidebar, &Sidebar::importRequested, m_exchange, &ChatExchange::askToImport);
    connect(m_exchange, &ChatExchange::said, this,
            [this](const QString& sentence) { m_toast->showMessage(sentence); });
    connect(m_tabs, &ChatTabs::shown, this, [this](app::ConversationId conversation) {
        m_sidebar->setCurrent(conversation);
        markSeen();
    });
    connect(m_tabs, &ChatTabs::failed, this,
            [this](const QString& sentence) { m_toast->showMessage(sentence); });
    connect(&application.models(), &app::ModelController::failed, this,
            [this](const QString& sentence) { m_toast->showMessage(sentence); });
    connect(&application.models(), &app::ModelController::interruptionAsked, this,
            [this, &models = application.models()](const app::Interruption& interruption) {
                auto* dialog = new InterruptionDialog(interruption, this);
                connect(dialog, &InterruptionDialog::decided, &models,
                        &app::ModelController::decide);
                dialog->open();
            });
    connectList();
    m_sidebar->setCurrent(m_tabs->conversation());
    application.conversations().refresh();
}

void ChatPage::connectList() {
    app::ConversationListController& list = m_application.conversations();
    connect(&list, &app::ConversationListController::stateChanged, this,
            [this](app::ConversationId conversation) {
                if (conversation == m_tabs->conversation())
                    markSeen();
            });
    connect(&list, &app::ConversationListController::trashed, this,
            [this, &list](app::ConversationId id, const QString& title) {
                m_tabs->closeConversation(id);
                const int days = m_application.settings().values().trashDays;
                m_toast->showMessage(trashedText(title, days), tr("Undo"),
                                     [&list, id] { list.restore(id); });
            });
    connect(&list, &app::ConversationListController::failed, this,
            [this](const QString& sentence) { m_toast->showMessage(sentence); });
}

/// An answer that ended is read when its chat is in view.
void ChatPage::markSeen() {
    if (isVisible() && m_tabs->conversation() != 0)
        m_application.conversations().markSeen(m_tabs->conversation());
}

void ChatPage::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    markSeen();
}

ChatView& ChatPage::view() {
    return m_tabs->view();
}

ModelPicker& ChatPage::modelPicker() {
    return m_tabs->modelPicker();
}

app::ChatController& ChatPage::chat() {
    return m_tabs->chat();
}

void ChatPage::newChat() {
    m_tabs->newChat();
    m_tabs->view().focusInput();
}

void ChatPage::openConversation(app::ConversationId conversation, app::MessageId message) {
    m_tabs->open(conversation, message);
}

void ChatPage::toggleSidebar() {
    m_sidebar->setVisible(!m_sidebar->isVisible());
}

} // namespace ui
