#include "ui/widgets/name_column.h"

#include <algorithm>
#include <QEvent>
#include <QHeaderView>
#include <QTableView>

namespace ui {

namespace {

constexpr int kName = 0; // the column

}

NameColumn::NameColumn(QTableView* table) : QObject(table), m_table(table) {
    QHeaderView* header = table->horizontalHeader();
    header->setSectionResizeMode(QHeaderView::ResizeToContents);
    header->setSectionResizeMode(kName, QHeaderView::Fixed);
    table->viewport()->installEventFilter(this);
    connect(header, &QHeaderView::sectionResized, this, [this](int column) {
        if (column != kName)
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
    const int others = header->length() - header->sectionSize(kName);
    const int least = std::max(cells->sizeHintForColumn(kName), header->sectionSizeHint(kName));
    m_table->setColumnWidth(kName, std::max(least, m_table->viewport()->width() - others));
}

} // namespace ui
