// config.json in its older and newer forms, and the angles of RoPE.
#include "engine/model/hf_config.h"
#include "engine/model/safetensors_file.h"
#include "tests/engine/model/model_files.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <QtTest/QtTest>

using namespace engine;
using tests::quoted;

namespace {

std::string configWith(const std::string& model, const std::string& rope) {
    return "{\"model_type\": \"" + model +
           quoted("', 'vocab_size': 128, 'hidden_size': 128, 'num_hidden_layers': 2, "
                  "'num_attention_heads': 2, 'intermediate_size': 64, 'max_position_embeddings': "
                  "131072,") +
           rope + "}";
}

} // namespace

class TstModelConfig : public QObject {
    Q_OBJECT

  private slots:
    void olderAndNewerFormAgree_data() {
        QTest::addColumn<QString>("older");
        QTest::addColumn<QString>("newer");
        const auto text = [](const char* json) { return QString::fromStdString(quoted(json)); };
        QTest::newRow("none")
            << text("'rope_theta': 5e5, 'rope_scaling': null")
            << text("'rope_parameters': {'rope_type': 'default', 'rope_theta': 5e5}");
        QTest::newRow("linear")
            << text("'rope_theta': 1e4, 'rope_scaling': {'type': 'linear', 'factor': 4.0}")
            << text("'rope_parameters': {'rope_type': 'linear', 'factor': 4.0, 'rope_theta': 1e4}");
        QTest::newRow("llama3")
            << text("'rope_theta': 5e5, 'rope_scaling': {'rope_type': 'llama3', 'factor': "
                    "8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, "
                    "'original_max_position_embeddings': 8192}")
            << text("'rope_parameters': {'rope_type': 'llama3', 'factor': 8.0, 'rope_theta': "
                    "5e5, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0, "
                    "'original_max_position_embeddings': 8192}");
        QTest::newRow("yarn")
            << text("'rope_theta': 1e6, 'rope_scaling': {'type': 'yarn', 'factor': 4.0, "
                    "'original_max_position_embeddings': 32768}")
            << text("'rope_parameters': {'rope_type': 'yarn', 'factor': 4.0, 'rope_theta': 1e6, "
                    "'original_max_position_embeddings': 32768}");
    }

    void olderAndNewerFormAgree() {
        QFETCH(QString, older);
        QFETCH(QString, newer);
        const auto a = configFromJson(configWith("llama", older.toStdString()), "a");
        const auto b = configFromJson(configWith("llama", newer.toStdString()), "b");
        QVERIFY2(a.ok() && b.ok(), (a.status().sentence() + b.status().sentence()).c_str());
        QVERIFY(validate(*a).ok());
        double factorA = 0;
        double factorB = 0;
        QCOMPARE(ropeInverseFrequencies(*a, &factorA), ropeInverseFrequencies(*b, &factorB));
        QCOMPARE(factorA, factorB);
        QCOMPARE(a->ropeScaling.kind, b->ropeScaling.kind);
    }

    void llama3KeepsShortWavesAndStretchesLongOnes() {
        const auto config = configFromJson(
            configWith("llama", quoted("'rope_theta': 5e5, 'rope_scaling': {'rope_type': 'llama3', "
                                       "'factor': 8.0, 'original_max_position_embeddings': 8192}")),
            "a");
        QVERIFY(config.ok());
        const auto scaled = ropeInverseFrequencies(*config, nullptr);
        QCOMPARE(scaled.size(), std::size_t{32});
        QCOMPARE(scaled[0], 1.0);
        const double slowest = std::pow(5e5, -62.0 / 64.0);
        QVERIFY(std::fabs(scaled[31] / (slowest / 8) - 1) < 1e-12);
        // Pair 16: wavelength 2 pi * 5e5^0.5 = 4443 lies between 8192 / 4 and 8192.
        const double middle = std::pow(5e5, -0.5);
        const double smooth = (8192 / (2 * M_PI / middle) - 1) / 3;
        QVERIFY(std::fabs(scaled[16] / ((1 - smooth) * middle / 8 + smooth * middle) - 1) < 1e-12);
    }

    void yarnScalesAttention() {
        const auto factorOf = [](const char* extra) {
            const auto config = configFromJson(
                configWith("qwen3",
                           (quoted("'rope_theta': 1e6, 'rope_scaling': {'type': 'yarn', 'factor': "
                                   "4.0, 'original_max_position_embeddings': 32768")) +
                               extra + "}"),
                "a");
            double factor = 0;
            if (config)
                ropeInverseFrequencies(*config, &factor);
            return factor;
        };
        QVERIFY(std::fabs(factorOf("") - (0.1 * std::log(4.0) + 1)) < 1e-12);
        QCOMPARE(factorOf(", \"attention_factor\": 0.5"), 0.5);
        // DeepSeek-R1-0528-Qwen3-8B: the multiplier undoes the derived factor.
        QVERIFY(std::fabs(factorOf(", \"attn_factor\": 0.8782488562869419") - 1) < 1e-9);
    }

    void tableIsExact() {
        const auto config = configFromJson(configWith("llama", quoted("'rope_theta': 1e4")), "a");
        const RopeTable table = makeRopeTable(*config, 5000);
        QCOMPARE(table.pairs, 32U);
        QCOMPARE(table.cosine[4999 * 32], static_cast<float>(std::cos(4999.0)));
        QCOMPARE(table.sine[4999 * 32], static_cast<float>(std::sin(4999.0)));
        QCOMPARE(table.cosine[0], 1.0F);
    }

    void readsWhatFamiliesLeaveOut() {
        const auto qwen2 = configFromJson(configWith("qwen2", quoted("'rope_theta': 1e6")), "a");
        QVERIFY(qwen2->qkvBias && !qwen2->qkNorm && !qwen2->tiedEmbeddings);
        QCOMPARE(qwen2->kvHeadCount, 2U);
        QCOMPARE(qwen2->headDim, 64U);
        const auto qwen3 = configFromJson(configWith("qwen3", quoted("'head_dim': 128")), "a");
        QVERIFY(!qwen3->qkvBias && qwen3->qkNorm);
        QCOMPARE(qwen3->rotaryDim, 128U);
        const auto biased =
            configFromJson(configWith("llama", quoted("'attention_bias': true")), "a");
        QVERIFY(biased->qkvBias);
    }

    void mapsTensorNames() {
        QCOMPARE(canonicalTensorName("model.layers.12.self_attn.k_norm.weight").c_str(),
                 "blk.12.attn_k_norm.weight");
        QCOMPARE(canonicalTensorName("model.layers.0.mlp.down_proj.weight").c_str(),
                 "blk.0.ffn_down.weight");
        QCOMPARE(canonicalTensorName("lm_head.weight").c_str(), "output.weight");
        QVERIFY(canonicalTensorName("model.layers.0.self_attn.rotary_emb.inv_freq").empty());
        QCOMPARE(canonicalTensorName("model.layers.x.mlp.up_proj.weight").c_str(),
                 "model.layers.x.mlp.up_proj.weight");
    }
};

INGLENOOK_SUITE(model_config, TstModelConfig)
#include "tst_model_config.moc"
