// Gpt2Tensors: one stored tensor for query, key and value, and matrices that lie transposed; and
// what of a gpt2 configuration is refused.
#include "engine/model/gpt2_tensors.h"
#include "engine/model/hf_config.h"
#include "engine/model/safetensors_file.h"
#include "tests/support/suite_registry.h"

#include <cstring>
#include <map>
#include <QtTest/QtTest>

using namespace engine;

namespace {

/// Tensors of 16-bit numbers 0, 1, 2 ... in memory.
class CountingSource final : public TensorSource {
  public:
    void add(const std::string& name, std::vector<std::uint64_t> shape) {
        TensorInfo info{name, TensorType::F16, std::move(shape), 0};
        info.bytes = info.rows() * info.columns() * 2;
        std::vector<std::uint16_t>& values = m_values[name];
        for (std::uint64_t i = 0; i < info.bytes / 2; ++i)
            values.push_back(static_cast<std::uint16_t>(i));
        m_tensors.push_back(std::move(info));
    }
    const std::vector<TensorInfo>& tensors() const override { return m_tensors; }
    const TensorInfo* find(std::string_view name) const override {
        for (const TensorInfo& tensor : m_tensors)
            if (tensor.name == name)
                return &tensor;
        return nullptr;
    }
    Status read(const TensorInfo& tensor, std::uint64_t offset,
                std::span<std::byte> out) const override {
        const auto bytes = std::as_bytes(std::span(m_values.at(tensor.name)));
        std::memcpy(out.data(), bytes.subspan(offset, out.size()).data(), out.size());
        return {};
    }
    std::string contentHash() const override { return "counting"; }

  private:
    std::vector<TensorInfo> m_tensors;
    std::map<std::string, std::vector<std::uint16_t>> m_values;
};

std::vector<std::uint16_t> elements(const TensorSource& source, const std::string& name,
                                    std::uint64_t first, std::size_t count) {
    std::vector<std::uint16_t> values(count);
    const TensorInfo* tensor = source.find(name);
    if (tensor == nullptr ||
        !source.read(*tensor, first * 2, std::as_writable_bytes(std::span(values))).ok())
        return {};
    return values;
}

constexpr char kConfig[] =
    R"({"model_type": "gpt2", "vocab_size": 8, "n_embd": 32, "n_layer": 1, "n_head": 2,
        "n_positions": 64, "activation_function": "gelu_new", "layer_norm_epsilon": 1e-5})";

} // namespace

class TstGpt2Tensors : public QObject {
    Q_OBJECT

  private slots:
    void takesFusedTensorsApart() {
        auto file = std::make_shared<CountingSource>();
        file->add("blk.0.attn_qkv.weight", {6, 4});
        file->add("blk.0.attn_qkv.bias", {6});
        file->add("token_embd.weight", {3, 4});
        const Gpt2Tensors tensors(file, Gpt2Tensors::Layout::RowMajor);
        QCOMPARE(tensors.tensors().size(), std::size_t{7});
        const TensorInfo* key = tensors.find("blk.0.attn_k.weight");
        QVERIFY(key != nullptr && key->shape == std::vector<std::uint64_t>({2, 4}));
        QCOMPARE(key->bytes, std::uint64_t{16});
        const std::vector<std::uint16_t> second = {8, 9, 10, 11, 12, 13, 14, 15};
        QVERIFY(elements(tensors, "blk.0.attn_k.weight", 0, 8) == second);
        QVERIFY(elements(tensors, "blk.0.attn_v.bias", 0, 2) == (std::vector<std::uint16_t>{4, 5}));
        QVERIFY(elements(tensors, "token_embd.weight", 5, 1) == (std::vector<std::uint16_t>{5}));
        std::byte beyond[18];
        QVERIFY(!tensors.read(*key, 0, beyond).ok());
    }

    /// Stored [3 inputs][6 outputs]: element (row, column) of the tensor is (column, row) there.
    void turnsConv1D() {
        auto file = std::make_shared<CountingSource>();
        file->add("blk.0.attn_qkv.weight", {3, 6});
        file->add("blk.0.ffn_up.weight", {3, 5});
        file->add("position_embd.weight", {4, 3});
        const Gpt2Tensors tensors(file, Gpt2Tensors::Layout::Conv1D);
        const TensorInfo* value = tensors.find("blk.0.attn_v.weight");
        QVERIFY(value != nullptr && value->shape == std::vector<std::uint64_t>({2, 3}));
        QVERIFY(elements(tensors, "blk.0.attn_v.weight", 0, 6) ==
                (std::vector<std::uint16_t>{4, 10, 16, 5, 11, 17}));
        // A stretch that begins and ends inside of rows.
        QVERIFY(elements(tensors, "blk.0.ffn_up.weight", 4, 7) ==
                (std::vector<std::uint16_t>{6, 11, 2, 7, 12, 3, 8}));
        QVERIFY(elements(tensors, "position_embd.weight", 3, 3) ==
                (std::vector<std::uint16_t>{3, 4, 5}));
        std::byte odd[3];
        QVERIFY(!tensors.read(*value, 1, odd).ok());
    }

    void namesOfOldAndNewFiles() {
        for (const std::string prefix : {"transformer.", ""}) {
            QCOMPARE(canonicalTensorName(prefix + "h.11.attn.c_attn.weight"),
                     std::string("blk.11.attn_qkv.weight"));
            QCOMPARE(canonicalTensorName(prefix + "h.0.mlp.c_proj.bias"),
                     std::string("blk.0.ffn_down.bias"));
            QCOMPARE(canonicalTensorName(prefix + "wpe.weight"),
                     std::string("position_embd.weight"));
            QCOMPARE(canonicalTensorName(prefix + "ln_f.bias"), std::string("output_norm.bias"));
            // Masks.
            QVERIFY(canonicalTensorName(prefix + "h.0.attn.bias").empty());
            QVERIFY(canonicalTensorName(prefix + "h.0.attn.masked_bias").empty());
        }
        QCOMPARE(canonicalTensorName("h.x.ln_1.weight"), std::string("h.x.ln_1.weight"));
    }

    void readsTheConfiguration() {
        const auto config = configFromJson(kConfig, "config.json");
        QVERIFY2(config.ok(), config.status().sentence().c_str());
        QVERIFY(config->layerNorm && config->learnedPositions && config->plainMlp &&
                config->projectionBias && config->qkvBias && config->tiedEmbeddings);
        QCOMPARE(config->intermediateSize, 128U);
        QCOMPARE(config->headDim, 16U);
        QCOMPARE(config->rotaryDim, 0U);
        QVERIFY(!config->keyBiasOutside());
        QVERIFY(validate(*config).ok());
        ModelConfig rotated = *config;
        rotated.rotaryDim = 16;
        QVERIFY(!validate(rotated).ok());
    }

    void refusesOtherConfigurations_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        const auto row = [](const char* name, const char* from, const char* to) {
            QTest::newRow(name) << QString(from) << QString(to);
        };
        row("exact gelu", "gelu_new", "gelu");
        row("relu", "gelu_new", "relu");
        row("heads that divide nothing", "\"n_head\": 2", "\"n_head\": 3");
        row("no heads", "\"n_head\": 2", "\"n_head\": null");
        row("no positions", "n_positions", "n_other");
        row("unscaled", "\"n_head\"", "\"scale_attn_weights\": false, \"n_head\"");
        row("scaled by layer", "\"n_head\"",
            "\"scale_attn_by_inverse_layer_idx\": true, \"n_head\"");
        row("an encoder's", "\"n_head\"", "\"add_cross_attention\": true, \"n_head\"");
        row("quantized", "\"n_head\"", "\"quantization_config\": {}, \"n_head\"");
    }
    void refusesOtherConfigurations() {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QString text = kConfig;
        QVERIFY(text.contains(from));
        text.replace(from, to);
        const auto config = configFromJson(text.toStdString(), "config.json");
        QVERIFY(!config.ok());
        const std::string sentence = config.status().sentence();
        QVERIFY2(config.status() == Code::ModelUnsupported ||
                     config.status() == Code::ModelFieldMissing,
                 sentence.c_str());
        QVERIFY(sentence.find("config.json") != std::string::npos);
    }
};

INGLENOOK_SUITE(gpt2_tensors, TstGpt2Tensors)
#include "tst_gpt2_tensors.moc"
