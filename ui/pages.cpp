#include "ui/pages.h"

#include "app/application.h"
#include "app/session/model_controller.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "ui/admin/model_card_view.h"
#include "ui/admin/models_page.h"
#include "ui/admin/roofline_view.h"
#include "ui/admin/server_page.h"
#include "ui/admin/settings_page.h"
#include "ui/agents/agents_page.h"
#include "ui/chat/chat_page.h"
#include "ui/dashboard/dashboard_page.h"
#include "ui/dashboard/requests_page.h"
#include "ui/download/get_models_view.h"
#include "ui/download/versions_view.h"

#include <QCoreApplication>

namespace ui {

namespace {

struct Pages {
    Q_DECLARE_TR_FUNCTIONS(ui::Pages)
};

PageSpec row(PageId id, const char* key, const QString& title, const char* shortcut,
             QWidget* (*make)(const PageContext&)) {
    const QString name = QString::fromLatin1(key); // the icon is called like the page
    return {id, name, title, name, QKeySequence(QString::fromLatin1(shortcut)), make};
}

QWidget* chatPage(const PageContext& c) {
    return new ChatPage(c.application, c.theme);
}
QWidget* agentsPage(const PageContext& c) {
    return new AgentsPage(c.application, c.theme);
}
QWidget* modelsPage(const PageContext& c) {
    app::Application& a = c.application;
    auto* page = new ModelsPage(c.application, c.theme);
    auto* versions = new VersionsView(a.downloads());
    page->card().addTab(Pages::tr("Versions"), versions);
    QObject::connect(&page->card(), &ModelCardView::shown, versions, &VersionsView::showModel);
    auto* speed = new RooflineView(a.rooflines(), a.library(), a.settings());
    page->card().addTab(Pages::tr("Speed"), speed);
    QObject::connect(&page->card(), &ModelCardView::shown, speed, &RooflineView::showModel);
    auto* get = new GetModelsView(a.downloads(), a.settings(), c.theme);
    page->addSection(Pages::tr("Get models"), get);
    QObject::connect(get, &GetModelsView::openWanted, page, [&a](const QString& file) {
        a.models().load(file, app::modelOptions(a.settings().values()));
    });
    return page;
}
QWidget* dashboardPage(const PageContext& c) {
    return new DashboardPage(c.application.telemetry(), c.theme, &c.application.alerts());
}
QWidget* requestsPage(const PageContext& c) {
    return new RequestsPage(c.application.telemetry(), c.theme);
}
QWidget* serverPage(const PageContext& c) {
    return new ServerPage(c.application.api(), c.application.settings());
}
QWidget* settingsPage(const PageContext& c) {
    return new SettingsPage(c.application.settings(), c.application.models(), c.dataDir);
}

} // namespace

QList<PageSpec> pageSpecs() {
    return {
        row(PageId::Chat, "chat", Pages::tr("Chat"), "Ctrl+1", chatPage),
        row(PageId::Agents, "agents", Pages::tr("Agents"), "Ctrl+2", agentsPage),
        row(PageId::Models, "models", Pages::tr("Models"), "Ctrl+3", modelsPage),
        row(PageId::Dashboard, "dashboard", Pages::tr("Dashboard"), "Ctrl+4", dashboardPage),
        row(PageId::Requests, "requests", Pages::tr("Requests"), "Ctrl+5", requestsPage),
        row(PageId::Server, "server", Pages::tr("Server"), "Ctrl+6", serverPage),
        row(PageId::Settings, "settings", Pages::tr("Settings"), "Ctrl+,", settingsPage),
    };
}

} // namespace ui
