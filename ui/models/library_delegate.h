#pragma once
// LibraryDelegate: paints the rows of the models page's lists, with the roles of LibraryListModel:
// a name, and a line of facts.

#include <QStyledItemDelegate>

namespace ui {

class Theme;

class LibraryDelegate : public QStyledItemDelegate {
    Q_OBJECT

  public:
    LibraryDelegate(const Theme& theme, QObject* parent);

    void paint(QPainter* painter, const QStyleOptionViewItem& option,
               const QModelIndex& index) const override;
    QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

  private:
    void paintGround(QPainter* painter, const QStyleOptionViewItem& option,
                     const QRect& rect) const;
    void paintModel(QPainter* painter, const QRect& rect, const QModelIndex& index) const;

    const Theme& m_theme;
};

} // namespace ui
