// Hostile GGUF files: each must give a typed error that names the file, in bounded memory.
#include "engine/model/gguf_file.h"
#include "engine/model/opened_model.h"
#include "engine/model/quantize.h"
#include "tests/engine/model/allocation_counter.h"
#include "tests/engine/model/model_files.h"
#include "tests/support/suite_registry.h"

#include <functional>
#include <QtTest/QtTest>

using namespace engine;
using tests::GgufImage;
using tests::raw;
using tests::rawFloats;
using tests::rawInts;
using tests::rawString;
using tests::rawStrings;

namespace {

using Spoil = std::function<void(GgufImage&)>;

void setNumber(GgufImage& image, const char* key, std::uint32_t value) {
    image.find(key)->type = 4;
    image.find(key)->value = raw(value);
}

struct Case {
    const char* name;
    Code code;
    Spoil spoil;
};

/// promises: header, metadata, tensor and model classes of broken files.
const std::vector<Case>& cases() {
    static const std::vector<Case> all = {
        // Header
        {"bad magic", Code::ModelFormatUnknown, [](GgufImage& i) { i.magic = "GGML"; }},
        {"version 0", Code::ModelUnsupported, [](GgufImage& i) { i.version = 0; }},
        {"version 1", Code::ModelUnsupported, [](GgufImage& i) { i.version = 1; }},
        {"future version", Code::ModelUnsupported, [](GgufImage& i) { i.version = 4; }},
        {"big-endian", Code::ModelUnsupported, [](GgufImage& i) { i.version = 0x03000000; }},
        {"tensor count negative", Code::ModelDamaged,
         [](GgufImage& i) { i.tensorCountError = -99; }},
        {"tensor count 2^40", Code::ModelDamaged,
         [](GgufImage& i) { i.tensorCountError = 1LL << 40; }},
        {"tensor count one more", Code::ModelDamaged, [](GgufImage& i) { i.tensorCountError = 1; }},
        {"entry count negative", Code::ModelDamaged, [](GgufImage& i) { i.entryCountError = -99; }},
        {"entry count 2^40", Code::ModelDamaged,
         [](GgufImage& i) { i.entryCountError = 1LL << 40; }},
        {"entry count one more", Code::ModelDamaged, [](GgufImage& i) { i.entryCountError = 1; }},
        // Metadata
        {"empty key", Code::ModelDamaged, [](GgufImage& i) { i.entries[1].key = ""; }},
        {"duplicate key", Code::ModelDamaged,
         [](GgufImage& i) { i.entries.push_back(i.entries[1]); }},
        {"key with NUL", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].key = std::string("a\0b", 3); }},
        {"key not UTF-8", Code::ModelDamaged, [](GgufImage& i) { i.entries[1].key = "a\xFF"; }},
        {"string length 2^63", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].value = raw(std::uint64_t{1} << 63); }},
        {"string longer than the file", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].value = raw(std::uint64_t{1} << 20); }},
        {"string not UTF-8", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].value = rawString("\xC3\x28"); }},
        {"string with NUL", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].value = rawString(std::string("a\0b", 3)); }},
        {"type out of range", Code::ModelDamaged, [](GgufImage& i) { i.entries[1].type = 13; }},
        {"type all ones", Code::ModelDamaged,
         [](GgufImage& i) { i.entries[1].type = 0xFFFFFFFFU; }},
        {"bool of 2", Code::ModelDamaged,
         [](GgufImage& i) { i.find("tokenizer.ggml.add_bos_token")->value = "\x02"; }},
        {"array of arrays", Code::ModelDamaged,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.scores")->value = raw(std::uint32_t{9}) + raw(std::uint64_t{1});
         }},
        {"array type out of range", Code::ModelDamaged,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.scores")->value =
                 raw(std::uint32_t{77}) + raw(std::uint64_t{1});
         }},
        {"array size wraps", Code::ModelDamaged,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.scores")->value =
                 raw(std::uint32_t{6}) + raw((std::uint64_t{1} << 62) + 1);
         }},
        {"string array of 2^60", Code::ModelDamaged,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.tokens")->value =
                 raw(std::uint32_t{8}) + raw(std::uint64_t{1} << 60);
         }},
        {"alignment 0", Code::ModelDamaged,
         [](GgufImage& i) {
             i.entries.push_back({"general.alignment", 4, raw(0U)});
         }},
        {"alignment 3", Code::ModelDamaged,
         [](GgufImage& i) {
             i.entries.push_back({"general.alignment", 4, raw(3U)});
         }},
        {"alignment 2^31", Code::ModelDamaged,
         [](GgufImage& i) {
             i.entries.push_back({"general.alignment", 4, raw(1U << 31)});
         }},
        {"alignment of another type", Code::ModelDamaged,
         [](GgufImage& i) {
             i.entries.push_back({"general.alignment", 5, raw(32)});
         }},
        // Tensors
        {"no dimensions", Code::ModelDamaged, [](GgufImage& i) { i.tensors[1].dimensions = {}; }},
        {"five dimensions", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensors[1].dimensions = {32, 1, 1, 1, 1};
         }},
        {"dimension 0", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensors[0].dimensions = {32, 0};
         }},
        {"dimension -1", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensors[0].dimensions = {32, ~std::uint64_t{0}};
         }},
        {"dimension 2^62", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensors[0].dimensions = {std::uint64_t{1} << 62, 8};
         }},
        {"product wraps", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensors[0].dimensions = {1U << 31, 1U << 31, 4};
         }},
        {"row no whole block", Code::ModelDamaged,
         [](GgufImage& i) {
             i.tensor("blk.0.ffn_down.weight")->dimensions = {31, 32};
         }},
        {"unknown type", Code::ModelDamaged, [](GgufImage& i) { i.tensors[0].type = 99; }},
        {"removed type", Code::ModelDamaged, [](GgufImage& i) { i.tensors[0].type = 4; }},
        {"type of others", Code::ModelUnsupported, [](GgufImage& i) { i.tensors[0].type = 16; }},
        {"name of 64 bytes", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[0].name = std::string(64, 'a'); }},
        {"name empty", Code::ModelDamaged, [](GgufImage& i) { i.tensors[0].name = ""; }},
        {"name with slash", Code::ModelDamaged, [](GgufImage& i) { i.tensors[0].name = "../a"; }},
        {"name with NUL", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[0].name = std::string("a\0", 2); }},
        {"name with bidi control", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[0].name = "a\xE2\x80\xAE"; }},
        {"duplicate tensor", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[1].name = i.tensors[3].name; }},
        {"offset misaligned", Code::ModelDamaged, [](GgufImage& i) { i.tensors[1].offset += 4; }},
        {"offset overlaps", Code::ModelDamaged, [](GgufImage& i) { i.tensors[1].offset = 0; }},
        {"offset past the end", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[1].offset = 1U << 20; }},
        {"offset wraps", Code::ModelDamaged,
         [](GgufImage& i) { i.tensors[1].offset = ~std::uint64_t{31}; }},
        {"hole in the data", Code::ModelDamaged,
         [](GgufImage& i) {
             for (std::size_t at = 2; at < i.tensors.size(); ++at)
                 i.tensors[at].offset += 32;
             i.tensors[1].data += std::string(32, '\0');
         }},
        {"trailing junk", Code::ModelDamaged, [](GgufImage& i) { i.trailing = "PK\x03\x04 junk"; }},
        // Model
        {"no architecture", Code::ModelFieldMissing,
         [](GgufImage& i) { i.remove("general.architecture"); }},
        {"architecture of another type", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "general.architecture", 1); }},
        {"unknown architecture", Code::ArchitectureUnknown,
         [](GgufImage& i) { i.entries[0].value = rawString("mamba"); }},
        {"later architecture", Code::ArchitectureLater,
         [](GgufImage& i) { i.entries[0].value = rawString("deepseek2"); }},
        {"no layer count", Code::ModelFieldMissing,
         [](GgufImage& i) { i.remove("llama.block_count"); }},
        {"layer count as text", Code::ModelFieldInvalid,
         [](GgufImage& i) {
             i.find("llama.block_count")->type = 8;
             i.find("llama.block_count")->value = rawString("1");
         }},
        {"no heads", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.attention.head_count", 0); }},
        {"more key/value heads than heads", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.attention.head_count_kv", 3); }},
        {"key/value heads 0", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.attention.head_count_kv", 0); }},
        {"2^31 layers", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.block_count", 1U << 31); }},
        {"1000 layers", Code::TensorMissing,
         [](GgufImage& i) { setNumber(i, "llama.block_count", 1000); }},
        {"layers 0", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.block_count", 0); }},
        {"rotary dimension odd", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.rope.dimension_count", 15); }},
        {"rotary dimension too large", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.rope.dimension_count", 18); }},
        {"context 0", Code::ModelFieldInvalid,
         [](GgufImage& i) { setNumber(i, "llama.context_length", 0); }},
        {"epsilon NaN", Code::ModelFieldInvalid,
         [](GgufImage& i) {
             i.find("llama.attention.layer_norm_rms_epsilon")->value = raw(0x7FC00000U);
         }},
        {"unknown rope scaling", Code::ModelUnsupported,
         [](GgufImage& i) {
             i.entries.push_back({"llama.rope.scaling.type", 8, rawString("longrope")});
         }},
        {"experts", Code::ModelUnsupported,
         [](GgufImage& i) {
             i.entries.push_back({"llama.expert_count", 4, raw(8U)});
         }},
        {"heads differ by layer", Code::ModelFieldInvalid,
         [](GgufImage& i) {
             i.find("llama.attention.head_count")->type = 9;
             i.find("llama.attention.head_count")->value = rawInts({2, 4});
         }},
        {"tensor missing", Code::TensorMissing,
         [](GgufImage& i) { i.tensor("blk.0.ffn_up.weight")->name = "blk.0.other"; }},
        {"tensor of wrong shape", Code::TensorShapeWrong,
         [](GgufImage& i) {
             i.tensor("blk.0.attn_q.weight")->dimensions = {16, 64};
         }},
        {"weights as integers", Code::ModelUnsupported,
         [](GgufImage& i) { i.tensor("blk.0.attn_q.weight")->type = 26; }},
        {"a bias nobody computes", Code::ModelUnsupported,
         [](GgufImage& i) {
             i.tensors.push_back({"blk.0.ffn_up.bias", {32}, 0, 0, std::string(128, '\0')});
             i.layOut();
         }},
        // Vocabulary
        {"unknown tokenizer", Code::ModelUnsupported,
         [](GgufImage& i) { i.find("tokenizer.ggml.model")->value = rawString("rwkv"); }},
        {"fewer tokens than embeddings", Code::VocabularyInvalid,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.tokens")->value = rawStrings({"<unk>", "<s>", "</s>"});
             i.remove("tokenizer.ggml.scores");
             i.find("tokenizer.ggml.token_type")->value = rawInts({2, 3, 3});
             i.entries.push_back({"tokenizer.ggml.scores", 9, rawFloats({0, 0, 0})});
         }},
        {"no tokens", Code::VocabularyInvalid,
         [](GgufImage& i) { i.find("tokenizer.ggml.tokens")->value = rawStrings({}); }},
        {"tokens as numbers", Code::ModelFieldInvalid,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.tokens")->value = rawInts({1, 2});
         }},
        {"scores short", Code::VocabularyInvalid,
         [](GgufImage& i) { i.find("tokenizer.ggml.scores")->value = rawFloats({1}); }},
        {"scores of another type", Code::ModelFieldInvalid,
         [](GgufImage& i) { i.find("tokenizer.ggml.scores")->value = rawInts({1}); }},
        {"token types short", Code::VocabularyInvalid,
         [](GgufImage& i) { i.find("tokenizer.ggml.token_type")->value = rawInts({1}); }},
        {"token type out of range", Code::VocabularyInvalid,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.token_type")->value = rawInts({1, 1, 1, 1, 1, 1, 1, 9});
         }},
        {"bos outside", Code::VocabularyInvalid,
         [](GgufImage& i) { setNumber(i, "tokenizer.ggml.bos_token_id", 8); }},
        {"bos of another type", Code::ModelFieldInvalid,
         [](GgufImage& i) {
             i.find("tokenizer.ggml.bos_token_id")->type = 6;
             i.find("tokenizer.ggml.bos_token_id")->value = raw(1.0F);
         }},
        {"merges missing", Code::VocabularyInvalid,
         [](GgufImage& i) { i.find("tokenizer.ggml.model")->value = rawString("gpt2"); }},
        // Parts
        {"parts without such a name", Code::ModelPartMissing,
         [](GgufImage& i) {
             i.entries.push_back({"split.count", 2, raw(std::uint16_t{3})});
         }},
        {"parts beyond reason", Code::ModelPartMissing,
         [](GgufImage& i) {
             i.entries.push_back({"split.count", 4, raw(60000U)});
         }},
    };
    return all;
}

} // namespace

class TstGgufFile : public QObject {
    Q_OBJECT

  private:
    QTemporaryDir m_folder;

    std::string write(const std::string& bytes, const char* name = "model.gguf") {
        const std::string path = m_folder.filePath(name).toStdString();
        tests::writeFile(path, bytes);
        return path;
    }

  private slots:
    void readsTheImage() {
        const auto model = openModel(write(tests::tinyLlama().bytes()));
        QVERIFY2(model.ok(), model.status().sentence().c_str());
        QCOMPARE(model->config.headDim, 16U);
        QCOMPARE(model->vocabulary.tokens.size(), std::size_t{8});
        const TensorInfo* down = model->tensors->find("blk.0.ffn_down.weight");
        QVERIFY(down != nullptr && down->type == TensorType::Q8_0);
        std::vector<float> row(32);
        QVERIFY(readRowsF32(*model->tensors, *down, 3, 1, row).ok());
        QCOMPARE(row[0], (0 * 8 - 127 + 3) / 128.0F);
        QCOMPARE(row[31], (31 * 8 - 127 + 3) / 128.0F);
    }

    void refusesBrokenFiles_data() {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < cases().size(); ++i)
            QTest::newRow(cases()[i].name) << static_cast<int>(i);
    }

    void refusesBrokenFiles() {
        QFETCH(int, index);
        const Case& broken = cases()[static_cast<std::size_t>(index)];
        GgufImage image = tests::tinyLlama();
        broken.spoil(image);
        const std::string bytes = image.bytes();
        const std::string path = write(bytes);
        const tests::AllocationCounter counter;
        const auto model = openModel(path);
        QVERIFY(!model.ok());
        const std::string sentence = model.status().sentence();
        QVERIFY2(model.status() == broken.code, sentence.c_str());
        QVERIFY2(sentence.find("model.gguf") != std::string::npos, sentence.c_str());
        QVERIFY2(sentence.find('?') == std::string::npos, sentence.c_str());
        QVERIFY2(counter.peak() <= (64U << 20) + 2 * bytes.size(),
                 qPrintable(QString::number(counter.peak())));
    }

    void refusesEveryTruncation() {
        const std::string bytes = tests::tinyLlama().bytes();
        QCOMPARE(bytes.size() % 32, std::size_t{0});     // no padding behind the last tensor
        const std::size_t header = bytes.size() - 23000; // every byte of it; data in steps
        for (std::size_t length = 0; length < bytes.size(); length += length < header ? 1 : 997) {
            const auto model = openModel(write(bytes.substr(0, length)));
            QVERIFY2(!model.ok(), qPrintable(QString::number(length)));
        }
    }

    void boundsMemoryOfHugeVocabularies() {
        GgufImage image = tests::tinyLlama();
        std::vector<std::string> empty(1U << 20); // as dense as a file can be: 8 bytes a token
        image.find("tokenizer.ggml.tokens")->value = rawStrings(empty);
        const std::string bytes = image.bytes();
        const std::string path = write(bytes);
        const tests::AllocationCounter counter;
        QVERIFY(!openModel(path).ok());
        QVERIFY2(counter.peak() <= (64U << 20) + 2 * bytes.size(),
                 qPrintable(QString::number(counter.peak())));
    }

    void noticesAFileThatShrinks() {
        const std::string path = write(tests::tinyLlama().bytes());
        const auto model = openModel(path);
        QVERIFY(model.ok());
        std::filesystem::resize_file(path, 100);
        const auto matrix = loadMatrix(
            *model->tensors, *model->tensors->find("blk.0.attn_q.weight"), MatrixFormat::Int8G128);
        QVERIFY(matrix.status() == Code::FileChanged);
    }

    void refusesNotANumber_data() {
        QTest::addColumn<QString>("tensor");
        QTest::addColumn<int>("byte");
        QTest::newRow("f32") << "blk.0.attn_q.weight" << 40;
        QTest::newRow("q8_0 scale") << "blk.0.ffn_down.weight" << 34;
    }

    void refusesNotANumber() {
        QFETCH(QString, tensor);
        QFETCH(int, byte);
        GgufImage image = tests::tinyLlama();
        const std::string name = tensor.toStdString();
        GgufImage::Tensor* spoilt = image.tensor(name);
        // 0x7F800000 is infinity as a float; its upper half as fp16 is NaN.
        const std::string infinity =
            spoilt->type == 0 ? raw(0x7F800000U) : raw(std::uint16_t{0x7C01});
        spoilt->data.replace(static_cast<std::size_t>(byte), infinity.size(), infinity);
        const auto model = openModel(write(image.bytes()));
        QVERIFY(model.ok());
        for (const MatrixFormat format : {MatrixFormat::F32, MatrixFormat::Int8G32}) {
            const auto matrix = loadMatrix(*model->tensors, *model->tensors->find(name), format);
            QVERIFY(matrix.status() == Code::TensorNotFinite);
            QVERIFY(matrix.status().sentence().find(name) != std::string::npos);
        }
    }

    void opensModelsInParts() {
        GgufImage first = tests::tinyLlama();
        GgufImage second;
        second.tensors.assign(first.tensors.begin() + 5, first.tensors.end());
        first.tensors.resize(5);
        std::uint16_t number = 0;
        for (GgufImage* part : {&first, &second}) {
            part->entries.push_back({"split.no", 2, raw(number++)});
            part->entries.push_back({"split.count", 2, raw(std::uint16_t{2})});
            part->entries.push_back({"split.tensors.count", 5, raw(std::int32_t{12})});
            part->layOut();
        }
        const std::string one = write(first.bytes(), "tiny-00001-of-00002.gguf");
        QVERIFY(openModel(one).status() == Code::ModelPartMissing);
        const std::string two = write(second.bytes(), "tiny-00002-of-00002.gguf");
        for (const std::string& any : {one, two}) {
            const auto model = openModel(any);
            QVERIFY2(model.ok(), model.status().sentence().c_str());
            QCOMPARE(model->tensors->tensors().size(), std::size_t{12});
            QCOMPARE(model->fileBytes, first.bytes().size() + second.bytes().size());
        }
        // The first part twice: its number and its tensors give it away.
        write(first.bytes(), "tiny-00002-of-00002.gguf");
        QVERIFY(openModel(one).status() == Code::ModelPartMissing);
        second.tensors[0].name = first.tensors[0].name;
        write(second.bytes(), "tiny-00002-of-00002.gguf");
        QVERIFY(openModel(one).status() == Code::ModelDamaged);
        second.tensors.pop_back();
        write(second.bytes(), "tiny-00002-of-00002.gguf");
        QVERIFY(openModel(one).status() == Code::ModelPartMissing);
    }

    void refusesWhatIsNoFile() {
        QVERIFY(openModel("/dev/zero").status() == Code::FileCannotOpen);
        QVERIFY(openModel(m_folder.filePath("absent.gguf").toStdString()).status() ==
                Code::FileCannotOpen);
        QVERIFY(openModel(m_folder.path().toStdString()).status() == Code::ModelFormatUnknown);
    }

    void hashesTellModelsApart() {
        GgufImage image = tests::tinyLlama();
        const auto one = openModel(write(image.bytes(), "one.gguf"));
        const auto same = openModel(write(image.bytes(), "two.gguf"));
        image.tensors[2].data[0] ^= 1;
        const auto other = openModel(write(image.bytes(), "three.gguf"));
        QVERIFY(one.ok() && same.ok() && other.ok());
        QCOMPARE(one->tensors->contentHash(), same->tensors->contentHash());
        QVERIFY(one->tensors->contentHash() != other->tensors->contentHash());
    }
};

INGLENOOK_SUITE(gguf_file, TstGgufFile)
#include "tst_gguf_file.moc"
