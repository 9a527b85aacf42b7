#pragma once
// The text that /metrics answers, in Prometheus' exposition format 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/). Any thread.

#include "app/telemetry/metric_frame.h"

#include <string>

namespace app {

constexpr const char* kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

/// Every figure of the frame that is there; an absent one has no line.
std::string prometheusText(const MetricFrame& frame);

} // namespace app
