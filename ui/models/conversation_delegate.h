#pragma once
// ConversationDelegate: paints the sidebar's rows and edits a title in place.

#include <QStyledItemDelegate>

namespace ui {

class Theme;

class ConversationDelegate : public QStyledItemDelegate {
    Q_OBJECT

  public:
    ConversationDelegate(const Theme& theme, QObject* parent);

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                              const QModelIndex& index) const override;

  private:
    void paintHeading(QPainter* painter, const QRect& rect, const QString& text) const;
    void paintHit(QPainter* painter, const QRect& rect, const QModelIndex& index) const;
    void paintConversation(QPainter* painter, const QRect& rect, const QModelIndex& index) const;

    const Theme& m_theme;
};

} // namespace ui
