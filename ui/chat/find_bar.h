#pragma once
// FindBar: Ctrl+F in a chat: text, next, previous, count. GUI thread.

#include <QFrame>

class QLabel;
class QLineEdit;
class QToolButton;

namespace ui {

class Theme;

class FindBar : public QFrame {
    Q_OBJECT

  public:
    FindBar(Theme& theme, QWidget* parent = nullptr);

    void open();
    /// closed() follows.
    void close();
    /// Hides without a word: another conversation is shown.
    void closeQuietly() { hide(); }
    void showCount(int current, int total); ///< 1-based; total = 0: nothing found

  signals:
    void textChanged(const QString& text);
    void nextRequested();
    void previousRequested();
    void closed();

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void updateColors();

    Theme& m_theme;
    QLineEdit* m_edit;
    QLabel* m_count;
    QToolButton* m_previous;
    QToolButton* m_next;
    QToolButton* m_close;
};

} // namespace ui
