#include "ui/main_window.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "app/telemetry/telemetry_controller.h"
#include "ui/actions.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/model_picker.h"
#include "ui/chat/sidebar.h"
#include "ui/shortcuts_dialog.h"
#include "ui/theme.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/rail.h"
#include "ui/widgets/status_strip.h"

#include <QCloseEvent>
#include <QHBoxLayout>
#include <QMessageBox>
#include <QStackedWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

QFrame* hairline(const char* role) {
    auto* line = new QFrame;
    line->setProperty("role", QLatin1String(role));
    return line;
}

} // namespace

MainWindow::MainWindow(app::Application& application, Theme& theme, const QString& dataDir)
    : m_application(application),
      m_theme(theme),
      m_context{application, theme, dataDir},
      m_banners(new BannerStack(theme)),
      m_rail(new Rail(theme)),
      m_stack(new QStackedWidget),
      m_chat(static_cast<ChatPage*>(pageWidget(PageId::Chat))),
      m_status(new StatusStrip) {
    setWindowTitle(QStringLiteral("Inglenook"));
    resize(1180, 760);
    setMinimumSize(520, 400);

    auto* centre = new QWidget;
    auto* column = new QVBoxLayout(centre);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    auto* row = new QHBoxLayout;
    row->setSpacing(0);
    row->addWidget(m_rail);
    row->addWidget(hairline("vertical-hairline"));
    row->addWidget(m_stack, 1);
    column->addWidget(m_banners);
    column->addLayout(row, 1);
    column->addWidget(hairline("hairline"));
    column->addWidget(m_status);
    setCentralWidget(centre);

    connect(m_banners, &BannerStack::dismissed, this, &MainWindow::bannerDismissed);
    connect(m_rail, &Rail::pageChosen, this, &MainWindow::showPage);
    addActions();
    connectStatus();
    m_chat->view().focusInput();
}

void MainWindow::connectStatus() {
    app::ModelController& models = m_application.models();
    connect(&models, &app::ModelController::modelChanged, m_status, &StatusStrip::showModel);
    connect(&models, &app::ModelController::progressChanged, this,
            [this, &models](const app::ModelProgress& progress) {
                if (progress.phase == app::ModelPhase::None ||
                    progress.phase == app::ModelPhase::Ready)
                    m_status->showModel(models.model());
                else
                    m_status->showLoading(progress);
            });
    connect(&m_chat->chat(), &app::ChatController::progressChanged, m_status,
            &StatusStrip::showProgress);
    connect(&m_chat->chat(), &app::ChatController::contextChanged, m_status,
            &StatusStrip::showContext);
    connect(m_chat, &ChatPage::runningChanged, this,
            [this](int running, int queued) { m_running = running + queued; });
    m_status->showModel(models.model());
    app::TelemetryController& telemetry = m_application.telemetry();
    connect(&telemetry, &app::TelemetryController::frameArrived, m_status, &StatusStrip::showFrame);
    connect(m_status, &StatusStrip::pageAsked, this, &MainWindow::showPage);
    m_status->showFrame(telemetry.latest());
}

void MainWindow::addActions() {
    const auto addSpec = [this](const ActionSpec& spec, auto&& handler) {
        QAction* action = makeAction(spec, this);
        connect(action, &QAction::triggered, this, handler);
        addAction(action);
    };
    const auto add = [&](ActionId id, auto&& handler) { addSpec(actionSpec(id), handler); };
    const auto onChat = [this](auto&& handler) {
        return [this, handler] {
            showPage(PageId::Chat);
            handler();
        };
    };
    add(ActionId::NewChat, onChat([this] { m_chat->newChat(); }));
    add(ActionId::SearchChats, onChat([this] {
            m_chat->sidebar().show();
            m_chat->sidebar().focusSearch();
        }));
    add(ActionId::FindInChat, onChat([this] { m_chat->view().openFind(); }));
    add(ActionId::StopAnswer, [this] { stopOrLeave(); });
    add(ActionId::Regenerate, onChat([this] { m_chat->view().regenerateLast(); }));
    add(ActionId::CopyLastAnswer, onChat([this] { m_chat->view().copyLastAnswer(); }));
    add(ActionId::FocusInput, onChat([this] { m_chat->view().focusInput(); }));
    add(ActionId::ChooseModel, onChat([this] { m_chat->modelPicker().open(); }));
    add(ActionId::OpenModelFile, onChat([this] { m_chat->modelPicker().openFile(); }));
    add(ActionId::OpenModelFolder, onChat([this] { m_chat->modelPicker().openFolder(); }));
    add(ActionId::UnloadModel, [this] { m_application.models().unload(); });
    add(ActionId::ToggleSidebar, onChat([this] { m_chat->toggleSidebar(); }));
    add(ActionId::ShowShortcuts, [this] {
        auto* dialog = new ShortcutsDialog(this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    });
    add(ActionId::ZoomIn, [this] { changeZoom(+10); });
    add(ActionId::ZoomOut, [this] { changeZoom(-10); });
    add(ActionId::ZoomReset, [this] { changeZoom(0); });
    add(ActionId::Quit, [this] { close(); });
    for (const PageSpec& page : pageSpecs())
        for (const ActionSpec& spec : actionSpecs())
            if (spec.key == QStringLiteral("show-") + page.key)
                addSpec(spec, [this, id = page.id] { showPage(id); });
}

void MainWindow::stopOrLeave() {
    if (m_page != PageId::Chat)
        showPage(PageId::Chat);
    else
        m_chat->view().escape();
}

void MainWindow::changeZoom(int step) {
    app::SettingsValues values = m_application.settings().values();
    values.fontZoom = step == 0 ? 100 : std::clamp(values.fontZoom + step, 50, 200);
    m_application.settings().set(values);
}

QWidget* MainWindow::pageWidget(PageId page) {
    if (QWidget* made = m_pages.value(page))
        return made;
    for (const PageSpec& spec : pageSpecs()) {
        if (spec.id != page)
            continue;
        QWidget* widget = spec.make(m_context);
        m_stack->addWidget(widget);
        m_pages.insert(page, widget);
        return widget;
    }
    return nullptr;
}

void MainWindow::showPage(PageId page) {
    QWidget* widget = pageWidget(page);
    if (widget == nullptr)
        return;
    m_page = page;
    m_stack->setCurrentWidget(widget);
    m_rail->setCurrent(page);
    if (page == PageId::Chat)
        m_chat->view().focusInput();
}

void MainWindow::raiseBanner(const QString& id, const QString& sentence) {
    m_banners->raise(id, sentence);
}

void MainWindow::clearBanner(const QString& id) {
    m_banners->clear(id);
}

void MainWindow::closeEvent(QCloseEvent* event) {
    if (m_running == 0) {
        event->accept();
        return;
    }
    // There may be no tray to go on in: ask, as the answer would end with the program.
    QMessageBox box(QMessageBox::Question, tr("An answer is still being written"),
                    tr("%n chat(s) are still answering. What has arrived is saved in any case.",
                       nullptr, m_running),
                    QMessageBox::NoButton, this);
    QPushButton* minimise =
        box.addButton(tr("Keep generating (minimise)"), QMessageBox::RejectRole);
    QPushButton* quit = box.addButton(tr("Stop and quit"), QMessageBox::AcceptRole);
    box.setDefaultButton(minimise);
    box.exec();
    if (box.clickedButton() == quit) {
        event->accept();
        return;
    }
    event->ignore();
    if (box.clickedButton() == minimise)
        showMinimized();
}

} // namespace ui
