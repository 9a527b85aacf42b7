#include "ui/chat/prompt_edit.h"

#include <QKeyEvent>
#include <QMimeData>
#include <QScrollBar>

namespace ui {

namespace {
constexpr int kMaxLines = 9;
} // namespace

PromptEdit::PromptEdit(QWidget* parent) : QPlainTextEdit(parent) {
    setTabChangesFocus(true);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    document()->setDocumentMargin(2);
    connect(this, &QPlainTextEdit::textChanged, this, &PromptEdit::fitHeight);
}

QSize PromptEdit::sizeHint() const {
    const int line = fontMetrics().lineSpacing();
    // QPlainTextDocumentLayout measures its height in lines.
    const int lines = std::clamp(int(document()->size().height()), 1, kMaxLines);
    return {200, lines * line + 2 * int(document()->documentMargin()) + 2 * frameWidth() + 6};
}

QSize PromptEdit::minimumSizeHint() const {
    return {80, sizeHint().height()};
}

void PromptEdit::fitHeight() {
    const bool tall = int(document()->size().height()) > kMaxLines;
    setVerticalScrollBarPolicy(tall ? Qt::ScrollBarAsNeeded : Qt::ScrollBarAlwaysOff);
    const int height = sizeHint().height();
    if (height != this->height())
        setFixedHeight(height);
}

void PromptEdit::resizeEvent(QResizeEvent* event) {
    QPlainTextEdit::resizeEvent(event);
    if (event->oldSize().width() != event->size().width())
        fitHeight();
}

void PromptEdit::inputMethodEvent(QInputMethodEvent* event) {
    QPlainTextEdit::inputMethodEvent(event);
    m_composing = !event->preeditString().isEmpty();
}

void PromptEdit::keyPressEvent(QKeyEvent* event) {
    const bool isEnter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
    if (isEnter && !m_composing) {
        const bool ctrl = event->modifiers().testFlag(Qt::ControlModifier);
        const bool shift = event->modifiers().testFlag(Qt::ShiftModifier);
        if (ctrl || (!m_sendWithCtrl && !shift)) {
            emit sendRequested();
            return;
        }
        insertPlainText(QStringLiteral("\n"));
        ensureCursorVisible();
        return;
    }
    if (event->key() == Qt::Key_Up && event->modifiers() == Qt::NoModifier &&
        document()->isEmpty()) {
        emit recallRequested();
        return;
    }
    QPlainTextEdit::keyPressEvent(event);
}

void PromptEdit::insertFromMimeData(const QMimeData* source) {
    if (source->hasText())
        insertPlainText(source->text());
}

} // namespace ui
