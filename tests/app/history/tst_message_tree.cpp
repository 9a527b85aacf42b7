#include "app/history/message_tree.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

app::Message message(app::MessageId id, app::MessageId parent) {
    app::Message m;
    m.id = id;
    m.parent = parent;
    return m;
}

QList<app::MessageId> ids(const QList<app::Message>& messages) {
    QList<app::MessageId> result;
    for (const app::Message& m : messages)
        result.append(m.id);
    return result;
}

} // namespace

class TstMessageTree : public QObject {
    Q_OBJECT

  private slots:
    void branchFollowsTheLeaf() {
        // 1 - 2 - 3 - 4, and 5 beside 2 (another answer) with 6 below.
        app::MessageTree tree({message(1, 0), message(2, 1), message(3, 2), message(4, 3),
                               message(5, 1), message(6, 5)},
                              4);
        QCOMPARE(ids(tree.branch()), (QList<app::MessageId>{1, 2, 3, 4}));
        QCOMPARE(tree.branch().at(1).siblingIndex, 0);
        QCOMPARE(tree.branch().at(1).siblingCount, 2);
        QCOMPARE(tree.leafOfSibling(2, 1), 6);
        QCOMPARE(tree.leafOfSibling(5, -1), 4);
        QCOMPARE(tree.leafOfSibling(5, 1), 0);
        tree.setLeaf(6);
        QCOMPARE(ids(tree.branch()), (QList<app::MessageId>{1, 5, 6}));
        QVERIFY(tree.isOnBranch(5));
        QVERIFY(!tree.isOnBranch(2));
    }

    void lostLeafShowsTheNewest() {
        const app::MessageTree tree({message(1, 0), message(2, 1)}, 99);
        QCOMPARE(tree.leaf(), 2);
    }

    void aCircleEnds() {
        const app::MessageTree tree({message(1, 2), message(2, 1)}, 2);
        QVERIFY(tree.branch().size() <= 2);
        QVERIFY(tree.leafOfSibling(1, 0) > 0);
    }
};

INGLENOOK_SUITE(message_tree, TstMessageTree)
#include "tst_message_tree.moc"
