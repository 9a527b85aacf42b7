#include "ui/main_window.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/conversation_list_controller.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "app/telemetry/telemetry_controller.h"
#include "ui/actions.h"
#include "ui/admin/models_page.h"
#include "ui/agents/agents_page.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_tabs.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/model_picker.h"
#include "ui/chat/sidebar.h"
#include "ui/download/get_models_view.h"
#include "ui/leave_dialog.h"
#include "ui/shortcuts_dialog.h"
#include "ui/theme.h"
#include "ui/tray.h"
#include "ui/widgets/banner.h"
#include "ui/widgets/rail.h"
#include "ui/widgets/status_strip.h"

#include <QCloseEvent>
#include <QGuiApplication>
#include <QHBoxLayout>
#include <QStackedWidget>
#include <QVBoxLayout>
#include <utility>

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
    connect(&m_chat->tabs(), &ChatTabs::addModelRequested, this, &MainWindow::showGetModels);
    addActions();
    connectStatus();
    if (Tray::isAvailable())
        useTray();
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
    connect(&m_chat->tabs(), &ChatTabs::progressChanged, m_status, &StatusStrip::showProgress);
    connect(&m_chat->tabs(), &ChatTabs::contextChanged, m_status, &StatusStrip::showContext);
    m_status->showProgress(m_chat->chat().progress());
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
    add(ActionId::NewTab, onChat([this] { m_chat->tabs().newTab(); }));
    add(ActionId::ReopenTab, onChat([this] { m_chat->tabs().reopenTab(); }));
    add(ActionId::NextTab, onChat([this] { m_chat->tabs().step(+1); }));
    add(ActionId::PreviousTab, onChat([this] { m_chat->tabs().step(-1); }));
    add(ActionId::CloseTab, [this] {
        if (m_page == PageId::Chat)
            m_chat->tabs().closeCurrent();
        else
            showPage(PageId::Chat); // no tab closes unseen
    });
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
    add(ActionId::Quit, [this] { quit(); });
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
        if (auto* agents = qobject_cast<AgentsPage*>(widget))
            connect(agents, &AgentsPage::chatRequested, this, [this](app::ConversationId lane) {
                showPage(PageId::Chat);
                m_chat->openConversation(lane);
            });
        m_pages.insert(page, widget);
        return widget;
    }
    return nullptr;
}

/// Where somebody who has no model yet finds one.
void MainWindow::showGetModels() {
    showPage(PageId::Models);
    if (auto* models = qobject_cast<ModelsPage*>(pageWidget(PageId::Models)))
        models->showSection(models->findChild<GetModelsView*>());
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
    else
        focusPage(widget);
}

/// The keyboard goes along to the page, to where it was in it: what had it is out of sight, and the
/// next in line would be the strip below. Whoever walks the rail stays there.
void MainWindow::focusPage(QWidget* page) {
    const QWidget* now = focusWidget();
    if ((page->isAncestorOf(now) && now->isVisible()) || m_rail->isAncestorOf(now))
        return;
    QWidget* wanted = page->focusWidget();
    for (QWidget* each = page->nextInFocusChain();
         each != page && (wanted == nullptr || !wanted->isVisible());
         each = each->nextInFocusChain())
        if (page->isAncestorOf(each) && each->isEnabled() && each->isVisible() &&
            (each->focusPolicy() & Qt::TabFocus) != 0)
            wanted = each;
    if (wanted != nullptr)
        wanted->setFocus(Qt::OtherFocusReason);
}

void MainWindow::raiseBanner(const QString& id, const QString& sentence) {
    m_banners->raise(id, sentence);
}

void MainWindow::clearBanner(const QString& id) {
    m_banners->clear(id);
}

void MainWindow::useTray() {
    if (m_tray != nullptr)
        return;
    m_tray = new Tray(this);
    app::ConversationListController& list = m_application.conversations();
    connect(m_tray, &Tray::openRequested, this, &MainWindow::comeForward);
    connect(m_tray, &Tray::quitRequested, this, &MainWindow::quit);
    connect(m_tray, &Tray::newChatRequested, this, [this] {
        comeForward();
        showPage(PageId::Chat);
        m_chat->newChat();
    });
    connect(&list, &app::ConversationListController::stateChanged, m_tray,
            [this, &list] { m_tray->showBusy(int(list.busyTitles().size())); });
    m_tray->showBusy(int(list.busyTitles().size()));
}

void MainWindow::comeForward() {
    setWindowState(windowState() & ~Qt::WindowMinimized);
    show();
    raise();
    activateWindow();
}

void MainWindow::keepGenerating() {
    if (m_tray == nullptr) {
        showMinimized();
        return;
    }
    hide();
    m_tray->announce();
}

void MainWindow::quit() {
    m_isQuitting = true;
    close();
}

/// Closing the window while chats answer: into the tray. Quitting, or without a tray: asks, because
/// the answers would end with the program.
void MainWindow::closeEvent(QCloseEvent* event) {
    const bool quits = std::exchange(m_isQuitting, false);
    const QStringList busy = m_application.conversations().busyTitles();
    // Whoever logs out has been asked by the desktop; what has arrived is saved.
    if (busy.isEmpty() || m_mayLeave || qGuiApp->isSavingSession()) {
        event->accept();
        emit left();
        return;
    }
    event->ignore();
    if (m_tray != nullptr && !quits) {
        keepGenerating();
        return;
    }
    if (findChild<LeaveDialog*>() != nullptr)
        return; // it has been asked already
    comeForward();
    auto* dialog = new LeaveDialog(busy, m_tray != nullptr, this);
    connect(dialog, &LeaveDialog::decided, this, [this](LeaveDialog::Choice choice) {
        if (choice == LeaveDialog::Choice::Keep) {
            keepGenerating();
        } else if (choice == LeaveDialog::Choice::Quit) {
            m_mayLeave = true;
            close();
        }
    });
    dialog->open();
}

} // namespace ui
