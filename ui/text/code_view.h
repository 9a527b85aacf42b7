#pragma once
// Code: a header with the language and a copy button, rows that never wrap. Rows have one height,
// so only those that show are shaped. A row longer than kMaxRowChars goes on in a row below (on the
// screen only).

#include "ui/text/leaf_view.h"

namespace ui {

inline constexpr int kMaxRowChars = 1000;

class CodeView : public LeafView {
  public:
    CodeView(const QString& code, const QString& language, const CodeJoin& join);

    qreal layout(const TextStyle& style, qreal width) override;
    void paint(QPainter& painter, const LeafPaint& paint) override;
    QString text() const override { return m_text; }
    int offsetAt(const QPointF& point) override;
    QRectF caret(int offset) override;
    QString markdown(int from, int to) const override;
    bool copyButtonAt(const QPointF& point) const override;
    bool hasCopyButton() const override { return !m_join.above; }
    qreal overflow() const override;
    void adopt(LeafView& old) override;

  private:
    struct Row {
        int start = 0, length = 0; // in m_text
        int state = 0;             // highlighter state at its start
        std::unique_ptr<QTextLayout> layout;
    };

    qreal top() const;
    QTextLayout* shaped(Row& row);
    size_t rowAt(qreal y) const;
    QRectF copyRect() const;
    void paintFrame(QPainter& painter, const LeafPaint& paint) const;

    QString m_text; // hidden characters written out
    QString m_language;
    CodeJoin m_join;
    std::vector<Row> m_rows;
    TextStyle m_style;
    qreal m_width = 0;
    qreal m_height = 0;
    qreal m_contentWidth = 0; // of the widest row, px
};

} // namespace ui
