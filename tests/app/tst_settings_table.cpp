// The table of settings: its rows, their sentences, what they become in the engine, export and
// import.
#include "app/engine_settings.h"
#include "app/messages.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "app/settings_table.h"
#include "tests/support/suite_registry.h"

#include <QJsonDocument>
#include <QSet>
#include <QtTest/QtTest>

namespace {

app::SettingSpec specOf(const char* id) {
    for (const app::SettingSpec& spec : app::settingSpecs())
        if (spec.id == QLatin1String(id))
            return spec;
    return {};
}

QString refusal(const char* id, const QJsonValue& value) {
    return app::sentence(app::check(specOf(id), value));
}

bool same(const engine::BreakerCondition& a, const engine::BreakerCondition& b) {
    return a.metric == b.metric && a.comparison == b.comparison && a.value == b.value;
}

bool same(const engine::BreakerRule& a, const engine::BreakerRule& b) {
    return a.name == b.name && a.enabled == b.enabled && same(a.condition, b.condition) &&
           a.duration == b.duration && a.lastAction == b.lastAction && a.pause == b.pause &&
           a.probe == b.probe &&
           std::equal(a.anyOf.begin(), a.anyOf.end(), b.anyOf.begin(), b.anyOf.end(),
                      [](const auto& x, const auto& y) { return same(x, y); });
}

} // namespace

class TstSettingsTable : public QObject {
    Q_OBJECT

  private slots:
    void everyRowIsWhole() {
        QSet<QString> ids;
        for (const app::SettingSpec& spec : app::settingSpecs()) {
            QVERIFY2(!ids.contains(spec.id), qPrintable(spec.id));
            ids.insert(spec.id);
            // A line that goes on in the next row ends with an ellipsis.
            QVERIFY2(!spec.name.isEmpty() && (spec.what.endsWith(u'.') || spec.what.endsWith(u'…')),
                     qPrintable(spec.id));
            const engine::Status status = app::check(spec, spec.byDefault());
            QVERIFY2(status.ok(), status.sentence().c_str());
            QVERIFY2(spec.kind != app::SettingKind::Choice || spec.choices.size() > 1,
                     qPrintable(spec.id));
            QVERIFY2(!app::check(spec, QJsonValue()).ok(), qPrintable(spec.id));
        }
        for (const app::SettingSpec& spec : app::settingSpecs())
            QVERIFY2(spec.needs.isEmpty() || ids.contains(QString(spec.needs).remove(u'!')),
                     qPrintable(spec.needs));
    }

    /// A value that is written is the one that is read, and no other one changes with it.
    void everyRowIsItsOwn() {
        const app::SettingsValues before;
        for (const app::SettingSpec& spec : app::settingSpecs()) {
            QJsonValue other = QStringLiteral("7");
            if (spec.kind == app::SettingKind::Switch)
                other = !spec.byDefault().toBool();
            else if (spec.kind == app::SettingKind::Choice)
                other = spec.choices.last().word == spec.byDefault().toString()
                            ? spec.choices.first().word
                            : spec.choices.last().word;
            else if (spec.kind == app::SettingKind::Whole || spec.kind == app::SettingKind::Number)
                other = spec.byDefault().toDouble() == spec.most ? spec.least : spec.most;
            else if (spec.kind == app::SettingKind::Texts)
                other = QJsonArray{QStringLiteral("a")};
            app::SettingsValues after;
            spec.write(after, other);
            QVERIFY2(spec.read(after) == other, qPrintable(spec.id));
            QVERIFY2(!(after == before), qPrintable(spec.id));
            spec.write(after, spec.byDefault());
            QVERIFY2(after == before, qPrintable(spec.id));
        }
    }

    void defaultsAreTheEngines() {
        const engine::AdmissionSettings ours = app::admissionOf({});
        const engine::AdmissionSettings theirs;
        QCOMPARE(ours.global, theirs.global);
        QCOMPARE(ours.perClient, theirs.perClient);
        QCOMPARE(ours.queue.maxWaiting, theirs.queue.maxWaiting);
        QCOMPARE(ours.queue.maxWaitingPerClient, theirs.queue.maxWaitingPerClient);
        QVERIFY(ours.queue.agingPeriod == theirs.queue.agingPeriod);
        QCOMPARE(ours.queue.overdueShare, theirs.queue.overdueShare);
        QCOMPARE(ours.caps.maxPromptTokens, theirs.caps.maxPromptTokens);
        QCOMPARE(ours.caps.maxAnswerTokens, theirs.caps.maxAnswerTokens);
        QVERIFY(ours.caps.maxTime == theirs.caps.maxTime);
        QCOMPARE(ours.batching.gatherThreshold, theirs.batching.gatherThreshold);
        QVERIFY(ours.batching.gatherWindow == theirs.batching.gatherWindow);
        QVERIFY(ours.batching.targetItl == theirs.batching.targetItl);
        QCOMPARE(ours.batching.maxItlRatio, theirs.batching.maxItlRatio);
        QVERIFY(ours.batching.aloneStep == theirs.batching.aloneStep);
        QCOMPARE(ours.batching.chunkTokens, theirs.batching.chunkTokens);
        QCOMPARE(ours.breakers.size(), theirs.breakers.size());
        for (std::size_t i = 0; i < ours.breakers.size(); ++i)
            QVERIFY(same(ours.breakers[i], theirs.breakers[i]));
        QVERIFY(app::keepingOf({}) == engine::KeepingSettings());
        QVERIFY(app::modelOptions({}) == app::ModelOptions());
    }

    /// What the table lets through, the engine takes: at both ends of every row.
    void theEngineTakesWhatTheTableTakes() {
        for (const app::SettingSpec& spec : app::settingSpecs()) {
            app::SettingsValues values;
            for (const double end : {spec.least, spec.most}) {
                spec.write(values, end);
                const engine::Status status = engine::validate(app::admissionOf(values));
                QVERIFY2(status.ok() || spec.id.endsWith(QLatin1String("request_capacity")),
                         qPrintable(spec.id + QLatin1Char(' ') + app::sentence(status)));
            }
        }
    }

    /// A breaker can only watch what somebody measures for it.
    void theBreakerWatchesWhatTheEngineKnows() {
        QStringList offered;
        for (const app::SettingChoice& choice : specOf("admission.breaker.metric").choices)
            offered.append(choice.word);
        QCOMPARE(offered, QStringList({QLatin1String(engine::kUtilizationMetric),
                                       QLatin1String(engine::kQueueWaitP95Metric),
                                       QLatin1String(engine::kWaitingMetric)}));
    }

    void refusalsAreSentences() {
        QCOMPARE(
            refusal("font_zoom", 9999),
            QStringLiteral("Text size cannot be 9,999 %: it is a whole number from 50 to 200."));
        QVERIFY(refusal("font_zoom", 99.5).contains(QStringLiteral("whole number")));
        QCOMPARE(
            refusal("gpus", QStringLiteral("first")),
            QStringLiteral(
                "GPUs cannot be first: it is numbers with commas, for example 0,1 or 0=60,1=40."));
        QVERIFY(refusal("weights", QStringLiteral("int3")).contains(QStringLiteral("int4")));
        QVERIFY(refusal("api_origins", QJsonArray{QStringLiteral("example.org")})
                    .contains(QStringLiteral("https://example.org")));
        QVERIFY(refusal("autoload_model", 1).contains(QStringLiteral("on or off")));
    }

    void exportsAndImports() {
        app::SettingsValues values;
        values.weights = QStringLiteral("int4");
        values.admission.perClient.tokensPerSecond = 1.5;
        values.apiHosts = {QStringLiteral("desk.lan")};
        values.overflow = app::OverflowChoice::Roll;
        values.lastModel = QStringLiteral("/mine.gguf");
        const QByteArray file = app::exportSettings(values);
        QVERIFY(!file.contains("mine.gguf"));
        app::SettingsValues theirs;
        theirs.lastModel = QStringLiteral("/theirs.gguf");
        theirs.fontZoom = 150;
        const auto imported = app::importSettings(file, theirs);
        QVERIFY(imported.ok());
        QCOMPARE(imported->changed, 5);
        QVERIFY(imported->unknown.isEmpty());
        values.lastModel = theirs.lastModel;
        QVERIFY(imported->values == values);
    }

    void importIsAllOrNothing() {
        const auto from = [](const char* json) { return app::importSettings(json, {}); };
        QCOMPARE(app::sentence(from("[]").status()),
                 QStringLiteral("This file cannot be imported: it holds no settings that were "
                                "exported here."));
        QVERIFY(!from("{\"theme\": \"dark\"}").ok());
        QVERIFY(from("{\"inglenook_settings\": 1, \"theme\": \"dark\", \"slots\": -1}")
                    .status()
                    .code() == engine::Code::OptionInvalid);
        const auto partly = from("{\"inglenook_settings\": 1, \"theme\": \"dark\", "
                                 "\"sampling\": {\"mirostat\": 2}, \"last_model\": \"/x\"}");
        QVERIFY(partly.ok());
        QCOMPARE(partly->values.theme, app::ThemeChoice::Dark);
        QVERIFY(partly->values.lastModel.isEmpty());
        QCOMPARE(partly->unknown,
                 QStringList({QStringLiteral("last_model"), QStringLiteral("sampling.mirostat")}));
    }

    void gpusBecomeADevice() {
        app::SettingsValues values;
        values.device = QStringLiteral("cuda");
        values.gpus = QStringLiteral("0,1");
        QCOMPARE(app::modelOptions(values).device, QStringLiteral("cuda:0,1"));
        app::SettingsValues back;
        app::takeModelOptions(back, app::modelOptions(values));
        QVERIFY(back == values);
    }

    void describesItself() {
        const QJsonArray rows = app::describeSettings();
        QCOMPARE(rows.size(), app::settingSpecs().size());
        const QJsonObject first = rows.first().toObject();
        for (const char* key :
             {"id", "section", "kind", "name", "what", "default", "reloads_model"})
            QVERIFY2(first.contains(QLatin1String(key)), key);
    }
};

INGLENOOK_SUITE(settings_table, TstSettingsTable)
#include "tst_settings_table.moc"
