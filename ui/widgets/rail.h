#pragma once
// Rail: the narrow column of pages on the left. GUI thread.

#include "ui/pages.h"

#include <QWidget>

class QButtonGroup;

namespace ui {

class Theme;

class Rail : public QWidget {
    Q_OBJECT

  public:
    Rail(Theme& theme, QWidget* parent = nullptr);

    void setCurrent(PageId page);

  signals:
    void pageChosen(ui::PageId page);

  private:
    void updateColors();

    Theme& m_theme;
    QButtonGroup* m_buttons;
};

} // namespace ui
