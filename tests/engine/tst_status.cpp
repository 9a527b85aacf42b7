#include "engine/checked.h"
#include "engine/status.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;

class TstStatus : public QObject {
    Q_OBJECT

  private slots:
    void fillsArguments() {
        const Status status(Code::FileCannotOpen, {{"file", "a.gguf"}, {"reason", "no such file"}});
        QVERIFY(!status.ok());
        QCOMPARE(QString::fromStdString(status.sentence()),
                 QStringLiteral(
                     "a.gguf cannot be opened: no such file. Check the path and the permissions."));
    }

    void escapesWhatDeceives() {
        QCOMPARE(QString::fromStdString(escapeForDisplay("a\x1b[31mb\n\xE2\x80\xAE")),
                 QStringLiteral("a\\u{1B}[31mb\\u{0A}\\u{202E}"));
        QCOMPARE(QString::fromStdString(escapeForDisplay("繁忙")), QStringLiteral("繁忙"));
        QCOMPARE(QString::fromStdString(escapeForDisplay("\xFFx")), QStringLiteral("\\u{FF}x"));
    }

    void everyCodeHasASentence() {
        for (int i = 0; i < codeCount(); ++i) {
            const auto code = static_cast<Code>(i);
            QVERIFY(!sentenceTemplate(code).empty());
            QVERIFY2(sentenceTemplate(code).back() == '.', codeName(code).data());
        }
    }

    void checkedIntegersDoNotWrap() {
        QVERIFY(!checkedAdd(UINT64_MAX, 1));
        QVERIFY(!checkedMul(1ULL << 33, 1ULL << 31));
        QVERIFY(!checkedAlign(UINT64_MAX - 1, 32));
        QCOMPARE(*checkedAlign(33, 32), 64ULL);
    }
};

INGLENOOK_SUITE(status, TstStatus)
#include "tst_status.moc"
