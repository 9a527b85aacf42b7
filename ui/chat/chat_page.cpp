#include "ui/chat/chat_page.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/interruption_dialog.h"
#include "ui/chat/model_picker.h"
#include "ui/chat/sidebar.h"
#include "ui/theme.h"
#include "ui/widgets/toast.h"

#include <QSplitter>
#include <QVBoxLayout>

namespace ui {

ChatPage::ChatPage(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_chat(application.createChat(this)),
      m_splitter(new QSplitter),
      m_sidebar(new Sidebar(application.conversations(), theme)),
      m_view(new ChatView(*m_chat, application.models(), application.settings(), theme)),
      m_picker(nullptr),
      m_toast(new Toast(this)) {
    m_picker =
        new ModelPicker(application.models(), application.library(), application.settings(), theme,
                        m_view->composer().modelButton(), m_view->composer().weightsButton());
    m_splitter->addWidget(m_sidebar);
    m_splitter->addWidget(m_view);
    m_splitter->setStretchFactor(1, 1);
    m_splitter->setSizes({260, 900});
    m_splitter->setHandleWidth(1);
    m_splitter->setCollapsible(1, false);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_splitter);

    app::ConversationListController& list = application.conversations();
    connect(m_sidebar, &Sidebar::newChatRequested, this, &ChatPage::newChat);
    connect(m_sidebar, &Sidebar::conversationChosen, this, &ChatPage::openConversation);
    connect(m_chat, &app::ChatController::conversationOpened, this,
            [this, &list](const app::Conversation& opened) {
                m_sidebar->setCurrent(opened.id);
                list.markSeen(opened.id);
            });
    connect(&list, &app::ConversationListController::stateChanged, this, &ChatPage::countRunning);
    connect(&list, &app::ConversationListController::stateChanged, this,
            [this, &list](app::ConversationId id, app::ConversationState state) {
                const bool ended = state == app::ConversationState::Done ||
                                   state == app::ConversationState::Failed;
                if (ended && id == m_chat->conversationId())
                    list.markSeen(id); // it is being looked at
            });
    connect(&list, &app::ConversationListController::trashed, this,
            [this, &list](app::ConversationId id, const QString& title) {
                if (id == m_chat->conversationId())
                    newChat();
                m_toast->showMessage(tr("“%1” is in the trash for 30 days.").arg(title), tr("Undo"),
                                     [&list, id] { list.restore(id); });
            });
    connect(&list, &app::ConversationListController::failed, this,
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
    connect(m_chat, &app::ChatController::failed, this, [this](const QString& sentence) {
        const QList<app::Message> messages = m_chat->messages();
        if (messages.isEmpty() ||
            messages.last().error != sentence) // else it stands in the transcript
            m_toast->showMessage(sentence);
    });
    connect(m_view, &ChatView::addModelRequested, m_picker, &ModelPicker::openFile);
    list.refresh();
}

ChatPage::~ChatPage() {
    delete m_view;
} // before the controller that it listens to

void ChatPage::newChat() {
    m_chat->newConversation();
    m_sidebar->setCurrent(0);
    m_view->focusInput();
}

void ChatPage::openConversation(app::ConversationId conversation, app::MessageId message) {
    if (conversation == m_chat->conversationId() && conversation != 0) {
        m_view->scrollTo(message);
        return;
    }
    m_view->scrollToWhenLoaded(message);
    m_chat->openConversation(conversation);
}

void ChatPage::toggleSidebar() {
    m_sidebar->setVisible(!m_sidebar->isVisible());
}

void ChatPage::countRunning(app::ConversationId conversation, app::ConversationState state) {
    if (state == app::ConversationState::Running || state == app::ConversationState::Queued)
        m_states.insert(conversation, state);
    else
        m_states.remove(conversation);
    const qsizetype running =
        std::count(m_states.cbegin(), m_states.cend(), app::ConversationState::Running);
    emit runningChanged(int(running), int(m_states.size() - running));
}

} // namespace ui
