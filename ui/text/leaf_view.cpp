#include "ui/text/leaf_view.h"

#include "ui/text/code_view.h"
#include "ui/text/rich_text_view.h"
#include "ui/text/table_view.h"

namespace ui {
namespace {

/// A horizontal rule: one hairline, one (empty) character of text.
class RuleView : public LeafView {
  public:
    qreal layout(const TextStyle&, qreal width) override {
        m_width = width;
        return kHeight;
    }
    void paint(QPainter& painter, const LeafPaint& paint) override {
        painter.fillRect(QRectF(0, kHeight / 2, m_width, 1), paint.style.palette.border);
    }
    QString text() const override { return {}; }
    int offsetAt(const QPointF&) override { return 0; }
    QRectF caret(int) override { return {0, 0, 1, kHeight}; }
    QString markdown(int, int) const override { return QStringLiteral("---"); }

  private:
    static constexpr qreal kHeight = 9;
    qreal m_width = 0;
};

int headingPixelSize(int level, const TextStyle& style) {
    const qreal scale = style.body.pixelSize() / 15.0;
    return qRound((level <= 1 ? 24 : level == 2 ? 18 : 15) * scale);
}

} // namespace

std::unique_ptr<LeafView> makeLeafView(const Leaf& leaf, const TextStyle& style,
                                       const CodeJoin& join) {
    switch (leaf.kind) {
    case LeafKind::Paragraph:
        return std::make_unique<RichTextView>(leaf.rich, 0, 0);
    case LeafKind::Heading:
        return std::make_unique<RichTextView>(leaf.rich, leaf.headingLevel,
                                              headingPixelSize(leaf.headingLevel, style));
    case LeafKind::Code:
        return std::make_unique<CodeView>(leaf.code, leaf.language, join);
    case LeafKind::Table:
        return std::make_unique<TableView>(leaf);
    case LeafKind::Rule:
        return std::make_unique<RuleView>();
    }
    return nullptr;
}

} // namespace ui
