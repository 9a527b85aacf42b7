#pragma once
// A table: columns as wide as their text where there is room, narrower by turns where there is not,
// and sideways scrolling when even that does not fit. Text order is row by row, cells apart by a
// tab, rows by a line feed.

#include "ui/text/leaf_view.h"

namespace ui {

class TableView : public LeafView {
  public:
    explicit TableView(const Leaf& leaf);

    qreal layout(const TextStyle& style, qreal width) override;
    void paint(QPainter& painter, const LeafPaint& paint) override;
    QString text() const override;
    int offsetAt(const QPointF& point) override;
    QRectF caret(int offset) override;
    QString markdown(int from, int to) const override;
    QStringList links() const override;
    int linkAt(const QPointF& point) const override;
    qreal overflow() const override { return std::max(0.0, m_tableWidth - m_width); }
    void adopt(LeafView& old) override;

  private:
    struct Cell {
        std::unique_ptr<RichLayout> layout;
        int start = 0;     // offset of its text
        int firstLink = 0; // index of its first link among links()
    };

    size_t rowCount() const { return m_columns == 0 ? 0 : m_cells.size() / m_columns; }
    const Cell& cell(size_t row, size_t column) const { return m_cells[row * m_columns + column]; }
    QPointF cellOrigin(size_t row, size_t column) const;
    const Cell* cellAt(const QPointF& point, QPointF* origin) const;
    void distribute(const TextStyle& style, qreal width);

    std::vector<Cell> m_cells; // [rows, columns]
    std::vector<Qt::Alignment> m_alignments;
    std::vector<qreal> m_columnX; // [columns + 1] px
    std::vector<qreal> m_rowY;    // [rows + 1] px
    size_t m_columns = 0;
    qreal m_width = 0;
    qreal m_tableWidth = 0;
};

} // namespace ui
