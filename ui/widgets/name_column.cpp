#include "ui/widgets/name_column.h"

#include <algorithm>
#include <QEvent>
#include <QHeaderView>
#include <QTableView>

namespace ui {

NameColumn::NameColumn(QTableView* table, int column)
    : QObject(table), m_table(table), m_column(column) {
    QHeaderView* header = table->horizontalHeader();
    header->setSectionResizeMode(QHeaderView::ResizeToContents);
    header->setSectionResizeMode(m_column, QHeaderView::Fixed);
    table->viewport()->installEventFilter(this);
    connect(header, &QHeaderView::sectionResized, this, [this](int section) {
        if (section != m_column)
            fit();
    });
    connect(table->model(), &QAbstractItemModel::dataChanged, this, &NameColumn::fit);
}

bool NameColumn::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize)
        fit();
    return QObject::eventFilter(watched, event);
}

void NameColumn::fit() {
    const QHeaderView* header = m_table->horizontalHeader();
    const QAbstractItemView* cells = m_table; // where the hint is public
    const int others = header->length() - header->sectionSize(m_column);
    const int least =
        std::max(cells->sizeHintForColumn(m_column), header->sectionSizeHint(m_column));
    m_table->setColumnWidth(m_column, std::max(least, m_table->viewport()->width() - others));
}

} // namespace ui
