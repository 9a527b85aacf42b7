#include "ui/chat/sidebar.h"

#include "app/session/conversation_list_controller.h"
#include "ui/actions.h"
#include "ui/icons.h"
#include "ui/models/conversation_delegate.h"
#include "ui/models/conversation_list_model.h"
#include "ui/theme.h"

#include <QKeyEvent>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QPushButton>
#include <QTimer>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

Sidebar::Sidebar(app::ConversationListController& conversations, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_conversations(conversations),
      m_theme(theme),
      m_model(new ConversationListModel(this)),
      m_newChat(new QPushButton(tr("New chat"))),
      m_more(new QToolButton),
      m_search(new QLineEdit),
      m_list(new QListView),
      m_empty(new QLabel),
      m_searchDelay(new QTimer(this)) {
    setProperty("role", "sidebar");
    setAttribute(Qt::WA_StyledBackground);
    setMinimumWidth(200);
    setUpControls();
    layOut();
    connectControls();
    connectConversations();
    connect(&m_theme, &Theme::changed, this, &Sidebar::updateColors);
    updateColors();
    rebuild();
}

void Sidebar::setUpControls() {
    m_newChat->setToolTip(actionToolTip(ActionId::NewChat));
    m_more->setText(QStringLiteral("…"));
    m_more->setToolTip(tr("Export or import chats"));
    m_more->setAccessibleName(m_more->toolTip());
    m_more->setPopupMode(QToolButton::InstantPopup);
    auto* exchange = new QMenu(m_more);
    exchange->addAction(tr("Export all chats…"), this,
                        [this] { emit exportRequested({}, QStringLiteral("inglenook")); });
    exchange->addAction(tr("Import chats…"), this, &Sidebar::importRequested);
    m_more->setMenu(exchange);
    m_search->setPlaceholderText(tr("Search chats"));
    m_search->setAccessibleName(tr("Search chats"));
    m_search->setClearButtonEnabled(true);
    m_search->installEventFilter(this);
    m_list->setModel(m_model);
    m_list->setItemDelegate(new ConversationDelegate(m_theme, m_list));
    m_list->setAccessibleName(tr("Chats"));
    m_list->setMouseTracking(true);
    m_list->setEditTriggers(QAbstractItemView::EditKeyPressed);
    m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    m_list->setContextMenuPolicy(Qt::CustomContextMenu);
    m_list->installEventFilter(this);
    m_list->viewport()->installEventFilter(this);
    m_empty->setProperty("role", "muted");
    m_empty->setWordWrap(true);
    m_empty->setAlignment(Qt::AlignHCenter | Qt::AlignTop);
    m_empty->setContentsMargins(space::kLarge, space::kWide, space::kLarge, 0);
    m_searchDelay->setSingleShot(true);
    m_searchDelay->setInterval(120);
}

void Sidebar::layOut() {
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, space::kMedium, 0, 0);
    layout->setSpacing(space::kSmall);
    auto* top = new QVBoxLayout;
    top->setContentsMargins(space::kMedium, 0, space::kMedium, 0);
    top->setSpacing(space::kSmall);
    auto* first = new QHBoxLayout;
    first->setSpacing(space::kSmall);
    first->addWidget(m_newChat, 1);
    first->addWidget(m_more);
    top->addLayout(first);
    top->addWidget(m_search);
    layout->addLayout(top);
    layout->addWidget(m_empty);
    layout->addWidget(m_list, 1);
}

void Sidebar::connectControls() {
    connect(m_searchDelay, &QTimer::timeout, this, &Sidebar::search);
    connect(m_search, &QLineEdit::textChanged, m_searchDelay, qOverload<>(&QTimer::start));
    connect(m_newChat, &QPushButton::clicked, this, &Sidebar::newChatRequested);
    connect(m_list, &QListView::clicked, this, &Sidebar::choose);
    connect(m_list, &QListView::activated, this, &Sidebar::choose);
    connect(m_list, &QListView::customContextMenuRequested, this, &Sidebar::openMenu);
    connect(m_model, &ConversationListModel::renamed, &m_conversations,
            &app::ConversationListController::rename);
}

void Sidebar::connectConversations() {
    connect(&m_conversations, &app::ConversationListController::listChanged, this,
            [this] { rebuild(); });
    connect(&m_conversations, &app::ConversationListController::conversationChanged, this,
            [this] { rebuild(); });
    connect(&m_conversations, &app::ConversationListController::stateChanged, m_model,
            &ConversationListModel::updateState);
    connect(&m_conversations, &app::ConversationListController::placeChanged, m_model,
            &ConversationListModel::updatePlace);
    connect(&m_conversations, &app::ConversationListController::searchFinished, this,
            &Sidebar::showHits);
}

void Sidebar::updateColors() {
    m_newChat->setIcon(icon(QStringLiteral("plus"), m_theme.palette().text));
    for (QAction* action : m_search->actions())
        if (action->objectName() == QLatin1String("search-icon"))
            m_search->removeAction(action);
    QAction* glass = m_search->addAction(icon(QStringLiteral("search"), m_theme.palette().muted),
                                         QLineEdit::LeadingPosition);
    glass->setObjectName(QStringLiteral("search-icon"));
    m_list->doItemsLayout();
}

void Sidebar::focusSearch() {
    m_search->setFocus(Qt::ShortcutFocusReason);
    m_search->selectAll();
}

void Sidebar::setCurrent(app::ConversationId conversation) {
    m_current = conversation;
    const QModelIndex index = m_model->indexOf(conversation);
    if (index.isValid())
        m_list->setCurrentIndex(index);
    else
        m_list->clearSelection();
}

void Sidebar::rebuild() {
    if (!m_search->text().trimmed().isEmpty())
        return; // a search is shown; the list returns when it is cleared
    const QList<app::Conversation> conversations = m_conversations.conversations();
    m_model->showConversations(conversations, QDate::currentDate());
    m_empty->setText(tr("Your chats will be listed here. They stay on this computer."));
    m_empty->setVisible(conversations.isEmpty());
    setCurrent(m_current);
}

void Sidebar::search() {
    const QString query = m_search->text().trimmed();
    if (query.isEmpty())
        rebuild();
    else
        m_conversations.search(query);
}

void Sidebar::showHits(const QString& query, const QList<app::SearchHit>& hits) {
    if (query != m_search->text().trimmed())
        return;
    m_model->showHits(hits);
    m_empty->setText(tr("Nothing found for “%1”.").arg(query));
    m_empty->setVisible(hits.isEmpty());
}

void Sidebar::choose(const QModelIndex& index) {
    const auto conversation = index.data(ConversationListModel::ConversationRole).toLongLong();
    if (conversation != 0)
        emit conversationChosen(conversation,
                                index.data(ConversationListModel::MessageRole).toLongLong());
}

void Sidebar::openMenu(const QPoint& at) {
    const QModelIndex index = m_list->indexAt(at);
    if (!index.flags().testFlag(Qt::ItemIsEditable))
        return;
    const app::ConversationId id = index.data(ConversationListModel::ConversationRole).toLongLong();
    const bool pinned = index.data(ConversationListModel::PinnedRole).toBool();
    const QColor ink = m_theme.palette().text;
    QMenu menu(this);
    menu.addAction(icon(QStringLiteral("plus"), ink), tr("Open in a new tab"), this,
                   [this, id] { emit backgroundTabRequested(id); });
    menu.addSeparator();
    menu.addAction(icon(QStringLiteral("edit"), ink), tr("Rename"), this,
                   [this, index] { m_list->edit(index); });
    menu.addAction(icon(QStringLiteral("pin"), ink), pinned ? tr("Unpin") : tr("Pin"), this,
                   [this, id, pinned] { m_conversations.setPinned(id, !pinned); });
    menu.addAction(tr("Export…"), this, [this, id, title = index.data().toString()] {
        emit exportRequested({id}, title);
    });
    menu.addSeparator();
    menu.addAction(icon(QStringLiteral("trash"), ink), tr("Move to trash"), this,
                   [this, id] { m_conversations.moveToTrash(id); });
    menu.exec(m_list->viewport()->mapToGlobal(at));
}

bool Sidebar::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_list->viewport() && event->type() == QEvent::MouseButtonRelease) {
        const auto* mouse = static_cast<QMouseEvent*>(event);
        const QModelIndex index = m_list->indexAt(mouse->position().toPoint());
        const auto id = index.data(ConversationListModel::ConversationRole).toLongLong();
        if (mouse->button() == Qt::MiddleButton && id != 0) {
            emit backgroundTabRequested(id);
            return true;
        }
    }
    if (event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        if (watched == m_search && key->key() == Qt::Key_Escape && !m_search->text().isEmpty()) {
            m_search->clear();
            return true;
        }
        if (watched == m_search && key->key() == Qt::Key_Down && m_model->rowCount() > 0) {
            m_list->setFocus(Qt::TabFocusReason);
            return true;
        }
        // No single key deletes a chat; the undo toast follows all the same.
        if (watched == m_list && key->key() == Qt::Key_Delete &&
            key->modifiers() == Qt::ControlModifier) {
            const QModelIndex index = m_list->currentIndex();
            if (index.flags().testFlag(Qt::ItemIsEditable))
                m_conversations.moveToTrash(
                    index.data(ConversationListModel::ConversationRole).toLongLong());
            return true;
        }
    }
    return QWidget::eventFilter(watched, event);
}

} // namespace ui
