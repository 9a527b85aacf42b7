// The queue of the last session: what cannot be used of it is kept.
#include "app/download/download_queue.h"
#include "tests/support/few_files.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstDownloadQueue : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_file = m_dir->filePath(QStringLiteral("downloads.json"));
        m_queue =
            std::make_unique<app::DownloadQueue>(m_dir->path(), m_file, app::TransferLimits());
    }
    void cleanup() { m_queue.reset(); }

    void aDamagedQueueIsPutAside_data() {
        QTest::addColumn<QByteArray>("bytes");
        QTest::newRow("cut") << kStored.left(kStored.size() - 9);
        QTest::newRow("another document") << QByteArray("{\"a\": 1}");
        QTest::newRow("empty") << QByteArray();
    }
    void aDamagedQueueIsPutAside() {
        QFETCH(const QByteArray, bytes);
        write(bytes);
        QSignalSpy troubled(m_queue.get(), &app::DownloadQueue::troubled);
        m_queue->load();
        QCOMPARE(troubled.size(), 1);
        QCOMPARE(troubled.first().first().value<engine::Status>().code(),
                 engine::Code::SettingsDamaged);
        m_queue->clearDone(); // writes
        QVERIFY(QFile::exists(m_file));
        const QStringList aside = QDir(m_dir->path()).entryList({QStringLiteral("*.damaged-*")});
        QCOMPARE(aside.size(), 1);
        QCOMPARE(contentOf(m_dir->filePath(aside.first())), bytes);
    }

    void aQueueThatCannotBeReadStays() {
        write(kStored);
        QSignalSpy troubled(m_queue.get(), &app::DownloadQueue::troubled);
        {
            const tests::FewFiles none;
            m_queue->load();
        }
        QCOMPARE(troubled.size(), 1);
        QCOMPARE(troubled.first().first().value<engine::Status>().code(),
                 engine::Code::FileCannotOpen);
        m_queue->clearDone();
        m_queue->stop();
        QCOMPARE(contentOf(m_file), kStored);
        QCOMPARE(QDir(m_dir->path()).entryList(QDir::Files).size(), 1);
    }

    void aSoundQueueIsReadAndOursAlone() {
        write(kStored);
        QSignalSpy changed(m_queue.get(), &app::DownloadQueue::changed);
        QSignalSpy troubled(m_queue.get(), &app::DownloadQueue::troubled);
        m_queue->load();
        QVERIFY(troubled.isEmpty());
        QCOMPARE(changed.first().first().value<QList<app::DownloadJob>>().size(), 1);
        m_queue->clearDone();
        const auto others = QFile::ReadGroup | QFile::ReadOther | QFile::WriteOther;
        QVERIFY(!(QFile::permissions(m_file) & others));
    }

    void noQueueIsNoTrouble() {
        QSignalSpy troubled(m_queue.get(), &app::DownloadQueue::troubled);
        m_queue->load();
        QVERIFY(troubled.isEmpty());
    }

  private:
    static QByteArray contentOf(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("absent");
    }
    void write(const QByteArray& bytes) const {
        QFile file(m_file);
        QVERIFY(file.open(QIODevice::WriteOnly));
        QCOMPARE(file.write(bytes), bytes.size());
    }

    const QByteArray kStored = R"([{"repository": "a/b", "label": "Q8_0",
        "files": [{"path": "x.gguf", "url": "https://hub.example/x.gguf"}]}])";
    std::unique_ptr<QTemporaryDir> m_dir;
    QString m_file;
    std::unique_ptr<app::DownloadQueue> m_queue;
};

INGLENOOK_SUITE(download_queue, TstDownloadQueue)
#include "tst_download_queue.moc"
