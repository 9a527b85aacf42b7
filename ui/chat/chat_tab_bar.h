#pragma once
// ChatTabBar: one tab a chat, with its title and what goes on in it as shape and word. Closes with
// the middle button too; tabs can be dragged. GUI thread.

#include "app/history/records.h"

#include <QTabBar>

namespace ui {

class Theme;

class ChatTabBar : public QTabBar {
    Q_OBJECT

  public:
    explicit ChatTabBar(Theme& theme, QWidget* parent = nullptr);

    /// `conversation`: its title, state and place in the queue; an empty title is a new chat.
    void showTab(int index, const app::Conversation& conversation);
    /// No wider than the tabs: what stands beside them stands beside a single one too.
    QSize minimumSizeHint() const override;

  protected:
    QSize tabSizeHint(int index) const override;
    QSize minimumTabSizeHint(int index) const override;
    void mouseReleaseEvent(QMouseEvent* event) override;

  private:
    void updateIcon(int index);
    void updateIcons();

    Theme& m_theme;
};

} // namespace ui
