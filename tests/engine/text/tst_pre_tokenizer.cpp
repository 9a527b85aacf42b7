// The splitting rules of llama-bpe and deepseek-v3 as their publishers describe them, written out
// by hand: digits in threes, contractions, one blank before a word, Chinese apart, ends of lines.
#include "engine/text/pre_tokenizer.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

QStringList split(const char* preset, const QString& text) {
    const auto rules = engine::preTokenizerPreset(preset);
    if (!rules)
        return {QStringLiteral("no such preset")};
    const auto made = engine::PreTokenizer::create(rules->patterns);
    if (!made.ok())
        return {QString::fromStdString(made.status().sentence())};
    engine::PreTokenizer::Session session(**made);
    QStringList pieces;
    const std::string bytes = text.toStdString();
    session.split(bytes, [&](std::string_view piece) {
        pieces.append(QString::fromUtf8(piece.data(), qsizetype(piece.size())));
    });
    return pieces;
}

} // namespace

class TstPreTokenizer : public QObject {
    Q_OBJECT

  private slots:
    void llamaBpe_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QStringList>("pieces");
        QTest::newRow("words take the blank before them")
            << "Hello world" << QStringList{"Hello", " world"};
        QTest::newRow("digits in threes from the left")
            << "1234567" << QStringList{"123", "456", "7"};
        QTest::newRow("digits take no blank")
            << "in 2024." << QStringList{"in", " ", "202", "4", "."};
        QTest::newRow("contractions, any case")
            << "it's WE'LL I'd" << QStringList{"it", "'s", " WE", "'LL", " I", "'d"};
        QTest::newRow("no contraction") << "rock'n" << QStringList{"rock", "'n"};
        QTest::newRow("one sign may lead a word")
            << "(word) <tag>" << QStringList{"(word", ")", " <", "tag", ">"};
        QTest::newRow("signs take the ends of lines behind them")
            << "a {\n\nb" << QStringList{"a", " {\n\n", "b"};
        QTest::newRow("the last of several blanks goes with the word")
            << "a   b" << QStringList{"a", "  ", " b"};
        QTest::newRow("blanks at the end stay together") << "a   " << QStringList{"a", "   "};
        QTest::newRow("blanks and ends of lines")
            << "a  \n\n  b" << QStringList{"a", "  \n\n", " ", " b"};
        QTest::newRow("Chinese is letters")
            << QStringLiteral("你好，世界123")
            << QStringList{QStringLiteral("你好"), QStringLiteral("，世界"), "123"};
        QTest::newRow("other digits count too")
            << QStringLiteral("٣٤٥٦") << QStringList{QStringLiteral("٣٤٥"), QStringLiteral("٦")};
    }
    void llamaBpe() {
        QFETCH(QString, text);
        QFETCH(QStringList, pieces);
        QCOMPARE(split("llama-bpe", text), pieces);
    }

    void deepseekV3_data() {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QStringList>("pieces");
        QTest::newRow("words take the blank before them")
            << "Hello world" << QStringList{"Hello", " world"};
        QTest::newRow("digits in threes from the left")
            << "x1234567y" << QStringList{"x", "123", "456", "7", "y"};
        QTest::newRow("digits leave the blank alone")
            << "in 2024." << QStringList{"in", " ", "202", "4", "."};
        QTest::newRow("a sign leads Latin letters, so contractions stay")
            << "it's" << QStringList{"it", "'s"};
        QTest::newRow("brackets") << "(word) <tag>" << QStringList{"(word", ")", " <", "tag", ">"};
        QTest::newRow("Chinese and kana apart from all else")
            << QStringLiteral("abc你好テスト def")
            << QStringList{"abc", QStringLiteral("你好テスト"), " def"};
        QTest::newRow("Chinese signs are signs")
            << QStringLiteral("你好，世界")
            << QStringList{QStringLiteral("你好"), QStringLiteral("，"), QStringLiteral("世界")};
        QTest::newRow("marks stay with their letter")
            << QStringLiteral("e\u0301a") << QStringList{QStringLiteral("e\u0301a")};
        QTest::newRow("signs take the ends of lines behind them")
            << "a {\n\nb" << QStringList{"a", " {\n\n", "b"};
        QTest::newRow("the last of several blanks goes with the word")
            << "a   b" << QStringList{"a", "  ", " b"};
        QTest::newRow("blanks and ends of lines")
            << "a  \n\n  b" << QStringList{"a", "  \n\n", " ", " b"};
    }
    void deepseekV3() {
        QFETCH(QString, text);
        QFETCH(QStringList, pieces);
        QCOMPARE(split("deepseek-v3", text), pieces);
    }

    void onlyLlamaTakesWholeTokens() {
        QVERIFY(engine::preTokenizerPreset("llama-bpe")->ignoreMerges);
        QVERIFY(!engine::preTokenizerPreset("deepseek-v3")->ignoreMerges);
    }
};

INGLENOOK_SUITE(pre_tokenizer, TstPreTokenizer)
#include "tst_pre_tokenizer.moc"
