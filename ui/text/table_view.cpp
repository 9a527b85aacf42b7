#include "ui/text/table_view.h"

#include <algorithm>
#include <numeric>

namespace ui {
namespace {

constexpr qreal kPadX = 12, kPadY = 6;       // px
constexpr qreal kMaxWord = 180, kText = 140; // px

} // namespace

TableView::TableView(const Leaf& leaf) : m_alignments(leaf.alignments) {
    m_columns = m_alignments.size();
    if (m_columns == 0)
        return;
    int start = 0;
    int link = 0;
    for (size_t r = 0; r < leaf.rows.size(); ++r) {
        const TableRow& row = leaf.rows[r];
        for (size_t c = 0; c < m_columns; ++c) {
            RichText rich = c < row.cells.size() ? row.cells[c] : RichText{};
            const int length = int(rich.text.size());
            const int linkCount = int(rich.links.size());
            Cell cell;
            cell.layout = std::make_unique<RichLayout>(
                std::move(rich), RichLayout::Look{0, r == 0, m_alignments[c]});
            cell.start = start;
            cell.firstLink = link;
            m_cells.push_back(std::move(cell));
            start += length + 1;
            link += linkCount;
        }
    }
}

void TableView::adopt(LeafView& old) {
    auto* table = dynamic_cast<TableView*>(&old);
    if (!table || table->m_columns != m_columns)
        return;
    const size_t count = std::min(m_cells.size(), table->m_cells.size());
    for (size_t i = 0; i < count; ++i)
        if (m_cells[i].layout->sameContent(*table->m_cells[i].layout))
            m_cells[i].layout.swap(table->m_cells[i].layout);
    m_scrollX = table->m_scrollX;
}

/// Column widths: natural when all fit; else the wide ones give way, down to a readable least.
void TableView::distribute(const TextStyle& style, qreal width) {
    std::vector<qreal> wish(m_columns, 0.0);
    for (size_t i = 0; i < m_cells.size(); ++i)
        wish[i % m_columns] =
            std::max(wish[i % m_columns], m_cells[i].layout->naturalWidth(style) + 1);
    const qreal room = width - 2 * kPadX * qreal(m_columns);
    qreal share = room / qreal(m_columns);
    if (std::accumulate(wish.begin(), wish.end(), 0.0) > room) {
        // Water filling: columns under the share keep their wish, the others split what is left.
        for (int round = 0; round < 8; ++round) {
            qreal kept = 0;
            int wide = 0;
            for (const qreal w : wish)
                w <= share ? kept += w : ++wide;
            if (wide == 0)
                break;
            share = (room - kept) / wide;
        }
        // A column never breaks its words, and text gets a readable width; what is too wide then
        // scrolls sideways.
        std::vector<qreal> least(m_columns, 0.0);
        for (size_t i = 0; i < m_cells.size(); ++i)
            least[i % m_columns] = std::max(
                least[i % m_columns], std::min(kMaxWord, m_cells[i].layout->longestWord() + 1));
        for (size_t c = 0; c < m_columns; ++c)
            wish[c] = std::min(wish[c],
                               std::max({std::floor(share), least[c], std::min(wish[c], kText)}));
    }
    m_columnX.assign(1, 0);
    for (const qreal w : wish)
        m_columnX.push_back(m_columnX.back() + w + 2 * kPadX);
    m_tableWidth = m_columnX.back();
}

qreal TableView::layout(const TextStyle& style, qreal width) {
    m_width = width;
    if (m_columns == 0)
        return 0;
    distribute(style, width);
    m_rowY.assign(1, 0);
    for (size_t r = 0; r < rowCount(); ++r) {
        qreal height = style.lineHeight;
        for (size_t c = 0; c < m_columns; ++c)
            height = std::max(height, cell(r, c).layout->layout(
                                          style, m_columnX[c + 1] - m_columnX[c] - 2 * kPadX));
        m_rowY.push_back(m_rowY.back() + height + 2 * kPadY);
    }
    m_scrollX = std::clamp(m_scrollX, 0.0, overflow());
    return m_rowY.back() + (overflow() > 0 ? 10 : 2);
}

QPointF TableView::cellOrigin(size_t row, size_t column) const {
    return {m_columnX[column] + kPadX - m_scrollX, m_rowY[row] + kPadY};
}

void TableView::paint(QPainter& painter, const LeafPaint& paint) {
    if (m_columns == 0)
        return;
    const Palette& palette = paint.style.palette;
    const qreal shown = std::min(m_width, m_tableWidth);
    painter.save();
    painter.setClipRect(QRectF(0, 0, shown, m_rowY.back() + 10), Qt::IntersectClip);
    painter.fillRect(QRectF(0, m_rowY[0], shown, m_rowY[1]), palette.sunken);
    for (size_t r = 0; r < rowCount(); ++r) {
        if (m_rowY[r + 1] < paint.clip.top() || m_rowY[r] > paint.clip.bottom())
            continue;
        for (size_t c = 0; c < m_columns; ++c) {
            const Cell& here = cell(r, c);
            here.layout->paint(painter, cellOrigin(r, c), paint.style,
                               paint.marks.shifted(here.start, int(here.layout->rich().text.size()),
                                                   here.firstLink),
                               paint.clip);
        }
        painter.fillRect(QRectF(0, m_rowY[r + 1] - 1, shown, 1), palette.border);
    }
    if (overflow() > 0) {
        const qreal bar = shown * shown / m_tableWidth;
        painter.setPen(Qt::NoPen);
        painter.setBrush(palette.border);
        painter.drawRoundedRect(
            QRectF(m_scrollX * (shown - bar) / overflow(), m_rowY.back() + 3, bar, 4), 2, 2);
    }
    painter.restore();
}

QString TableView::text() const {
    QString out;
    for (size_t i = 0; i < m_cells.size(); ++i) {
        out += m_cells[i].layout->rich().text;
        if (i + 1 < m_cells.size())
            out += (i + 1) % m_columns == 0 ? u'\n' : u'\t';
    }
    return out;
}

const TableView::Cell* TableView::cellAt(const QPointF& point, QPointF* origin) const {
    if (m_cells.empty() || m_rowY.empty())
        return nullptr;
    const auto index = [](const std::vector<qreal>& edges, qreal value) {
        const auto after = std::upper_bound(edges.begin(), edges.end(), value);
        const auto at = std::distance(edges.begin(), after) - 1;
        return size_t(std::clamp<long>(long(at), 0, long(edges.size()) - 2));
    };
    const size_t row = index(m_rowY, point.y());
    const size_t column = index(m_columnX, point.x() + m_scrollX);
    *origin = cellOrigin(row, column);
    return &cell(row, column);
}

int TableView::offsetAt(const QPointF& point) {
    QPointF origin;
    const Cell* here = cellAt(point, &origin);
    return here ? here->start + here->layout->offsetAt(point - origin) : 0;
}

QRectF TableView::caret(int offset) {
    for (size_t i = m_cells.size(); i-- > 0;)
        if (m_cells[i].start <= offset && !m_rowY.empty())
            return m_cells[i]
                .layout->caret(offset - m_cells[i].start)
                .translated(cellOrigin(i / m_columns, i % m_columns));
    return {0, 0, 1, 1};
}

QStringList TableView::links() const {
    QStringList all;
    for (const Cell& cell : m_cells)
        all += cell.layout->rich().links;
    return all;
}

int TableView::linkAt(const QPointF& point) const {
    QPointF origin;
    const Cell* here = cellAt(point, &origin);
    const int link = here ? here->layout->linkAt(point - origin) : -1;
    return link < 0 ? -1 : here->firstLink + link;
}

QString TableView::markdown(int from, int to) const {
    QString out;
    for (size_t r = 0; r < rowCount(); ++r) {
        QStringList shown;
        for (size_t c = 0; c < m_columns; ++c) {
            const Cell& here = cell(r, c);
            const int length = int(here.layout->rich().text.size());
            const int a = std::clamp(from - here.start, 0, length);
            const int b = std::clamp(to - here.start, 0, length);
            if (a < b)
                shown += toMarkdown(here.layout->rich(), a, b);
        }
        if (shown.isEmpty())
            continue;
        if (!out.isEmpty())
            out += u'\n';
        out += shown.size() > 1
                   ? QStringLiteral("| ") + shown.join(QStringLiteral(" | ")) + QStringLiteral(" |")
                   : shown.first();
    }
    return out;
}

} // namespace ui
