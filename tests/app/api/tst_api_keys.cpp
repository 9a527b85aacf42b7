// Keys: made once, kept as hashes, revocable, counted.
#include "app/api/api_keys.h"
#include "tests/support/few_files.h"
#include "tests/support/suite_registry.h"

#include <QDir>
#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest/QtTest>

class TstApiKeys : public QObject {
    Q_OBJECT

  private:
    QTemporaryDir m_dir;
    QString file() const { return m_dir.filePath(QStringLiteral("api_keys.json")); }

    static QByteArray contentOf(const QString& path) {
        QFile bytes(path);
        return bytes.open(QIODevice::ReadOnly) ? bytes.readAll() : QByteArray();
    }

  private slots:
    void init() { QFile::remove(file()); }

    void keepsAHashAndNeverTheKey() {
        app::ApiKeys keys(file());
        QVERIFY(!keys.any());
        const std::string key = keys.create(QStringLiteral("laptop")).value().toStdString();
        QVERIFY(key.size() > 40);
        const QByteArray stored = contentOf(file());
        QVERIFY(stored.contains("laptop"));
        QVERIFY(!stored.contains(QByteArray::fromStdString(key.substr(13))));
        QCOMPARE(QFileInfo(file()).permissions() & QFile::Permissions(0x0077),
                 QFile::Permissions());

        app::ApiKeys again(file());
        QVERIFY(again.load().ok());
        QVERIFY(again.any());
        const std::string client = again.clientOf(key).value_or("");
        QCOMPARE(client, "key:" + again.list().first().id.toStdString());
    }

    void refusesEverythingElse() {
        app::ApiKeys keys(file());
        const std::string key = keys.create(QStringLiteral("a")).value().toStdString();
        for (const std::string& wrong :
             {std::string(), key + "x", key.substr(1), key.substr(0, key.size() - 1),
              std::string(100'000, 'a'), key + std::string(100'000, ' ')})
            QVERIFY(!keys.clientOf(wrong));
        std::string upper = key;
        upper[0] = 'I';
        QVERIFY(!keys.clientOf(upper));
    }

    void revokedKeysAreRefusedAtOnceAndForEver() {
        app::ApiKeys keys(file());
        const std::string first = keys.create(QStringLiteral("first")).value().toStdString();
        const std::string second = keys.create(QStringLiteral("second")).value().toStdString();
        QVERIFY(keys.revoke(keys.list().first().id).ok());
        QVERIFY(keys.revoke(QStringLiteral("none")).ok());
        QVERIFY(!keys.clientOf(first));
        QVERIFY(keys.clientOf(second));
        app::ApiKeys again(file());
        QVERIFY(again.load().ok());
        QVERIFY(!again.clientOf(first));
        QVERIFY(again.clientOf(second));
    }

    void countsUse() {
        app::ApiKeys keys(file());
        const std::string key = keys.create(QStringLiteral("a")).value().toStdString();
        const std::string client = *keys.clientOf(key);
        keys.count(client, 10, 3);
        keys.count(client, 5, 4);
        keys.count("api", 1, 1);
        QVERIFY(keys.save());
        app::ApiKeys again(file());
        QVERIFY(again.load().ok());
        const app::ApiKeyValue value = again.list().first();
        QCOMPARE(value.requests, quint64(2));
        QCOMPARE(value.promptTokens, quint64(15));
        QCOMPARE(value.generatedTokens, quint64(7));
        QVERIFY(value.lastUsed.isValid());
    }

    void sessionKeyStaysInMemory() {
        app::ApiKeys keys(file());
        keys.setSessionKey("a word");
        QVERIFY(keys.any());
        const std::string client = keys.clientOf("a word").value_or("");
        QVERIFY2(client.starts_with("key:session-"), client.c_str());
        QVERIFY(!keys.clientOf("another"));
        keys.count(client, 1, 1);
        keys.save();
        QVERIFY(!QFile::exists(file()));
        QVERIFY(keys.list().isEmpty());
    }

    /// The response cache on disk knows clients by these names: those of another key's are
    /// another's.
    void sessionKeysAreDifferentClients() {
        const auto clientOf = [this](std::string_view key) {
            app::ApiKeys keys(file());
            keys.setSessionKey(key);
            return keys.clientOf(key).value_or("");
        };
        QVERIFY(!clientOf("a word").empty());
        QCOMPARE(clientOf("a word"), clientOf("a word")); // after a restart too
        QVERIFY(clientOf("a word") != clientOf("another word"));
        QVERIFY(clientOf("a word").find("a word") == std::string::npos);
    }

    void onlyTheLastKeyIsTheLast() {
        app::ApiKeys keys(file());
        QVERIFY(!keys.isLast(QString()));
        QVERIFY(keys.create(QStringLiteral("first")).ok());
        const QString first = keys.list().first().id;
        QVERIFY(keys.isLast(first) && !keys.isLast(QStringLiteral("none")));
        keys.setSessionKey("a word");
        QVERIFY(!keys.isLast(first));
        keys.setSessionKey({});
        QVERIFY(keys.create(QStringLiteral("second")).ok());
        QVERIFY(!keys.isLast(first));
    }

    void damagedFileIsKeptAside() {
        QFile bad(file());
        QVERIFY(bad.open(QIODevice::WriteOnly));
        bad.write("[{\"id\":\"x\"}]");
        bad.close();
        app::ApiKeys keys(file());
        QCOMPARE(keys.load().code(), engine::Code::SettingsDamaged);
        QVERIFY(!keys.any());
        QCOMPARE(QDir(m_dir.path()).entryList({QStringLiteral("api_keys.json.damaged-*")}).size(),
                 1);
    }

    void anUnreadFileIsNotWrittenOver() {
        app::ApiKeys keys(file());
        const std::string key = keys.create(QStringLiteral("laptop")).value().toStdString();
        const QByteArray stored = contentOf(file());
        app::ApiKeys again(file());
        {
            const tests::FewFiles none;
            QCOMPARE(again.load().code(), engine::Code::FileCannotOpen);
        }
        QCOMPARE(again.create(QStringLiteral("other")).status().code(),
                 engine::Code::FileCannotOpen);
        QCOMPARE(contentOf(file()), stored);
        QVERIFY(again.load().ok());
        QVERIFY(again.clientOf(key).has_value());
    }
};

INGLENOOK_SUITE(api_keys, TstApiKeys)
#include "tst_api_keys.moc"
