#include "app/telemetry/prometheus_text.h"
#include "tests/support/promtool.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using app::MetricFrame;
using app::MetricId;

namespace {

/// What a strict reader of the exposition format makes of a text.
struct Parsed {
    QMap<QString, QString> types;
    QMap<QString, double> samples; // "name{labels}"
    QString fault;
};

constexpr const char* kSamplePattern =
    "^([a-zA-Z_:][a-zA-Z0-9_:]*)"                                    // name
    "(\\{(?:[a-zA-Z_]\\w*=\"(?:[^\"\\\\]|\\\\[\"\\\\n])*\",?)*\\})?" // labels
    " (\\S+)$";                                                      // value

/// Fails on whatever the format forbids: a sample before its TYPE, a second HELP, a family in two
/// places, a value that is no number, a missing newline at the end.
Parsed parse(const QString& text) {
    Parsed parsed;
    static const QRegularExpression head(
        QStringLiteral("^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$"));
    static const QRegularExpression sample{QLatin1String(kSamplePattern)};
    QString family;
    QSet<QString> helped;
    if (!text.isEmpty() && !text.endsWith(QLatin1Char('\n')))
        parsed.fault = QStringLiteral("no newline at the end");
    for (const QString& line : text.split(QLatin1Char('\n'), Qt::SkipEmptyParts)) {
        if (const auto match = head.match(line); match.hasMatch()) {
            const QString name = match.captured(2);
            if (match.captured(1) == QLatin1String("HELP")) {
                if (helped.contains(name))
                    parsed.fault = QStringLiteral("twice: ") + line;
                helped.insert(name);
            } else {
                family = name;
                parsed.types[name] = match.captured(3);
            }
            continue;
        }
        const auto match = sample.match(line);
        bool ok = false;
        const double value = match.captured(3).toDouble(&ok);
        QString name = match.captured(1);
        if (parsed.types.value(family) == QLatin1String("histogram"))
            name.remove(QRegularExpression(QStringLiteral("_(bucket|sum|count)$")));
        if (!match.hasMatch() || !ok || name != family)
            parsed.fault = QStringLiteral("not a sample of %1: %2").arg(family, line);
        const QString key = match.captured(1) + match.captured(2);
        if (parsed.samples.contains(key))
            parsed.fault = QStringLiteral("twice: ") + line;
        parsed.samples[key] = value;
    }
    return parsed;
}

MetricFrame fullFrame() {
    MetricFrame frame;
    frame.gpus.resize(2);
    frame.gpus[0].name = QStringLiteral("A \"quoted\\ name");
    for (const app::MetricDefinition& metric : app::metricTable()) {
        if (metric.kind == app::MetricKind::Histogram)
            frame.histograms[metric.id] = {{0.1, 0.5}, {3, 7}, 9, 12.5};
        else if (metric.scope == app::MetricScope::Machine)
            frame.machine.set(metric.id, 1e9 + 0.25);
        else
            frame.gpus[1].values.set(metric.id, 0.5);
    }
    frame.gpus[0].values.set(MetricId::GpuPower, 312.5);
    return frame;
}

} // namespace

class TstPrometheusText : public QObject {
    Q_OBJECT

  private slots:
    void aStrictReaderUnderstandsEveryMetric() {
        const Parsed parsed = parse(QString::fromStdString(app::prometheusText(fullFrame())));
        QCOMPARE(parsed.fault, QString());
        QCOMPARE(std::size_t(parsed.types.size()), app::kMetricCount);
        QCOMPARE(parsed.samples.value(QStringLiteral("kv_cache_usage_ratio")), 1e9 + 0.25);
        QCOMPARE(parsed.samples.value(QStringLiteral("inglenook_ttft_seconds_bucket{le=\"0.5\"}")),
                 7.0);
        QCOMPARE(parsed.samples.value(QStringLiteral("inglenook_ttft_seconds_bucket{le=\"+Inf\"}")),
                 9.0);
        const QString quoted =
            QStringLiteral("inglenook_gpu_power_watts{gpu=\"0\",name=\"A \\\"quoted\\\\ name\"}");
        QCOMPARE(parsed.samples.value(quoted), 312.5);
    }

    void namesOfLlamaServerStand() {
        const Parsed parsed = parse(QString::fromStdString(app::prometheusText(fullFrame())));
        for (const char* name :
             {"prompt_tokens_total", "tokens_predicted_total", "prompt_tokens_seconds",
              "predicted_tokens_seconds", "kv_cache_usage_ratio", "kv_cache_tokens",
              "requests_processing", "requests_deferred"})
            QVERIFY2(parsed.samples.contains(QLatin1String(name)), name);
    }

    void anAbsentFigureHasNoLine() {
        QCOMPARE(app::prometheusText({}), std::string());
        MetricFrame frame;
        frame.gpus.resize(1);
        frame.machine.set(MetricId::RequestsQueued, 0.0);
        const Parsed parsed = parse(QString::fromStdString(app::prometheusText(frame)));
        QCOMPARE(parsed.samples.size(), 1);
        QCOMPARE(parsed.samples.value(QStringLiteral("requests_deferred")), 0.0);
    }

    void promtoolAcceptsIt() {
        const QString promtool = tests::findPromtool();
        if (promtool.isEmpty())
            QSKIP("promtool is not here: apt-get download prometheus, dpkg -x it to "
                  "BUILD/prometheus");
        QProcess check;
        check.start(promtool, {QStringLiteral("check"), QStringLiteral("metrics")});
        check.write(app::prometheusText(fullFrame()).c_str());
        check.closeWriteChannel();
        QVERIFY(check.waitForFinished());
        QCOMPARE(QString::fromUtf8(check.readAllStandardError()), QString());
        QCOMPARE(check.exitCode(), 0);
    }
};

INGLENOOK_SUITE(prometheus_text, TstPrometheusText)
#include "tst_prometheus_text.moc"
