#pragma once
// PromptEdit: the text field of the composer. Grows with its text up to a limit, sends on Enter but
// never while an input method composes, pastes plain text only. GUI thread.

#include <QPlainTextEdit>

namespace ui {

class PromptEdit : public QPlainTextEdit {
    Q_OBJECT

  public:
    explicit PromptEdit(QWidget* parent = nullptr);

    /// false: Enter sends, Shift+Enter breaks the line. true: Ctrl+Enter sends, Enter breaks the
    /// line.
    void setSendWithCtrl(bool withCtrl) { m_sendWithCtrl = withCtrl; }

    QSize sizeHint() const override;
    QSize minimumSizeHint() const override;

  signals:
    void sendRequested();
    /// Up in an empty field: edit the last prompt.
    void recallRequested();

  protected:
    void keyPressEvent(QKeyEvent* event) override;
    void inputMethodEvent(QInputMethodEvent* event) override;
    void insertFromMimeData(const QMimeData* source) override;
    void resizeEvent(QResizeEvent* event) override;

  private:
    void fitHeight();

    bool m_sendWithCtrl = false;
    bool m_composing = false; // an input method shows preedit text
};

} // namespace ui
