#include "ui/chat/chat_tabs.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "ui/actions.h"
#include "ui/chat/chat_tab_bar.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/chat/model_picker.h"
#include "ui/icons.h"
#include "ui/theme.h"

#include <algorithm>
#include <QHBoxLayout>
#include <QStackedWidget>
#include <QToolButton>

namespace ui {

namespace {
constexpr int kRemember_ms = 300; // after the last key
constexpr int kMostClosed = 20;   // that can be opened again
} // namespace

ChatTabs::ChatTabs(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_application(application),
      m_theme(theme),
      m_bar(new ChatTabBar(theme)),
      m_plus(new QToolButton),
      m_stack(new QStackedWidget) {
    m_plus->setToolTip(actionToolTip(ActionId::NewTab));
    m_plus->setAccessibleName(actionSpec(ActionId::NewTab).text);
    layOut();
    m_remember.setSingleShot(true);
    m_remember.setInterval(kRemember_ms);
    connect(&m_remember, &QTimer::timeout, this, &ChatTabs::remember);

    const auto tintPlus = [this] {
        m_plus->setIcon(icon(QStringLiteral("plus"), m_theme.palette().text));
    };
    tintPlus();
    connect(&m_theme, &Theme::changed, this, tintPlus);
    restore();
    connect(m_plus, &QToolButton::clicked, this, &ChatTabs::newTab);
    connect(m_bar, &QTabBar::currentChanged, this, &ChatTabs::showTab);
    connect(m_bar, &QTabBar::tabCloseRequested, this, &ChatTabs::closeTab);
    connect(m_bar, &QTabBar::tabMoved, this, [this](int from, int to) {
        std::unique_ptr<Tab> tab = std::move(m_tabs[size_t(from)]);
        m_tabs.erase(m_tabs.begin() + from);
        m_tabs.insert(m_tabs.begin() + to, std::move(tab));
        remember();
    });
    followList();
}

void ChatTabs::layOut() {
    auto* row = new QHBoxLayout;
    row->setContentsMargins(space::kSmall, space::kHair, space::kSmall, 0);
    row->setSpacing(space::kHair);
    row->addWidget(m_bar);
    row->addWidget(m_plus);
    row->addStretch(1);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(row);
    layout->addWidget(line);
    layout->addWidget(m_stack, 1);
}

void ChatTabs::followList() {
    app::ConversationListController& list = m_application.conversations();
    connect(&list, &app::ConversationListController::listChanged, this, &ChatTabs::refreshFromList);
    connect(&list, &app::ConversationListController::conversationChanged, this,
            &ChatTabs::refreshFromList);
    connect(&list, &app::ConversationListController::stateChanged, this,
            [this](app::ConversationId conversation, app::ConversationState state) {
                if (Tab* tab = find(conversation)) {
                    tab->state = state;
                    refreshTab(*tab);
                }
            });
    connect(&list, &app::ConversationListController::placeChanged, this,
            [this](app::ConversationId conversation, const app::QueuePlace& place) {
                if (Tab* tab = find(conversation)) {
                    tab->place = place;
                    refreshTab(*tab);
                }
            });
}

ChatTabs::~ChatTabs() {
    remember();
    for (const auto& tab : m_tabs)
        delete tab->view; // before what it shows; the controller goes with it
}

void ChatTabs::restore() {
    const app::OpenTabsValues values = m_application.openTabs().values();
    const QSignalBlocker quiet(m_bar);
    for (const app::OpenTab& stored : values.tabs)
        addTab(stored);
    if (m_tabs.empty())
        addTab({});
    refreshFromList();
    const int shown = std::clamp(values.current, 0, count() - 1);
    m_bar->setCurrentIndex(shown);
    showTab(shown);
}

ChatTabs::Tab& ChatTabs::current() const {
    return *m_tabs[size_t(std::max(m_bar->currentIndex(), 0))];
}

ChatView& ChatTabs::view() const {
    return *current().view;
}

app::ChatController& ChatTabs::chat() const {
    return *current().chat;
}

ModelPicker& ChatTabs::modelPicker() const {
    return *current().picker;
}

app::ConversationId ChatTabs::conversation() const {
    return current().stored.conversation;
}

app::ConversationId ChatTabs::conversationAt(int tab) const {
    return m_tabs[size_t(tab)]->stored.conversation;
}

ChatTabs::Tab* ChatTabs::find(app::ConversationId conversation) const {
    const auto it = std::find_if(m_tabs.begin(), m_tabs.end(), [&](const auto& tab) {
        return conversation != 0 && tab->stored.conversation == conversation;
    });
    return it != m_tabs.end() ? it->get() : nullptr;
}

int ChatTabs::indexOf(const Tab& tab) const {
    const auto it = std::find_if(m_tabs.begin(), m_tabs.end(),
                                 [&](const auto& other) { return other.get() == &tab; });
    return int(it - m_tabs.begin());
}

/// Another chat may take its place: nothing is being typed or answered in it.
bool ChatTabs::isFree(const Tab& tab) const {
    return tab.view != nullptr && tab.view->draft().trimmed().isEmpty() &&
           !tab.view->composer().isEditing() &&
           tab.chat->progress().phase == app::GenerationPhase::Idle;
}

/// The tab is of this conversation now: what went on in the one before is not its own.
void ChatTabs::take(Tab& tab, app::ConversationId conversation) {
    if (tab.stored.conversation == conversation)
        return;
    tab.stored.conversation = conversation;
    tab.stored.title.clear();
    tab.state = app::ConversationState::Idle;
    tab.place = {};
    refreshTab(tab);
    refreshFromList();
}

ChatTabs::Tab& ChatTabs::addTab(const app::OpenTab& stored) {
    m_tabs.push_back(std::make_unique<Tab>());
    Tab& tab = *m_tabs.back();
    tab.stored = stored;
    m_bar->addTab({});
    refreshTab(tab);
    return tab;
}

void ChatTabs::makeView(Tab& tab) {
    tab.chat = m_application.createChat(nullptr);
    tab.view = new ChatView(*tab.chat, m_application.models(), m_application.settings(), m_theme);
    tab.chat->setParent(tab.view);
    tab.picker = new ModelPicker(
        m_application.models(), m_application.library(), m_application.settings(), m_theme,
        tab.view->composer().modelButton(), tab.view->composer().weightsButton());
    m_stack->addWidget(tab.view);
    connectTab(tab);
    tab.view->composer().setText(tab.stored.draft);
    if (tab.stored.conversation != 0) {
        tab.view->scrollToWhenLoaded(tab.stored.topMessage);
        tab.chat->openConversation(tab.stored.conversation);
    }
}

void ChatTabs::connectTab(Tab& tab) {
    using Chat = app::ChatController;
    // Everything ends with the view, and the tab outlives it.
    connect(tab.chat, &Chat::conversationOpened, tab.view,
            [this, &tab](const app::Conversation& opened) {
                take(tab, opened.id);
                tab.stored.title = opened.title;
                refreshTab(tab);
                remember();
                if (&tab == &current())
                    emit shown(opened.id);
            });
    connect(tab.chat, &Chat::progressChanged, tab.view,
            [this, &tab](const app::GenerationProgress& progress) {
                if (&tab == &current())
                    emit progressChanged(progress);
            });
    connect(tab.chat, &Chat::contextChanged, tab.view, [this, &tab](int used, int context) {
        tab.usedTokens = used;
        tab.contextTokens = context;
        if (&tab == &current())
            emit contextChanged(used, context);
    });
    connect(tab.chat, &Chat::failed, tab.view, [this, &tab](const QString& sentence) {
        const QList<app::Message> messages = tab.chat->messages();
        if (messages.isEmpty() ||
            messages.last().error != sentence) // else it stands in the transcript
            emit failed(sentence);
    });
    connect(tab.view, &ChatView::addModelRequested, this, &ChatTabs::addModelRequested);
    connect(&tab.view->composer(), &Composer::textChanged, &m_remember,
            qOverload<>(&QTimer::start));
}

void ChatTabs::showTab(int index) {
    if (index < 0 || index >= count())
        return;
    Tab& tab = *m_tabs[size_t(index)];
    if (tab.view == nullptr)
        makeView(tab);
    m_stack->setCurrentWidget(tab.view);
    emit shown(tab.stored.conversation);
    emit progressChanged(tab.chat->progress());
    emit contextChanged(tab.usedTokens, tab.contextTokens);
    remember();
}

void ChatTabs::refreshTab(Tab& tab) {
    app::Conversation conversation;
    conversation.title = tab.stored.title;
    conversation.state = tab.state;
    conversation.place = tab.place;
    m_bar->showTab(indexOf(tab), conversation);
}

void ChatTabs::refreshFromList() {
    for (const app::Conversation& row : m_application.conversations().conversations()) {
        Tab* tab = find(row.id);
        if (tab == nullptr)
            continue;
        tab->stored.title = row.title;
        tab->state = row.state;
        tab->place = row.place;
        refreshTab(*tab);
    }
}

void ChatTabs::newChat() {
    if (isFree(current()))
        chat().newConversation();
    else
        newTab();
}

void ChatTabs::newTab() {
    const Tab& tab = current();
    if (!isFree(tab) || tab.stored.conversation != 0) {
        addTab({});
        m_bar->setCurrentIndex(count() - 1);
    }
    view().focusInput();
}

void ChatTabs::open(app::ConversationId conversation, app::MessageId message) {
    if (Tab* tab = find(conversation)) {
        if (message != 0 && tab->view == nullptr)
            tab->stored.topMessage = message;
        else if (message != 0)
            tab->view->scrollTo(message);
        m_bar->setCurrentIndex(indexOf(*tab));
    } else if (Tab& here = current(); isFree(here)) {
        take(here, conversation); // now, so that a second click does not open it twice
        here.view->scrollToWhenLoaded(message);
        here.chat->openConversation(conversation);
    } else {
        addTab({conversation, {}, {}, message});
        refreshFromList();
        m_bar->setCurrentIndex(count() - 1);
    }
}

void ChatTabs::openInBackground(app::ConversationId conversation) {
    if (find(conversation) != nullptr)
        return;
    addTab({conversation, {}, {}, 0});
    refreshFromList();
    remember();
}

void ChatTabs::closeTab(int index) {
    if (index < 0 || index >= count())
        return;
    const std::unique_ptr<Tab> tab = std::move(m_tabs[size_t(index)]);
    const app::OpenTab stored = storedOf(*tab);
    if (stored.conversation != 0 || !stored.draft.trimmed().isEmpty()) {
        m_closed.append(stored);
        if (m_closed.size() > kMostClosed)
            m_closed.removeFirst();
    }
    m_tabs.erase(m_tabs.begin() + index);
    {
        const QSignalBlocker quiet(m_bar);
        m_bar->removeTab(index);
        if (m_tabs.empty())
            addTab({});
    }
    if (tab->view != nullptr) {
        tab->view->disconnect();
        tab->chat->disconnect(tab->view);
        m_stack->removeWidget(tab->view);
        tab->view->hide();
        tab->view->deleteLater(); // this may be a key of its own
    }
    showTab(m_bar->currentIndex());
    view().focusInput();
}

void ChatTabs::closeCurrent() {
    closeTab(m_bar->currentIndex());
}

void ChatTabs::closeConversation(app::ConversationId conversation) {
    if (const Tab* tab = find(conversation))
        closeTab(indexOf(*tab));
    m_closed.removeIf(
        [&](const app::OpenTab& closed) { return closed.conversation == conversation; });
}

void ChatTabs::reopenTab() {
    if (m_closed.isEmpty())
        return;
    const app::OpenTab stored = m_closed.takeLast();
    if (find(stored.conversation) != nullptr) {
        open(stored.conversation);
        return;
    }
    addTab(stored);
    refreshFromList();
    m_bar->setCurrentIndex(count() - 1);
    view().focusInput();
}

void ChatTabs::step(int step) {
    m_bar->setCurrentIndex((m_bar->currentIndex() + step + count()) % count());
    view().focusInput();
}

app::OpenTab ChatTabs::storedOf(const Tab& tab) const {
    app::OpenTab stored = tab.stored;
    if (tab.view != nullptr) {
        stored.draft = tab.view->draft();
        stored.topMessage = tab.view->topMessage();
    }
    return stored;
}

void ChatTabs::remember() {
    app::OpenTabsValues values;
    for (const auto& tab : m_tabs)
        values.tabs.append(storedOf(*tab));
    values.current = std::max(m_bar->currentIndex(), 0);
    m_application.openTabs().set(values);
}

} // namespace ui
