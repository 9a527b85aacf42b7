#pragma once
// ElidedLabel: one line of plain text with an ellipsis, at its end or in its middle, where there is
// no room for it; it is whole then in the tool tip, before what the tool tip says anyway. text() is
// always the whole one.

#include <QLabel>

namespace ui {

class ElidedLabel : public QLabel {
    Q_OBJECT

  public:
    explicit ElidedLabel(Qt::TextElideMode mode = Qt::ElideRight, QWidget* parent = nullptr);

  protected:
    bool event(QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

  private:
    QString shownText() const;

    const Qt::TextElideMode m_mode;
};

} // namespace ui
