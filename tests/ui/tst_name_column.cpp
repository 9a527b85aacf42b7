#include "tests/support/suite_registry.h"
#include "ui/widgets/name_column.h"

#include <QHeaderView>
#include <QTableWidget>
#include <QtTest/QtTest>

class TstNameColumn : public QObject {
    Q_OBJECT

  private slots:
    void namesStayWholeAndTakeTheRoomThatIsLeft() {
        QTableWidget table(1, 3);
        new ui::NameColumn(&table);
        const QString name = QStringLiteral("The name of a row");
        table.setItem(0, 0, new QTableWidgetItem(name));
        table.setItem(0, 1, new QTableWidgetItem(QStringLiteral("12.34 MB")));
        table.setItem(0, 2, new QTableWidgetItem(QStringLiteral("56.78 MB")));
        const int least = table.fontMetrics().horizontalAdvance(name);
        const QHeaderView* header = table.horizontalHeader();

        table.resize(least, 200); // too narrow for all columns
        table.show();
        QTRY_VERIFY(table.columnWidth(0) >= least);
        QVERIFY(header->length() > table.viewport()->width());
        QVERIFY(table.columnWidth(0) < 2 * least);

        table.resize(6 * least, 200);
        QTRY_COMPARE(header->length(), table.viewport()->width());
        QVERIFY(table.columnWidth(0) > 2 * least);

        table.item(0, 1)->setText(QStringLiteral("a cell that became much longer"));
        QTRY_VERIFY(table.columnWidth(1) > least);
        QTRY_COMPARE(header->length(), table.viewport()->width());
    }
};

INGLENOOK_SUITE(name_column, TstNameColumn)
#include "tst_name_column.moc"
