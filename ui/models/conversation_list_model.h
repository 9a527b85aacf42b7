#pragma once
// ConversationListModel: the sidebar's rows: headings by date, conversations, or the hits of a
// search. GUI thread.

#include "app/history/records.h"

#include <QAbstractListModel>

namespace ui {

class ConversationListModel : public QAbstractListModel {
    Q_OBJECT

  public:
    enum class RowKind { Heading, Conversation, Hit };
    enum Role {
        KindRole = Qt::UserRole,
        ConversationRole, ///< app::ConversationId
        MessageRole,      ///< app::MessageId of a hit
        StateRole,        ///< int of app::ConversationState
        PlaceRole,        ///< "no. 3, about 12 s" of a queued one
        PinnedRole,
        ExcerptRole,
        MatchAtRole,
        MatchLengthRole,
    };

    using QAbstractListModel::QAbstractListModel;

    void showConversations(const QList<app::Conversation>& conversations, const QDate& today);
    void showHits(const QList<app::SearchHit>& hits);
    void updateState(app::ConversationId conversation, app::ConversationState state);
    void updatePlace(app::ConversationId conversation, const app::QueuePlace& place);
    QModelIndex indexOf(app::ConversationId conversation) const;

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;
    bool setData(const QModelIndex& index, const QVariant& value, int role) override;

  signals:
    /// A row's title was edited in place.
    void renamed(app::ConversationId conversation, const QString& title);

  private:
    struct Row {
        RowKind kind = RowKind::Conversation;
        QString text;
        app::Conversation conversation;
        app::SearchHit hit;
    };

    QList<Row> m_rows;
};

/// "Pinned", "Today", "Yesterday", "Previous 7 days", "March 2026".
QString dateHeading(const app::Conversation& conversation, const QDate& today);

} // namespace ui
