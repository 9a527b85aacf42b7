// Hostile Hugging Face folders: safetensors, index and config.json.
#include "engine/model/opened_model.h"
#include "engine/model/safetensors_file.h"
#include "tests/engine/model/allocation_counter.h"
#include "tests/engine/model/model_files.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using tests::quoted;
using tests::raw;
using tests::safetensorsBytes;

class TstSafetensorsFile : public QObject {
    Q_OBJECT

  private:
    QTemporaryDir m_folder;
    int m_count = 0;

    /// A new folder with these files.
    std::string folder(const std::map<std::string, std::string>& files) {
        const QString path = m_folder.filePath(QString::number(++m_count));
        QDir().mkpath(path);
        for (const auto& [name, bytes] : files)
            tests::writeFile(path.toStdString() + "/" + name, bytes);
        return path.toStdString();
    }

    static std::string replaced(std::string text, const std::string& from, const std::string& to) {
        const std::size_t at = text.find(from);
        return at == std::string::npos ? std::string() : text.replace(at, from.size(), to);
    }

  private slots:
    void readsTheTinyFolder() {
        const auto model = openModel(folder({{"config.json", tests::tinyConfig()},
                                             {"model.safetensors", tests::tinySafetensors()}}));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QVERIFY(model->tensors->find("blk.0.attn_k.bias") != nullptr);
        QVERIFY(model->config.tiedEmbeddings);
    }

    void refusesBrokenHeaders_data() {
        QTest::addColumn<QByteArray>("bytes");
        const auto row = [](const char* name, const std::string& bytes) {
            QTest::newRow(name) << QByteArray(bytes.data(), qsizetype(bytes.size()));
        };
        const std::string valid = quoted("{'a':{'dtype':'F32','shape':[2],'data_offsets':[0,8]},'b'"
                                         ":{'dtype':'F32','shape':[1],'data_offsets':[8,12]}}");
        const std::string data(12, '\0');
        const auto spoilt = [&](const char* name, const std::string& from, const std::string& to) {
            row(name, safetensorsBytes(replaced(valid, from, to), data));
        };
        row("empty file", "");
        row("seven bytes", "1234567");
        row("header length 0", raw(std::uint64_t{0}));
        row("header length 2^63", raw(std::uint64_t{1} << 63) + valid);
        row("header longer than the file", raw(std::uint64_t{1000}) + valid);
        row("no brace", safetensorsBytes(" " + valid, data));
        row("not JSON", safetensorsBytes("{]", data));
        row("cut JSON", safetensorsBytes(valid.substr(0, valid.size() - 1), data));
        row("not UTF-8", safetensorsBytes(replaced(valid, "\"a\"", "\"\xFF\""), data));
        row("depth 100000", safetensorsBytes("{\"a\":" + std::string(100000, '['), data));
        row("objects nested", safetensorsBytes(quoted("{'a':{'b':{'c':{}}}}"), data));
        spoilt("duplicate key", "\"b\"", "\"a\"");
        spoilt("empty name", "\"a\"", "\"\"");
        spoilt("unknown dtype", "F32", "F8_E4M3");
        spoilt("dtype is a number", "\"F32\"", "32");
        spoilt("two dtypes", "\"shape\":[2]", "\"dtype\":\"F32\"");
        spoilt("negative shape", "[2]", "[-2]");
        spoilt("fractional shape", "[2]", "[2.0]");
        spoilt("zero dimension", "[2]", "[0]");
        spoilt("product wraps", "[2]", "[2147483647,2147483647,2147483647]");
        spoilt("shape does not fit the range", "[2]", "[3]");
        spoilt("begin beyond end", "[0,8]", "[8,0]");
        spoilt("three offsets", "[0,8]", "[0,8,8]");
        spoilt("one offset", "[0,8]", "[0]");
        spoilt("overlap", "[8,12]", "[4,8]");
        spoilt("hole", "[8,12]", "[12,16]");
        spoilt("beyond the end", "[8,12]", "[8,16]");
        spoilt("offset 2^63", "[8,12]", "[9223372036854775808,9223372036854775812]");
        spoilt("unknown member", "\"shape\"", "\"shapes\"");
        row("trailing junk", safetensorsBytes(valid, data + "PK"));
        row("data cut by one", safetensorsBytes(valid, data.substr(1)));
        row("metadata not text",
            safetensorsBytes(replaced(valid, "{\"a\"", "{\"__metadata__\":{\"x\":1},\"a\""), data));
        row("metadata a list",
            safetensorsBytes(replaced(valid, "{\"a\"", "{\"__metadata__\":[],\"a\""), data));
    }

    void refusesBrokenHeaders() {
        QFETCH(QByteArray, bytes);
        const std::string path = folder(
            {{"config.json", tests::tinyConfig()}, {"model.safetensors", bytes.toStdString()}});
        const tests::AllocationCounter counter;
        const auto model = openModel(path);
        QVERIFY(!model.ok());
        const std::string sentence = model.status().sentence();
        QVERIFY2(sentence.find("model.safetensors") != std::string::npos, sentence.c_str());
        QVERIFY2(model.status() == Code::ModelDamaged || model.status() == Code::ModelUnsupported,
                 sentence.c_str());
        QVERIFY(counter.peak() <= (64U << 20) + 2 * std::size_t(bytes.size()));
    }

    void refusesEveryTruncation() {
        const std::string bytes = tests::tinySafetensors();
        const std::string path = folder({{"config.json", tests::tinyConfig()}});
        for (std::size_t length = 0; length < bytes.size(); length += length < 2000 ? 1 : 997) {
            tests::writeFile(path + "/model.safetensors", bytes.substr(0, length));
            QVERIFY2(!openModel(path).ok(), qPrintable(QString::number(length)));
        }
    }

    void refusesBrokenConfigs_data() {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        QTest::addColumn<int>("code");
        const auto row = [](const char* name, const char* from, const char* to, Code code) {
            QTest::newRow(name) << QString(from) << QString(to) << static_cast<int>(code);
        };
        row("unknown model", "\"qwen2\"", "\"rwkv\"", Code::ArchitectureUnknown);
        row("later model", "\"qwen2\"", "\"deepseek_v3\"", Code::ArchitectureLater);
        row("model a number", "\"qwen2\"", "7", Code::ModelFieldInvalid);
        row("no model", "\"model_type\"", "\"model\"", Code::ModelFieldMissing);
        row("layers as text", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": \"1\"",
            Code::ModelFieldInvalid);
        row("layers negative", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": -1",
            Code::ModelFieldInvalid);
        row("layers fractional", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1.5",
            Code::ModelFieldInvalid);
        row("layers 2^40", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 1099511627776",
            Code::ModelFieldInvalid);
        row("heads zero", "\"num_attention_heads\": 2", "\"num_attention_heads\": 0",
            Code::ModelFieldInvalid);
        row("heads 3 over 1, odd width", "\"num_attention_heads\": 2", "\"num_attention_heads\": 3",
            Code::TensorShapeWrong);
        row("no hidden size", "\"hidden_size\"", "\"hidden\"", Code::ModelFieldMissing);
        row("wrong hidden size", "\"hidden_size\": 32", "\"hidden_size\": 64",
            Code::TensorShapeWrong);
        row("theta as text", "10000.0", "\"x\"", Code::ModelFieldInvalid);
        row("theta negative", "10000.0", "-1", Code::ModelFieldInvalid);
        row("duplicate key", "\"vocab_size\": 8", "\"vocab_size\": 8, \"vocab_size\": 8",
            Code::JsonInvalid);
        row("syntax", "{\"model_type\"", "{{\"model_type\"", Code::JsonInvalid);
        row("other activation", "\"silu\"", "\"gelu\"", Code::ModelUnsupported);
        row("quantized", "\"hidden_act\"", "\"quantization_config\": {\"bits\": 4}, \"hidden_act\"",
            Code::ModelUnsupported);
        row("rope scaling unknown", "\"hidden_act\"",
            "\"rope_scaling\": {\"rope_type\": \"longrope\"}, \"hidden_act\"",
            Code::ModelUnsupported);
        row("rope scaling a list", "\"hidden_act\"", "\"rope_scaling\": [1], \"hidden_act\"",
            Code::ModelUnsupported);
        row("llama3 without context", "\"hidden_act\"",
            "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0}, \"hidden_act\"",
            Code::ModelFieldInvalid);
        row("factor zero", "\"hidden_act\"",
            "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 0}, \"hidden_act\"",
            Code::ModelFieldInvalid);
    }

    void refusesBrokenConfigs() {
        QFETCH(QString, from);
        QFETCH(QString, to);
        QFETCH(int, code);
        const std::string config =
            replaced(tests::tinyConfig(), from.toStdString(), to.toStdString());
        QVERIFY(!config.empty());
        const auto model = openModel(
            folder({{"config.json", config}, {"model.safetensors", tests::tinySafetensors()}}));
        QVERIFY(!model.ok());
        QVERIFY2(static_cast<int>(model.status().code()) == code,
                 model.status().sentence().c_str());
    }

    void refusesDeepConfigs() {
        const std::string deep = std::string(100000, '[') + std::string(100000, ']');
        QVERIFY(openModel(folder({{"config.json", "{\"a\": " + deep + "}"}})).status() ==
                Code::JsonInvalid);
        QVERIFY(openModel(folder({{"config.json", std::string(2U << 20, ' ')}})).status() ==
                Code::ModelDamaged);
    }

    void keepsPartsInsideTheFolder_data() {
        QTest::addColumn<QString>("part");
        for (const char* part : {"../x.safetensors", "/etc/x.safetensors", "a/b.safetensors",
                                 "..\\\\x.safetensors", ".safetensors", "x.bin", ""})
            QTest::newRow(part) << QString(part);
    }

    void keepsPartsInsideTheFolder() {
        QFETCH(QString, part);
        const std::string index =
            quoted("{'weight_map': {'model.norm.weight': '") + part.toStdString() + "\"}}";
        const auto model = openModel(folder(
            {{"config.json", tests::tinyConfig()}, {"model.safetensors.index.json", index}}));
        QVERIFY2(model.status() == Code::ModelFieldInvalid, model.status().sentence().c_str());
    }

    void namesAMissingPart() {
        const std::string index = quoted("{'weight_map': {'model.norm.weight': 'a.safetensors', "
                                         "'model.embed_tokens.weight': 'b.safetensors'}}");
        const auto model = openModel(folder({{"config.json", tests::tinyConfig()},
                                             {"model.safetensors.index.json", index},
                                             {"a.safetensors", tests::tinySafetensors()}}));
        QVERIFY(model.status() == Code::ModelPartMissing);
        QVERIFY(model.status().sentence().find("b.safetensors") != std::string::npos);
        // The same tensors in two parts.
        const auto twice = openModel(folder({{"config.json", tests::tinyConfig()},
                                             {"model.safetensors.index.json", index},
                                             {"a.safetensors", tests::tinySafetensors()},
                                             {"b.safetensors", tests::tinySafetensors()}}));
        QVERIFY(twice.status() == Code::ModelDamaged);
    }

    void readsPublishedSamplingAndTemplate() {
        const std::map<std::string, std::string> files = {
            {"config.json", tests::tinyConfig()},
            {"model.safetensors", tests::tinySafetensors()},
            {"generation_config.json",
             quoted("{'temperature': 0.6, 'top_p': 0.95, 'top_k': 20, 'eos_token_id': [1, 2]}")},
            {"tokenizer_config.json", quoted("{'chat_template': [{'name': 'tool', 'template': "
                                             "'t'}, {'name': 'default', 'template': 'd'}]}")}};
        const auto model = openModel(folder(files));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QCOMPARE(*model->sampling.temperature, 0.6F);
        QCOMPARE(*model->sampling.topK, 20);
        QVERIFY(!model->sampling.minP);
        QCOMPARE(model->chatTemplate.c_str(), "d");
        auto withFile = files;
        withFile["chat_template.jinja"] = "j";
        QCOMPARE(openModel(folder(withFile))->chatTemplate.c_str(), "j");
    }
};

INGLENOOK_SUITE(safetensors_file, TstSafetensorsFile)
#include "tst_safetensors_file.moc"
