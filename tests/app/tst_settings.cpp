#include "app/settings.h"
#include "tests/support/suite_registry.h"

#include <QDir>
#include <QJsonDocument>
#include <QRandomGenerator>
#include <QtTest/QtTest>

class TstSettings : public QObject {
    Q_OBJECT

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_file = m_dir->filePath(QStringLiteral("settings.json"));
    }

    void valuesComeBack() {
        app::SettingsValues values;
        values.language = QStringLiteral("zh_CN");
        values.theme = app::ThemeChoice::Dark;
        values.sendKey = app::SendKey::CtrlEnter;
        values.fontZoom = 125;
        values.lastModel = QStringLiteral("/models/模型.gguf");
        values.recentModels = {QStringLiteral("/a"), QStringLiteral("/b")};
        values.samplingOverridden = true;
        values.sampling.temperature = 0.25;
        values.sampling.seed = 77;
        {
            app::Settings settings(m_file);
            QVERIFY(settings.load().ok());
            settings.set(values);
            QVERIFY(settings.flush());
        }
        app::Settings again(m_file);
        QVERIFY(again.load().ok());
        QCOMPARE(again.values(), values);
    }

    void unknownKeysAreKept() {
        write("{\"future\": {\"x\": 1}, \"font_zoom\": 110, \"sampling\": {\"mirostat\": 2}}");
        app::Settings settings(m_file);
        QVERIFY(settings.load().ok());
        app::SettingsValues values = settings.values();
        QCOMPARE(values.fontZoom, 110);
        values.theme = app::ThemeChoice::Light;
        settings.set(values);
        QVERIFY(settings.flush());
        const QJsonObject json = QJsonDocument::fromJson(read(m_file)).object();
        QCOMPARE(json.value(QLatin1String("future")).toObject().value(QLatin1String("x")).toInt(),
                 1);
        QCOMPARE(json.value(QLatin1String("sampling"))
                     .toObject()
                     .value(QLatin1String("mirostat"))
                     .toInt(),
                 2);
        QCOMPARE(json.value(QLatin1String("theme")).toString(), QStringLiteral("light"));
    }

    void figuresAreBroughtIntoRange() {
        write("{\"font_zoom\": 99999, \"context_tokens\": -4, "
              "\"sampling\": {\"temperature\": -3, \"top_p\": \"x\", \"seed\": -1}}");
        app::Settings settings(m_file);
        QVERIFY(settings.load().ok());
        QCOMPARE(settings.values().fontZoom, 200);
        QCOMPARE(settings.values().contextTokens, 0);
        QCOMPARE(settings.values().sampling.temperature, app::SamplingValues().temperature);
        QCOMPARE(settings.values().sampling.topP, app::SamplingValues().topP);
        QCOMPARE(settings.values().sampling.seed, quint64(0));
    }

    void damagedFileIsKeptAside() {
        write("{\"theme\": \"dark\", ");
        app::Settings settings(m_file);
        const engine::Status damaged = settings.load();
        QCOMPARE(damaged.code(), engine::Code::SettingsDamaged);
        QVERIFY2(damaged.sentence().find(m_file.toStdString()) != std::string::npos,
                 damaged.sentence().c_str());
        QCOMPARE(settings.values(), app::SettingsValues());
        const QStringList aside =
            m_dir->path().isEmpty()
                ? QStringList()
                : QDir(m_dir->path()).entryList({QStringLiteral("*.damaged-*")});
        QCOMPARE(aside.size(), 1);
        QCOMPARE(read(m_dir->filePath(aside.first())), QByteArray("{\"theme\": \"dark\", "));
    }

    void mutatedFilesNeverStopAStart() {
        app::SettingsValues values;
        values.lastModel = QStringLiteral("/m.gguf");
        {
            app::Settings settings(m_file);
            settings.set(values);
        }
        const QByteArray sound = read(m_file);
        QVERIFY(!sound.isEmpty());
        QRandomGenerator random(11);
        for (int i = 0; i < 1000; ++i) {
            QByteArray bytes = sound;
            for (int flips = 1 + random.bounded(8); flips > 0; --flips)
                bytes[random.bounded(int(bytes.size()))] = char(random.bounded(256));
            if (i % 3 == 0)
                bytes.truncate(random.bounded(int(bytes.size())));
            write(bytes);
            app::Settings settings(m_file);
            (void)settings.load();
            QVERIFY(settings.values().fontZoom >= 50 && settings.values().fontZoom <= 300);
        }
    }

    void failedWriteIsASentence() {
        QFile inTheWay(m_dir->filePath(QStringLiteral("file")));
        QVERIFY(inTheWay.open(QIODevice::WriteOnly));
        app::Settings settings(inTheWay.fileName() + QStringLiteral("/settings.json"));
        (void)settings.load();
        QSignalSpy failed(&settings, &app::Settings::failed);
        app::SettingsValues values = settings.values();
        values.fontZoom = 140;
        settings.set(values);
        QVERIFY(!settings.flush());
        QTRY_COMPARE(failed.size(), 1);
        QCOMPARE(settings.values().fontZoom, 140);
    }

  private:
    void write(const QByteArray& bytes) {
        QFile file(m_file);
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(bytes);
    }
    static QByteArray read(const QString& path) {
        QFile file(path);
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    QString m_file;
};

INGLENOOK_SUITE(settings, TstSettings)
#include "tst_settings.moc"
