#include "tests/support/suite_registry.h"
#include "ui/text_format.h"

#include <QTranslator>
#include <QtTest/QtTest>

class TstTextFormat : public QObject {
    Q_OBJECT

  private slots:
    void devicesAreNamedInTheUsersLanguage() {
        const QString cpu = QStringLiteral("CPU · AVX-512 VNNI · 2 threads");
        const QString gpu = QStringLiteral("CUDA 0 · NVIDIA H100 80GB HBM3");
        QCOMPARE(ui::deviceText(gpu), gpu);
        QCOMPARE(ui::deviceText({}), QString());
        for (const auto& [locale, shown] : {std::pair("en", "CPU · AVX-512 VNNI · 2 threads"),
                                            std::pair("zh_CN", "CPU · AVX-512 VNNI · 2 个线程")}) {
            QTranslator translator;
            const QString file =
                QStringLiteral(":/i18n/inglenook_%1.qm").arg(QLatin1String(locale));
            QVERIFY2(translator.load(file), qPrintable(file));
            QCoreApplication::installTranslator(&translator);
            const QString text = ui::deviceText(cpu);
            QCoreApplication::removeTranslator(&translator);
            QCOMPARE(text, QString::fromUtf8(shown));
        }
        QLocale::setDefault(QLocale::C);
        QVERIFY(ui::deviceText(QStringLiteral("CPU · AVX2 · 1 thread")).contains(u"AVX2 · 1 "));
    }

    void clientsAreNamedInTheUsersLanguage() {
        QCOMPARE(ui::clientText(QStringLiteral("desktop")), QStringLiteral("Desktop"));
        QCOMPARE(ui::clientText(QStringLiteral("editor")), QStringLiteral("editor"));
        QTranslator translator;
        QVERIFY(translator.load(QStringLiteral(":/i18n/inglenook_zh_CN.qm")));
        QCoreApplication::installTranslator(&translator);
        const QString desktop = ui::clientText(QStringLiteral("desktop"));
        QCoreApplication::removeTranslator(&translator);
        QCOMPARE(desktop, QStringLiteral("桌面"));
    }
};

INGLENOOK_SUITE(text_format, TstTextFormat)
#include "tst_text_format.moc"
