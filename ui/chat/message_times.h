#pragma once
// MessageTimes: where the time of one answer of a chat went, as the requests page shows it for a
// request: queue, prefill (computed and cached), decode. GUI thread.

#include "app/history/records.h"
#include "app/telemetry/metric_frame.h"

class QWidget;

namespace ui {

class Theme;

/// Whether an answer was computed and its times are known.
bool hasTimes(const app::Message& message);
/// The answer as a request that has ended. An answer that was continued has the decode time of all
/// its parts, and the rest of the last one.
app::RequestRow requestOf(const app::Message& message);
/// A small window over `parent`'s; Esc closes it.
void openMessageTimes(const app::Message& message, Theme& theme, QWidget* parent);

} // namespace ui
