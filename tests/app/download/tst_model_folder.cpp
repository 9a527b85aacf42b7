#include "app/download/model_folder.h"
#include "tests/support/hub_server.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray("absent");
}

void writeFile(const QString& path, const QByteArray& bytes) {
    QFile file(path);
    QVERIFY(file.open(QIODevice::WriteOnly));
    QCOMPARE(file.write(bytes), bytes.size());
}

} // namespace

class TstModelFolder : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_folder = m_dir->filePath(QStringLiteral("owner/name"));
    }

    void installsAndRemembers() {
        install({{"a.gguf", "A1"}, {"sub/b.json", "B1"}}, "c1");
        app::ModelFolder folder(m_folder);
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A1"));
        QCOMPARE(contentOf(m_folder + QStringLiteral("/sub/b.json")), QByteArray("B1"));
        QCOMPARE(folder.current()->commit, QStringLiteral("c1"));
        QVERIFY(folder.versions().isEmpty());
    }

    void updateKeepsWhatItReplaces() {
        install({{"a.gguf", "A1"}, {"b.json", "B1"}}, "c1");
        install({{"a.gguf", "A2"}}, "c2"); // only what changed is fetched
        app::ModelFolder folder(m_folder);
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A2"));
        QCOMPARE(contentOf(m_folder + QStringLiteral("/b.json")), QByteArray("B1"));
        QCOMPARE(folder.versions().size(), 1);
        QCOMPARE(folder.versions().first().commit, QStringLiteral("c1"));
        QCOMPARE(folder.versions().first().bytes, 2); // the file that differs, and no other
    }

    void oneClickBackAndForward() {
        install({{"a.gguf", "A1"}, {"b.json", "B1"}}, "c1");
        install({{"a.gguf", "A2"}, {"b.json", "B2"}}, "c2");
        app::ModelFolder folder(m_folder);
        QVERIFY(folder.rollBack(folder.versions().first().id, 2).ok());
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A1"));
        QCOMPARE(contentOf(m_folder + QStringLiteral("/b.json")), QByteArray("B1"));
        QCOMPARE(folder.current()->commit, QStringLiteral("c1"));
        QCOMPARE(folder.versions().size(), 1);
        QCOMPARE(folder.versions().first().commit, QStringLiteral("c2"));
        QVERIFY(folder.rollBack(folder.versions().first().id, 2).ok());
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A2"));
    }

    void twoOlderVersionsStay() {
        for (int i = 1; i <= 5; ++i) {
            install({{"a.gguf", "A" + QByteArray::number(i)}, {"b.json", "same"}},
                    "c" + QByteArray::number(i));
            QTest::qWait(2);
        }
        app::ModelFolder folder(m_folder);
        QCOMPARE(folder.versions().size(), 2);
        QCOMPARE(folder.versions().at(0).commit, QStringLiteral("c4"));
        QCOMPARE(folder.versions().at(1).commit, QStringLiteral("c3"));
        QCOMPARE(QDir(own("files")).entryList(QDir::Files).size(), 2);
        // The older of them, over the one between.
        QVERIFY(folder.rollBack(folder.versions().at(1).id, 2).ok());
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A3"));
        QCOMPARE(folder.versions().size(), 2);
    }

    void moreFilesAreNoNewVersion() {
        install({{"q4.gguf", "four"}}, "c1");
        install({{"q8.gguf", "eight"}}, "c2");
        app::ModelFolder folder(m_folder);
        QVERIFY(folder.versions().isEmpty());
        QCOMPARE(folder.current()->files.size(), 2);
    }

    void keptContentNeedsNoNetwork() {
        install({{"a.gguf", "A1"}}, "c1");
        install({{"a.gguf", "A2"}}, "c2");
        const app::ModelFolder folder(m_folder);
        QVERIFY(folder.find(remote("a.gguf", "A1")).has_value());
        QVERIFY(folder.find(remote("a.gguf", "A2")).has_value());
        QVERIFY(!folder.find(remote("a.gguf", "A3")).has_value());
        QVERIFY(!folder.find(remote("other.gguf", "A1")).has_value());
    }

    /// From every point at which a change of version can be interrupted.
    void interruptedSwitchIsFinished() {
        for (int step = 0; step < 3; ++step) {
            init();
            install({{"a.gguf", "A1"}, {"b.json", "B1"}}, "c1");
            app::ModelFolder folder(m_folder);
            const app::InstalledModel target = take({{"a.gguf", "A2"}, {"b.json", "B2"}}, "c2");
            // What a crash leaves: the plan, and so many of the renames.
            QVERIFY(QFile::copy(own("current.json"), own("versions/20200101-000000-000.json")));
            writePlan(target);
            const auto kept = [&](const char* path, const QByteArray& bytes) {
                return own("files/") + keptName(path, bytes);
            };
            const QString a = m_folder + QStringLiteral("/a.gguf");
            if (step >= 1)
                QVERIFY(QFile::rename(a, kept("a.gguf", "A1")));
            if (step >= 2)
                QVERIFY(QFile::rename(kept("a.gguf", "A2"), a));
            app::ModelFolder again(m_folder);
            QVERIFY(again.open().ok());
            QCOMPARE(contentOf(a), QByteArray("A2"));
            QCOMPARE(contentOf(m_folder + QStringLiteral("/b.json")), QByteArray("B2"));
            QCOMPARE(again.current()->commit, QStringLiteral("c2"));
            QVERIFY(again.rollBack(again.versions().first().id, 2).ok());
            QCOMPARE(contentOf(a), QByteArray("A1"));
            QCOMPARE(contentOf(m_folder + QStringLiteral("/b.json")), QByteArray("B1"));
        }
    }

    void missingContentIsASentenceAndChangesNothing() {
        install({{"a.gguf", "A1"}}, "c1");
        install({{"a.gguf", "A2"}}, "c2");
        QVERIFY(QFile::remove(own("files/") + keptName("a.gguf", "A1")));
        app::ModelFolder folder(m_folder);
        QCOMPARE(folder.rollBack(folder.versions().first().id, 2).code(),
                 engine::Code::VersionMissing);
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A2"));
        QCOMPARE(folder.rollBack(QStringLiteral("../../x"), 2).code(),
                 engine::Code::VersionMissing);
    }

    void filesOfTheUserStay() {
        QVERIFY(QDir().mkpath(m_folder));
        writeFile(m_folder + QStringLiteral("/a.gguf"), "mine");
        install({{"a.gguf", "A1"}}, "c1");
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf")), QByteArray("A1"));
        QCOMPARE(contentOf(m_folder + QStringLiteral("/a.gguf.replaced")), QByteArray("mine"));
    }

    /// Twice, so that the second damaged file does not take the place of the first.
    void aRepairTakesTheGoodFile() {
        const QString place = m_folder + QStringLiteral("/a.gguf");
        install({{"a.gguf", "A1, whole"}}, "c1");
        for (const char* damage : {"A1", "A1,"}) {
            writeFile(place, damage);
            QVERIFY(!app::ModelFolder(m_folder).find(remote("a.gguf", "A1, whole")).has_value());
            install({{"a.gguf", "A1, whole"}}, "c1");
            QCOMPARE(contentOf(place), QByteArray("A1, whole"));
            QVERIFY(app::ModelFolder(m_folder).find(remote("a.gguf", "A1, whole")).has_value());
        }
        QCOMPARE(contentOf(place + QStringLiteral(".replaced")), QByteArray("A1"));
        QCOMPARE(contentOf(place + QStringLiteral(".replaced-2")), QByteArray("A1,"));
        QVERIFY(app::ModelFolder(m_folder).versions().isEmpty());
    }

    void namesOfAChangedListLeadNowhere() {
        install({{"a.gguf", "A1"}}, "c1");
        QByteArray json = contentOf(own("current.json"));
        writeFile(own("current.json"), json.replace("a.gguf", "../../../a.gguf"));
        QVERIFY(!app::ModelFolder(m_folder).current().has_value());
    }

    void ownFolderIsNoLink() {
        QTemporaryDir elsewhere;
        QVERIFY(QDir().mkpath(m_folder));
        QVERIFY(QFile::link(elsewhere.path(), m_folder + QStringLiteral("/.inglenook")));
        QVERIFY(!app::ModelFolder(m_folder).open().ok());
        QVERIFY(QDir(elsewhere.path()).isEmpty(QDir::AllEntries | QDir::NoDotAndDotDot));
    }

  private:
    using Files = QList<QPair<const char*, QByteArray>>;

    static app::RemoteFile remote(const char* path, const QByteArray& bytes) {
        return {QString::fromLatin1(path), bytes.size(), app::ChecksumKind::Sha256,
                tests::sha256Of(bytes), QUrl(QStringLiteral("https://hub.example/x"))};
    }
    QString own(const char* name) const {
        return m_folder + QStringLiteral("/.inglenook/") + QString::fromLatin1(name);
    }
    static QString keptName(const char* path, const QByteArray& bytes) {
        return tests::sha256Of(bytes) + QLatin1Char('-') + tests::sha256Of(path).left(8);
    }
    void writePlan(const app::InstalledModel& target) const {
        // Through the list of the next version, so that the test does not know how it is written.
        QByteArray json = contentOf(own("current.json"));
        for (const app::InstalledFile& file : target.files) {
            const QByteArray old = file.path.startsWith(QLatin1Char('a')) ? "A1" : "B1";
            json.replace(tests::sha256Of(old).toLatin1(), file.sha256.toLatin1());
        }
        writeFile(own("switch.json"), json.replace("\"c1\"", "\"c2\""));
    }
    /// Lays complete parts into what is kept, as the queue does.
    app::InstalledModel take(const Files& files, const QByteArray& commit) {
        app::ModelFolder folder(m_folder);
        app::InstalledModel model;
        model.repository = QStringLiteral("owner/name");
        model.commit = QString::fromLatin1(commit);
        model.since = QDateTime::currentDateTimeUtc();
        if (!folder.open().ok())
            return model;
        for (const auto& [path, bytes] : files) {
            const app::RemoteFile file = remote(path, bytes);
            const auto part = folder.partFor(file);
            if (!part.ok())
                return model;
            QFile out(part.value());
            if (!out.open(QIODevice::WriteOnly) || out.write(bytes) != bytes.size())
                return model;
            out.close();
            const app::InstalledFile installed{file.path, file.bytes, file.checksum, file.checksum};
            if (folder.take(part.value(), installed).ok())
                model.files.append(installed);
        }
        return model;
    }
    void install(const Files& files, const QByteArray& commit) {
        const app::InstalledModel model = take(files, commit);
        QCOMPARE(model.files.size(), files.size());
        const engine::Status status = app::ModelFolder(m_folder).install(model, 2);
        QVERIFY2(status.ok(), status.sentence().c_str());
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    QString m_folder;
};

INGLENOOK_SUITE(model_folder, TstModelFolder)
#include "tst_model_folder.moc"
