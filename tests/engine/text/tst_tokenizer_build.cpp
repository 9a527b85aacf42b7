// What Tokenizer::create refuses, and the rules that need no published vocabulary.

#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_tables.h"
#include "engine/text/unicode.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <QtTest/QtTest>

using namespace engine;

namespace {

using Tokens = std::vector<TokenId>;

/// The 256 bytes and "ab", "abc", with <s> 258 and </s> 259.
Vocabulary byteVocabulary() {
    Vocabulary vocabulary;
    vocabulary.kind = TokenizerKind::ByteLevelBpe;
    vocabulary.preTokenizer = "gpt-2";
    for (const char32_t character : printableAlphabet()) {
        VocabularyToken token;
        utf8Append(token.text, character);
        vocabulary.tokens.push_back(token);
    }
    for (const char* text : {"ab", "abc", "<s>", "</s>"}) {
        VocabularyToken token;
        token.text = text;
        if (text[0] == '<')
            token.attribute = TokenAttribute::Control;
        vocabulary.tokens.push_back(token);
    }
    vocabulary.merges = {"a b", "ab c"};
    vocabulary.bos = 258;
    vocabulary.eos = 259;
    return vocabulary;
}

Vocabulary sentenceVocabulary() {
    Vocabulary vocabulary;
    vocabulary.kind = TokenizerKind::SentencePiece;
    vocabulary.addSpacePrefix = true;
    vocabulary.unknown = 0;
    const std::pair<const char*, float> tokens[] = {{"<unk>", 0}, {"\u2581", -5}, {"a", -6},
                                                    {"b", -7},    {"ab", -1},     {"\u2581a", -2},
                                                    {"ba", -3}};
    for (const auto& [text, score] : tokens)
        vocabulary.tokens.push_back({text, score});
    vocabulary.tokens[0].attribute = TokenAttribute::Unknown;
    return vocabulary;
}

QString errorOf(Vocabulary vocabulary) {
    const auto made = Tokenizer::create(std::move(vocabulary));
    return made ? QString() : QString::fromStdString(made.status().sentence());
}

} // namespace

class TstTokenizerBuild : public QObject {
    Q_OBJECT

  private slots:
    void mergesByRank() {
        const auto made = Tokenizer::create(byteVocabulary());
        QVERIFY(made.ok());
        QVERIFY((*made)->encode("abc") == Tokens{257});
        QVERIFY((*made)->encode("abab") == (Tokens{256, 256}));
        QVERIFY((*made)->encode("<s>").size() == 3);
        QVERIFY((*made)->encode("a<s>", {.parseSpecial = true}) == (Tokens{'a' - '!', 258}) ||
                (*made)->encode("a<s>", {.parseSpecial = true}).back() == 258);
    }

    void refusesWhatIsInconsistent_data() {
        QTest::addColumn<QString>("part");
        QTest::addColumn<int>("what");
        const char* const parts[] = {"holds no tokenizer",
                                     "absent",
                                     "not two tokens",
                                     "both spelled",
                                     "bos id is 900",
                                     "eos id is -7",
                                     "end-of-generation id 260",
                                     "pre-tokenizer nobody",
                                     "does not compile",
                                     "not spelled <0x"};
        for (int i = 0; i < static_cast<int>(std::size(parts)); ++i)
            QTest::addRow("%s", parts[i]) << QString(parts[i]) << i;
    }
    void refusesWhatIsInconsistent() {
        QFETCH(QString, part);
        QFETCH(int, what);
        Vocabulary vocabulary = byteVocabulary();
        QCOMPARE(errorOf(vocabulary), QString());
        switch (what) {
        case 0:
            vocabulary.tokens.clear();
            break;
        case 1:
            vocabulary.merges.push_back("ab d");
            break;
        case 2:
            vocabulary.merges.push_back("abc");
            break;
        case 3:
            vocabulary.tokens.push_back(vocabulary.tokens[256]);
            break;
        case 4:
            vocabulary.bos = 900;
            break;
        case 5:
            vocabulary.eos = -7;
            break;
        case 6:
            vocabulary.endOfGeneration = {260};
            break;
        case 7:
            vocabulary.preTokenizer = "nobody";
            break;
        case 8:
            vocabulary.preTokenizer.clear();
            vocabulary.splitRegexes = {"(a"};
            break;
        default:
            vocabulary.tokens[258].attribute = TokenAttribute::Byte;
        }
        QVERIFY2(errorOf(vocabulary).contains(part), qPrintable(errorOf(vocabulary)));
    }

    void refusesScoresThatAreNoNumbers() {
        Vocabulary vocabulary = sentenceVocabulary();
        vocabulary.tokens[3].score = std::nanf("");
        QVERIFY(errorOf(vocabulary).contains("score of token 3"));
    }

    void mergesByScore() {
        const auto made = Tokenizer::create(sentenceVocabulary());
        QVERIFY(made.ok());
        const Tokenizer& tokenizer = **made;
        QVERIFY(tokenizer.encode("ab") == (Tokens{1, 4})); // ab before the prefix joins a
        QVERIFY(tokenizer.encode("aba") == (Tokens{1, 4, 2}));
        QVERIFY(tokenizer.encode("a a") == (Tokens{5, 5}));
        QVERIFY(tokenizer.encode("x") == (Tokens{1, 0}));
        QVERIFY(tokenizer.encode("").empty());
        QCOMPARE(tokenizer.decode(Tokens{5, 5}), std::string("a a"));
    }

    void addedTokensSwallowWhiteSpace() {
        Vocabulary vocabulary = byteVocabulary();
        VocabularyToken mask{"<mask>", 0, TokenAttribute::UserDefined, true, true};
        vocabulary.tokens.push_back(mask);
        vocabulary.tokens.push_back({"<mask>>", 0, TokenAttribute::UserDefined});
        const auto made = Tokenizer::create(vocabulary);
        QVERIFY(made.ok());
        QVERIFY((*made)->encode("ab \n<mask> ab") == (Tokens{256, 260, 256}));
        QVERIFY((*made)->encode("<mask>>") == Tokens{261}); // the longest
    }

    void aHostileExpressionEnds() {
        Vocabulary vocabulary = byteVocabulary();
        vocabulary.preTokenizer.clear();
        vocabulary.splitRegexes = {"(a+)+$"};
        const auto made = Tokenizer::create(vocabulary);
        QVERIFY(made.ok());
        const std::string text = QByteArray(60, 'a').append('b').toStdString();
        QCOMPARE((*made)->decode((*made)->encode(text)), text);
    }

    void composesNfc() {
        std::string out;
        QVERIFY(!composeNfc("plain ASCII, 繁忙, 한국어, Việt, 😀", out));
        // Qt composes by the same standard; every character and random strings of marks agree.
        const char32_t marks[] = {0x300, 0x301, 0x323, 0x327, 0x30A, 0x345, 0x1161, 0x11A8, 0x9BE};
        unsigned random = 1;
        for (char32_t c = 1; c < 0x30000; ++c) {
            if (c >= 0xD800 && c < 0xE000)
                continue;
            std::u32string text = {c};
            for (int i = 0; i < static_cast<int>(c % 4); ++i)
                text += marks[(random = random * 1103515245 + 12345) / 65536 % std::size(marks)];
            const QString given =
                QString::fromUcs4(text.data(), static_cast<qsizetype>(text.size()));
            const std::string bytes = given.toStdString();
            const std::string mine = composeNfc(bytes, out) ? out : bytes;
            const std::string expected =
                given.normalized(QString::NormalizationForm_C, QChar::Unicode_14_0).toStdString();
            if (mine != expected)
                QFAIL(qPrintable(QString::number(c, 16) + " " + QString::fromStdString(mine)));
        }
    }
};

INGLENOOK_SUITE(tokenizer_build, TstTokenizerBuild)
#include "tst_tokenizer_build.moc"
