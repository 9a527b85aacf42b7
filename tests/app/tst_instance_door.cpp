// What a second start may ask of the first, and what a stranger at the socket gets.
#include "app/instance_door.h"
#include "tests/support/suite_registry.h"

#include <QLocalSocket>
#include <QtTest/QtTest>
#include <thread>

class TstInstanceDoor : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_socket = m_dir->filePath(QStringLiteral("raise.socket"));
        m_asked.clear();
        m_answer = {true, {}};
        m_door = std::make_unique<app::InstanceDoor>(
            m_socket, [this](const app::InstanceRequest& request, const auto& answer) {
                m_asked.append(request.prompt);
                answer(m_answer);
            });
        QVERIFY(m_door->listen());
    }

    void raisesAndTakesPrompts() {
        QVERIFY(ask({}).taken);
        const QString prompt = QStringLiteral("two\nlines, \"quoted\", 繁忙");
        QVERIFY(ask({prompt}).taken);
        QCOMPARE(m_asked, QStringList({QString(), prompt}));
    }

    void refusalCarriesItsReason() {
        m_answer = {false, QStringLiteral("The disk is full.")};
        const app::InstanceAnswer answer = ask({QStringLiteral("x")});
        QVERIFY(!answer.taken);
        QCOMPARE(answer.reason, QStringLiteral("The disk is full."));
    }

    void longPromptsComeWhole() {
        const QString prompt(1'000'000, QLatin1Char('p'));
        QVERIFY(ask({prompt}).taken);
        QCOMPARE(m_asked.last().size(), prompt.size());
    }

    void onlyTheOwnerMayKnock() {
        const QFile::Permissions others = QFile::ReadGroup | QFile::WriteGroup | QFile::ExeGroup |
                                          QFile::ReadOther | QFile::WriteOther | QFile::ExeOther;
        QVERIFY(!(QFile::permissions(m_socket) & others));
    }

    void nonsenseIsShownOut_data() {
        QTest::addColumn<QByteArray>("said");
        QTest::newRow("the old word") << QByteArray("raise\n");
        QTest::newRow("no object") << QByteArray("[1]\n");
        QTest::newRow("unknown wish") << QByteArray("{\"ask\": \"quit\"}\n");
        QTest::newRow("empty prompt") << QByteArray("{\"ask\": \"prompt\", \"text\": \"\"}\n");
        QTest::newRow("wrong type") << QByteArray("{\"ask\": \"prompt\", \"text\": 7}\n");
        QTest::newRow("endless") << QByteArray(int(app::InstanceDoor::kMostRequest_bytes), 'x');
    }
    void nonsenseIsShownOut() {
        QFETCH(QByteArray, said);
        QLocalSocket guest;
        guest.connectToServer(m_socket);
        QVERIFY(guest.waitForConnected());
        guest.write(said);
        QTRY_COMPARE(guest.state(), QLocalSocket::UnconnectedState);
        QVERIFY(m_asked.isEmpty());
        QVERIFY(ask({}).taken); // and the next one is served
    }

    void nobodyThereIsNoAnswer() {
        m_door.reset();
        QVERIFY(!QFile::exists(m_socket));
        const app::InstanceAnswer answer = app::askInstance(m_socket, {});
        QVERIFY(!answer.taken && answer.reason.isEmpty());
    }

  private:
    /// The asking side blocks, as a second program may: on a thread of its own here.
    app::InstanceAnswer ask(const app::InstanceRequest& request) {
        std::atomic<bool> done = false;
        app::InstanceAnswer answer;
        std::thread second([&] {
            answer = app::askInstance(m_socket, request);
            done = true;
        });
        (void)QTest::qWaitFor([&] { return done.load(); }, 20000);
        second.join();
        return answer;
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    QString m_socket;
    QStringList m_asked;
    app::InstanceAnswer m_answer;
    std::unique_ptr<app::InstanceDoor> m_door;
};

INGLENOOK_SUITE(instance_door, TstInstanceDoor)
#include "tst_instance_door.moc"
