#pragma once
// Toast: a short message over the bottom of a page with one action ("Undo"), gone after some
// seconds. Stays while the pointer or the keyboard is on it. GUI thread.

#include <functional>
#include <QFrame>

class QLabel;
class QPushButton;
class QTimer;

namespace ui {

class Toast : public QFrame {
    Q_OBJECT

  public:
    explicit Toast(QWidget* host);

    void showMessage(const QString& text, const QString& actionText = {},
                     std::function<void()> action = {});

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void place();

    QLabel* m_text;
    QPushButton* m_action;
    QTimer* m_timer;
    std::function<void()> m_onAction;
};

} // namespace ui
