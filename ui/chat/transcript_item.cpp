#include "ui/chat/transcript_item.h"

#include "ui/text/visible_escapes.h"

#include <algorithm>
#include <cmath>

namespace ui {
namespace {

constexpr qreal kTop = 12, kAuthor = 26, kFoldHeader = 30, kActions = 36; // px
constexpr qreal kReasoningGap = 10, kReasoningIndent = 18;
constexpr qreal kCardRadius = 10;

RichText plainText(const QString& text) {
    return {visibleEscapes(text, EscapeScope::Prose), {}, {}};
}

} // namespace

TranscriptItem::TranscriptItem(const TranscriptMessage& message, const ItemStyles& styles,
                               qreal width, bool openReasoning)
    : m_message(message), m_styles(styles), m_error(plainText(message.error), {}) {
    m_body.setStyle(isUser() ? styles.user : styles.answer);
    m_reasoning.setStyle(styles.reasoning);
    setWidth(width);
    m_body.setText(message.text);
    m_reasoning.setText(message.reasoning);
    m_message.text.clear(); // the flows hold the texts
    m_message.reasoning.clear();
    m_reasoningOpen = message.running && message.text.isEmpty();
    if (m_reasoningOpen)
        m_fold = openReasoning ? Fold::Open : Fold::Tail;
    else
        m_fold = openReasoning ? Fold::Open : Fold::Collapsed;
}

void TranscriptItem::setStyles(const ItemStyles& styles) {
    m_styles = styles;
    m_body.setStyle(isUser() ? styles.user : styles.answer);
    m_reasoning.setStyle(styles.reasoning);
    m_error = RichLayout(plainText(m_message.error), {});
    setWidth(m_width);
}

void TranscriptItem::setWidth(qreal width) {
    m_width = width;
    m_body.setWidth(width - 2 * cardPadX());
    m_reasoning.setWidth(width - kReasoningIndent);
    m_errorHeight =
        m_message.error.isEmpty() ? 0 : m_error.layout(m_styles.answer, width - 40) + 2 * 10;
}

qreal TranscriptItem::errorHeight() const {
    return m_errorHeight > 0 ? m_errorHeight + 12 : 0;
}

void TranscriptItem::append(const QString& delta, bool reasoning) {
    if (delta.isEmpty())
        return;
    if (reasoning) {
        if (!hasReasoning())
            m_clock.start();
        m_reasoningOpen = true;
        ++m_message.reasoningTokens;
        m_reasoning.append(delta);
    } else {
        if (m_reasoningOpen && m_clock.isValid() && hasReasoning())
            m_message.reasoningSeconds = double(m_clock.elapsed()) / 1000;
        m_reasoningOpen = false;
        m_body.append(delta);
    }
}

void TranscriptItem::setReasoningProgress(double seconds, int tokens) {
    m_message.reasoningSeconds = seconds;
    m_message.reasoningTokens = tokens;
    m_clock.invalidate(); // whoever reports figures keeps the clock
}

void TranscriptItem::finish() {
    if (m_reasoningOpen && m_clock.isValid())
        m_message.reasoningSeconds = double(m_clock.elapsed()) / 1000;
    m_message.running = false;
    m_reasoningOpen = false;
    m_error = RichLayout(plainText(m_message.error), {});
    setWidth(m_width);
}

bool TranscriptItem::replace(const TranscriptMessage& message) {
    if (message.role != m_message.role || !message.text.startsWith(m_body.text()) ||
        !message.reasoning.startsWith(m_reasoning.text()))
        return false;
    m_body.append(QStringView(message.text).mid(m_body.text().size()));
    m_reasoning.append(QStringView(message.reasoning).mid(m_reasoning.text().size()));
    m_message = message;
    m_message.text.clear();
    m_message.reasoning.clear();
    m_reasoningOpen = message.running && m_body.text().isEmpty();
    if (m_reasoningOpen && m_fold == Fold::Collapsed)
        m_fold = Fold::Tail;
    m_clock.invalidate();
    m_error = RichLayout(plainText(m_message.error), {});
    setWidth(m_width);
    return true;
}

bool TranscriptItem::sync(bool collapse) {
    bool changed = m_reasoning.sync();
    changed |= m_body.sync();
    if (!m_reasoningOpen && m_fold == Fold::Tail) {
        m_fold = collapse ? Fold::Collapsed : Fold::Open;
        changed = true;
    }
    return changed;
}

void TranscriptItem::toggleFold() {
    if (m_fold == Fold::Open)
        m_fold = reasoningRunning() ? Fold::Tail : Fold::Collapsed;
    else
        m_fold = Fold::Open;
}

QString TranscriptItem::reasoningTitle() const {
    double seconds = m_message.reasoningSeconds;
    if (reasoningRunning() && m_clock.isValid())
        seconds = double(m_clock.elapsed()) / 1000;
    const QString time = seconds < 60
                             ? tr("%1 s").arg(seconds, 0, 'f', 1)
                             : tr("%1 min %2 s").arg(int(seconds) / 60).arg(int(seconds) % 60);
    const QString tokens = tr("%1 tokens").arg(m_message.reasoningTokens);
    return reasoningRunning() ? tr("Thinking\u2026 %1 \u00B7 %2").arg(time, tokens)
                              : tr("Thought for %1 \u00B7 %2").arg(time, tokens);
}

QRectF TranscriptItem::foldRect() const {
    return hasReasoning() ? QRectF(0, kTop + kAuthor, m_width, kFoldHeader) : QRectF();
}

QRectF TranscriptItem::reasoningRect() const {
    if (!hasReasoning() || m_fold == Fold::Collapsed)
        return {};
    qreal height = m_reasoning.height();
    if (m_fold == Fold::Tail)
        height = std::min(height, kTailRows * m_styles.reasoning.lineHeight);
    return {kReasoningIndent, foldRect().bottom(), m_width - kReasoningIndent, height};
}

qreal TranscriptItem::reasoningBottom() const {
    if (!hasReasoning())
        return kTop + kAuthor;
    const QRectF shown = reasoningRect();
    return (shown.isNull() ? foldRect().bottom() : shown.bottom()) +
           (shown.isNull() ? 4 : kReasoningGap);
}

QRectF TranscriptItem::bodyRect() const {
    qreal height = m_body.height();
    if (m_body.text().isEmpty() && m_message.running && !hasReasoning())
        height = m_styles.answer.lineHeight; // where the first words will stand
    return {cardPadX(), reasoningBottom() + cardPadY(), m_width - 2 * cardPadX(), height};
}

qreal TranscriptItem::actionsTop() const {
    return bodyRect().bottom() + cardPadY() + errorHeight() + 4;
}

qreal TranscriptItem::height() const {
    return std::ceil(actionsTop() + kActions);
}

QPointF TranscriptItem::flowOrigin(Section section) const {
    if (section == Section::Body)
        return bodyRect().topLeft();
    const QRectF shown = reasoningRect();
    return {shown.left(), shown.bottom() - m_reasoning.height()};
}

bool TranscriptItem::shows(Section section) const {
    return section == Section::Body || (hasReasoning() && m_fold != Fold::Collapsed);
}

bool TranscriptItem::ensure(qreal from, qreal to) {
    bool changed = false;
    if (const QRectF shown = reasoningRect(); !shown.isNull()) {
        const qreal top = flowOrigin(Section::Reasoning).y();
        changed |= m_reasoning.ensure(std::max(from, shown.top()) - top,
                                      std::min(to, shown.bottom()) - top);
    }
    const qreal top = bodyRect().top();
    changed |= m_body.ensure(from - top, to - top);
    return changed;
}

void TranscriptItem::releaseOutside(qreal from, qreal to) {
    const qreal top = flowOrigin(Section::Reasoning).y();
    m_reasoning.releaseOutside(from - top, to - top);
    m_body.releaseOutside(from - bodyRect().top(), to - bodyRect().top());
}

ItemPosition TranscriptItem::positionAt(const QPointF& point) {
    const Section section = shows(Section::Reasoning) && point.y() < reasoningBottom()
                                ? Section::Reasoning
                                : Section::Body;
    if (section == Section::Reasoning && point.y() < foldRect().bottom())
        return {section, {0, 0}};
    const QRectF body = bodyRect();
    if (section == Section::Body && point.y() > body.bottom())
        return end();
    if (section == Section::Body && point.y() < body.top())
        return {section, {0, 0}};
    return {section, flow(section).positionAt(point - flowOrigin(section))};
}

ItemPosition TranscriptItem::begin() const {
    return {shows(Section::Reasoning) ? Section::Reasoning : Section::Body, {0, 0}};
}

ItemPosition TranscriptItem::end() const {
    return {Section::Body, m_body.end()};
}

QRectF TranscriptItem::caret(const ItemPosition& position) {
    return flow(position.section).caret(position.at).translated(flowOrigin(position.section));
}

QString TranscriptItem::markdown(const ItemPosition& from, const ItemPosition& to) {
    if (from.section == to.section)
        return flow(from.section).markdown(from.at, to.at);
    const QString thought = m_reasoning.markdown(from.at, m_reasoning.end());
    const QString said = m_body.markdown({0, 0}, to.at);
    return thought.isEmpty() || said.isEmpty() ? thought + said
                                               : thought + QStringLiteral("\n\n") + said;
}

ItemTarget TranscriptItem::targetAt(const QPointF& point) {
    if (foldRect().contains(point))
        return {Section::Reasoning, {}, true};
    for (const Section section : {Section::Reasoning, Section::Body}) {
        const QRectF shown = section == Section::Body ? bodyRect() : reasoningRect();
        if (!shows(section) || !shown.contains(point))
            continue;
        const FlowTarget target = flow(section).targetAt(point - flowOrigin(section));
        if (target.valid())
            return {section, target, false};
    }
    return {};
}

std::vector<ItemTarget> TranscriptItem::targets() {
    std::vector<ItemTarget> all;
    if (hasReasoning())
        all.push_back({Section::Reasoning, {}, true});
    if (m_fold == Fold::Open)
        for (const FlowTarget& target : m_reasoning.targets())
            all.push_back({Section::Reasoning, target, false});
    for (const FlowTarget& target : m_body.targets())
        all.push_back({Section::Body, target, false});
    return all;
}

QRectF TranscriptItem::targetRect(const ItemTarget& target) {
    if (target.fold)
        return foldRect();
    return flow(target.section).targetRect(target.target).translated(flowOrigin(target.section));
}

ItemAnchor TranscriptItem::anchorAt(qreal y) const {
    const qreal top = bodyRect().top();
    if (y < top || m_body.blockCount() == 0)
        return {-1, y};
    size_t block = m_body.blockAt(y - top);
    // A block that is only estimated will change under the reader's eyes; one below it that is
    // known should stay.
    for (size_t i = block; i < m_body.blockCount() && i < block + 16; ++i) {
        if (m_body.isLaidOut(i)) {
            block = i;
            break;
        }
    }
    return {int(block), y - top - m_body.blockTop(block)};
}

qreal TranscriptItem::anchorY(const ItemAnchor& anchor) const {
    if (anchor.block < 0 || anchor.block >= int(m_body.blockCount()))
        return anchor.dy;
    return bodyRect().top() + m_body.blockTop(size_t(anchor.block)) + anchor.dy;
}

FlowPaint TranscriptItem::flowPaint(Section section, const ItemPaint& paint,
                                    const QRectF& shown) const {
    FlowPaint flow;
    flow.clip = paint.clip.intersected(shown).translated(-flowOrigin(section));
    flow.find = paint.find;
    if (paint.currentMatch.section == section)
        flow.currentMatch = paint.currentMatch.at;
    if (paint.selectionFrom < paint.selectionTo && paint.selectionFrom.section <= section &&
        section <= paint.selectionTo.section) {
        flow.selectionFrom =
            paint.selectionFrom.section == section ? paint.selectionFrom.at : FlowPosition{0, 0};
        flow.selectionTo = paint.selectionTo.section == section ? paint.selectionTo.at
                                                                : FlowPosition{INT_MAX, INT_MAX};
    }
    const auto here = [&](const ItemTarget& t) {
        return t.section == section && !t.fold ? t.target : FlowTarget{};
    };
    flow.focused = here(paint.focused);
    flow.hovered = here(paint.hovered);
    flow.copied = here(paint.copied);
    return flow;
}

void TranscriptItem::paint(QPainter& painter, const ItemPaint& paint) {
    paintHeader(painter, paint);
    if (hasReasoning() && paint.clip.top() < reasoningBottom())
        paintReasoning(painter, paint);
    paintBody(painter, paint);
    if (m_errorHeight > 0)
        paintError(painter);
}

void TranscriptItem::paintHeader(QPainter& painter, const ItemPaint& paint) {
    if (paint.clip.top() > kTop + kAuthor)
        return;
    QFont font = m_styles.answer.body;
    font.setPixelSize(std::max(11, qRound(font.pixelSize() * 13.0 / 15.0)));
    font.setWeight(QFont::DemiBold);
    painter.setFont(font);
    const QRectF line(0, kTop, m_width, kAuthor - 4);
    if (paint.current) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(m_styles.answer.palette.accent);
        painter.drawRoundedRect(QRectF(-12, kTop + 3, 3, kAuthor - 10), 1.5, 1.5);
    }
    painter.setPen(isUser() ? m_styles.answer.palette.text : m_styles.answer.palette.muted);
    const QString author = visibleEscapes(m_message.author, EscapeScope::Strict);
    painter.drawText(line, Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, author);
    qreal x = painter.fontMetrics().horizontalAdvance(author) + 12;
    font.setWeight(QFont::Normal);
    painter.setFont(font);
    for (const QString& note : m_message.notes)
        x = paintNote(painter, note, x, line) + 6;
}

/// A chip; returns where it ends.
qreal TranscriptItem::paintNote(QPainter& painter, const QString& note, qreal x,
                                const QRectF& line) {
    const Palette& palette = m_styles.answer.palette;
    const qreal room = m_width - x - 12;
    if (room < 24)
        return x;
    const QString text = painter.fontMetrics().elidedText(note, Qt::ElideRight, int(room));
    const QRectF box(x + 0.5, line.center().y() - 9.5,
                     painter.fontMetrics().horizontalAdvance(text) + 12, 19);
    painter.setPen(QPen(palette.border, 1));
    painter.setBrush(palette.sunken);
    painter.drawRoundedRect(box, 6, 6);
    painter.setPen(palette.info);
    painter.drawText(box, Qt::AlignCenter | Qt::TextSingleLine, text);
    return box.right();
}

void TranscriptItem::paintReasoning(QPainter& painter, const ItemPaint& paint) {
    const Palette& palette = m_styles.answer.palette;
    const QRectF header = foldRect();
    QFont font = m_styles.reasoning.body;
    painter.setFont(font);
    if (paint.hovered.fold || paint.focused.fold) {
        painter.setPen(paint.focused.fold ? QPen(palette.accent, 2) : QPen(Qt::NoPen));
        painter.setBrush(palette.sunken);
        painter.drawRoundedRect(header.adjusted(-6, 2, -1, -2), 6, 6);
    }
    // The triangle points at what a click will show.
    const qreal cy = header.center().y();
    const bool open = m_fold != Fold::Collapsed;
    painter.setPen(QPen(palette.muted, 1.6, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.setBrush(Qt::NoBrush);
    painter.drawPolyline(open ? QPolygonF{{1, cy - 2}, {5, cy + 2}, {9, cy - 2}}
                              : QPolygonF{{3, cy - 4}, {7, cy}, {3, cy + 4}});
    painter.drawText(header.adjusted(kReasoningIndent, 0, 0, 0),
                     Qt::AlignLeft | Qt::AlignVCenter | Qt::TextSingleLine, reasoningTitle());
    const QRectF shown = reasoningRect();
    if (shown.isNull())
        return;
    painter.fillRect(QRectF(4.5, shown.top(), 1, shown.height()), palette.border);
    painter.save();
    painter.setClipRect(shown, Qt::IntersectClip);
    painter.translate(flowOrigin(Section::Reasoning));
    m_reasoning.paint(painter, flowPaint(Section::Reasoning, paint, shown));
    painter.restore();
    if (m_fold == Fold::Tail && m_reasoning.height() > shown.height() + 1) {
        // Older rows fade out at the window's upper edge.
        QLinearGradient fade(shown.topLeft(), shown.topLeft() + QPointF(0, 36));
        QColor clear = palette.window;
        clear.setAlpha(0);
        fade.setColorAt(0, palette.window);
        fade.setColorAt(1, clear);
        painter.fillRect(QRectF(shown.left(), shown.top(), shown.width(), 36), fade);
    }
}

void TranscriptItem::paintBody(QPainter& painter, const ItemPaint& paint) {
    const Palette& palette = m_styles.answer.palette;
    const QRectF body = bodyRect();
    if (isUser()) {
        painter.setPen(QPen(palette.border, 1));
        painter.setBrush(palette.surface);
        painter.drawRoundedRect(body.adjusted(-cardPadX(), -cardPadY(), cardPadX(), cardPadY())
                                    .adjusted(0.5, 0.5, -0.5, -0.5),
                                kCardRadius, kCardRadius);
    }
    if (m_body.text().isEmpty() && m_message.running && !hasReasoning()) {
        painter.setPen(Qt::NoPen);
        painter.setBrush(palette.muted);
        for (int i = 0; i < 3; ++i)
            painter.drawEllipse(QPointF(5 + 11 * i, body.center().y()), 2.5, 2.5);
        return;
    }
    painter.save();
    painter.translate(body.topLeft());
    m_body.paint(painter, flowPaint(Section::Body, paint, body));
    painter.restore();
}

void TranscriptItem::paintError(QPainter& painter) {
    const Palette& palette = m_styles.answer.palette;
    const QRectF box(0.5, bodyRect().bottom() + cardPadY() + 8.5, m_width - 1, m_errorHeight - 1);
    painter.setPen(QPen(palette.bad, 1));
    painter.setBrush(blend(palette.bad, palette.window, 0.06));
    painter.drawRoundedRect(box, 6, 6);
    QFont font = m_styles.answer.body;
    font.setWeight(QFont::Bold);
    painter.setFont(font);
    painter.setPen(palette.bad);
    painter.drawText(QRectF(box.left(), box.top() + 9, 30, m_styles.answer.lineHeight),
                     Qt::AlignCenter, QStringLiteral("!"));
    m_error.paint(painter, box.topLeft() + QPointF(29.5, 9.5), m_styles.answer, {}, QRectF());
}

} // namespace ui
