#pragma once
// ChartGraph: a line whose fill costs a tenth of the chart library's: it is laid down column by
// column as one picture instead of as a polygon of a thousand corners. GUI thread.

#include <qcustomplot.h>
#include <QImage>
#include <vector>

namespace ui {

class ChartGraph final : public QCPGraph {
  public:
    ChartGraph(QCPAxis* time, QCPAxis* value) : QCPGraph(time, value) {}

  protected:
    void drawFill(QCPPainter* painter, QVector<QPointF>* lines) const override;

  private:
    void findTops(const QVector<QPointF>& lines, const QRect& area, double ratio) const;

    // Kept from one drawing to the next, for their memory alone.
    mutable std::vector<int> m_tops; // first filled row of every column [device pixels]
    mutable QImage m_picture;
};

} // namespace ui
