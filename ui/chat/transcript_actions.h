#pragma once
// The row of actions under a message, and the pill that leads back to the end. Real buttons, so
// that keyboard and screen readers find them.

#include "ui/chat/transcript_types.h"
#include "ui/theme.h"

#include <QAbstractButton>
#include <vector>

namespace ui {

/// A flat text button in the theme's colours.
class TextButton : public QAbstractButton {
    Q_OBJECT

  public:
    enum class Look { Flat, Pill };
    TextButton(const QString& text, Look look, QWidget* parent);
    void setTheme(const Palette& palette);
    QSize sizeHint() const override;

  protected:
    void paintEvent(QPaintEvent* event) override;
    void enterEvent(QEnterEvent* event) override;
    void leaveEvent(QEvent* event) override;

  private:
    Palette m_palette;
    Look m_look;
};

class MessageActions : public QWidget {
    Q_OBJECT

  public:
    enum class Action {
        Copy,
        Edit,
        Regenerate,
        Continue,
        Previous,
        Next,
        AnswerNow,
        Figures,
    };

    explicit MessageActions(QWidget* parent);
    void setTheme(const Palette& palette, const QFont& small);
    /// `thinking`: reasoning is running and can be cut short.
    void show(int index, const TranscriptMessage& message, bool thinking);
    /// Index of the message it stands under, -1 while hidden.
    int index() const { return m_index; }
    void clear();

  signals:
    void triggered(int index, MessageActions::Action action);

  protected:
    void resizeEvent(QResizeEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    TextButton* button(Action action) const { return m_buttons[size_t(action)]; }
    void arrange();
    void placeFigures();

    std::vector<TextButton*> m_buttons; // by Action
    QString m_siblings;                 // "2/3"
    QString m_stats;
    bool m_hasTimes = false; // the figures are a button
    QRect m_siblingsRect, m_statsRect;
    Palette m_palette;
    int m_index = -1;
};

} // namespace ui
