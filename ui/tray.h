#pragma once
// Tray: the program's icon in the desktop's tray, where it goes on answering without a window.
// Plain GNOME and an offscreen platform have none. GUI thread.

#include <QMenu>
#include <QSystemTrayIcon>

namespace ui {

class Tray : public QObject {
    Q_OBJECT

  public:
    explicit Tray(QObject* parent = nullptr);

    static bool isAvailable() { return QSystemTrayIcon::isSystemTrayAvailable(); }
    /// How many chats answer or wait; said beside the icon.
    void showBusy(int chats);
    /// The window has gone and chats go on: says so, the first time.
    void announce();

  signals:
    void openRequested();
    void newChatRequested();
    void quitRequested();

  private:
    QMenu m_menu;
    QSystemTrayIcon m_icon;
    bool m_announced = false;
};

} // namespace ui
