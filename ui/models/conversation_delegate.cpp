#include "ui/models/conversation_delegate.h"

#include "app/history/records.h"
#include "ui/icons.h"
#include "ui/models/conversation_list_model.h"
#include "ui/state_sign.h"
#include "ui/theme.h"

#include <QPainter>

namespace ui {

using Model = ConversationListModel;

namespace {

Model::RowKind kindOf(const QModelIndex& index) {
    return Model::RowKind(index.data(Model::KindRole).toInt());
}

} // namespace

ConversationDelegate::ConversationDelegate(const Theme& theme, QObject* parent)
    : QStyledItemDelegate(parent), m_theme(theme) {}

QSize ConversationDelegate::sizeHint(const QStyleOptionViewItem& option,
                                     const QModelIndex& index) const {
    const int line = QFontMetrics(m_theme.font(TextSize::Body)).height();
    const int small = QFontMetrics(m_theme.font(TextSize::Small)).height();
    switch (kindOf(index)) {
    case Model::RowKind::Heading:
        return {option.rect.width(), small + (index.row() == 0 ? 12 : 24)};
    case Model::RowKind::Hit:
        return {option.rect.width(), line + small + 18};
    case Model::RowKind::Conversation:
        break;
    }
    return {option.rect.width(), line + 14};
}

void ConversationDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                                 const QModelIndex& index) const {
    painter->save();
    painter->setRenderHint(QPainter::Antialiasing);
    const Palette& colors = m_theme.palette();
    const QRect rect = option.rect.adjusted(space::kSmall, 1, -space::kSmall, -1);
    const Model::RowKind kind = kindOf(index);
    if (kind != Model::RowKind::Heading) {
        const bool selected = option.state.testFlag(QStyle::State_Selected);
        const bool hovered = option.state.testFlag(QStyle::State_MouseOver);
        if (selected || hovered) {
            QColor ground = selected ? colors.surface : colors.border;
            if (!selected)
                ground.setAlphaF(0.45F);
            painter->setBrush(ground);
            painter->setPen(selected ? QPen(colors.border) : QPen(Qt::NoPen));
            painter->drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5),
                                     space::kControlRadius, space::kControlRadius);
        }
        if (option.state.testFlag(QStyle::State_HasFocus)) {
            painter->setBrush(Qt::NoBrush);
            painter->setPen(QPen(colors.accent, 2));
            painter->drawRoundedRect(QRectF(rect).adjusted(1, 1, -1, -1), space::kControlRadius,
                                     space::kControlRadius);
        }
    }
    const QRect inner = rect.adjusted(space::kSmall, 0, -space::kSmall, 0);
    if (kind == Model::RowKind::Heading)
        paintHeading(painter, inner, index.data().toString());
    else if (kind == Model::RowKind::Hit)
        paintHit(painter, inner, index);
    else
        paintConversation(painter, inner, index);
    painter->restore();
}

void ConversationDelegate::paintHeading(QPainter* painter, const QRect& rect,
                                        const QString& text) const {
    painter->setFont(m_theme.font(TextSize::Small, 600));
    painter->setPen(m_theme.palette().muted);
    painter->drawText(rect.adjusted(0, 0, 0, -4), Qt::AlignLeft | Qt::AlignBottom, text);
}

void ConversationDelegate::paintHit(QPainter* painter, const QRect& rect,
                                    const QModelIndex& index) const {
    const Palette& colors = m_theme.palette();
    const QFont titleFont = m_theme.font(TextSize::Body, 500);
    const QFontMetrics titleMetrics(titleFont);
    painter->setFont(titleFont);
    painter->setPen(colors.text);
    const QString excerpt = index.data(Model::ExcerptRole).toString();
    const QRect top = excerpt.isEmpty() // the title itself was found
                          ? rect
                          : QRect(rect.left(), rect.top() + 6, rect.width(), titleMetrics.height());
    painter->drawText(
        top, Qt::AlignLeft | Qt::AlignVCenter,
        titleMetrics.elidedText(index.data().toString(), Qt::ElideRight, rect.width()));

    const QFont smallFont = m_theme.font(TextSize::Small);
    const QFontMetrics metrics(smallFont);
    painter->setFont(smallFont);
    const int at = index.data(Model::MatchAtRole).toInt();
    const int length = index.data(Model::MatchLengthRole).toInt();
    // Keep the match in sight: begin at most a third of the row before it.
    int begin = 0;
    if (at > 0)
        while (begin < at &&
               metrics.horizontalAdvance(excerpt.mid(begin, at - begin)) > rect.width() / 3)
            ++begin;
    int x = rect.left();
    const int y = top.bottom() + 2;
    const auto draw = [&](const QString& text, const QColor& ink) {
        const int room = rect.right() - x;
        if (text.isEmpty() || room <= 0)
            return;
        const QString shown = metrics.elidedText(text, Qt::ElideRight, room);
        painter->setPen(ink);
        painter->drawText(QRect(x, y, room, metrics.height()), Qt::AlignLeft | Qt::AlignVCenter,
                          shown);
        x += metrics.horizontalAdvance(shown);
    };
    if (at < 0) {
        draw(excerpt, colors.muted);
        return;
    }
    draw((begin > 0 ? QStringLiteral("…") : QString()) + excerpt.mid(begin, at - begin),
         colors.muted);
    draw(excerpt.mid(at, length), colors.accent);
    draw(excerpt.mid(at + length), colors.muted);
}

void ConversationDelegate::paintConversation(QPainter* painter, const QRect& rect,
                                             const QModelIndex& index) const {
    const Palette& colors = m_theme.palette();
    const qreal ratio = painter->device()->devicePixelRatioF();
    int right = rect.right();
    const auto badge = [&](const QString& name, const QColor& color) {
        const QPixmap pixmap = iconPixmap(name, color, 14, ratio);
        painter->drawPixmap(QPoint(right - 14, rect.center().y() - 6), pixmap);
        right -= 20;
    };
    const StateSign sign = stateSign(app::ConversationState(index.data(Model::StateRole).toInt()));
    if (!sign.icon.isEmpty())
        badge(sign.icon, colors.*(sign.color));
    if (index.data(Model::PinnedRole).toBool())
        badge(QStringLiteral("pin"), colors.muted);
    if (const QString place = index.data(Model::PlaceRole).toString(); !place.isEmpty()) {
        painter->setFont(m_theme.font(TextSize::Small));
        painter->setPen(colors.muted);
        const int width = painter->fontMetrics().horizontalAdvance(place);
        painter->drawText(QRect(right - width, rect.top(), width, rect.height()),
                          Qt::AlignRight | Qt::AlignVCenter, place);
        right -= width + space::kSmall;
    }
    const QFont font = m_theme.font(TextSize::Body);
    painter->setFont(font);
    painter->setPen(colors.text);
    const QRect room(rect.left(), rect.top(), right - rect.left(), rect.height());
    painter->drawText(
        room, Qt::AlignLeft | Qt::AlignVCenter,
        QFontMetrics(font).elidedText(index.data().toString(), Qt::ElideRight, room.width()));
}

void ConversationDelegate::updateEditorGeometry(QWidget* editor, const QStyleOptionViewItem& option,
                                                const QModelIndex&) const {
    editor->setGeometry(option.rect.adjusted(space::kHair, 0, -space::kHair, 0));
}

} // namespace ui
