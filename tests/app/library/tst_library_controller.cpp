// The library as the desktop sees it: found in the background, watched, what its owner wrote kept.
#include "app/library/library_controller.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/few_files.h"
#include "tests/support/suite_registry.h"

#include <QCryptographicHash>
#include <QtTest/QtTest>

using namespace tests;

class TstLibraryController : public QObject {
    Q_OBJECT

  private:
    QString at(const char* name) const { return m_dir->filePath(QString::fromLatin1(name)); }

    std::unique_ptr<app::LibraryController> open() {
        app::LibraryController::Options options;
        options.choicesFile = at("library.json");
        options.ownFolder = at("models");
        options.watch.cacheFile = at("library_cache.json");
        options.watch.settle_ms = 50;
        options.watch.disks_ms = 200;
        return std::make_unique<app::LibraryController>(options);
    }

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        QVERIFY(QDir().mkpath(at("models")));
    }

    void modelsAppearAndGoByThemselves() {
        QVERIFY(placeGguf(at("models/one.gguf")));
        auto library = open();
        QVERIFY(library->start().ok());
        QVERIFY(library->isScanning());
        QTRY_COMPARE(library->cards().size(), 1);
        QVERIFY(placeGguf(at("models/two.gguf")));
        QTRY_COMPARE(library->cards().size(), 2);
        QVERIFY(QFile::remove(at("models/one.gguf")));
        QTRY_COMPARE(library->cards().size(), 1);
        QVERIFY(library->card(at("models/two.gguf")) != nullptr);
    }

    void aDiskComesAndGoes() {
        QVERIFY(placeGguf(at("disk/ember.gguf")));
        auto library = open();
        QVERIFY(library->start().ok());
        library->addFolder(at("disk"));
        QTRY_COMPARE(library->cards().size(), 1);
        QVERIFY(QDir().rename(at("disk"), at("unplugged")));
        QTRY_VERIFY(library->cards().size() == 1 && library->cards().first().isAway);
        QVERIFY(QDir().rename(at("unplugged"), at("disk")));
        QTRY_VERIFY(library->cards().size() == 1 && !library->cards().first().isAway);
        library->removeFolder(at("disk"));
        QTRY_COMPARE(library->cards().size(), 0);
        QVERIFY(QFile::exists(at("disk/ember.gguf")));
    }

    void whatIsWrittenOnAModelComesBack() {
        QVERIFY(placeGguf(at("disk/b.gguf")));
        QVERIFY(placeGguf(at("disk/a.gguf")));
        app::ModelDefaults defaults;
        defaults.sampling = app::SamplingValues();
        defaults.sampling->temperature = 0.25;
        defaults.systemPrompt = QStringLiteral("Be brief. 简短。");
        defaults.kv = QStringLiteral("bf16");
        defaults.contextTokens = 4096;
        {
            auto library = open();
            QVERIFY(library->start().ok());
            library->addFolder(at("disk"));
            QTRY_COMPARE(library->cards().size(), 2);
            library->setFavourite(at("disk/b.gguf"), true);
            QCOMPARE(library->cards().first().path, at("disk/b.gguf"));
            library->setNote(at("disk/a.gguf"), QStringLiteral("good at sums"));
            library->setDefaults(at("disk/a.gguf"), defaults);
            QVERIFY(library->flush());
        }
        auto library = open();
        QVERIFY(library->start().ok());
        QTRY_COMPARE(library->cards().size(), 2);
        QVERIFY(library->cards().first().marks.isFavourite);
        QCOMPARE(library->card(at("disk/a.gguf"))->marks.note, QStringLiteral("good at sums"));
        QCOMPARE(library->defaultsOf(at("disk/a.gguf")), defaults);
        QVERIFY(library->defaultsOf(at("disk/b.gguf")).isEmpty());
    }

    void hashesAreThoseOfTheFiles() {
        QVERIFY(placeFolder(at("models/tiny")));
        QString expected;
        {
            QFile file(at("models/tiny/model.safetensors"));
            QVERIFY(file.open(QIODevice::ReadOnly));
            expected = QString::fromLatin1(
                QCryptographicHash::hash(file.readAll(), QCryptographicHash::Sha256).toHex());
        }
        const auto hashIn = [&](const app::LibraryController& library) {
            const app::ModelCard* card = library.card(at("models/tiny"));
            for (const app::ModelFile& file :
                 card == nullptr ? QList<app::ModelFile>() : card->files)
                if (file.name == QLatin1String("model.safetensors"))
                    return file.sha256;
            return QString();
        };
        {
            auto library = open();
            QVERIFY(library->start().ok());
            QTRY_COMPARE(library->cards().size(), 1);
            library->computeHashes(at("models/tiny"));
            QTRY_COMPARE(hashIn(*library), expected);
            library->rescan();
            QTRY_VERIFY(!library->isScanning());
            QCOMPARE(hashIn(*library), expected);
        }
        auto library = open(); // from the cache
        QVERIFY(library->start().ok());
        QTRY_COMPARE(library->cards().size(), 1);
        QCOMPARE(hashIn(*library), expected);
    }

    void aDamagedFileIsPutAside() {
        QVERIFY(placeText(at("library.json"), "{\"folders\": ["));
        auto library = open();
        QVERIFY(library->start() == engine::Code::SettingsDamaged);
        QCOMPARE(QDir(m_dir->path()).entryList({QStringLiteral("library.json.damaged-*")}).size(),
                 1);
    }

    void anUnreadFileIsNotWrittenOver() {
        const QByteArray choices("{\"folders\": [\"/away\"], \"models\": {}}");
        QVERIFY(placeText(at("library.json"), choices));
        auto library = open();
        QSignalSpy failed(library.get(), &app::LibraryController::failed);
        QSignalSpy changed(library.get(), &app::LibraryController::changed);
        library->rescan(); // its thread opens what it needs before there is nothing to open
        QVERIFY(changed.wait());
        {
            const FewFiles none;
            QVERIFY(library->start() == engine::Code::FileCannotOpen);
        }
        library->addFolder(at("disk"));
        QVERIFY(!library->flush());
        QTRY_VERIFY(!failed.isEmpty());
        QFile file(at("library.json"));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), choices);
    }

    void aModelThatIsAwayCanBeForgotten() {
        QVERIFY(placeGguf(at("models/one.gguf")));
        auto library = open();
        QVERIFY(library->start().ok());
        QTRY_COMPARE(library->cards().size(), 1);
        library->setNote(at("models/one.gguf"), QStringLiteral("mine"));
        library->forget(at("models/one.gguf")); // it is there: nothing happens
        QCOMPARE(library->cards().size(), 1);
        library->rescan(); // the note is known to the scan now
        QTRY_VERIFY(!library->isScanning());
        QVERIFY(QFile::remove(at("models/one.gguf")));
        QTRY_VERIFY(library->cards().size() == 1 && library->cards().first().isAway);
        library->forget(at("models/one.gguf"));
        QCOMPARE(library->cards().size(), 0);
        library->rescan();
        QTRY_VERIFY(!library->isScanning());
        QCOMPARE(library->cards().size(), 0);
    }

  private:
    std::unique_ptr<QTemporaryDir> m_dir;
};

INGLENOOK_SUITE(library_controller, TstLibraryController)
#include "tst_library_controller.moc"
