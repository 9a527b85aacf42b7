// Making a model smaller in the background: the file is a model, progress comes, a cancelled one
// leaves nothing, what is there already is not overwritten.
#include "app/library/card_reader.h"
#include "app/library/conversion_controller.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

class TstConversionController : public QObject {
    Q_OBJECT

  private:
    QString at(const char* name) const { return m_dir->filePath(QString::fromLatin1(name)); }

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        QVERIFY(placeFolder(at("tiny")));
    }

    void aFolderBecomesAFile() {
        app::ConversionController conversions(at("models"));
        QSignalSpy finished(&conversions, &app::ConversionController::finished);
        QSignalSpy failed(&conversions, &app::ConversionController::failed);
        for (const char* weights : {"int8", "int4"}) {
            const QString format = QString::fromLatin1(weights);
            conversions.convert(at("tiny"), format);
            QCOMPARE(conversions.source(), at("tiny"));
            QTRY_COMPARE(finished.size() + failed.size(), 1);
            QVERIFY2(failed.isEmpty(),
                     failed.isEmpty() ? "" : qPrintable(failed.at(0).at(1).toString()));
            const auto result = finished.takeFirst().at(0).value<app::ConversionResult>();
            QCOMPARE(result.out, conversions.targetOf(at("tiny"), format));
            QCOMPARE(quint64(QFileInfo(result.out).size()), result.output_bytes);
            const auto card = app::readCard({result.out, {}});
            QVERIFY(card.ok());
            QCOMPARE(card->architecture, QStringLiteral("qwen2"));
            QVERIFY(conversions.source().isEmpty());
        }
        QCOMPARE(QDir(at("models")).entryList(QDir::Files).size(), 2); // nothing temporary
    }

    void nothingIsOverwritten() {
        QVERIFY(placeText(at("models/tiny-INT8.gguf"), "precious"));
        app::ConversionController conversions(at("models"));
        QSignalSpy failed(&conversions, &app::ConversionController::failed);
        conversions.convert(at("tiny"), QStringLiteral("int8"));
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(failed.at(0).at(1).toString().contains(QStringLiteral("tiny-INT8.gguf")));
        QFile kept(at("models/tiny-INT8.gguf"));
        QVERIFY(kept.open(QIODevice::ReadOnly));
        QCOMPARE(kept.readAll(), QByteArray("precious"));
    }

    void aCancelledOneLeavesNothing() {
        app::ConversionController conversions(at("models"));
        QSignalSpy failed(&conversions, &app::ConversionController::failed);
        QSignalSpy finished(&conversions, &app::ConversionController::finished);
        conversions.convert(emberFile(), QStringLiteral("int4"));
        conversions.cancel();
        QTRY_COMPARE(failed.size() + finished.size(), 1);
        QCOMPARE(failed.size(), 1);
        QCOMPARE(failed.at(0).at(1).toString(), QString());
        QCOMPARE(QDir(at("models")).entryList(QDir::Files).size(), 0);
    }

    void whatIsNoModelIsASentence() {
        app::ConversionController conversions(at("models"));
        QSignalSpy failed(&conversions, &app::ConversionController::failed);
        conversions.convert(at("nothing"), QStringLiteral("int8"));
        QTRY_COMPARE(failed.size(), 1);
        QVERIFY(failed.at(0).at(1).toString().endsWith(QLatin1Char('.')));
    }

  private:
    std::unique_ptr<QTemporaryDir> m_dir;
};

INGLENOOK_SUITE(conversion_controller, TstConversionController)
#include "tst_conversion_controller.moc"
