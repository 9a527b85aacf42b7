#include "app/telemetry/prometheus_text.h"

#include <charconv>

namespace app {

namespace {

/// Shortest text that reads back as the same number; a dot whatever the locale says.
std::string number(double value) {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string labelValue(const QString& text) {
    std::string escaped;
    for (const char c : text.toStdString()) {
        if (c == '\n') {
            escaped += "\\n";
            continue;
        }
        if (c == '\\' || c == '"')
            escaped += '\\';
        escaped += c;
    }
    return escaped;
}

void addHead(std::string& text, const MetricDefinition& metric, const char* type) {
    text += std::string("# HELP ") + metric.exported + ' ' + metric.help + '\n';
    text += std::string("# TYPE ") + metric.exported + ' ' + type + '\n';
}

void addHistogram(std::string& text, const MetricDefinition& metric, const HistogramValue& value) {
    addHead(text, metric, "histogram");
    const std::string name = metric.exported;
    for (std::size_t i = 0; i < value.bounds_s.size(); ++i)
        text += name + "_bucket{le=\"" + number(value.bounds_s[i]) + "\"} " +
                std::to_string(value.countsAtMost[i]) + '\n';
    text += name + "_bucket{le=\"+Inf\"} " + std::to_string(value.count) + '\n';
    text += name + "_sum " + number(value.sum_s) + '\n';
    text += name + "_count " + std::to_string(value.count) + '\n';
}

void addGpus(std::string& text, const MetricDefinition& metric, const MetricFrame& frame,
             const char* type) {
    bool hasHead = false;
    for (std::size_t i = 0; i < frame.gpus.size(); ++i) {
        const std::optional<double> value = frame.gpus[i].values.get(metric.id);
        if (!value)
            continue;
        if (!std::exchange(hasHead, true))
            addHead(text, metric, type);
        text += std::string(metric.exported) + "{gpu=\"" + std::to_string(i) + "\",name=\"" +
                labelValue(frame.gpus[i].name) + "\"} " + number(*value) + '\n';
    }
}

} // namespace

std::string prometheusText(const MetricFrame& frame) {
    std::string text;
    for (const MetricDefinition& metric : metricTable()) {
        if (metric.kind == MetricKind::Histogram) {
            if (const auto found = frame.histograms.find(metric.id);
                found != frame.histograms.end())
                addHistogram(text, metric, found->second);
            continue;
        }
        const char* type = metric.kind == MetricKind::Counter ? "counter" : "gauge";
        if (metric.scope == MetricScope::Gpu) {
            addGpus(text, metric, frame, type);
        } else if (const std::optional<double> value = frame.machine.get(metric.id)) {
            addHead(text, metric, type);
            text += std::string(metric.exported) + ' ' + number(*value) + '\n';
        }
    }
    return text;
}

} // namespace app
