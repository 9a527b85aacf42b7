// A small document on disk: what is damaged is put aside, what cannot be read is left alone.
#include "app/json_file.h"
#include "tests/support/few_files.h"
#include "tests/support/suite_registry.h"

#include <QDir>
#include <QtTest/QtTest>

using app::JsonFile;
using app::JsonStore;

class TstJsonFile : public QObject {
    Q_OBJECT

  private:
    bool place(const QByteArray& bytes) {
        QFile file(m_path);
        return file.open(QIODevice::WriteOnly) && file.write(bytes) == bytes.size();
    }
    QByteArray stored() const {
        QFile file(m_path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("(no file)");
    }

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_path = m_dir->filePath(QStringLiteral("sub/document.json"));
        QVERIFY(QDir().mkpath(m_dir->filePath(QStringLiteral("sub"))));
    }

    void aFileThatCannotBeOpenedIsNotTakenForDamaged() {
        QVERIFY(place("{\"kept\": 1}"));
        JsonFile file(m_path);
        QSignalSpy failed(&file, &JsonFile::failed);
        {
            const tests::FewFiles none;
            QVERIFY(file.read().status() == engine::Code::FileCannotOpen);
        }
        file.write({{QStringLiteral("other"), 2}});
        QVERIFY(!file.flush());
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(failed.at(0).at(0).value<engine::Status>() == engine::Code::FileCannotOpen);
        QCOMPARE(stored(), QByteArray("{\"kept\": 1}"));
        QCOMPARE(QDir(QFileInfo(m_path).path()).entryList(QDir::Files).size(), 1);

        const engine::Result<QJsonObject> again = file.read(); // it can be read now
        QVERIFY(again.ok());
        QCOMPARE(again->value(QLatin1String("kept")).toInt(), 1);
        file.write({{QStringLiteral("other"), 2}});
        QVERIFY(file.flush());
        QVERIFY(stored().contains("other"));
    }

    void aFileThatBreaksOffWhileReadIsNotTakenForDamaged() {
        JsonStore memory(QStringLiteral("/proc/self/mem")); // opens, and fails at byte 0
        const engine::Status unread = memory.read().status();
        QVERIFY2(unread == engine::Code::FileCannotRead, unread.sentence().c_str());
        QVERIFY(memory.write({}) == engine::Code::FileCannotRead);
    }

    void whatIsNoObjectIsPutAside_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("half") << QByteArray("{\"a\": ");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("array") << QByteArray("[1, 2]");
        QTest::newRow("too large") << QByteArray("{\"a\": \"") + QByteArray(200, 'x') + "\"}";
    }
    void whatIsNoObjectIsPutAside() {
        QFETCH(QByteArray, bytes);
        QVERIFY(place(bytes));
        JsonFile file(m_path, 100);
        QVERIFY(file.read().status() == engine::Code::SettingsDamaged);
        QVERIFY(!QFile::exists(m_path));
        file.write({{QStringLiteral("a"), 1}});
        QVERIFY(file.flush());
        const QDir folder(QFileInfo(m_path).path());
        const QStringList aside = folder.entryList({QStringLiteral("*.damaged-*")});
        QCOMPARE(aside.size(), 1);
        QFile kept(folder.filePath(aside.first()));
        QVERIFY(kept.open(QIODevice::ReadOnly));
        QCOMPARE(kept.readAll(), bytes);
    }

    void noFileIsAnEmptyDocument() {
        JsonFile file(m_path);
        QVERIFY(file.read().ok());
        QVERIFY(file.read()->isEmpty());
        JsonStore store(m_path);
        QVERIFY(store.read()->isNull());
    }

    void onlyItsOwnerReadsASecret() {
        const JsonStore store(m_path, 100, JsonStore::Readers::OwnerOnly);
        QVERIFY(store.write(QJsonDocument(QJsonObject{{QStringLiteral("a"), 1}})).ok());
        QCOMPARE(QFile::permissions(m_path) & (QFile::ReadGroup | QFile::ReadOther),
                 QFile::Permissions());
    }

  private:
    std::unique_ptr<QTemporaryDir> m_dir;
    QString m_path;
};

INGLENOOK_SUITE(json_file, TstJsonFile)
#include "tst_json_file.moc"
