#include "engine/model/opened_model.h"
#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_json.h"
#include "tests/support/suite_registry.h"

#include <nlohmann/json.hpp>
#include <QFile>
#include <QtTest/QtTest>

using namespace engine;
using nlohmann::json;

namespace {

constexpr const char* kQwenRegex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json byteLevelStage(bool useRegex) {
    return {{"type", "ByteLevel"},
            {"add_prefix_space", false},
            {"trim_offsets", true},
            {"use_regex", useRegex}};
}

/// A small whole tokenizer.json: bytes of ASCII letters, three merges, two added tokens.
json smallTokenizer() {
    json vocab = json::object();
    for (char letter = 'a'; letter <= 'z'; ++letter)
        vocab[std::string(1, letter)] = letter - 'a';
    vocab["\u0120"] = 26;
    vocab["ab"] = 27;
    vocab["\u0120ab"] = 28;
    json added = json::array();
    added.push_back({{"id", 29},
                     {"content", "<|end|>"},
                     {"special", true},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"single_word", false},
                     {"normalized", false}});
    added.push_back({{"id", 30}, {"content", "<think>"}, {"special", false}});
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"added_tokens", added},
            {"normalizer", {{"type", "NFC"}}},
            {"pre_tokenizer", byteLevelStage(true)},
            {"post_processor", byteLevelStage(true)},
            {"decoder", byteLevelStage(true)},
            {"model",
             {{"type", "BPE"},
              {"dropout", nullptr},
              {"unk_token", nullptr},
              {"continuing_subword_prefix", ""},
              {"end_of_word_suffix", ""},
              {"byte_fallback", false},
              {"vocab", vocab},
              {"merges", {"a b", "\u0120 ab"}}}}};
}

Result<Vocabulary> read(const json& tokenizer, const json& config = nullptr,
                        const json& generation = nullptr) {
    const auto text = [](const json& value) {
        return value.is_null() ? std::string() : value.dump();
    };
    return vocabularyFromTokenizerJson(tokenizer.dump(), text(config), text(generation));
}

QString errorOf(const json& tokenizer, const json& config = nullptr,
                const json& generation = nullptr) {
    const auto made = read(tokenizer, config, generation);
    return made ? QString() : QString::fromStdString(made.status().sentence());
}

json addedToken(const Vocabulary& vocabulary, std::size_t id) {
    const VocabularyToken& token = vocabulary.tokens[id];
    return {{"id", id},
            {"content", token.text},
            {"special", token.attribute != TokenAttribute::UserDefined}};
}

Vocabulary ggufVocabulary(const char* name) {
    const auto vocabulary = openVocabulary(tests::vectorsDir().toStdString() +
                                           "/tokenizers/ggml-vocab-" + name + ".gguf");
    return vocabulary ? *vocabulary : Vocabulary();
}

/// tokenizer.json of a GGUF vocabulary, as Hugging Face's converters write it.
json qwenJson(const Vocabulary& vocabulary) {
    json vocab = json::object();
    json added = json::array();
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        if (vocabulary.tokens[id].attribute == TokenAttribute::Normal)
            vocab[vocabulary.tokens[id].text] = id;
        else
            added.push_back(addedToken(vocabulary, id));
    }
    json merges = json::array(); // the newer form, pairs
    for (const std::string& merge : vocabulary.merges) {
        const std::size_t space = merge.find(' ');
        merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
    }
    const json split = {{"type", "Split"},
                        {"pattern", {{"Regex", kQwenRegex}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    return {{"added_tokens", added},
            {"pre_tokenizer",
             {{"type", "Sequence"}, {"pretokenizers", {split, byteLevelStage(false)}}}},
            {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
}

json llamaJson(const Vocabulary& vocabulary) {
    json vocab = json::object();
    json added = json::array();
    std::map<std::string, std::size_t> ids;
    std::vector<std::size_t> byScore;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        const VocabularyToken& token = vocabulary.tokens[id];
        vocab[token.text] = id;
        if (token.attribute == TokenAttribute::Normal) {
            ids[token.text] = id;
            byScore.push_back(id);
        } else if (token.attribute != TokenAttribute::Byte) {
            added.push_back(addedToken(vocabulary, id));
        }
    }
    std::stable_sort(byScore.begin(), byScore.end(), [&](std::size_t a, std::size_t b) {
        return vocabulary.tokens[a].score > vocabulary.tokens[b].score;
    });
    json merges = json::array();
    for (const std::size_t id : byScore) {
        const std::string& text = vocabulary.tokens[id].text;
        for (std::size_t cut = 1; cut < text.size(); ++cut)
            if (ids.count(text.substr(0, cut)) > 0 && ids.count(text.substr(cut)) > 0)
                merges.push_back(text.substr(0, cut) + " " + text.substr(cut));
    }
    const json prepend = {{"type", "Prepend"}, {"prepend", "\u2581"}};
    const json replace = {
        {"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}};
    return {{"added_tokens", added},
            {"normalizer", {{"type", "Sequence"}, {"normalizers", {prepend, replace}}}},
            {"pre_tokenizer", nullptr},
            {"post_processor",
             {{"type", "TemplateProcessing"},
              {"single",
               {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
                {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}}},
            {"model",
             {{"type", "BPE"},
              {"unk_token", "<unk>"},
              {"fuse_unk", true},
              {"byte_fallback", true},
              {"vocab", vocab},
              {"merges", merges}}}};
}

/// The texts of a vector file and the ids expected of them; true when all agree.
void compareWithVectors(const Tokenizer& tokenizer, const char* name) {
    const QString base =
        tests::vectorsDir() + QStringLiteral("/tokenizers/ggml-vocab-%1.gguf").arg(name);
    QFile inputs(base + ".inp");
    QFile outputs(base + ".out");
    QVERIFY(inputs.open(QIODevice::ReadOnly) && outputs.open(QIODevice::ReadOnly));
    QByteArray input = inputs.readAll();
    const QByteArray separator = "\n__ggml_vocab_test__\n";
    while (!input.isEmpty()) {
        const qsizetype end = input.indexOf(separator);
        QVERIFY(end >= 0);
        const std::string text = input.left(end).toStdString();
        input.remove(0, end + separator.size());
        QByteArrayList ids;
        for (const TokenId id : tokenizer.encode(text, {.addBos = false}))
            ids << QByteArray::number(id);
        QCOMPARE(ids.join(' '), outputs.readLine().trimmed());
    }
}

} // namespace

class TstTokenizerJson : public QObject {
    Q_OBJECT

  private slots:
    void readsASmallTokenizer() {
        const auto made =
            read(smallTokenizer(), {{"eos_token", "<|end|>"}}, {{"eos_token_id", {3, 29}}});
        QVERIFY2(made.ok(), made.status().sentence().c_str());
        QVERIFY(made->normalizeNfc);
        QCOMPARE(made->eos, 29);
        QVERIFY(made->endOfGeneration == (std::vector<TokenId>{3, 29}));
        const auto tokenizer = Tokenizer::create(*made);
        QVERIFY2(tokenizer.ok(), tokenizer.status().sentence().c_str());
        QVERIFY((*tokenizer)->encode("ab ab") == (std::vector<TokenId>{27, 28}));
        QVERIFY((*tokenizer)->encode("a<think>b") == (std::vector<TokenId>{0, 30, 1}));
        QVERIFY((*tokenizer)->encode("<|end|>", {.parseSpecial = true}) ==
                std::vector<TokenId>{29});
    }

    void bosFollowsTemplateAndConfiguration() {
        json tokenizer = smallTokenizer();
        const json bosFirst = {
            {"type", "TemplateProcessing"},
            {"single", {{{"SpecialToken", {{"id", "<|end|>"}}}}, {{"Sequence", {{"id", "A"}}}}}}};
        QVERIFY(!read(tokenizer)->addBos);
        tokenizer["post_processor"] = {{"type", "Sequence"},
                                       {"processors", {byteLevelStage(true), bosFirst}}};
        QVERIFY(read(tokenizer)->addBos);
        QCOMPARE(read(tokenizer)->bos, 29);
        QVERIFY(!read(tokenizer, {{"add_bos_token", false}})->addBos);
        const json asObject = {{"add_bos_token", true}, {"bos_token", {{"content", "<|end|>"}}}};
        QVERIFY(read(smallTokenizer(), asObject)->addBos);
        QVERIFY(errorOf(smallTokenizer(), {{"add_bos_token", true}}).contains("bos_token"));
    }

    void namesWhatItCannotUse_data() {
        QTest::addColumn<QString>("patch"); // RFC 6902
        QTest::addColumn<QString>("part");
        const char* const rows[][2] = {
            {R"([{"op":"replace","path":"/model/type","value":"Unigram"}])", "Unigram"},
            {R"([{"op":"replace","path":"/model/vocab","value":[["a",0]]}])", "model type"},
            {R"([{"op":"replace","path":"/model/vocab","value":[[[["a"]]]]}])", "model type"},
            {R"([{"op":"replace","path":"/model/dropout","value":0.1}])", "dropout"},
            {R"([{"op":"replace","path":"/model/end_of_word_suffix","value":"</w>"}])",
             "end_of_word"},
            {R"([{"op":"replace","path":"/model/vocab/ab","value":26}])", "id 26 twice"},
            {R"([{"op":"replace","path":"/model/vocab/ab","value":2000000}])", "id 2000000"},
            {R"([{"op":"replace","path":"/model/vocab/ab","value":-1}])", "model.vocab"},
            {R"([{"op":"replace","path":"/model/vocab/ab","value":{}}])", "model.vocab"},
            {R"([{"op":"remove","path":"/model/vocab/c"}])", "id"},
            {R"([{"op":"add","path":"/model/merges/0","value":["a"]}])", "no pair"},
            {R"([{"op":"add","path":"/model/merges/0","value":["a","b","c"]}])", "no pair"},
            {R"([{"op":"add","path":"/model/merges/0","value":7}])", "model.merges"},
            {R"([{"op":"add","path":"/model/merges/0","value":{"a":"b"}}])", "model.merges"},
            {R"([{"op":"replace","path":"/model","value":[]}])", "model"},
            {R"([{"op":"remove","path":"/model"}])", "model"},
            {R"([{"op":"replace","path":"/normalizer/type","value":"NFKC"}])", "normalizer NFKC"},
            {R"([{"op":"replace","path":"/normalizer","value":"NFC"}])", "normalizer"},
            {R"([{"op":"replace","path":"/pre_tokenizer/type","value":"Whitespace"}])",
             "Whitespace"},
            {R"([{"op":"replace","path":"/pre_tokenizer/use_regex","value":1}])", "boolean"},
            {R"([{"op":"replace","path":"/pre_tokenizer","value":null}])", "plain characters"},
            {R"([{"op":"replace","path":"/post_processor/type","value":"BertProcessing"}])",
             "Bert"},
            {R"([{"op":"replace","path":"/decoder/type","value":"WordPiece"}])", "WordPiece"},
            {R"([{"op":"replace","path":"/added_tokens","value":{}}])", "added_tokens"},
            {R"([{"op":"replace","path":"/added_tokens/0/id","value":"x"}])", "without id"},
            {R"([{"op":"replace","path":"/added_tokens/0/content","value":1}])", "wrong type"},
            {R"([{"op":"replace","path":"/added_tokens/0/id","value":5}])", "spelled differently"},
            {R"([{"op":"replace","path":"/added_tokens/0/single_word","value":true}])",
             "single word"},
        };
        for (const auto& row : rows)
            QTest::addRow("%s", row[0]) << QString(row[0]) << QString(row[1]);
    }
    void namesWhatItCannotUse() {
        QFETCH(QString, patch);
        QFETCH(QString, part);
        const QString error = errorOf(smallTokenizer().patch(json::parse(patch.toStdString())));
        QVERIFY2(error.contains(part), qPrintable(error));
    }

    void brokenTextIsAnError() {
        const std::string whole = smallTokenizer().dump();
        for (std::size_t size = 0; size < whole.size(); ++size)
            QVERIFY(!vocabularyFromTokenizerJson(whole.substr(0, size), {}, {}).ok());
        const std::string deep(100000, '[');
        QVERIFY(!vocabularyFromTokenizerJson(deep, {}, {}).ok());
        QVERIFY(!vocabularyFromTokenizerJson(R"({"model":{"vocab":)" + deep, {}, {}).ok());
        QVERIFY(!vocabularyFromTokenizerJson(R"({"model":{"merges":)" + deep, {}, {}).ok());
        QVERIFY(errorOf(smallTokenizer(), {{"eos_token", 5}}).contains("tokenizer_config.json"));
        QVERIFY(errorOf(smallTokenizer(), {{"eos_token", "x!"}}).contains("no token"));
        QVERIFY(errorOf(smallTokenizer(), nullptr, {{"eos_token_id", 31}})
                    .contains("generation_config.json"));
        QVERIFY(errorOf(smallTokenizer(), json::array()).contains("not an object"));
    }

    void vocabAndMergesFiles() {
        const std::string vocab = smallTokenizer()["model"]["vocab"].dump();
        const std::string merges = "#version: 0.2\na b\r\n\u0120 ab\n";
        const std::string config =
            R"({"tokenizer_class":"Qwen2Tokenizer","eos_token":"<|end|>",
                "added_tokens_decoder":{"29":{"content":"<|end|>","special":true}}})";
        const auto made = vocabularyFromBpeFiles(vocab, merges, config);
        QVERIFY2(made.ok(), made.status().sentence().c_str());
        QCOMPARE(made->preTokenizer, std::string("qwen2"));
        QCOMPARE(made->eos, 29);
        const auto tokenizer = Tokenizer::create(*made);
        QVERIFY(tokenizer.ok());
        QVERIFY((*tokenizer)->encode("ab ab") == (std::vector<TokenId>{27, 28}));
        QVERIFY(!vocabularyFromBpeFiles(vocab, merges, R"({"tokenizer_class":"Other"})").ok());
    }

    void metaspaceSplitsBeforeEverySpace() {
        json tokenizer = {
            {"pre_tokenizer",
             {{"type", "Metaspace"},
              {"replacement", "\u2581"},
              {"prepend_scheme", "first"},
              {"split", true}}},
            {"model",
             {{"vocab", {{"\u2581", 0}, {"a", 1}, {"\u2581\u2581", 2}, {"\u2581a", 3}}},
              {"merges", {"\u2581 \u2581", "\u2581 a"}}}}};
        const auto split = Tokenizer::create(*read(tokenizer));
        QVERIFY(split.ok());
        QVERIFY((*split)->encode("a  a") == (std::vector<TokenId>{3, 0, 3}));
        QVERIFY((*split)->encode(" a") == std::vector<TokenId>{3}); // begins with a space already
        tokenizer["pre_tokenizer"]["split"] = false;
        const auto whole = Tokenizer::create(*read(tokenizer));
        QVERIFY((*whole)->encode("a  a") == (std::vector<TokenId>{3, 2, 1}) ||
                (*whole)->encode("a  a") == (std::vector<TokenId>{0, 1, 2, 1}));
    }

    void sameIdsAsTheGguf() {
        if (tests::vectorsDir().isEmpty())
            QSKIP("Set INGLENOOK_VECTORS to the folder of the public tokenizer vectors.");
        const auto qwen = read(qwenJson(ggufVocabulary("qwen2")));
        QVERIFY2(qwen.ok(), qwen.status().sentence().c_str());
        const auto qwenTokenizer = Tokenizer::create(*qwen);
        QVERIFY2(qwenTokenizer.ok(), qwenTokenizer.status().sentence().c_str());
        compareWithVectors(**qwenTokenizer, "qwen2");

        const auto llama = read(llamaJson(ggufVocabulary("llama-spm")));
        QVERIFY2(llama.ok(), llama.status().sentence().c_str());
        QVERIFY(llama->addBos);
        QCOMPARE(llama->bos, 1);
        auto llamaTokenizer = Tokenizer::create(*llama);
        QVERIFY2(llamaTokenizer.ok(), llamaTokenizer.status().sentence().c_str());
        compareWithVectors(**llamaTokenizer, "llama-spm");
        // The derived scores alone give the same ids.
        Vocabulary scored = *llama;
        scored.merges.clear();
        compareWithVectors(**Tokenizer::create(scored), "llama-spm");
    }
};

INGLENOOK_SUITE(tokenizer_json, TstTokenizerJson)
#include "tst_tokenizer_json.moc"
