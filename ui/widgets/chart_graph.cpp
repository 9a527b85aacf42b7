#include "ui/widgets/chart_graph.h"

#include <algorithm>
#include <cmath>

namespace ui {

/// The row where the line passes the middle of each column of `area`; below it where there is none.
void ChartGraph::findTops(const QVector<QPointF>& lines, const QRect& area, double ratio) const {
    const int columns = static_cast<int>(std::ceil(area.width() * ratio));
    const int rows = static_cast<int>(std::ceil(area.height() * ratio));
    m_tops.assign(static_cast<std::size_t>(columns), rows);
    for (qsizetype i = 1; i < lines.size(); ++i) {
        const double x0 = (lines[i - 1].x() - area.left()) * ratio - 0.5;
        const double x1 = (lines[i].x() - area.left()) * ratio - 0.5;
        const double y0 = (lines[i - 1].y() - area.top()) * ratio - 0.5;
        const double y1 = (lines[i].y() - area.top()) * ratio - 0.5;
        if (std::isnan(y0) || std::isnan(y1) || x1 < 0 || x0 >= columns)
            continue; // a gap, or out of sight
        const int first = std::max(0, static_cast<int>(std::ceil(x0)));
        const int last = std::min(columns - 1, static_cast<int>(std::ceil(x1)) - 1);
        const double slope = x1 > x0 ? (y1 - y0) / (x1 - x0) : 0;
        for (int column = first; column <= last; ++column)
            m_tops[static_cast<std::size_t>(column)] = static_cast<int>(
                std::ceil(std::clamp(y0 + (column - x0) * slope, 0.0, rows + 0.0)));
    }
}

void ChartGraph::drawFill(QCPPainter* painter, QVector<QPointF>* lines) const {
    if (painter->brush().style() == Qt::NoBrush)
        return;
    if (painter->modes().testFlag(QCPPainter::pmVectorized)) {
        QCPGraph::drawFill(painter, lines);
        return;
    }
    const QRect area = clipRect();
    const double ratio = painter->device()->devicePixelRatioF();
    findTops(*lines, area, ratio);
    const auto columns = static_cast<int>(m_tops.size());
    const int rows = static_cast<int>(std::ceil(area.height() * ratio));
    const int base = std::clamp(
        static_cast<int>(std::lround((valueAxis()->coordToPixel(0) - area.top()) * ratio)), 0,
        rows);
    const int top = columns > 0 ? *std::min_element(m_tops.begin(), m_tops.end()) : base;
    if (top >= base)
        return;
    if (m_picture.width() != columns || m_picture.height() < base)
        m_picture = QImage(columns, rows, QImage::Format_ARGB32_Premultiplied);
    const QRgb fill = qPremultiply(painter->brush().color().rgba());
    for (int row = top; row < base; ++row) {
        auto* pixels = reinterpret_cast<QRgb*>(m_picture.scanLine(row));
        for (int column = 0; column < columns; ++column)
            pixels[column] = m_tops[static_cast<std::size_t>(column)] <= row ? fill : 0;
    }
    QImage part(m_picture.constScanLine(top), columns, base - top, m_picture.bytesPerLine(),
                m_picture.format());
    part.setDevicePixelRatio(ratio);
    painter->drawImage(QPointF(area.left(), area.top() + top / ratio), part);
}

} // namespace ui
