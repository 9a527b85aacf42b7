#include "ui/models/conversation_list_model.h"

#include "ui/text_format.h"

#include <QLocale>

namespace ui {

QString dateHeading(const app::Conversation& conversation, const QDate& today) {
    if (conversation.pinned)
        return ConversationListModel::tr("Pinned");
    const QDate day = conversation.updated.toLocalTime().date();
    const qint64 age = day.daysTo(today);
    if (age <= 0)
        return ConversationListModel::tr("Today");
    if (age == 1)
        return ConversationListModel::tr("Yesterday");
    if (age <= 7)
        return ConversationListModel::tr("Previous 7 days");
    return QLocale().standaloneMonthName(day.month()) + QLatin1Char(' ') +
           QString::number(day.year());
}

void ConversationListModel::showConversations(const QList<app::Conversation>& conversations,
                                              const QDate& today) {
    beginResetModel();
    m_rows.clear();
    QString heading;
    for (const app::Conversation& conversation : conversations) {
        const QString own = dateHeading(conversation, today);
        if (own != heading)
            m_rows.append({RowKind::Heading, heading = own, {}, {}});
        m_rows.append({RowKind::Conversation, conversation.title, conversation, {}});
    }
    endResetModel();
}

void ConversationListModel::showHits(const QList<app::SearchHit>& hits) {
    beginResetModel();
    m_rows.clear();
    for (const app::SearchHit& hit : hits)
        m_rows.append({RowKind::Hit, hit.title, {}, hit});
    endResetModel();
}

void ConversationListModel::updateState(app::ConversationId conversation,
                                        app::ConversationState state) {
    const QModelIndex index = indexOf(conversation);
    if (!index.isValid() || m_rows[index.row()].kind != RowKind::Conversation)
        return;
    m_rows[index.row()].conversation.state = state;
    emit dataChanged(index, index, {StateRole});
}

void ConversationListModel::updatePlace(app::ConversationId conversation,
                                        const app::QueuePlace& place) {
    const QModelIndex index = indexOf(conversation);
    if (!index.isValid())
        return;
    m_rows[index.row()].conversation.place = place;
    emit dataChanged(index, index, {PlaceRole});
}

QModelIndex ConversationListModel::indexOf(app::ConversationId conversation) const {
    for (int row = 0; row < m_rows.size(); ++row)
        if (m_rows[row].kind == RowKind::Conversation &&
            m_rows[row].conversation.id == conversation)
            return index(row);
    return {};
}

int ConversationListModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : int(m_rows.size());
}

QVariant ConversationListModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid() || index.row() >= m_rows.size())
        return {};
    const Row& row = m_rows[index.row()];
    const bool isHit = row.kind == RowKind::Hit;
    const QString state = stateText(row.conversation.state, row.conversation.place);
    switch (role) {
    case Qt::DisplayRole:
    case Qt::EditRole:
        return row.text;
    case Qt::AccessibleTextRole:
        return state.isEmpty() ? row.text : QStringLiteral("%1, %2").arg(row.text, state);
    case Qt::ToolTipRole:
        return row.kind == RowKind::Heading
                   ? QVariant()
                   : QVariant(QStringLiteral("<qt>%1%2</qt>")
                                  .arg(row.text.toHtmlEscaped(),
                                       state.isEmpty() ? state : QStringLiteral("<br>") + state));
    case KindRole:
        return int(row.kind);
    case ConversationRole:
        return isHit ? row.hit.conversation : row.conversation.id;
    case MessageRole:
        return row.hit.message;
    case StateRole:
        return int(row.conversation.state);
    case PlaceRole:
        return row.conversation.state == app::ConversationState::Queued
                   ? queueText(row.conversation.place)
                   : QString();
    case PinnedRole:
        return row.conversation.pinned;
    case ExcerptRole:
        return row.hit.excerpt;
    case MatchAtRole:
        return row.hit.matchAt;
    case MatchLengthRole:
        return row.hit.matchLength;
    default:
        return {};
    }
}

Qt::ItemFlags ConversationListModel::flags(const QModelIndex& index) const {
    if (!index.isValid() || m_rows[index.row()].kind == RowKind::Heading)
        return Qt::NoItemFlags;
    Qt::ItemFlags flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    if (m_rows[index.row()].kind == RowKind::Conversation)
        flags |= Qt::ItemIsEditable;
    return flags;
}

bool ConversationListModel::setData(const QModelIndex& index, const QVariant& value, int role) {
    const QString title = value.toString().simplified();
    if (!index.isValid() || role != Qt::EditRole || title.isEmpty())
        return false;
    Row& row = m_rows[index.row()];
    if (title == row.text)
        return false;
    row.text = title;
    row.conversation.title = title;
    emit dataChanged(index, index, {Qt::DisplayRole});
    emit renamed(row.conversation.id, title);
    return true;
}

} // namespace ui
