#include "ui/desktop.h"

#include "app/alerts/alert_controller.h"
#include "app/application.h"
#include "app/paths.h"
#include "app/session/chat_controller.h"
#include "app/settings.h"
#include "ui/chat/chat_page.h"
#include "ui/desktop_notification.h"
#include "ui/main_window.h"
#include "ui/theme.h"

#include <QApplication>
#include <QIcon>

namespace ui {

Desktop::Desktop(app::Application& application, const app::Paths& paths)
    : m_application(application), m_dataDir(paths.dataDir), m_theme(std::make_unique<Theme>()) {
    QApplication::setWindowIcon(QIcon(QStringLiteral(":/icons/inglenook.svg")));
    connect(&application.settings(), &app::Settings::changed, this, &Desktop::applySettings);
    connect(&application, &app::Application::bannerRaised, this,
            [this](const QString& id, const QString& sentence) {
                m_window->raiseBanner(id, sentence);
            });
    connect(&application, &app::Application::bannerCleared, this,
            [this](const QString& id) { m_window->clearBanner(id); });
    connect(&application, &app::Application::raiseRequested, this, &Desktop::comeForward);
    connect(&application, &app::Application::chatStarted, this,
            [this](app::ConversationId conversation) {
                m_window->showPage(PageId::Chat);
                m_window->chatPage().openConversation(conversation);
                comeForward();
            });
    connect(&application.alerts(), &app::AlertController::raised, this,
            [this](const QString& name, app::AlertSeverity severity, const QString& sentence) {
                // Whoever looks at the window sees the banner.
                if (severity != app::AlertSeverity::Information && !m_window->isActiveWindow())
                    notifyDesktop(name, sentence, severity == app::AlertSeverity::Critical);
            });
    applySettings(application.settings().values());
    m_theme->apply();
    if (!m_window)
        makeWindow();
}

Desktop::~Desktop() {
    m_window.reset();
}

void Desktop::show() {
    m_window->show();
}

void Desktop::send(const QString& text) {
    m_window->chatPage().newChat();
    m_window->chatPage().chat().send(text);
}

void Desktop::comeForward() {
    m_window->comeForward();
}

void Desktop::applySettings(const app::SettingsValues& values) {
    if (m_theme->zoom() != values.fontZoom)
        m_theme->setZoom(values.fontZoom);
    const auto choice = static_cast<Theme::Choice>(values.theme);
    if (m_theme->choice() != choice)
        m_theme->setChoice(choice);
    // Every text is made when a window is made: a new language is a new window over the same chats.
    if (m_translators.install(values.language) && m_window)
        QMetaObject::invokeMethod(this, &Desktop::makeWindow, Qt::QueuedConnection);
}

void Desktop::makeWindow() {
    QByteArray geometry;
    PageId page = PageId::Chat;
    const bool wasVisible = m_window && m_window->isVisible();
    if (m_window) {
        geometry = m_window->saveGeometry();
        page = m_window->page();
        m_window.reset(); // the open chats are remembered, with what is typed in them
    }
    m_window = std::make_unique<MainWindow>(m_application, *m_theme, m_dataDir);
    connect(m_window.get(), &MainWindow::bannerDismissed, &m_application,
            &app::Application::dismissBanner);
    // Also when it was in the tray, where no last window closes.
    connect(m_window.get(), &MainWindow::left, qApp, &QCoreApplication::quit, Qt::QueuedConnection);
    for (const app::Banner& banner : m_application.banners())
        m_window->raiseBanner(banner.id, banner.sentence);
    if (!geometry.isEmpty())
        m_window->restoreGeometry(geometry);
    m_window->showPage(page);
    if (wasVisible)
        m_window->show();
}

} // namespace ui
