#include "engine/text/chat_template.h"
#include "engine/text/reasoning_parser.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <random>

using namespace engine;

namespace {

using Parts = std::vector<TextPart>;

void add(Parts& parts, const Parts& more) {
    for (const TextPart& part : more) {
        if (parts.empty() || parts.back().reasoning != part.reasoning)
            parts.push_back({"", part.reasoning});
        parts.back().text += part.text;
    }
}

// "R:" and "A:" before each part.
QString show(const Parts& parts) {
    QString text;
    for (const TextPart& part : parts)
        text +=
            QStringLiteral("%1:%2|").arg(part.reasoning ? QStringLiteral("R") : QStringLiteral("A"),
                                         QString::fromStdString(part.text));
    return text;
}

Parts parse(const std::string& text, bool startInside) {
    ReasoningParser parser(startInside);
    Parts parts;
    add(parts, parser.push(text));
    add(parts, parser.finish());
    return parts;
}

} // namespace

class TstReasoningParser : public QObject {
    Q_OBJECT

  private slots:
    void splits_data() {
        QTest::addColumn<bool>("inside");
        QTest::addColumn<QString>("text");
        QTest::addColumn<QString>("parts");
        const auto row = [](const char* name, bool inside, const char* text, const char* parts) {
            QTest::newRow(name) << inside << QString::fromUtf8(text) << QString::fromUtf8(parts);
        };
        row("plain", false, "Hello.\n", "A:Hello.\n|");
        row("empty", false, "", "");
        row("blank", false, " \n ", "A: \n |");
        row("usual", false, "<think>\nHm.\n</think>\n\nYes.", "R:Hm.\n|A:Yes.|");
        row("blank before", false, "\n <think>Hm.</think>Yes.", "R:Hm.|A:Yes.|");
        row("prompt starts inside", true, "\nHm.\n</think>\n\nYes.", "R:Hm.\n|A:Yes.|");
        row("missing end", false, "<think>Hm. a < b", "R:Hm. a < b|");
        row("missing end, inside", true, "Hm.</thin", "R:Hm.</thin|");
        row("empty thinking", false, "<think>\n\n</think>\n\nYes.", "A:Yes.|");
        row("second block", false, "<think>a</think>b<think>c</think>d", "R:a|A:b|R:c|A:d|");
        row("end without start", false, "So.\n</think>\n\nYes.", "A:So.\nYes.|");
        row("second end is text", false, "<think>a</think>b</think>c", "R:a|A:b</think>c|");
        row("in inline code", false, "Write `<think>` first.", "A:Write `<think>` first.|");
        row("in two ticks", false, "``a ` <think>`` b", "A:``a ` <think>`` b|");
        row("in a fence", false, "```xml\n<think>\n```\nDone.", "A:```xml\n<think>\n```\nDone.|");
        row("in a tilde fence", false, "~~~\n<think>\n~~~\n", "A:~~~\n<think>\n~~~\n|");
        row("longer fence", false, "````\n```\n<think>\n````\nx", "A:````\n```\n<think>\n````\nx|");
        row("behind a fence", false, "```\nx\n```\n<think>a</think>b", "A:```\nx\n```\n|R:a|A:b|");
        row("lone tick", false, "5` tall\n\n<think>a</think>b", "A:5` tall\n\n|R:a|A:b|");
        row("ticks in reasoning", false, "<think>`</think>b", "R:`|A:b|");
        row("stray end in code", false, "Use `</think>` so.", "A:Use `</think>` so.|");
        row("nearly a tag", false, "a <thin b <thinker> c <", "A:a <thin b <thinker> c <|");
        row("chinese", true, "嗯。</think>\n\n你好", "R:嗯。|A:你好|");
    }
    void splits() {
        QFETCH(bool, inside);
        QFETCH(QString, text);
        QFETCH(QString, parts);
        QCOMPARE(show(parse(text.toStdString(), inside)), parts);
    }

    void givesTextAsSoonAsItIsCertain() {
        ReasoningParser parser(false);
        QCOMPARE(show(parser.push("Hello <")), QStringLiteral("A:Hello |"));
        QCOMPARE(show(parser.push("th")), QString());
        QCOMPARE(show(parser.push("e")), QStringLiteral("A:<the|"));
        QCOMPARE(show(parser.push(" <think>x</")), QStringLiteral("A: |R:x|"));
        QVERIFY(parser.insideReasoning());
        QCOMPARE(show(parser.push("think>y")), QStringLiteral("A:y|"));
        QVERIFY(!parser.insideReasoning());
    }

    void anySplitGivesTheSameParts() {
        const std::vector<std::string> words = {"<think>", "</think>", "<",  "think>", "/",  "`",
                                                "```",     "~~~",      "\n", "\n\n",   " ",  "a",
                                                "你",      "<th",      "``", "</",     "ab", "xml"};
        std::mt19937 random(20);
        for (int round = 0; round < 4000; ++round) {
            std::string text;
            for (std::size_t i = random() % 14; i > 0; --i)
                text += words[random() % words.size()];
            const bool inside = random() % 2 == 0;
            const QString whole = show(parse(text, inside));
            for (int cut = 0; cut < 4; ++cut) {
                ReasoningParser parser(inside);
                Parts parts;
                for (std::size_t at = 0; at < text.size();) {
                    const std::size_t length = cut == 0 ? 1 : 1 + random() % 6;
                    add(parts, parser.push(std::string_view(text).substr(at, length)));
                    at += length;
                }
                add(parts, parser.finish());
                QVERIFY2(show(parts) == whole, text.c_str());
            }
        }
    }

    void longAnswersAreLinear() {
        ReasoningParser parser(true);
        std::size_t given = 0;
        for (int i = 0; i < 200000; ++i)
            for (const TextPart& part : parser.push("word < "))
                given += part.text.size();
        for (const TextPart& part : parser.finish())
            given += part.text.size();
        QCOMPARE(given, std::size_t(200000 * 7));
    }

    void dropsReasoning() {
        const auto drop = [](const char* text) {
            return QString::fromStdString(dropReasoning(text));
        };
        QCOMPARE(drop("<think>\na\n</think>\n\nb"), QStringLiteral("b"));
        QCOMPARE(drop("a\n</think>\n\nb"), QStringLiteral("b"));
        QCOMPARE(drop("<think>a"), QString());
        QCOMPARE(drop("just `</think>` text\n"), QStringLiteral("just `</think>` text\n"));
        QCOMPARE(drop(""), QString());
    }
};

INGLENOOK_SUITE(reasoning_parser, TstReasoningParser)
#include "tst_reasoning_parser.moc"
