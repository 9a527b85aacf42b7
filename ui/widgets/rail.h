#pragma once
// Rail: the narrow column of pages on the left. GUI thread.

#include <QWidget>

class QButtonGroup;

namespace ui {

class Theme;

class Rail : public QWidget {
    Q_OBJECT

  public:
    Rail(Theme& theme, QWidget* parent = nullptr);

    void setCurrent(int page);

  signals:
    void pageChosen(int page);

  private:
    void updateColors();

    Theme& m_theme;
    QButtonGroup* m_buttons;
};

} // namespace ui
