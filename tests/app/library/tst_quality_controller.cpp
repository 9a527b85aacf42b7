// What smaller weights cost: the original against itself costs nothing, fewer bits cost more, the
// user's own text is what is read.
#include "app/library/quality_controller.h"
#include "engine/runtime/compare.h"
#include "tests/app/library/library_folder.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace tests;

class TstQualityController : public QObject {
    Q_OBJECT

  private slots:
    void theOriginalAgainstItselfCostsNothing() {
        const auto model = engine::openModel(emberFile().toStdString());
        QVERIFY(model.ok());
        engine::CompareOptions options;
        options.device = "cpu";
        options.context = 64;
        const std::atomic<bool> stop{false};
        std::uint64_t told = 0;
        const std::string text = "Which keyboard shortcuts are there? How do I add a model? "
                                 "What is a context, and why is the answer slow today?";
        const auto same = engine::compareModels(
            *model, *model, text, options, [&](std::uint64_t done, std::uint64_t) { told = done; },
            stop);
        QVERIFY(same.ok());
        QCOMPARE(same->kl, 0.0);
        QCOMPARE(same->top1Agreement, 1.0);
        QCOMPARE(same->reference.perplexity, same->candidate.perplexity);
        QCOMPARE(told, same->tokens);
        QVERIFY(same->reference.decodeTokensPerSecond > 0);
        const std::atomic<bool> now{true};
        QVERIFY(engine::compareModels(*model, *model, text, options, {}, now).status() ==
                engine::Code::Cancelled);
        QVERIFY(engine::compareModels(*model, *model, "Hi", options, {}, stop).status() ==
                engine::Code::TextTooShort);
    }

    void fewerBitsCostMore() {
        QTemporaryDir dir;
        const QString text = dir.filePath(QStringLiteral("mine.txt"));
        QVERIFY(placeText(text,
                          QByteArray("What can you do? I can explain this program. ").repeated(6)));
        app::QualityController quality;
        QSignalSpy reports(&quality, &app::QualityController::reportChanged);
        QSignalSpy running(&quality, &app::QualityController::runningChanged);
        quality.measure(
            {emberFile(),
             text,
             {{emberFile(), QStringLiteral("int8")}, {emberFile(), QStringLiteral("int4")}}});
        QTRY_COMPARE_WITH_TIMEOUT(running.size(), 2, 120'000);
        QCOMPARE(reports.size(), 2);
        const auto report = reports.last().at(0).value<app::QualityReport>();
        QCOMPARE(report.rows.size(), 3);
        QVERIFY(report.tokens > 30);
        const app::QualityRow& original = report.rows.at(0);
        const app::QualityRow& eight = report.rows.at(1);
        const app::QualityRow& four = report.rows.at(2);
        QVERIFY(original.perplexity > 1);
        QVERIFY(eight.kl > 0 && eight.kl < four.kl);
        QVERIFY(four.top1Agreement <= 1 && four.top1Agreement > 0.3);
        QVERIFY(four.memory_bytes < eight.memory_bytes);
        QCOMPARE(four.weights, QStringLiteral("int4"));
        QVERIFY(original.tokensPerSecond > 0);
    }

    void aTextThatCannotBeReadIsASentence() {
        app::QualityController quality;
        QSignalSpy failed(&quality, &app::QualityController::failed);
        quality.measure({emberFile(), QStringLiteral("/nowhere/text"), {{emberFile(), {}}}});
        QTRY_COMPARE(failed.size(), 1);
        QCOMPARE(failed.at(0).at(0).toString(), emberFile());
        QVERIFY(failed.at(0).at(1).toString().endsWith(QLatin1Char('.')));
        QVERIFY(!quality.isRunning());
    }

    void itCanBeCancelled() {
        app::QualityController quality;
        QSignalSpy running(&quality, &app::QualityController::runningChanged);
        QSignalSpy failed(&quality, &app::QualityController::failed);
        quality.measure({emberFile(), {}, {{emberFile(), QStringLiteral("int4")}}});
        quality.cancel();
        QTRY_COMPARE_WITH_TIMEOUT(running.size(), 2, 30'000);
        QCOMPARE(failed.size(), 0);
    }
};

INGLENOOK_SUITE(quality_controller, TstQualityController)
#include "tst_quality_controller.moc"
