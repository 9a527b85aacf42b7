// Conversion to GGUF: what is written opens again as the same model.
#include "engine/model/convert.h"
#include "engine/model/gguf_file.h"
#include "engine/model/quantize.h"
#include "engine/model/synthetic.h"
#include "tests/engine/model/model_files.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <QtTest/QtTest>

using namespace engine;

class TstConvert : public QObject {
    Q_OBJECT

  private:
    QTemporaryDir m_folder;
    const std::atomic<bool> m_never = false;

    static std::filesystem::path golden(const QString& name) {
        return (tests::sourceDir() + "/tests/fixtures/goldens/" + name).toStdString();
    }

    static std::vector<float> rows(const TensorSource& source, const std::string& name) {
        const TensorInfo* tensor = source.find(name);
        std::vector<float> values(tensor->rows() * tensor->columns());
        const Status status = readRowsF32(source, *tensor, 0, tensor->rows(), values);
        return status.ok() ? values : std::vector<float>();
    }

    static double relativeError(const std::vector<float>& a, const std::vector<float>& b) {
        double error = 0;
        double power = 0;
        for (std::size_t i = 0; i < a.size(); ++i) {
            error += std::pow(double{a[i]} - b[i], 2);
            power += std::pow(double{b[i]}, 2);
        }
        return a.size() == b.size() ? std::sqrt(error / power) : INFINITY;
    }

  private slots:
    void keepsTheModel_data() {
        QTest::addColumn<QString>("name");
        for (const char* name : {"llama-llama3rope", "llama-linear-rope", "llama-eps", "qwen2-tied",
                                 "qwen2-untied-hd128", "qwen3-yarn", "qwen2-bigbias", "gpt2"})
            QTest::newRow(name) << QString(name);
    }

    void keepsTheModel() {
        QFETCH(QString, name);
        const auto from = openModel(golden(name));
        QVERIFY(from.ok());
        const struct {
            WeightFormat weights;
            const char* type;
            double limit;
        } kinds[] = {{WeightFormat::F32, "F32", 0},
                     {WeightFormat::BF16, "BF16", 0},
                     {WeightFormat::Int8, "Q8_0", 0.006},
                     {WeightFormat::Int4, "Q4_0", 0.09}};
        for (const auto& kind : kinds) {
            const auto path = std::filesystem::path(m_folder.filePath("out.gguf").toStdString());
            const auto report = convertToGguf(*from, path, kind.weights, {}, m_never);
            QVERIFY2(report.ok(), report.status().sentence().c_str());
            QCOMPARE(report->outputBytes, std::uint64_t{std::filesystem::file_size(path)});
            QVERIFY(!std::filesystem::exists(path.string() + ".part"));
            const auto to = openModel(path);
            QVERIFY2(to.ok(), to.status().sentence().c_str());
            // Of the tiny gpt2 most bytes are then its 1024 positions, which stay floats.
            if (from->config.architecture != Architecture::Gpt2 ||
                kind.weights != WeightFormat::Int4)
                QCOMPARE(to->fileType.c_str(), kind.type);
            compareConfigs(from->config, to->config);
            compareTensors(*from, *to, kind.limit);
            if (kind.weights == WeightFormat::Int8)
                QVERIFY(double(report->quantizedBytes) <= 0.27 * double(report->quantizedF32Bytes));
        }
    }

  private:
    static void compareConfigs(const ModelConfig& a, const ModelConfig& b) {
        QCOMPARE(a.architecture, b.architecture);
        QCOMPARE(QString::fromStdString(a.name), QString::fromStdString(b.name));
        QCOMPARE(a.headDim, b.headDim);
        QCOMPARE(a.kvHeadCount, b.kvHeadCount);
        QCOMPARE(a.contextLength, b.contextLength);
        QCOMPARE(a.normEps, b.normEps);
        QCOMPARE(a.qkvBias, b.qkvBias);
        QCOMPARE(a.tiedEmbeddings, b.tiedEmbeddings);
        QCOMPARE(a.parameterCount, b.parameterCount);
        QVERIFY(b.ropePairing == (a.architecture == Architecture::Llama ? RopePairing::Adjacent
                                                                        : RopePairing::Halves));
        double factorA = 0;
        double factorB = 0;
        const auto frequenciesA = ropeInverseFrequencies(a, &factorA);
        const auto frequenciesB = ropeInverseFrequencies(b, &factorB);
        QVERIFY(std::fabs(factorA - factorB) < 1e-6);
        QCOMPARE(frequenciesA.size(), frequenciesB.size());
        for (std::size_t i = 0; i < frequenciesA.size(); ++i)
            QVERIFY(std::fabs(frequenciesA[i] / frequenciesB[i] - 1) < 1e-6);
    }

    static void compareTensors(const OpenedModel& a, const OpenedModel& b, double limit) {
        for (const TensorInfo& tensor : a.tensors->tensors()) {
            auto expected = rows(*a.tensors, tensor.name);
            const TensorInfo* other = b.tensors->find(tensor.name);
            QVERIFY2(other != nullptr && other->shape == tensor.shape, tensor.name.c_str());
            const bool permuted = a.config.architecture == Architecture::Llama &&
                                  (tensor.name.find("attn_q.") != std::string::npos ||
                                   tensor.name.find("attn_k.") != std::string::npos);
            if (permuted)
                expected = adjacent(expected, a.config.headDim, tensor.columns());
            const double error = relativeError(rows(*b.tensors, tensor.name), expected);
            QVERIFY2(error <= limit, qPrintable(QString::fromStdString(tensor.name) + ": " +
                                                QString::number(error)));
        }
    }

    /// Row j of a head's first half becomes row 2j, of its second half row 2j + 1.
    static std::vector<float> adjacent(const std::vector<float>& from, std::size_t headDim,
                                       std::size_t columns) {
        std::vector<float> to(from.size());
        const std::size_t count = from.size() / columns;
        for (std::size_t row = 0; row < count; ++row) {
            const std::size_t inside = row % headDim;
            const std::size_t half = headDim / 2;
            const std::size_t target =
                row - inside + (inside < half ? 2 * inside : 2 * (inside - half) + 1);
            std::copy_n(from.begin() + std::ptrdiff_t(row * columns), columns,
                        to.begin() + std::ptrdiff_t(target * columns));
        }
        return to;
    }

  private slots:
    void keepsMetadataOfGguf() {
        tests::GgufImage image = tests::tinyLlama();
        image.entries.push_back({"tokenizer.chat_template", 8, tests::rawString("{{ a }}")});
        image.entries.push_back({"someone.else", 7, "\x01"});
        const std::string in = m_folder.filePath("in.gguf").toStdString();
        tests::writeFile(in, image.bytes());
        const auto from = openModel(in);
        QVERIFY2(from.ok(), from.status().sentence().c_str());
        const std::string out = m_folder.filePath("copy.gguf").toStdString();
        const auto report = convertToGguf(*from, out, WeightFormat::Int8, {}, m_never);
        QVERIFY2(report.ok(), report.status().sentence().c_str());
        const auto to = openModel(out);
        QVERIFY2(to.ok(), to.status().sentence().c_str());
        QCOMPARE(to->chatTemplate.c_str(), "{{ a }}");
        QCOMPARE(to->vocabulary.tokens.size(), std::size_t{8});
        QCOMPARE(to->vocabulary.tokens[5].text.c_str(), "ab");
        QCOMPARE(to->vocabulary.tokens[5].score, -3.0F);
        const auto file = GgufFile::open(out);
        QVERIFY((*file)->header().find("someone.else") != nullptr);
        QCOMPARE(**(*file)->header().unsignedValue("general.file_type"), std::uint64_t{7});
        // A tensor that has the wanted type already is copied bit for bit.
        QCOMPARE(rows(*to->tensors, "blk.0.ffn_down.weight"),
                 rows(*from->tensors, "blk.0.ffn_down.weight"));
        QVERIFY(convertToGguf(*to, out, WeightFormat::Int8, {}, m_never).status() ==
                Code::FileCannotWrite); // onto itself
    }

    void namesWhatStaysF16() {
        tests::GgufImage image = tests::tinyLlama();
        const auto resize = [&](const char* name, std::vector<std::uint64_t> dimensions) {
            auto* tensor = image.tensor(name);
            tensor->type = 0;
            tensor->data.clear();
            for (std::uint64_t i = 0; i < dimensions[0] * dimensions[1]; ++i)
                tensor->data += tests::raw(0.25F);
            tensor->dimensions = std::move(dimensions);
        };
        image.find("llama.feed_forward_length")->value = tests::raw(40U);
        resize("blk.0.ffn_gate.weight", {32, 40});
        resize("blk.0.ffn_up.weight", {32, 40});
        resize("blk.0.ffn_down.weight", {40, 32}); // K = 40
        image.layOut();
        const std::string in = m_folder.filePath("odd.gguf").toStdString();
        tests::writeFile(in, image.bytes());
        const auto from = openModel(in);
        QVERIFY2(from.ok(), from.status().sentence().c_str());
        const std::string out = m_folder.filePath("odd8.gguf").toStdString();
        const auto report = convertToGguf(*from, out, WeightFormat::Int4, {}, m_never);
        QVERIFY2(report.ok(), report.status().sentence().c_str());
        QCOMPARE(report->keptTensors, std::vector<std::string>{"blk.0.ffn_down.weight"});
        QVERIFY(openModel(out).ok());
    }

    void leavesNothingBehindWhenStopped() {
        const auto from = openModel(golden("qwen2-tied"));
        const std::atomic<bool> stop = true;
        const std::string out = m_folder.filePath("stopped.gguf").toStdString();
        QVERIFY(convertToGguf(*from, out, WeightFormat::Int8, {}, stop).status() ==
                Code::Cancelled);
        QVERIFY(!std::filesystem::exists(out) && !std::filesystem::exists(out + ".part"));
        QVERIFY(
            convertToGguf(*from, "/nonexistent/a.gguf", WeightFormat::Int8, {}, m_never).status() ==
            Code::FileCannotWrite);
    }

    void syntheticWeightsAreNormal() {
        QCOMPARE(syntheticShapes().size(), std::size_t{8});
        for (const std::string_view shape : syntheticShapes())
            QVERIFY(validate(*syntheticConfig(shape)).ok());
        QVERIFY(syntheticConfig("qwen2-2b").status() == Code::OptionInvalid);
        const auto config = syntheticConfig("qwen2-1.5b");
        QVERIFY(config->parameterCount > 1'540'000'000 && config->parameterCount < 1'550'000'000);
        const auto source = makeSyntheticSource(*config, 1);
        const TensorInfo* down = source->find("blk.3.ffn_down.weight");
        std::vector<float> values(64 * down->columns());
        QVERIFY(readRowsF32(*source, *down, 10, 64, values).ok());
        double sum = 0;
        double squares = 0;
        double fourth = 0;
        for (const float value : values) {
            sum += value;
            squares += std::pow(double{value}, 2);
            fourth += std::pow(double{value}, 4);
        }
        const double count = static_cast<double>(values.size());
        const double variance = squares / count;
        QVERIFY(std::fabs(sum / count) < 3e-4);
        QVERIFY(std::fabs(variance * 8960 - 1) < 0.02);
        QVERIFY(std::fabs(fourth / count / (variance * variance) - 3) < 0.1); // a normal's kurtosis
        // Odd offsets and other tensors: the same element reads the same, others differ.
        std::vector<float> one(down->columns());
        QVERIFY(readRowsF32(*source, *down, 11, 1, one).ok());
        QVERIFY(std::equal(one.begin(), one.end(), values.begin() + std::ptrdiff_t(one.size())));
        std::array<std::byte, 7> odd;
        std::array<std::byte, 32> all;
        QVERIFY(source->read(*down, 3, odd).ok() && source->read(*down, 0, all).ok());
        QVERIFY(std::equal(odd.begin(), odd.end(), all.begin() + 3));
    }
};

INGLENOOK_SUITE(convert, TstConvert)
#include "tst_convert.moc"
