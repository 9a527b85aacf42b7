// What a model really is: the distilled ones are told apart from DeepSeek-R1 (REQ 36).
#include "app/library/model_identity.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

class TstModelIdentity : public QObject {
    Q_OBJECT

  private slots:
    void req36_distilledModelsAreNamedByWhatTheyAre_data() {
        QTest::addColumn<QString>("stated");
        QTest::addColumn<QString>("file");
        QTest::addColumn<QString>("architecture");
        QTest::addColumn<quint64>("parameters");
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("base");
        QTest::newRow("as published")
            << "DeepSeek-R1-Distill-Qwen-7B"
            << "model"
            << "qwen2" << quint64(7'615'616'512) << "DeepSeek-R1-Distill-Qwen-7B"
            << "Qwen2.5-Math-7B";
        QTest::newRow("as converters write it")
            << "DeepSeek R1 Distill Llama 8B"
            << "x"
            << "llama" << quint64(8'030'261'312) << "DeepSeek-R1-Distill-Llama-8B"
            << "Llama-3.1-8B";
        QTest::newRow("hidden behind the large one's name")
            << "deepseek-r1"
            << "deepseek-r1-7b"
            << "qwen2" << quint64(7'615'616'512) << "DeepSeek-R1-Distill-Qwen-7B"
            << "Qwen2.5-Math-7B";
        QTest::newRow("only its file is named")
            << "qwen2"
            << "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0"
            << "qwen2" << quint64(1'777'088'000) << "DeepSeek-R1-Distill-Qwen-1.5B-Q8_0"
            << "Qwen2.5-Math-1.5B";
        QTest::newRow("the newer one")
            << "DeepSeek-R1-0528-Qwen3-8B"
            << "x"
            << "qwen3" << quint64(8'190'735'360) << "DeepSeek-R1-0528-Qwen3-8B"
            << "Qwen3-8B-Base";
    }
    void req36_distilledModelsAreNamedByWhatTheyAre() {
        QFETCH(QString, stated);
        QFETCH(QString, file);
        QFETCH(QString, architecture);
        QFETCH(quint64, parameters);
        const app::ModelIdentity identity =
            app::identify(stated, file, architecture, {}, parameters);
        QTEST(identity.name, "name");
        QTEST(identity.base, "base");
        QVERIFY(identity.isDistilled);
    }

    void othersKeepTheirName() {
        const app::ModelIdentity identity =
            app::identify(QStringLiteral("Qwen2.5 7B Instruct"), QStringLiteral("q"),
                          QStringLiteral("qwen2"), QStringLiteral("Qwen2.5 7B"), 7'615'616'512);
        QCOMPARE(identity.name, QStringLiteral("Qwen2.5-7B-Instruct"));
        QCOMPARE(identity.family, QStringLiteral("Qwen2.5"));
        QCOMPARE(identity.base, QStringLiteral("Qwen2.5-7B"));
        QVERIFY(!identity.isDistilled);
        // A model of another size is not made a distilled one by its name.
        QVERIFY(!app::identify(QStringLiteral("my-deepseek-r1-tune"), {}, QStringLiteral("qwen2"),
                               {}, 500'000'000)
                     .isDistilled);
    }

    void anEmptyNameGivesWayToTheFile() {
        for (const char* stated :
             {"", "qwen2", "model", "0123456789abcdef0123456789abcdef01234567"})
            QCOMPARE(app::identify(QLatin1String(stated), QStringLiteral("tiny story"),
                                   QStringLiteral("qwen2"), {}, 1)
                         .name,
                     QStringLiteral("tiny-story"));
    }

    void pathsBecomeNames() {
        QCOMPARE(app::idOfModelPath(QStringLiteral("/m/a.b.Q8_0.gguf")),
                 QStringLiteral("a.b.Q8_0"));
        QCOMPARE(app::idOfModelPath(QStringLiteral("/m/big-00001-of-00004.gguf")),
                 QStringLiteral("big"));
        QCOMPARE(app::idOfModelPath(QStringLiteral("/m/folder")), QStringLiteral("folder"));
        QCOMPARE(app::idOfModelPath(QStringLiteral(
                     "/hub/models--deepseek-ai--DeepSeek-R1-Distill-Qwen-7B/snapshots/916b56a4")),
                 QStringLiteral("DeepSeek-R1-Distill-Qwen-7B"));
    }
};

INGLENOOK_SUITE(model_identity, TstModelIdentity)
#include "tst_model_identity.moc"
