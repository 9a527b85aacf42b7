#include "engine/text/chat_template.h"
#include "tests/support/suite_registry.h"
#include "tests/support/thread_time.h"

#include <nlohmann/json.hpp>
#include <QFile>
#include <QtTest/QtTest>

using namespace engine;
using Json = nlohmann::ordered_json;

namespace {

QByteArray fixture(const QString& name) {
    QFile file(tests::sourceDir() + QStringLiteral("/tests/fixtures/templates/") + name);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

std::shared_ptr<const ChatTemplate> templateOf(const char* name) {
    auto parsed = ChatTemplate::parse(fixture(QString::fromLatin1(name)).toStdString());
    return parsed ? *parsed : nullptr;
}

std::string rendered(const ChatTemplate& chatTemplate, const ChatTemplateInput& input) {
    const auto pieces = chatTemplate.render(input);
    return pieces ? joinPieces(*pieces) : pieces.status().sentence();
}

// Every byte is a token, but for special tokens; enough to see what may become one.
class ByteTokenizer : public Tokenizer {
  public:
    ByteTokenizer() {
        for (int i = 0; i < 256; ++i)
            m_vocabulary.tokens.push_back({std::string(1, static_cast<char>(i))});
        for (const char* text : {"<BOS>", "<EOS>", "<|im_start|>", "<|im_end|>", "<|im",
                                 "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>",
                                 "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"})
            m_vocabulary.tokens.push_back({text, 0, TokenAttribute::Control});
        for (const char* text : {"<｜tool｜>", "<think>"})
            m_vocabulary.tokens.push_back({text, 0, TokenAttribute::UserDefined});
        m_vocabulary.bos = 256;
        m_vocabulary.addBos = true;
    }
    std::vector<TokenId> encode(std::string_view text, EncodeOptions options) const override {
        std::vector<TokenId> ids;
        while (!text.empty()) {
            TokenId best = static_cast<unsigned char>(text[0]);
            for (TokenId id = 256; id < size(); ++id)
                if ((options.parseSpecial || !isControl(id)) && text.starts_with(spelling(id)) &&
                    spelling(id).size() > spelling(best).size())
                    best = id;
            ids.push_back(best);
            text.remove_prefix(spelling(best).size());
        }
        return ids;
    }
    std::string_view tokenBytes(TokenId id, bool) const override { return spelling(id); }
    std::string decode(std::span<const TokenId> ids, bool) const override {
        std::string text;
        for (const TokenId id : ids)
            text += spelling(id);
        return text;
    }
    const Vocabulary& vocabulary() const override { return m_vocabulary; }
    TokenId find(std::string_view text) const override {
        for (TokenId id = 0; id < size(); ++id)
            if (spelling(id) == text)
                return id;
        return kNoToken;
    }
    bool isEndOfGeneration(TokenId id) const override { return id == 257; }
    bool isControl(TokenId id) const override {
        return m_vocabulary.tokens[static_cast<std::size_t>(id)].attribute ==
               TokenAttribute::Control;
    }

  private:
    TokenId size() const { return static_cast<TokenId>(m_vocabulary.tokens.size()); }
    const std::string& spelling(TokenId id) const {
        return m_vocabulary.tokens[static_cast<std::size_t>(id)].text;
    }
    Vocabulary m_vocabulary;
};

} // namespace

class TstChatTemplate : public QObject {
    Q_OBJECT

  private slots:
    void rendersAsPython_data() {
        QTest::addColumn<int>("index");
        const Json all = Json::parse(fixture(QStringLiteral("goldens.json")).toStdString());
        int index = 0;
        for (const Json& one : all["cases"]) {
            QTest::addRow("%d %s %s", index, one["template"].get<std::string>().c_str(),
                          one["conversation"].get<std::string>().c_str())
                << index;
            ++index;
        }
        QVERIFY(index >= 200);
    }
    void rendersAsPython() {
        static const Json all = Json::parse(fixture(QStringLiteral("goldens.json")).toStdString());
        QFETCH(int, index);
        const Json& one = all["cases"][static_cast<std::size_t>(index)];
        ChatTemplateInput input;
        for (const Json& message : one["messages"])
            input.messages.push_back({message["role"], message["content"]});
        input.addGenerationPrompt = one["generate"];
        input.enableThinking = one["thinking"];
        input.bosToken = all["bos"];
        input.eosToken = all["eos"];
        const auto chatTemplate = templateOf(one["template"].get<std::string>().c_str());
        QVERIFY(chatTemplate != nullptr);
        const auto pieces = chatTemplate->render(input);
        QVERIFY2(pieces.ok(), pieces.status().sentence().c_str());
        QCOMPARE(QByteArray::fromStdString(joinPieces(*pieces)),
                 QByteArray::fromStdString(one["text"].get<std::string>()));
    }

    void fallbackIsChatMl() {
        const auto chatTemplate = ChatTemplate::fallback();
        QVERIFY(chatTemplate != nullptr);
        QCOMPARE(QByteArray::fromStdString(chatTemplate->source()),
                 fixture(QStringLiteral("chatml.jinja")));
        QCOMPARE(QByteArray::fromStdString(rendered(*chatTemplate, {{{"user", "Hi"}}})),
                 QByteArray("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"));
    }

    void bodiesNeverYieldSpecialIds() {
        const ByteTokenizer tokenizer;
        std::string body = " ";
        for (const VocabularyToken& token : tokenizer.vocabulary().tokens)
            if (token.attribute == TokenAttribute::Control)
                body += token.text + "x" + token.text;
        const auto specials = [&](const ChatTemplate& chatTemplate, const std::string& text) {
            const auto pieces = chatTemplate.render(
                {{{"system", text}, {"user", text}, {"assistant", text}, {"user", text}},
                 true,
                 "<BOS>",
                 "<EOS>"});
            std::vector<TokenId> found;
            for (const TokenId id : encodePieces(tokenizer, *pieces))
                if (tokenizer.isControl(id))
                    found.push_back(id);
            return found;
        };
        for (const char* name :
             {"chatml.jinja", "qwen2.jinja", "qwen2.5.jinja", "qwen3.jinja", "deepseek-llm.jinja",
              "deepseek-r1.jinja", "deepseek-r1-distill.jinja", "deepseek-r1-0528.jinja",
              "deepseek-v3.jinja", "llama3-format.jinja", "llama3-lines.jinja"}) {
            const auto chatTemplate = templateOf(name);
            QVERIFY2(specials(*chatTemplate, body) == specials(*chatTemplate, "harmless"), name);
            QVERIFY2(!specials(*chatTemplate, "harmless").empty(), name);
        }
        // The test can fail: told that bodies are template text, the ids are there.
        QVERIFY(encodePieces(tokenizer, {{body, false}}).size() <
                encodePieces(tokenizer, {{body, true}}).size());
    }

    void roleMarksThatAFileCallsUserDefinedStayText() {
        const ByteTokenizer tokenizer;
        const TokenId mark = tokenizer.find("<｜tool｜>");
        const auto count = [&](const std::vector<PromptPiece>& pieces, TokenId id) {
            const std::vector<TokenId> ids = encodePieces(tokenizer, pieces);
            return std::count(ids.begin(), ids.end(), id);
        };
        const std::string text = "a<｜tool｜>b<｜tool｜>";
        QCOMPARE(count({{text, true}}, mark), 0);
        QCOMPARE(count({{text, false}}, mark), 2);
        QCOMPARE(count({{"<think>", true}}, tokenizer.find("<think>")), 1);
        QCOMPARE(tokenizer.decode(encodePieces(tokenizer, {{text, true}}), true), "<BOS>" + text);
    }

    void unknownRolesAreBodies() {
        const auto pieces = ChatTemplate::fallback()->render({{{"<|im_end|>", "x"}}});
        QCOMPARE((*pieces)[1].text, std::string("<|im_end|>"));
        QVERIFY((*pieces)[1].isBody);
    }

    void encodesBordersTogetherAndBosOnce() {
        const ByteTokenizer tokenizer;
        const auto text = [&](const std::vector<PromptPiece>& pieces) {
            return QByteArray::fromStdString(
                tokenizer.decode(encodePieces(tokenizer, pieces), true));
        };
        QCOMPARE(text({{"<BOS>a", false}}), QByteArray("<BOS>a"));
        QCOMPARE(text({{"a", false}}), QByteArray("<BOS>a"));
        QCOMPARE(text({{"<BOS>a", true}}), QByteArray("<BOS><BOS>a"));
        QCOMPARE(text({}), QByteArray("<BOS>"));
        // A special token never begins in the template and ends in a body.
        QCOMPARE(encodePieces(tokenizer, {{"<|im_", false}, {"end|>", true}}).size(),
                 std::size_t(1 + 1 + 6)); // bos, <|im, "_end|>"
        QCOMPARE(encodePieces(tokenizer, {{"<|im_end|>", false}}).size(), std::size_t(2));
    }

    void continuesAnAnswer() {
        const auto r1 = templateOf("deepseek-r1.jinja");
        ChatTemplateInput input{{{"user", "Why?"}}, true, "", ""};
        QVERIFY(endsInsideReasoning(*r1->render(input)));
        input.continuedAnswer = "<think>\nHm";
        QVERIFY(rendered(*r1, input).ends_with("<｜Assistant｜><think>\nHm"));
        QVERIFY(endsInsideReasoning(*r1->render(input)));
        input.continuedAnswer = "Hm.\n</think>\n\nBecause";
        QVERIFY(rendered(*r1, input).ends_with("<think>\nHm.\n</think>\n\nBecause"));
        QVERIFY(!endsInsideReasoning(*r1->render(input)));
        QVERIFY(r1->render(input)->back().isBody);

        const auto qwen3 = templateOf("qwen3.jinja");
        input.continuedAnswer = "<think>\nHm";
        QVERIFY(rendered(*qwen3, input).ends_with("assistant\n<think>\nHm"));
        QVERIFY(endsInsideReasoning(*qwen3->render(input)));
        input.continuedAnswer.clear();
        QVERIFY(!endsInsideReasoning(*qwen3->render(input)));
        input.enableThinking = false;
        QVERIFY(rendered(*qwen3, input).ends_with("<think>\n\n</think>\n\n"));
        QVERIFY(!endsInsideReasoning(*qwen3->render(input)));
    }

    void tagsOfAPersonDoNotOpenReasoning() {
        const auto chatMl = ChatTemplate::fallback();
        QVERIFY(!endsInsideReasoning(*chatMl->render({{{"user", "<think>"}}})));
        const auto r1 = templateOf("deepseek-r1.jinja");
        QVERIFY(endsInsideReasoning(*r1->render({{{"user", "</think>"}}})));
        QVERIFY(!endsInsideReasoning({}));
    }

    void shippedTemplatesParse() {
        const QDir folder(tests::sourceDir() + QStringLiteral("/resources/templates"));
        const QStringList names = folder.entryList({QStringLiteral("*.jinja")});
        QVERIFY(names.contains(QStringLiteral("chatml.jinja")));
        for (const QString& name : names) {
            QFile file(folder.filePath(name));
            QVERIFY(file.open(QIODevice::ReadOnly));
            const auto parsed = ChatTemplate::parse(file.readAll().toStdString());
            QVERIFY2(parsed.ok(), qPrintable(name));
            QVERIFY((*parsed)->render({{{"user", "Hi"}}}).ok());
        }
    }

    void aLongConversationIsQuick() {
        ChatTemplateInput input;
        for (int i = 0; i < 1000; ++i) {
            input.messages.push_back({"user", std::string(1000, 'q')});
            input.messages.push_back({"assistant", std::string(2000, 'a')});
        }
        const auto qwen3 = templateOf("qwen3.jinja");
        const std::int64_t begin = tests::threadTime_ms();
        const auto pieces = qwen3->render(input);
        const qint64 elapsed = tests::threadTime_ms() - begin;
        QVERIFY2(pieces.ok(), pieces.status().sentence().c_str());
        QVERIFY2(elapsed < 1000 * tests::kSanitizerFactor, QByteArray::number(elapsed).constData());
        qInfo("2,000 messages, 3 MB: %lld ms", static_cast<long long>(elapsed));
    }
};

INGLENOOK_SUITE(chat_template, TstChatTemplate)
#include "tst_chat_template.moc"
