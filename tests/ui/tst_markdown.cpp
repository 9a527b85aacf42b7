#include "tests/support/suite_registry.h"
#include "ui/text/markdown.h"
#include "ui/text/markdown_splitter.h"
#include "ui/text/math_spans.h"
#include "ui/text/visible_escapes.h"

#include <QElapsedTimer>
#include <QRandomGenerator>
#include <QtTest/QtTest>

using ui::BlockKind;
using ui::Leaf;
using ui::LeafKind;

namespace {

/// The part of `leaf` that carries `style`.
QString styled(const Leaf& leaf, ui::InlineStyle style) {
    QString out;
    for (const ui::InlineRun& run : leaf.rich.runs)
        if (run.style & style)
            out += leaf.rich.text.mid(run.start, run.length);
    return out;
}

std::vector<ui::SourceBlock> split(const QString& text) {
    std::vector<ui::SourceBlock> blocks;
    ui::splitMarkdown(text, blocks);
    return blocks;
}

const QString kSample = QStringLiteral(
    "# Title\n\nA *first* paragraph\nover two lines.\n\n- one\n- two\n  - inner\n\n    more of "
    "two\n"
    "- three\n\n1. first\n2. second\n\n> quoted\n> text\n\n```cpp\nint a;\n\nint b;\n```\n\n"
    "| a | b |\n|---|--:|\n| 1 | 2 |\n\nSetext\n======\n\n---\n\nEnd with $x_1$ and #5.");

} // namespace

class TstMarkdown : public QObject {
    Q_OBJECT

  private slots:
    void readsInlineStyles() {
        const auto leaves = ui::parseMarkdown(
            QStringLiteral("a **bold** *it* `co_de` ~~gone~~ [text](https://example.org/x)"));
        QCOMPARE(leaves.size(), size_t(1));
        QCOMPARE(leaves[0].rich.text, QStringLiteral("a bold it co_de gone text"));
        QCOMPARE(styled(leaves[0], ui::kBold), QStringLiteral("bold"));
        QCOMPARE(styled(leaves[0], ui::kItalic), QStringLiteral("it"));
        QCOMPARE(styled(leaves[0], ui::kInlineCode), QStringLiteral("co_de"));
        QCOMPARE(styled(leaves[0], ui::kStrike), QStringLiteral("gone"));
        QCOMPARE(styled(leaves[0], ui::kLink), QStringLiteral("text"));
        QCOMPARE(leaves[0].rich.links, QStringList{QStringLiteral("https://example.org/x")});
    }

    void readsNestedListsAndTasks() {
        const auto leaves = ui::parseMarkdown(
            QStringLiteral("- one\n  1. inner\n  2. next\n- [x] done\n- [ ] open\n"));
        QCOMPARE(leaves.size(), size_t(5));
        QCOMPARE(leaves[0].containers.size(), size_t(1));
        QCOMPARE(leaves[1].containers.size(), size_t(2));
        QCOMPARE(leaves[2].containers.back().marker, QStringLiteral("2."));
        QCOMPARE(leaves[3].containers.back().task, 1);
        QCOMPARE(leaves[4].containers.back().task, 0);
    }

    void readsTablesWithAlignment() {
        const auto leaves =
            ui::parseMarkdown(QStringLiteral("| a | b | c |\n|:--|:-:|--:|\n| 1 | **2** | 3 |\n"));
        QCOMPARE(leaves.size(), size_t(1));
        QVERIFY(leaves[0].kind == LeafKind::Table);
        QCOMPARE(leaves[0].rows.size(), size_t(2));
        QCOMPARE(leaves[0].alignments[1], Qt::AlignHCenter);
        QCOMPARE(leaves[0].alignments[2], Qt::AlignRight);
        QCOMPARE(leaves[0].rows[1].cells[1].text, QStringLiteral("2"));
    }

    void keepsHtmlAsText() {
        const auto leaves =
            ui::parseMarkdown(QStringLiteral("<img src=file:///etc/passwd> and <b>this</b>\n"));
        QCOMPARE(leaves[0].rich.text,
                 QStringLiteral("<img src=file:///etc/passwd> and <b>this</b>"));
        QVERIFY(leaves[0].rich.links.isEmpty());
    }

    void showsAddressesOfImagesAndRefusedLinks() {
        const auto image = ui::parseMarkdown(QStringLiteral("![alt](file:///dev/zero)"));
        QCOMPARE(image[0].rich.text, QStringLiteral("alt (file:///dev/zero)"));
        QVERIFY(image[0].rich.links.isEmpty());
        const auto script = ui::parseMarkdown(QStringLiteral("[go](javascript:alert)"));
        QCOMPARE(script[0].rich.text, QStringLiteral("go (javascript:alert)"));
        QVERIFY(script[0].rich.links.isEmpty());
        const auto disguised =
            ui::parseMarkdown(QStringLiteral("[https://bank.example](https://evil.example/)"));
        QVERIFY(disguised[0].rich.text.contains(QStringLiteral("(https://evil.example/)")));
        QVERIFY(!ui::isWebAddress(u"file:///x"));
        QVERIFY(!ui::isWebAddress(u"http:///x"));
        QVERIFY(ui::isWebAddress(u"https://a.b/c?d=e"));
    }

    void findsMath_data() {
        QTest::addColumn<QString>("source");
        QTest::addColumn<QString>("math");
        QTest::newRow("inline") << "so $a_1 * b_2 * c$ holds"
                                << "$a_1 * b_2 * c$";
        QTest::newRow("money") << "$5 and $6 more"
                               << "";
        QTest::newRow("price range") << "from $5-$6, or US$7"
                                     << "";
        QTest::newRow("display") << "$$\nx = \\frac{a}{b}\n$$"
                                 << "$$\u2028x = \\frac{a}{b}\u2028$$";
        QTest::newRow("parentheses") << "\\(x_i\\) here"
                                     << "\\(x_i\\)";
        QTest::newRow("brackets") << "\\[ \\sum_i x_i \\]"
                                  << "\\[ \\sum_i x_i \\]";
        QTest::newRow("Chinese beside") << "其中$x$是"
                                        << "$x$";
        QTest::newRow("in code") << "`$x$` only"
                                 << "";
        QTest::newRow("open") << "still $x + "
                              << "";
    }
    void findsMath() {
        QFETCH(QString, source);
        QFETCH(QString, math);
        const auto leaves = ui::parseMarkdown(source);
        QCOMPARE(leaves.size(), size_t(1));
        QCOMPARE(styled(leaves[0], ui::kMath), math);
    }

    void escapesWhatHides() {
        QCOMPARE(ui::visibleEscapes(u"a\u202Eb", ui::EscapeScope::Prose),
                 QStringLiteral("a\u27E8U+202E\u27E9b"));
        QCOMPARE(ui::visibleEscapes(u"a\u200Bb", ui::EscapeScope::Strict),
                 QStringLiteral("a\u27E8U+200B\u27E9b"));
        QCOMPARE(ui::visibleEscapes(u"\u0646\u200C", ui::EscapeScope::Prose),
                 QStringLiteral("\u0646\u200C"));
        QCOMPARE(ui::visibleEscapes(QString::fromUcs4(U"x\U000E0041", 2), ui::EscapeScope::Prose),
                 QStringLiteral("x\u27E8U+E0041\u27E9"));
        const auto link = ui::parseMarkdown(QStringLiteral("[a\u200Bb](https://example.org)"));
        QVERIFY(link[0].rich.text.contains(QStringLiteral("U+200B")));
        const auto code = ui::parseMarkdown(QStringLiteral("`a\u202Eb`"));
        QVERIFY(code[0].rich.text.contains(QStringLiteral("U+202E")));
    }

    void splitsTopLevelBlocks() {
        const auto blocks = split(kSample);
        std::vector<BlockKind> kinds;
        for (const auto& block : blocks)
            kinds.push_back(block.kind);
        const std::vector<BlockKind> expected{
            BlockKind::Heading,  BlockKind::Paragraph, BlockKind::Item,    BlockKind::Item,
            BlockKind::Item,     BlockKind::Item,      BlockKind::Item,    BlockKind::Quote,
            BlockKind::Code,     BlockKind::Paragraph, BlockKind::Heading, BlockKind::Rule,
            BlockKind::Paragraph};
        QVERIFY(kinds == expected);
        QCOMPARE(blocks[6].ordinal, 2);
        QCOMPARE(kSample.mid(blocks[8].codeBegin, blocks[8].codeEnd - blocks[8].codeBegin),
                 QStringLiteral("int a;\n\nint b;\n"));
    }

    /// Whatever the pieces in which a text arrives, the blocks are those of the whole.
    void splitsAlikeInPieces() {
        QString text =
            kSample + QStringLiteral("\n\n#") + QStringLiteral("5 is no heading\n-\n- x\n");
        for (int i = 0; i < 90; ++i)
            text += QStringLiteral("| row | %1 |\n").arg(i);
        text += QStringLiteral("\n```py\n");
        for (int i = 0; i < 200; ++i)
            text += QStringLiteral("print(%1)\n").arg(i);
        const auto whole = split(text);
        QRandomGenerator random(7);
        for (int round = 0; round < 40; ++round) {
            std::vector<ui::SourceBlock> blocks;
            for (qsizetype at = 0; at < text.size();) {
                at = std::min<qsizetype>(text.size(), at + 1 + random.bounded(round < 5 ? 3 : 60));
                ui::splitMarkdown(QStringView(text).left(at), blocks);
            }
            QVERIFY2(blocks == whole, qPrintable(QString::number(round)));
        }
    }

    void coversEveryCharacterOnce() {
        QRandomGenerator random(11);
        const QString alphabet = QStringLiteral("ab \n\n#->|`~*_[](!1.$\\\t\u4F60");
        for (int round = 0; round < 300; ++round) {
            QString text;
            for (int i = 0; i < 400; ++i)
                text += alphabet[random.bounded(int(alphabet.size()))];
            qsizetype at = 0;
            for (const auto& block : split(text)) {
                QCOMPARE(block.begin, at);
                QVERIFY(block.end > block.begin);
                at = block.end;
                ui::parseMarkdown(QStringView(text).mid(block.begin, block.end - block.begin));
            }
            QCOMPARE(at, text.size());
        }
    }

    void boundsEveryBlock() {
        for (const QString& unit :
             {QStringLiteral("x"), QStringLiteral("word "), QStringLiteral("\u4F60"),
              QStringLiteral("[a]("), QStringLiteral("> "), QStringLiteral("```\n"),
              QStringLiteral("- a\n"), QStringLiteral("|a|b\n"), QStringLiteral("line\n")}) {
            const QString text = unit.repeated(int(1'000'000 / unit.size()));
            QElapsedTimer clock;
            clock.start();
            const auto blocks = split(text);
            QVERIFY2(clock.elapsed() < 1000, qPrintable(unit));
            for (const auto& block : blocks)
                QVERIFY2(block.end - block.begin <= 5 * ui::kMaxBlockChars, qPrintable(unit));
        }
    }

    /// The worst a bounded block can do to the parser.
    void parsesHostileBlocksInTime() {
        const QStringList units{
            "[",        "![",          "*",
            "**a ",     "`",           "``` ",
            "$",        "\\(",         "> ",
            "- ",       "1. ",         "|",
            "<",        "<!--",        "&amp;",
            "[a](",     "[a][b",       "~~",
            "_a",       "a_ *",        "](",
            "[[a]]",    "\n>",         "\t",
            "\u202E",   "http:",       "http://a.b ",
            "(",        "a|b\n|-|-\n", "\\",
            "\"",       "* _ ",        "***a **b *c ",
            "<a href=",
        };
        qint64 worst = 0;
        for (const QString& unit : units) {
            const QString text = unit.repeated(int(ui::kMaxBlockChars / unit.size()));
            QElapsedTimer clock;
            clock.start();
            ui::parseMarkdown(text);
            worst = std::max(worst, clock.elapsed());
            QVERIFY2(clock.elapsed() < 250, qPrintable(unit));
        }
        qInfo("slowest hostile block: %lld ms", worst);
    }

    void writesMarkdownOfAPart() {
        const auto leaves =
            ui::parseMarkdown(QStringLiteral("plain **bold *both*** `code` [link](https://a.b)"));
        const ui::RichText& rich = leaves[0].rich;
        QCOMPARE(ui::toMarkdown(rich, 0, 5), QStringLiteral("plain"));
        QCOMPARE(ui::toMarkdown(rich, 8, 10), QStringLiteral("**ld**"));
        const int code = int(rich.text.indexOf(QStringLiteral("code")));
        QCOMPARE(ui::toMarkdown(rich, code, code + 4), QStringLiteral("`code`"));
        const int link = int(rich.text.indexOf(QStringLiteral("link")));
        QCOMPARE(ui::toMarkdown(rich, link, link + 4), QStringLiteral("[link](https://a.b)"));
    }
};

INGLENOOK_SUITE(markdown, TstMarkdown)
#include "tst_markdown.moc"
