#include "ui/desktop.h"

#include "app/application.h"
#include "app/paths.h"
#include "app/session/chat_controller.h"
#include "app/settings.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/main_window.h"
#include "ui/theme.h"

#include <QApplication>
#include <QIcon>
#include <QLibraryInfo>
#include <QLocale>
#include <QTranslator>

namespace ui {

QString effectiveLanguage(const QString& setting) {
    const QString wanted = setting.isEmpty() ? QLocale::system().name() : setting;
    return wanted.startsWith(QLatin1String("zh")) ? QStringLiteral("zh_CN") : QStringLiteral("en");
}

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
    connect(&application, &app::Application::raiseRequested, this, [this] {
        m_window->setWindowState(m_window->windowState() & ~Qt::WindowMinimized);
        m_window->show();
        m_window->raise();
        m_window->activateWindow();
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

void Desktop::applySettings(const app::SettingsValues& values) {
    if (m_theme->zoom() != values.fontZoom)
        m_theme->setZoom(values.fontZoom);
    const auto choice = static_cast<Theme::Choice>(values.theme);
    if (m_theme->choice() != choice)
        m_theme->setChoice(choice);
    setLanguage(effectiveLanguage(values.language));
}

void Desktop::setLanguage(const QString& language) {
    if (m_hasLanguage && language == m_language)
        return;
    m_language = language;
    m_hasLanguage = true;
    QLocale::setDefault(QLocale(language));
    m_translators.clear(); // each uninstalls itself
    installTranslator(QStringLiteral("%1/qtbase_%2.qm")
                          .arg(QLibraryInfo::path(QLibraryInfo::TranslationsPath), language));
    installTranslator(QStringLiteral(":/i18n/inglenook_%1.qm").arg(language));
    // Every text is made when a window is made: a new language is a new window over the same chats.
    if (m_window)
        QMetaObject::invokeMethod(this, &Desktop::makeWindow, Qt::QueuedConnection);
}

void Desktop::installTranslator(const QString& file) {
    auto translator = std::make_unique<QTranslator>();
    if (translator->load(file) && QApplication::installTranslator(translator.get()))
        m_translators.push_back(std::move(translator));
}

void Desktop::makeWindow() {
    QByteArray geometry;
    app::ConversationId conversation = 0;
    QString draft;
    PageId page = PageId::Chat;
    const bool wasVisible = m_window && m_window->isVisible();
    if (m_window) {
        geometry = m_window->saveGeometry();
        conversation = m_window->chatPage().chat().conversationId();
        draft = m_window->chatPage().view().composer().text();
        page = m_window->page();
        m_window.reset();
    }
    m_window = std::make_unique<MainWindow>(m_application, *m_theme, m_dataDir);
    if (!geometry.isEmpty())
        m_window->restoreGeometry(geometry);
    if (conversation != 0)
        m_window->chatPage().openConversation(conversation);
    m_window->chatPage().view().composer().setText(draft);
    m_window->showPage(page);
    if (wasVisible)
        m_window->show();
}

} // namespace ui
