#pragma once
// MainWindow: banners, rail, pages, status strip, and the actions with their keys. GUI thread.

#include <QMainWindow>

class QStackedWidget;

namespace app {
class Application;
}

namespace ui {

class BannerStack;
class ChatPage;
class Rail;
class SettingsPage;
class StatusStrip;
class Theme;

class MainWindow : public QMainWindow {
    Q_OBJECT

  public:
    MainWindow(app::Application& application, Theme& theme, const QString& dataDir);

    ChatPage& chatPage() { return *m_chat; }
    void showPage(int page);
    int page() const;
    void raiseBanner(const QString& id, const QString& sentence);
    void clearBanner(const QString& id);

  protected:
    void closeEvent(QCloseEvent* event) override;

  private:
    void addActions();
    void connectStatus();
    void stopOrLeave();
    void changeZoom(int step);

    app::Application& m_application;
    Theme& m_theme;
    BannerStack* m_banners;
    Rail* m_rail;
    QStackedWidget* m_pages;
    ChatPage* m_chat;
    SettingsPage* m_settings;
    StatusStrip* m_status;
    int m_running = 0;
};

} // namespace ui
