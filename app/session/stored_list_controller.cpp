#include "app/session/stored_list_controller.h"

#include "app/messages.h"

namespace app {

StoredListController::StoredListController(History& history, ChatSessions& sessions,
                                           QObject* parent)
    : ConversationListController(parent), m_history(history), m_sessions(sessions) {
    connect(&sessions, &ChatSessions::stateChanged, this, &StoredListController::setState);
    connect(&sessions, &ChatSessions::placeChanged, this, &StoredListController::setPlace);
    connect(&sessions, &ChatSessions::stored, this, &StoredListController::refresh);
}

void StoredListController::refresh() {
    m_history.list(this, [this](const engine::Result<QList<Conversation>>& result) {
        if (!result.ok()) {
            emit failed(sentence(result.status()));
            return;
        }
        m_list = *result;
        for (Conversation& conversation : m_list) {
            conversation.state = m_states.value(conversation.id, ConversationState::Idle);
            conversation.place = m_places.value(conversation.id);
        }
        emit listChanged(m_list);
    });
}

void StoredListController::search(const QString& query) {
    const quint64 number = ++m_search;
    m_history.search(query, kMostHits, this,
                     [this, query, number](const engine::Result<QList<SearchHit>>& result) {
                         if (number != m_search)
                             return; // a newer query is on its way
                         if (result.ok())
                             emit searchFinished(query, *result);
                         else
                             emit failed(sentence(result.status()));
                     });
}

void StoredListController::change(History::Change change, std::function<void()> then) {
    m_history.change(std::move(change), this, [this, then](const engine::Status& status) {
        if (!status.ok())
            emit failed(sentence(status));
        else if (then)
            then();
        refresh();
    });
}

void StoredListController::rename(ConversationId conversation, const QString& title) {
    const QString name = title.simplified();
    if (name.isEmpty())
        return;
    change([=](HistoryWriter& writer) { writer.rename(conversation, name); },
           [=, this] {
               if (ChatSession* session = m_sessions.find(conversation))
                   session->setTitle(name);
               for (Conversation& row : m_list) {
                   if (row.id != conversation)
                       continue;
                   row.title = name;
                   emit conversationChanged(row);
               }
           });
}

void StoredListController::setPinned(ConversationId conversation, bool pinned) {
    change([=](HistoryWriter& writer) { writer.setPinned(conversation, pinned); });
}

void StoredListController::moveToTrash(ConversationId conversation) {
    if (ChatSession* session = m_sessions.find(conversation))
        session->abandon();
    QString title;
    for (const Conversation& row : m_list)
        if (row.id == conversation)
            title = row.title;
    change([=](HistoryWriter& writer) { writer.setTrashed(conversation, true); },
           [=, this] { emit trashed(conversation, title); });
}

void StoredListController::restore(ConversationId conversation) {
    change([=](HistoryWriter& writer) { writer.setTrashed(conversation, false); });
}

void StoredListController::markSeen(ConversationId conversation) {
    const ConversationState state = m_states.value(conversation, ConversationState::Idle);
    if (state == ConversationState::Done || state == ConversationState::Failed)
        setState(conversation, ConversationState::Idle);
}

void StoredListController::setState(ConversationId conversation, ConversationState state) {
    if (state == ConversationState::Idle)
        m_states.remove(conversation);
    else
        m_states.insert(conversation, state);
    for (Conversation& row : m_list)
        if (row.id == conversation)
            row.state = state;
    emit stateChanged(conversation, state);
}

void StoredListController::setPlace(ConversationId conversation, const QueuePlace& place) {
    if (place == QueuePlace())
        m_places.remove(conversation);
    else
        m_places.insert(conversation, place);
    for (Conversation& row : m_list)
        if (row.id == conversation)
            row.place = place;
    emit placeChanged(conversation, place);
}

} // namespace app
