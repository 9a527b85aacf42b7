#pragma once
// WaterfallView: where the time of one request went: queue, prefill (and what of the prompt was
// cached), decode, each a bar that begins where the one before ended, and one plain sentence. GUI
// thread.

#include "app/telemetry/metric_frame.h"

#include <QWidget>

namespace ui {

class Theme;

/// One bar of the waterfall.
struct WaterfallBar {
    QString name;
    qint64 begin_us = 0; // after the submit
    qint64 duration_us = 0;
    QString note; // "106 computed, 214 cached"
};
/// The parts of a request's time so far, in order.
QList<WaterfallBar> waterfallOf(const app::RequestRow& row);
/// "Most of the 1.2 s went into reading the prompt."
QString waterfallSentence(const app::RequestRow& row);
/// The bars and the sentence in words, for who does not see them.
QString waterfallText(const app::RequestRow& row);

class WaterfallView : public QWidget {
    Q_OBJECT

  public:
    explicit WaterfallView(Theme& theme, QWidget* parent = nullptr);

    /// A row without an id is one whose number nobody knows.
    void showRequest(const std::optional<app::RequestRow>& row);
    QSize sizeHint() const override { return {280, 170}; }

  protected:
    void paintEvent(QPaintEvent* event) override;

  private:
    Theme& m_theme;
    std::optional<app::RequestRow> m_row;
};

} // namespace ui
