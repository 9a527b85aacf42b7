#pragma once
// NameColumn: the column of a table that names its rows, mostly the first: it takes the room that
// the others leave, and is never narrower than its longest name; the table scrolls then. (The
// header's own Stretch shrinks a column until a name is three letters and an ellipsis.) GUI thread.

#include <QObject>

class QTableView;

namespace ui {

class NameColumn : public QObject {
    Q_OBJECT

  public:
    /// Belongs to the table; sizes its other columns to their contents.
    explicit NameColumn(QTableView* table, int column = 0);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void fit();

    QTableView* m_table;
    const int m_column;
};

} // namespace ui
