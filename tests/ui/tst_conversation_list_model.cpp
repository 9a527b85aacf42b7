#include "tests/support/suite_registry.h"
#include "ui/models/conversation_list_model.h"

#include <QAbstractItemModelTester>
#include <QtTest/QtTest>

using ui::ConversationListModel;

namespace {

app::Conversation conversation(qint64 id, const QString& title, const QDateTime& updated,
                               bool pinned = false) {
    app::Conversation value;
    value.id = id;
    value.title = title;
    value.updated = updated;
    value.pinned = pinned;
    return value;
}

} // namespace

class TstConversationListModel : public QObject {
    Q_OBJECT

  private slots:
    void groupsByDateWithPinnedFirst() {
        const QDate today(2026, 3, 20);
        const auto at = [](int day) { return QDateTime(QDate(2026, 3, day), QTime(12, 0)); };
        ConversationListModel model;
        QAbstractItemModelTester tester(&model);
        model.showConversations(
            {conversation(1, QStringLiteral("Notes"), at(1), true),
             conversation(2, QStringLiteral("Sorting"), at(20)),
             conversation(3, QStringLiteral("你好"), at(20)),
             conversation(4, QStringLiteral("GPU"), at(19)),
             conversation(5, QStringLiteral("Old"), at(15)),
             conversation(6, QStringLiteral("Older"), QDateTime(QDate(2026, 1, 2), QTime(8, 0)))},
            today);
        QStringList rows;
        for (int row = 0; row < model.rowCount(); ++row)
            rows.append(model.index(row).data().toString());
        QCOMPARE(rows, QStringList({"Pinned", "Notes", "Today", "Sorting", QStringLiteral("你好"),
                                    "Yesterday", "GPU", "Previous 7 days", "Old", "January 2026",
                                    "Older"}));
        QCOMPARE(model.index(0).flags(), Qt::NoItemFlags);
        QCOMPARE(model.indexOf(3).row(), 4);
    }

    void stateChangesOneRow() {
        ConversationListModel model;
        model.showConversations(
            {conversation(7, QStringLiteral("A"), QDateTime::currentDateTime())},
            QDate::currentDate());
        const QSignalSpy changed(&model, &ConversationListModel::dataChanged);
        model.updateState(7, app::ConversationState::Running);
        QCOMPARE(changed.count(), 1);
        QCOMPARE(model.index(1).data(ConversationListModel::StateRole).toInt(),
                 int(app::ConversationState::Running));
    }

    void renamingInPlaceTellsAndRefusesEmptyTitles() {
        ConversationListModel model;
        model.showConversations(
            {conversation(7, QStringLiteral("A"), QDateTime::currentDateTime())},
            QDate::currentDate());
        const QSignalSpy renamed(&model, &ConversationListModel::renamed);
        QVERIFY(!model.setData(model.index(1), QStringLiteral("   "), Qt::EditRole));
        QVERIFY(model.setData(model.index(1), QStringLiteral(" B \n c "), Qt::EditRole));
        QCOMPARE(renamed.count(), 1);
        QCOMPARE(renamed.first().at(1).toString(), QStringLiteral("B c"));
    }
};

INGLENOOK_SUITE(conversation_list_model, TstConversationListModel)
#include "tst_conversation_list_model.moc"
