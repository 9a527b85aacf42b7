#include "ui/text/rich_text_view.h"

namespace ui {

RichTextView::RichTextView(RichText rich, int headingLevel, int pixelSize)
    : m_layout(std::make_unique<RichLayout>(
          std::move(rich), RichLayout::Look{pixelSize, headingLevel > 0, Qt::AlignLeft})),
      m_headingLevel(headingLevel) {}

qreal RichTextView::layout(const TextStyle& style, qreal width) {
    return m_layout->layout(style, width);
}

void RichTextView::paint(QPainter& painter, const LeafPaint& paint) {
    m_layout->paint(painter, {0, 0}, paint.style, paint.marks, paint.clip);
}

QString RichTextView::markdown(int from, int to) const {
    const QString inside = toMarkdown(m_layout->rich(), from, to);
    return m_headingLevel > 0 && from == 0 ? QString(m_headingLevel, u'#') + u' ' + inside : inside;
}

void RichTextView::adopt(LeafView& old) {
    auto* same = dynamic_cast<RichTextView*>(&old);
    if (same && same->m_layout && m_layout->sameContent(*same->m_layout))
        m_layout.swap(same->m_layout);
}

} // namespace ui
