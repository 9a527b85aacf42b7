#pragma once
// A paragraph or a heading.

#include "ui/text/leaf_view.h"

namespace ui {

class RichTextView : public LeafView {
  public:
    /// `headingLevel` 0: a paragraph; `pixelSize` 0: the body's size.
    RichTextView(RichText rich, int headingLevel, int pixelSize);

    qreal layout(const TextStyle& style, qreal width) override;
    void paint(QPainter& painter, const LeafPaint& paint) override;
    QString text() const override { return m_layout->rich().text; }
    int offsetAt(const QPointF& point) override { return m_layout->offsetAt(point); }
    QRectF caret(int offset) override { return m_layout->caret(offset); }
    QString markdown(int from, int to) const override;
    QStringList links() const override { return m_layout->rich().links; }
    int linkAt(const QPointF& point) const override { return m_layout->linkAt(point); }
    void adopt(LeafView& old) override;

  private:
    std::unique_ptr<RichLayout> m_layout;
    int m_headingLevel;
};

} // namespace ui
