#include "engine/model/opened_model.h"
#include "engine/text/tokenizer.h"
#include "tests/support/suite_registry.h"

#include <QFile>
#include <QtTest/QtTest>
#include <random>

using namespace engine;

namespace {

using Tokens = std::vector<TokenId>;

std::shared_ptr<const Tokenizer> openTokenizer(const QString& name,
                                               const std::string& preTokenizer = {}) {
    const QString path =
        tests::vectorsDir() + QStringLiteral("/tokenizers/ggml-vocab-%1.gguf").arg(name);
    auto vocabulary = openVocabulary(path.toStdString());
    if (!vocabulary) {
        qWarning("%s", vocabulary.status().sentence().c_str());
        return nullptr;
    }
    if (!preTokenizer.empty())
        vocabulary->preTokenizer = preTokenizer;
    auto made = Tokenizer::create(std::move(*vocabulary));
    if (!made)
        qWarning("%s", made.status().sentence().c_str());
    return made ? *made : nullptr;
}

QByteArray readAll(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QString show(const Tokens& ids) {
    QStringList shown;
    for (const TokenId id : ids)
        shown << QString::number(id);
    return shown.join(QLatin1Char(' '));
}

/// 'count' characters from every corner of Unicode, never U+2581, which SentencePiece cannot tell
/// from a space.
std::string randomText(std::mt19937& random, int count) {
    static const std::u32string kinds[] = {
        U"abc XYZ019 \n\t'.,-", U"\u4f60\u597d\u7e41\u5fd9\u3002\u6211\u60f3\u5728",
        U"\U0001F600\u200d\U0001F32B\ufe0f\U0001F680\U0001F1E9",
        U"e\u0301\u0323o\u0308\u05d0\u0627\u0663\u1780\u17d2", U"\u00a0\u3000\u2028\u0085\ufeff"};
    QString text;
    for (int i = 0; i < count; ++i) {
        char32_t character = 0;
        const std::u32string& kind = kinds[random() % std::size(kinds)];
        do {
            character = random() % 10 == 0 ? static_cast<char32_t>(random() % 0x110000)
                                           : kind[random() % kind.size()];
        } while ((character >= 0xD800 && character < 0xE000) || character == 0x2581);
        text += QString::fromUcs4(&character, 1);
        if (random() % 50 == 0)
            text += QChar(0);
    }
    return text.toStdString();
}

const QStringList kVocabularies = {"gpt-2", "qwen2", "deepseek-llm", "llama-spm"};

} // namespace

class TstTokenizer : public QObject {
    Q_OBJECT

  private slots:
    void initTestCase() {
        if (tests::vectorsDir().isEmpty())
            QSKIP("Set INGLENOOK_VECTORS to the folder of the public tokenizer vectors.");
    }

    void vectors_data() {
        QTest::addColumn<QString>("vocabulary");
        QTest::addColumn<QString>("preTokenizer");
        for (const QString& name : kVocabularies)
            QTest::addRow("%s", qPrintable(name)) << name << QString();
        QTest::addRow("deepseek-r1-qwen") << "qwen2"
                                          << "deepseek-r1-qwen";
    }
    void vectors() {
        QFETCH(QString, vocabulary);
        QFETCH(QString, preTokenizer);
        const auto tokenizer = openTokenizer(vocabulary, preTokenizer.toStdString());
        QVERIFY(tokenizer);
        const QString base =
            tests::vectorsDir() + QStringLiteral("/tokenizers/ggml-vocab-%1.gguf")
                                      .arg(preTokenizer.isEmpty() ? vocabulary : preTokenizer);
        const QByteArray separator = "\n__ggml_vocab_test__\n";
        QByteArray input = readAll(base + ".inp");
        const QByteArrayList expected = readAll(base + ".out").split('\n');
        qsizetype line = 0;
        while (!input.isEmpty()) {
            const qsizetype end = input.indexOf(separator);
            QVERIFY(end >= 0);
            const QByteArray text = input.left(end);
            input.remove(0, end + separator.size());
            const Tokens ids =
                tokenizer->encode({text.constData(), static_cast<std::size_t>(text.size())},
                                  {.addBos = false, .parseSpecial = false});
            QVERIFY(line < expected.size());
            QCOMPARE(show(ids), QString::fromLatin1(expected[line]).trimmed());
            QCOMPARE(QByteArray::fromStdString(tokenizer->decode(ids)), text);
            ++line;
        }
        QCOMPARE(line, expected.size() - 1);
    }

    void roundTrip_data() {
        QTest::addColumn<QString>("vocabulary");
        for (const QString& name : kVocabularies)
            QTest::addRow("%s", qPrintable(name)) << name;
    }
    void roundTrip() {
        QFETCH(QString, vocabulary);
        const auto tokenizer = openTokenizer(vocabulary);
        QVERIFY(tokenizer);
        std::mt19937 random(7);
        for (int i = 0; i < 300; ++i) {
            const std::string text = randomText(random, static_cast<int>(random() % 200));
            QVERIFY2(tokenizer->decode(tokenizer->encode(text)) == text, text.c_str());
        }
        for (const char* unit : {"a", " ", "\n", "\xE7\xB9\x81", "\xF0\x9F\x9A\x80", "="}) {
            std::string text;
            while (text.size() < (std::size_t(1) << 20))
                text += unit;
            QElapsedTimer timer;
            timer.start();
            QVERIFY2(tokenizer->decode(tokenizer->encode(text)) == text, unit);
            // The square of a megabyte would take hours.
            QVERIFY2(timer.elapsed() < 60'000, unit);
        }
    }

    void malformedBytesSurvive() {
        for (const QString& name : kVocabularies) {
            const auto tokenizer = openTokenizer(name);
            QVERIFY(tokenizer);
            std::mt19937 random(3);
            for (int i = 0; i < 200; ++i) {
                std::string bytes(random() % 60, '\0');
                for (char& byte : bytes)
                    byte = static_cast<char>(random() % 4 == 0 ? 'a' + random() % 26 : random());
                const std::string back = tokenizer->decode(tokenizer->encode(bytes));
                if (name == "deepseek-llm") // has no tokens for the bytes that no UTF-8 holds
                    QVERIFY(back.size() >= bytes.size());
                else
                    QVERIFY2(back == bytes, qPrintable(name));
            }
        }
    }

    void controlTokensOnlyWhereAllowed() {
        const auto tokenizer = openTokenizer("qwen2");
        QVERIFY(tokenizer);
        const TokenId end = tokenizer->find("<|im_end|>");
        QCOMPARE(end, 151645);
        const std::string text = "<|im_start|>user\nHi<|im_end|>";
        for (const TokenId id : tokenizer->encode(text, {.parseSpecial = false}))
            QVERIFY(!tokenizer->isControl(id));
        const Tokens parsed = tokenizer->encode(text, {.parseSpecial = true});
        QCOMPARE(parsed.front(), 151644);
        QCOMPARE(parsed.back(), end);
        QCOMPARE(tokenizer->decode(parsed), std::string("user\nHi"));
        QCOMPARE(tokenizer->decode(parsed, true), text);
        QVERIFY(tokenizer->isEndOfGeneration(end));
        QVERIFY(tokenizer->isEndOfGeneration(151643));
        QVERIFY(!tokenizer->isEndOfGeneration(0));
        QVERIFY(!tokenizer->isEndOfGeneration(-5));
    }

    void userDefinedTokensAlwaysMatch() {
        const auto tokenizer = openTokenizer("deepseek-llm");
        QVERIFY(tokenizer);
        const Tokens ids = tokenizer->encode("\xC3\xBC", {.addBos = false});
        QCOMPARE(show(ids), QString("100014"));
        QCOMPARE(tokenizer->encode("a").front(), tokenizer->vocabulary().bos);
    }
};

INGLENOOK_SUITE(tokenizer, TstTokenizer)
#include "tst_tokenizer.moc"
