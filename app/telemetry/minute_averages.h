#pragma once
// MinuteAverages: gathers looks into one average a minute and series, for the stored history.
// Counters and histograms are not averaged. No clock of its own: the looks bring the time.

#include "app/telemetry/metric_frame.h"

#include <map>

namespace app {

struct MinuteRow {
    QString series;    // seriesKey()
    qint64 minute = 0; // minutes since 1970 (UTC)
    double value = 0;
};

class MinuteAverages {
  public:
    /// The rows of the minute before when this look begins a new one, else none.
    std::vector<MinuteRow> push(const MetricFrame& frame);
    /// What has been gathered of the minute under way; begins anew.
    std::vector<MinuteRow> flush();

  private:
    struct Sum {
        double total = 0;
        int count = 0;
    };
    void add(const MetricValues& values, int gpu);

    qint64 m_minute = -1;
    std::map<SeriesId, Sum> m_sums;
};

} // namespace app
