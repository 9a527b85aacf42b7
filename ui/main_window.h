#pragma once
// MainWindow: banners, rail, pages, status strip, and the actions with their keys. GUI thread.

#include "ui/pages.h"

#include <QMainWindow>
#include <QMap>

class QStackedWidget;

namespace ui {

class BannerStack;
class ChatPage;
class Rail;
class StatusStrip;
class Theme;
class Tray;

class MainWindow : public QMainWindow {
    Q_OBJECT

  public:
    MainWindow(app::Application& application, Theme& theme, const QString& dataDir);

    ChatPage& chatPage() { return *m_chat; }
    /// Makes the page when it is shown for the first time. A page that is not in the table is
    /// ignored.
    void showPage(PageId page);
    PageId page() const { return m_page; }
    /// The page's widget, made if need be; null when it is not in the table.
    QWidget* pageWidget(PageId page);
    void raiseBanner(const QString& id, const QString& sentence);
    void clearBanner(const QString& id);
    /// From here on, closing while chats answer leaves them to the tray. Where there is a tray, the
    /// window does so by itself.
    void useTray();
    void comeForward();
    /// close(), but never into the tray.
    void quit();

  signals:
    void bannerDismissed(const QString& id);
    /// The window closes and the program ends with it.
    void left();

  protected:
    void closeEvent(QCloseEvent* event) override;

  private:
    void addActions();
    void connectStatus();
    void showGetModels();
    void stopOrLeave();
    void focusPage(QWidget* page);
    void changeZoom(int step);
    void keepGenerating();

    app::Application& m_application;
    Theme& m_theme;
    const PageContext m_context;
    BannerStack* m_banners;
    Rail* m_rail;
    QStackedWidget* m_stack;
    QMap<PageId, QWidget*> m_pages; // those that were shown
    PageId m_page = PageId::Chat;
    ChatPage* m_chat;
    StatusStrip* m_status;
    Tray* m_tray = nullptr;
    bool m_isQuitting = false; // the next close is meant to end the program
    bool m_mayLeave = false;   // the answers may end
};

} // namespace ui
