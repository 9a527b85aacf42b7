// A small model with trained weights (stories260K, not part of this tree): its text, and what
// quantization costs it.
#include "engine/model/convert.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/evaluate.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/recording_sink.h"
#include "tests/support/suite_registry.h"

#include <QFile>
#include <QFileInfo>
#include <QtTest/QtTest>

using namespace engine;
using tests::RecordingSink;

class TstStories : public QObject {
    Q_OBJECT

  private:
    std::filesystem::path m_path;

    std::unique_ptr<Engine> loadedEngine(WeightFormat weights) {
        auto engine = createEngine({});
        LoadRequest request;
        request.path = m_path;
        request.formats.weights = weights;
        if (weights == WeightFormat::F32) {
            request.formats.activations = ActivationFormat::F32;
            request.formats.kv = KvFormat::F32;
        }
        const LoadEvent event = tests::loadAndWait(*engine, std::move(request));
        if (event.phase != LoadPhase::Ready)
            qWarning("%s", event.status.sentence().c_str());
        return engine;
    }

    std::string tell(Engine& engine, float temperature, std::uint64_t seed, std::uint32_t tokens) {
        Request request;
        request.rawPrompt = "Once upon a time";
        request.sampler.temperature = temperature;
        request.sampler.topP = 1;
        request.sampler.seed = seed;
        request.maxTokens = tokens;
        auto sink = std::make_shared<RecordingSink>();
        if (!engine.submit(request, sink).ok() || !sink->waitForFinish())
            return {};
        return sink->text(false);
    }

    std::string stories() {
        QFile file(tests::sourceDir() + "/tests/fixtures/texts/stories.txt");
        if (!file.open(QIODevice::ReadOnly))
            return {};
        std::string text = file.readAll().toStdString();
        const auto engine = loadedEngine(WeightFormat::F32);
        for (std::uint64_t seed = 1; seed <= 12; ++seed)
            text += "Once upon a time" + tell(*engine, 1, seed, 250) + "\n\n";
        return text;
    }

    static double perplexity(const OpenedModel& model, const std::string& text,
                             NumberFormats formats) {
        const auto result = measurePerplexity(
            model, text, [] { return makeCpuExecutor(); }, formats, 256);
        if (!result.ok())
            qWarning("%s", result.status().sentence().c_str());
        return result.ok() ? result->perplexity : 0.0;
    }

  private slots:
    void init() {
        if (tests::vectorsDir().isEmpty())
            QSKIP("INGLENOOK_VECTORS is not set: no trained model to test with.");
        const QString path = tests::vectorsDir() + "/stories260K/stories260K-f32.gguf";
        if (!QFileInfo::exists(path))
            QSKIP("stories260K-f32.gguf is not among the vectors.");
        m_path = path.toStdString();
    }

    void tellsTheStory() {
        const auto engine = loadedEngine(WeightFormat::F32);
        const QString story = QString::fromStdString(tell(*engine, 0, 0, 60));
        QVERIFY2(story.startsWith(", there was a little girl named Lily. She loved to play outside "
                                  "in the park."),
                 qPrintable(story));
    }

    void theSameSeedTellsTheSameStory() {
        const auto engine = loadedEngine(WeightFormat::Auto);
        QCOMPARE(tell(*engine, 1, 5, 80), tell(*engine, 1, 5, 80));
        QVERIFY(tell(*engine, 1, 5, 80) != tell(*engine, 1, 6, 80));
    }

    /// On stories of our own and on what the exact model itself tells.
    void quantizationCostsLittle() {
        const std::string text = stories();
        const auto model = openModel(m_path);
        QVERIFY(model.ok());
        const double exact =
            perplexity(*model, text, {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32});
        const double int8 =
            perplexity(*model, text, {WeightFormat::Int8, ActivationFormat::BF16, KvFormat::BF16});
        const double int8All =
            perplexity(*model, text, {WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8});
        const double int4 =
            perplexity(*model, text, {WeightFormat::Int4, ActivationFormat::BF16, KvFormat::BF16});
        qInfo("f32 %.4f, int8 %+.2f %%, int8 with int8 activations %+.2f %%, int4 %+.2f %%", exact,
              100 * (int8 / exact - 1), 100 * (int8All / exact - 1), 100 * (int4 / exact - 1));
        QVERIFY(exact > 1 && exact < 20);
        QVERIFY(std::abs(int8 / exact - 1) < 0.005);
        QVERIFY(std::abs(int8All / exact - 1) < 0.01);
        QVERIFY(int4 / exact - 1 < 0.09);
    }

    /// The same through the files that `quantize` writes, which have no minimum beside the scale.
    void quantizedFilesCostLittle() {
        const std::string text = stories();
        const auto model = openModel(m_path);
        QVERIFY(model.ok());
        const double exact =
            perplexity(*model, text, {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32});
        const auto reloaded = [&](WeightFormat weights) {
            const QTemporaryDir folder;
            const std::filesystem::path path = folder.filePath("quantized.gguf").toStdString();
            const std::atomic<bool> stop{false};
            if (!convertToGguf(*model, path, weights, {}, stop).ok())
                return 0.0;
            const auto written = openModel(path);
            return written.ok()
                       ? perplexity(*written, text,
                                    {WeightFormat::Auto, ActivationFormat::BF16, KvFormat::BF16})
                       : 0.0;
        };
        const double int8 = reloaded(WeightFormat::Int8);
        const double int4 = reloaded(WeightFormat::Int4);
        qInfo("f32 %.4f, Q8_0 %+.2f %%, Q4_0 %+.2f %%", exact, 100 * (int8 / exact - 1),
              100 * (int4 / exact - 1));
        QVERIFY(int8 > 0 && std::abs(int8 / exact - 1) < 0.005);
        QVERIFY(int4 > 0 && int4 / exact - 1 < 0.09);
    }
};

INGLENOOK_SUITE(stories, TstStories)
#include "tst_stories.moc"
