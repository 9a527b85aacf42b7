#pragma once
// RequestTableModel: the requests of the newest look as a table. GUI thread.

#include "app/telemetry/metric_frame.h"

#include <QAbstractTableModel>

namespace ui {

class RequestTableModel : public QAbstractTableModel {
    Q_OBJECT

  public:
    enum Column { Number, Client, Priority, Phase, Progress, Tokens, Speed, Waited, kColumnCount };

    using QAbstractTableModel::QAbstractTableModel;

    /// Rows that stayed keep their place in views: only their cells change.
    void setRows(const QList<app::RequestRow>& rows);
    const QList<app::RequestRow>& rows() const { return m_rows; }
    int rowOf(quint64 request) const; ///< -1: it is not there

    int rowCount(const QModelIndex& parent = {}) const override;
    int columnCount(const QModelIndex& parent = {}) const override;
    QVariant data(const QModelIndex& index, int role) const override;
    QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  private:
    QList<app::RequestRow> m_rows;
};

QString priorityText(int priority);            ///< "P0 · chat"
QString stageText(const app::RequestRow& row); ///< "waiting, place 2", "reading", "answering" ...

} // namespace ui
