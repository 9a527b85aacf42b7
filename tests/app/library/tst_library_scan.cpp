// Looking through folders (REQ 27): any number, any depth, read-only too; what cannot be used is
// listed with a sentence; an unplugged disk is greyed; what is known is not opened again.
#include "app/library/library_names.h"
#include "app/library/library_scan.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

class TstLibraryScan : public QObject {
    Q_OBJECT

  private:
    QString at(const char* name) const { return m_dir->filePath(QString::fromLatin1(name)); }

    app::LibraryScan look(const app::LibraryFinds& known = {}, const QStringList& marked = {}) {
        QList<app::LibraryRoot> roots{{at("own"), true, false}};
        for (const char* name : {"disk", "other"})
            roots.append({at(name), false, false});
        return app::scanLibrary(roots, known, marked, m_stop);
    }

    static const app::ModelCard* cardOf(const app::LibraryScan& scan, const QString& path) {
        for (const app::ModelCard& card : scan.finds.cards)
            if (card.path == path)
                return &card;
        return nullptr;
    }

  private slots:
    void init() { m_dir = std::make_unique<QTemporaryDir>(); }

    void req27_anyNumberOfFoldersAtAnyDepth() {
        QVERIFY(placeGguf(at("own/ember.gguf")));
        QVERIFY(placeFolder(at("disk/a/b/c/tiny")));
        QVERIFY(placeGguf(at("other/deep/er/still/again.gguf")));
        QVERIFY(placeText(at("other/notes.txt"), "no model"));
        const app::LibraryScan scan = look();
        QCOMPARE(scan.finds.cards.size(), 3);
        QCOMPARE(scan.finds.rejected.size(), 0);
        QCOMPARE(scan.folders.size(), 3);
        const app::ModelCard* gguf = cardOf(scan, at("own/ember.gguf"));
        QVERIFY(gguf != nullptr);
        QCOMPARE(gguf->id, QStringLiteral("ember"));
        QVERIFY(gguf->parameters > 1'000'000);
        QVERIFY(gguf->contextTokens > 0);
        QVERIFY(gguf->format.startsWith(QStringLiteral("GGUF")));
        QVERIFY(!gguf->fileType.isEmpty());
        QCOMPARE(gguf->bytes(), quint64(QFileInfo(emberFile()).size()));
        const app::ModelCard* folder = cardOf(scan, at("disk/a/b/c/tiny"));
        QVERIFY(folder != nullptr);
        QCOMPARE(folder->architecture, QStringLiteral("qwen2"));
        QCOMPARE(folder->format, QStringLiteral("safetensors"));
        QVERIFY(!folder->hasTokenizer);
    }

    void req27_readOnlyFoldersWork() {
        QVERIFY(placeGguf(at("disk/ember.gguf")));
        QVERIFY(QFile::setPermissions(at("disk"), QFileDevice::ReadOwner | QFileDevice::ExeOwner));
        const app::LibraryScan scan = look();
        QFile::setPermissions(at("disk"), QFileDevice::ReadOwner | QFileDevice::WriteOwner |
                                              QFileDevice::ExeOwner);
        QVERIFY(cardOf(scan, at("disk/ember.gguf")) != nullptr);
    }

    void req27_whatCannotBeUsedIsListedWithTheReason() {
        QVERIFY(placeText(at("own/broken.gguf"), "GGUF but not for long"));
        QVERIFY(placeText(at("own/half/config.json"), "{\"model_type\": \"qwen2\""));
        QVERIFY(placeText(at("own/half/model.safetensors"), "x"));
        QVERIFY(placeText(at("own/lora/adapter.safetensors"), "x"));
        QVERIFY(placeText(at("own/two-00002-of-00003.gguf"), "GGUF"));
        const app::LibraryScan scan = look();
        QCOMPARE(scan.finds.cards.size(), 0);
        QCOMPARE(scan.finds.rejected.size(), 4);
        for (const app::RejectedModel& rejected : scan.finds.rejected) {
            QVERIFY2(rejected.sentence().endsWith(QLatin1Char('.')),
                     qPrintable(rejected.sentence()));
            QVERIFY(rejected.sentence().size() > 30);
        }
    }

    void req27_anUnpluggedDiskIsGreyedAndComesBack() {
        QVERIFY(placeGguf(at("disk/ember.gguf")));
        QVERIFY(placeText(at("disk/broken.gguf"), "GGUF"));
        const app::LibraryScan before = look();
        QVERIFY(QDir().rename(at("disk"), at("elsewhere")));
        for (const bool isEmptyFolder : {false, true}) { // where it was mounted
            if (isEmptyFolder)
                QVERIFY(QDir().mkpath(at("disk")));
            const app::LibraryScan away = look(before.finds);
            const app::ModelCard* card = cardOf(away, at("disk/ember.gguf"));
            QVERIFY(card != nullptr);
            QVERIFY(card->isAway);
            QVERIFY(away.folders.at(1).isAway);
            QCOMPARE(away.finds.rejected.size(), 1);
            QVERIFY(away.finds.rejected.first().isAway);
        }
        QVERIFY(QDir().rmdir(at("disk")));
        QVERIFY(QDir().rename(at("elsewhere"), at("disk")));
        const app::LibraryScan back = look(before.finds);
        QVERIFY(!cardOf(back, at("disk/ember.gguf"))->isAway);
        QCOMPARE(back.opened, 0);
    }

    void aDeletedModelGoesUnlessItIsMarked() {
        QVERIFY(placeGguf(at("own/one.gguf")));
        QVERIFY(placeGguf(at("own/two.gguf")));
        const app::LibraryScan before = look();
        QVERIFY(QFile::remove(at("own/one.gguf")));
        QCOMPARE(look(before.finds).finds.cards.size(), 1);
        const app::LibraryScan kept = look(before.finds, {at("own/one.gguf")});
        QCOMPARE(kept.finds.cards.size(), 2);
        QVERIFY(cardOf(kept, at("own/one.gguf"))->isAway);
    }

    void onlyWhatChangedIsOpenedAgain() {
        QVERIFY(placeGguf(at("own/ember.gguf")));
        QVERIFY(placeText(at("own/broken.gguf"), "GGUF"));
        const app::LibraryScan first = look();
        QCOMPARE(first.opened, 2);
        const QString cache = at("cache.json");
        QVERIFY(app::writeFinds(cache, first.finds).ok());
        const app::LibraryFinds known = app::readFinds(cache);
        QCOMPARE(known.cards.size(), 1);
        QCOMPARE(known.cards.first().parameters, first.finds.cards.first().parameters);
        QCOMPARE(known.cards.first().published, first.finds.cards.first().published);
        QCOMPARE(known.rejected.first().sentence(), first.finds.rejected.first().sentence());
        QCOMPARE(look(known).opened, 0);
        QVERIFY(placeText(at("own/broken.gguf"), "GGUF and more"));
        QCOMPARE(look(known).opened, 1);
        QVERIFY(placeText(cache, "{damaged"));
        QCOMPARE(app::readFinds(cache).cards.size(), 0);
    }

    void linksInACircleEnd() {
        QVERIFY(placeGguf(at("own/ember.gguf")));
        QVERIFY(QFile::link(at("own"), at("own/again")));
        QCOMPARE(look().finds.cards.size(), 1);
    }

    void namesResolve() {
        QVERIFY(placeGguf(at("models/Ember-Q8.gguf")));
        QVERIFY(placeFolder(at("disk/tiny")));
        QVERIFY(placeFolder(at("other/tiny")));
        app::LibraryChoices choices;
        choices.folders = {at("disk")};
        const auto keep = [&] {
            return placeText(at("library.json"), QJsonDocument(app::toJson(choices)).toJson());
        };
        QVERIFY(keep());
        const auto find = [&](const char* name) {
            return app::findModelByName(m_dir->path(), QString::fromLatin1(name));
        };
        for (const char* name : {"Ember-Q8", "ember-q8", "Ember-Q8.gguf"})
            QCOMPARE(find(name).value(), at("models/Ember-Q8.gguf"));
        QCOMPARE(find("tiny").value(), at("disk/tiny"));
        QVERIFY(find("nothing").status() == engine::Code::FileCannotOpen);
        choices.folders.append(at("other"));
        QVERIFY(keep());
        const engine::Status both = find("tiny").status();
        QVERIFY(both == engine::Code::ModelNameAmbiguous);
        QVERIFY(both.sentence().find(at("other/tiny").toStdString()) != std::string::npos);
    }

  private:
    std::unique_ptr<QTemporaryDir> m_dir;
    const std::atomic<bool> m_stop{false};
};

INGLENOOK_SUITE(library_scan, TstLibraryScan)
#include "tst_library_scan.moc"
