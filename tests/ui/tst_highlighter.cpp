#include "tests/support/suite_registry.h"
#include "ui/text/highlighter.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

using ui::TokenKind;

namespace {

QStringList tokensOf(const char* language, const QString& line, TokenKind kind,
                     int* state = nullptr) {
    std::vector<ui::Token> tokens;
    int start = state ? *state : 0;
    const int end =
        ui::highlightLine(*ui::findLanguage(QString::fromLatin1(language)), line, start, tokens);
    if (state)
        *state = end;
    QStringList out;
    for (const ui::Token& token : tokens)
        if (token.kind == kind)
            out += line.mid(token.start, token.length);
    return out;
}

} // namespace

class TstHighlighter : public QObject {
    Q_OBJECT

  private slots:
    void knowsCommonNames() {
        for (const char* name :
             {"cpp", "c", "python", "py", "js", "TypeScript", "rust", "go", "java", "bash", "json",
              "yaml", "html", "xml", "css", "sql", "diff", "cmake"})
            QVERIFY2(ui::findLanguage(QString::fromLatin1(name)), name);
        QVERIFY(!ui::findLanguage(u"klingon"));
        QVERIFY(!ui::findLanguage(u""));
    }

    void coloursCpp() {
        const QString line = QStringLiteral("return \"a // b\" + f(42); // why");
        QCOMPARE(tokensOf("cpp", line, TokenKind::Keyword), QStringList{"return"});
        QCOMPARE(tokensOf("cpp", line, TokenKind::String), QStringList{"\"a // b\""});
        QCOMPARE(tokensOf("cpp", line, TokenKind::Number), QStringList{"42"});
        QCOMPARE(tokensOf("cpp", line, TokenKind::Function), QStringList{"f"});
        QCOMPARE(tokensOf("cpp", line, TokenKind::Comment), QStringList{"// why"});
        QCOMPARE(tokensOf("cpp", "#include <vector>", TokenKind::Meta),
                 QStringList{"#include <vector>"});
    }

    void carriesStateOverLines() {
        int state = 0;
        tokensOf("cpp", "int a; /* begin", TokenKind::Comment, &state);
        QVERIFY(state != 0);
        QCOMPARE(tokensOf("cpp", "inside */ int b;", TokenKind::Comment, &state),
                 QStringList{"inside */"});
        QCOMPARE(state, 0);
        tokensOf("python", "x = '''first", TokenKind::String, &state);
        QVERIFY(state != 0);
        QCOMPARE(tokensOf("python", "last''' + y", TokenKind::String, &state),
                 QStringList{"last'''"});
        QCOMPARE(state, 0);
        tokensOf("html", "<a", TokenKind::Keyword, &state);
        QCOMPARE(tokensOf("html", "href=\"x\">", TokenKind::Property, &state), QStringList{"href"});
        QCOMPARE(state, 0);
        state = 0;
        tokensOf("cpp", "/* at the very start", TokenKind::Comment, &state);
        QCOMPARE(tokensOf("cpp", "*/", TokenKind::Comment, &state), QStringList{"*/"});
        QCOMPARE(state, 0);
    }

    void coloursOthers() {
        QCOMPARE(tokensOf("json", "\"key\": \"value\"", TokenKind::Property),
                 QStringList{"\"key\""});
        QCOMPARE(tokensOf("yaml", "name: x # c", TokenKind::Property), QStringList{"name"});
        QCOMPARE(tokensOf("diff", "+added", TokenKind::Added), QStringList{"+added"});
        QCOMPARE(tokensOf("diff", "-gone", TokenKind::Removed), QStringList{"-gone"});
        QCOMPARE(tokensOf("sql", "SELECT 1", TokenKind::Keyword), QStringList{"SELECT"});
        QCOMPARE(tokensOf("bash", "echo $HOME", TokenKind::Meta), QStringList{"$HOME"});
    }

    /// Tokens lie inside the line, in order, for any input and any state.
    void staysInsideTheLine() {
        const QString nasty =
            QStringLiteral("\\\"'`/*<!--\"\"\"$@#{}()0x1F \u4F60\u597D */ --> '''\\");
        for (const char* name : {"cpp", "python", "js", "rust", "bash", "json", "yaml", "html",
                                 "css", "sql", "diff", "cmake", "lua", "go"}) {
            for (int cut = 0; cut <= nasty.size(); ++cut) {
                for (const int state : {0, 1, 2, 16, 17, 99, -5}) {
                    std::vector<ui::Token> tokens;
                    const QString line = nasty.mid(cut) + nasty.left(cut);
                    ui::highlightLine(*ui::findLanguage(QString::fromLatin1(name)), line, state,
                                      tokens);
                    for (const ui::Token& token : tokens)
                        QVERIFY(token.start >= 0 && token.length > 0 &&
                                token.start + token.length <= line.size());
                }
            }
        }
    }
};

INGLENOOK_SUITE(highlighter, TstHighlighter)
#include "tst_highlighter.moc"
