#pragma once
// LibraryListModel: the rows of the models page's list: models, then what could not be used, under
// headings; narrowed by words. GUI thread.

#include "app/library/model_card.h"

#include <QAbstractListModel>

namespace ui {

class LibraryListModel : public QAbstractListModel {
    Q_OBJECT

  public:
    enum class RowKind { Heading, Model, Rejected };
    enum Role {
        KindRole = Qt::UserRole,
        PathRole,
        DetailRole,    ///< the second line
        FavouriteRole, ///< bool
        AwayRole,      ///< bool: on a disk that is not there
        LoadedRole,    ///< bool
    };

    using QAbstractListModel::QAbstractListModel;

    /// Every word of `words` must be in a model's name, family, base, format or note.
    void show(const QList<app::ModelCard>& cards, const QList<app::RejectedModel>& rejected,
              const QString& words);
    void setLoaded(const QString& path);
    QModelIndex indexOf(const QString& path) const; ///< invalid when it is not shown

    int rowCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    Qt::ItemFlags flags(const QModelIndex& index) const override;

  private:
    struct Row {
        RowKind kind = RowKind::Model;
        QString text;
        QString path;
        QString detail;
        bool isFavourite = false;
        bool isAway = false;
    };

    QList<Row> m_rows;
    QString m_loaded;
};

/// "7.6B · Q8_0 · 8.1 GB".
QString cardSummary(const app::ModelCard& card);
/// "7.6B", "15M".
QString parametersText(quint64 parameters);

} // namespace ui
