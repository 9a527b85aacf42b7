#include "app/messages.h"
#include "tests/support/suite_registry.h"

#include <QRegularExpression>
#include <QTranslator>
#include <QtTest/QtTest>

namespace {

QStringList placeholdersOf(const QString& text) {
    QStringList names;
    QRegularExpressionMatchIterator it =
        QRegularExpression(QStringLiteral("\\{(\\w+)\\}")).globalMatch(text);
    while (it.hasNext())
        names.append(it.next().captured(1));
    names.sort();
    return names;
}

} // namespace

class TstMessages : public QObject {
    Q_OBJECT

  private slots:
    void everyCodeIsASentence() {
        for (int i = 0; i < engine::codeCount(); ++i) {
            const auto code = engine::Code(i);
            const QString key = QString::fromUtf8(engine::sentenceTemplate(code).data());
            QVERIFY2(key.endsWith(QLatin1Char('.')), qPrintable(key));
            const QString text = app::sentence(engine::Status(code));
            QVERIFY2(!text.contains(QLatin1Char('{')), qPrintable(text));
        }
    }

    void argumentsAreFilledAndMadeSafe() {
        const QString text = app::sentence(engine::Status(
            engine::Code::FileCannotOpen, {{"file", "/tmp/a\x1b[31m"}, {"reason", "没有权限"}}));
        QVERIFY(text.contains(QStringLiteral("没有权限")));
        QVERIFY(!text.contains(QChar(0x1b)));
    }

    /// Words in an argument are part of the sentence; data stays as it is.
    void phrasesInArgumentsAreChinese() {
        QTranslator translator;
        QVERIFY(translator.load(QStringLiteral(":/i18n/inglenook_zh_CN.qm")));
        QCoreApplication::installTranslator(&translator);
        const QString version =
            app::sentence(engine::Status(engine::Code::ModelUnsupported,
                                         {{"file", "x.gguf"},
                                          {"field", "GGUF version"},
                                          {"value", "7"},
                                          {"supported", "versions 2 and 3, little-endian, work"}}));
        const QString damaged = app::sentence(engine::Status(
            engine::Code::ModelDamaged,
            {{"file", "a\xFFz.gguf"}, {"field", "tensor x"}, {"problem", "is given twice"}}));
        QCoreApplication::removeTranslator(&translator);
        QVERIFY2(!version.contains(QStringLiteral("version")), qPrintable(version));
        QVERIFY2(!version.contains(QStringLiteral("endian")), qPrintable(version));
        QVERIFY2(!damaged.contains(QStringLiteral("twice")), qPrintable(damaged));
        QVERIFY2(damaged.contains(QStringLiteral("a\\u{FF}z.gguf")), qPrintable(damaged));
        QVERIFY2(damaged.contains(QStringLiteral("tensor x")), qPrintable(damaged));
    }

    void everyCodeIsChinese() {
        QTranslator translator;
        QVERIFY(translator.load(QStringLiteral(":/i18n/inglenook_zh_CN.qm")));
        QCoreApplication::installTranslator(&translator);
        for (int i = 0; i < engine::codeCount(); ++i) {
            const std::string_view key = engine::sentenceTemplate(engine::Code(i));
            const QString chinese = translator.translate("Status", key.data());
            QVERIFY2(!chinese.isEmpty(), key.data());
            QCOMPARE(placeholdersOf(chinese), placeholdersOf(QString::fromUtf8(key.data())));
            QVERIFY2(chinese.contains(QRegularExpression(QStringLiteral("[\\x{4e00}-\\x{9fff}]"))),
                     key.data());
        }
        QCoreApplication::removeTranslator(&translator);
    }
};

INGLENOOK_SUITE(messages, TstMessages)
#include "tst_messages.moc"
