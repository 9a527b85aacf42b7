#include "ui/models/library_delegate.h"

#include "ui/icons.h"
#include "ui/models/library_list_model.h"
#include "ui/theme.h"

#include <QPainter>

namespace ui {

using Model = LibraryListModel;

LibraryDelegate::LibraryDelegate(const Theme& theme, QObject* parent)
    : QStyledItemDelegate(parent), m_theme(theme) {}

QSize LibraryDelegate::sizeHint(const QStyleOptionViewItem& option,
                                const QModelIndex& index) const {
    const int line = QFontMetrics(m_theme.font(TextSize::Body)).height();
    const int small = QFontMetrics(m_theme.font(TextSize::Small)).height();
    if (Model::RowKind(index.data(Model::KindRole).toInt()) == Model::RowKind::Heading)
        return {option.rect.width(), small + 24};
    return {option.rect.width(), line + small + 20};
}

void LibraryDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                            const QModelIndex& index) const {
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const QRect rect = option.rect.adjusted(space::kSmall, 1, -space::kSmall, -1);
    const QRect inner = rect.adjusted(space::kSmall, 0, -space::kSmall, 0);
    if (Model::RowKind(index.data(Model::KindRole).toInt()) == Model::RowKind::Heading) {
        painter->setFont(m_theme.font(TextSize::Small, 600));
        painter->setPen(m_theme.palette().muted);
        painter->drawText(inner.adjusted(0, 0, 0, -4), Qt::AlignLeft | Qt::AlignBottom,
                          index.data().toString());
    } else {
        paintGround(painter, option, rect);
        paintModel(painter, inner, index);
    }
    painter->restore();
}

void LibraryDelegate::paintGround(QPainter* painter, const QStyleOptionViewItem& option,
                                  const QRect& rect) const {
    const Palette& colors = m_theme.palette();
    const bool selected = option.state.testFlag(QStyle::State_Selected);
    if (selected || option.state.testFlag(QStyle::State_MouseOver)) {
        QColor ground = selected ? colors.surface : colors.border;
        if (!selected)
            ground.setAlphaF(0.45F);
        painter->setBrush(ground);
        painter->setPen(selected ? QPen(colors.border) : QPen(Qt::NoPen));
        painter->drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), space::kControlRadius,
                                 space::kControlRadius);
    }
    if (option.state.testFlag(QStyle::State_HasFocus)) {
        painter->setBrush(Qt::NoBrush);
        painter->setPen(QPen(colors.accent, 2));
        painter->drawRoundedRect(QRectF(rect).adjusted(1, 1, -1, -1), space::kControlRadius,
                                 space::kControlRadius);
    }
}

void LibraryDelegate::paintModel(QPainter* painter, const QRect& rect,
                                 const QModelIndex& index) const {
    const Palette& colors = m_theme.palette();
    const qreal ratio = painter->device()->devicePixelRatioF();
    int right = rect.right();
    const auto badge = [&](const char* name, const QColor& color) {
        painter->drawPixmap(QPoint(right - 14, rect.top() + 8),
                            iconPixmap(QString::fromLatin1(name), color, 14, ratio));
        right -= 20;
    };
    const bool isRejected =
        Model::RowKind(index.data(Model::KindRole).toInt()) == Model::RowKind::Rejected;
    if (isRejected)
        badge("warning", colors.warn);
    if (index.data(Model::LoadedRole).toBool())
        badge("flame", colors.accent);
    if (index.data(Model::FavouriteRole).toBool())
        badge("star-filled", colors.accent);
    const bool isFaint = isRejected || index.data(Model::AwayRole).toBool();

    const QFont nameFont = m_theme.font(TextSize::Body, 500);
    const QFontMetrics nameMetrics(nameFont);
    const QRect top(rect.left(), rect.top() + 6, right - rect.left(), nameMetrics.height());
    painter->setFont(nameFont);
    painter->setPen(isFaint ? colors.muted : colors.text);
    painter->drawText(
        top, Qt::AlignLeft | Qt::AlignVCenter,
        nameMetrics.elidedText(index.data().toString(), Qt::ElideMiddle, top.width()));

    const QFont smallFont = m_theme.font(TextSize::Small);
    const QFontMetrics metrics(smallFont);
    painter->setFont(smallFont);
    painter->setPen(colors.muted);
    const QRect bottom(rect.left(), top.bottom() + 3, rect.width(), metrics.height());
    painter->drawText(bottom, Qt::AlignLeft | Qt::AlignVCenter,
                      metrics.elidedText(index.data(Model::DetailRole).toString(), Qt::ElideMiddle,
                                         bottom.width()));
}

} // namespace ui
