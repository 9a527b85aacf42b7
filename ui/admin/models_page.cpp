#include "ui/admin/models_page.h"

#include "app/application.h"
#include "app/session/model_controller.h"
#include "ui/admin/model_card_view.h"
#include "ui/icons.h"
#include "ui/models/library_delegate.h"
#include "ui/models/library_list_model.h"
#include "ui/theme.h"

#include <QFileDialog>
#include <QFileInfo>
#include <QLabel>
#include <QLineEdit>
#include <QListView>
#include <QMenu>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabBar>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

namespace {

enum RightSide { kNothing, kCard, kRejected };

QLabel* selectable(QLabel* label) {
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    label->setWordWrap(true);
    return label;
}

} // namespace

ModelsPage::ModelsPage(app::Application& application, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_library(application.library()),
      m_models(application.models()),
      m_theme(theme),
      m_tabs(new QTabBar),
      m_sections(new QStackedWidget),
      m_search(new QLineEdit),
      m_rows(new LibraryListModel(this)),
      m_list(new QListView),
      m_state(new QLabel),
      m_folders(new QToolButton),
      m_foldersMenu(new QMenu(m_folders)),
      m_right(new QStackedWidget),
      m_nothing(new QLabel),
      m_card(new ModelCardView(application, theme)),
      m_rejectedName(new QLabel),
      m_rejectedReason(new QLabel) {
    auto* title = new QLabel(tr("Models"));
    title->setProperty("role", "display");
    m_tabs->setProperty("role", "section");
    m_tabs->setDrawBase(false);
    m_tabs->setExpanding(false);
    m_tabs->setAccessibleName(tr("Sections of this page"));
    auto* header = new QHBoxLayout;
    header->setContentsMargins(space::kWide, space::kLarge, space::kWide, space::kMedium);
    header->setSpacing(space::kWide);
    header->addWidget(title);
    header->addWidget(m_tabs);
    header->addStretch(1);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addLayout(header);
    layout->addWidget(line);
    layout->addWidget(m_sections, 1);
    connect(m_tabs, &QTabBar::currentChanged, m_sections, &QStackedWidget::setCurrentIndex);
    addSection(tr("On this computer"), makeLibrary());

    connect(&m_library, &app::LibraryController::changed, this, &ModelsPage::refresh);
    connect(&m_library, &app::LibraryController::cardChanged, this, [this](const QString& path) {
        if (path == m_chosen)
            showChosen();
    });
    connect(&m_models, &app::ModelController::modelChanged, this,
            [this](const app::ModelValue& model) { m_rows->setLoaded(model.path); });
    connect(m_card, &ModelCardView::modelAsked, this, &ModelsPage::select);
    m_rows->setLoaded(m_models.model().path);
    refresh();
}

ModelsPage::~ModelsPage() {
    // The parts keep what was being typed when they go; this is no page any more then.
    m_library.disconnect(this);
}

int ModelsPage::addSection(const QString& title, QWidget* section) {
    const int index = m_sections->addWidget(section);
    m_tabs->addTab(title);
    m_tabs->setVisible(m_sections->count() > 1);
    return index;
}

void ModelsPage::showSection(int index) {
    m_tabs->setCurrentIndex(index);
}

void ModelsPage::showSection(QWidget* section) {
    showSection(m_sections->indexOf(section));
}

QWidget* ModelsPage::makeLibrary() {
    selectable(m_nothing)->setAlignment(Qt::AlignCenter);
    m_nothing->setProperty("role", "muted");
    m_nothing->setMargin(space::kHuge);
    auto* rejected = new QWidget;
    auto* rejectedLayout = new QVBoxLayout(rejected);
    rejectedLayout->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kWide);
    rejectedLayout->setSpacing(space::kMedium);
    selectable(m_rejectedName)->setProperty("role", "title");
    m_rejectedName->setObjectName(QStringLiteral("rejected-name"));
    selectable(m_rejectedReason)->setObjectName(QStringLiteral("rejected-reason"));
    rejectedLayout->addWidget(m_rejectedName);
    rejectedLayout->addWidget(m_rejectedReason);
    rejectedLayout->addStretch(1);
    m_right->addWidget(m_nothing);
    m_right->addWidget(m_card);
    m_right->addWidget(rejected);

    auto* splitter = new QSplitter;
    splitter->addWidget(makeListSide());
    splitter->addWidget(m_right);
    splitter->setStretchFactor(1, 1);
    splitter->setSizes({300, 860});
    splitter->setHandleWidth(1);
    splitter->setCollapsible(0, false);
    splitter->setCollapsible(1, false);
    return splitter;
}

QWidget* ModelsPage::makeListSide() {
    m_search->setPlaceholderText(tr("Search models"));
    m_search->setAccessibleName(tr("Search models"));
    m_search->setClearButtonEnabled(true);
    m_search->setObjectName(QStringLiteral("library-search"));
    m_list->setModel(m_rows);
    m_list->setItemDelegate(new LibraryDelegate(m_theme, m_list));
    m_list->setAccessibleName(tr("Models"));
    m_list->setObjectName(QStringLiteral("library-list"));
    m_list->setMouseTracking(true);
    m_list->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    m_state->setProperty("role", "muted");
    m_folders->setText(tr("Folders"));
    m_folders->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_folders->setToolTip(tr("The folders that are looked through for models"));
    m_folders->setPopupMode(QToolButton::InstantPopup);
    m_folders->setMenu(m_foldersMenu);
    const auto tint = [this] {
        m_folders->setIcon(icon(QStringLiteral("folder"), m_theme.palette().muted));
    };
    connect(&m_theme, &Theme::changed, this, tint);
    tint();

    auto* side = new QWidget;
    side->setProperty("role", "sidebar");
    side->setAttribute(Qt::WA_StyledBackground);
    side->setMinimumWidth(220);
    auto* column = new QVBoxLayout(side);
    column->setContentsMargins(0, space::kMedium, 0, space::kSmall);
    column->setSpacing(space::kSmall);
    auto* search = new QHBoxLayout;
    search->setContentsMargins(space::kMedium, 0, space::kMedium, 0);
    search->addWidget(m_search);
    auto* bottom = new QHBoxLayout;
    bottom->setContentsMargins(space::kMedium, 0, space::kMedium, 0);
    bottom->addWidget(m_folders);
    bottom->addStretch(1);
    bottom->addWidget(m_state);
    column->addLayout(search);
    column->addWidget(m_list, 1);
    column->addLayout(bottom);

    connect(m_search, &QLineEdit::textChanged, this, &ModelsPage::refresh);
    connect(m_list->selectionModel(), &QItemSelectionModel::currentChanged, this,
            [this](const QModelIndex& now) {
                const QString path = now.data(LibraryListModel::PathRole).toString();
                if (!now.isValid() || path == m_chosen)
                    return; // the list is being filled: refresh() shows what is chosen
                m_chosen = path;
                showChosen();
            });
    connect(m_foldersMenu, &QMenu::aboutToShow, this, &ModelsPage::fillFolders);
    return side;
}

void ModelsPage::refresh() {
    m_rows->show(m_library.cards(), m_library.rejected(), m_search->text());
    m_state->setText(m_library.isScanning()
                         ? tr("Looking…")
                         : tr("%n model(s)", nullptr, int(m_library.cards().size())));
    if (m_chosen.isEmpty() && !m_library.cards().isEmpty()) {
        const QString loaded = m_models.model().path;
        m_chosen = m_library.card(loaded) != nullptr ? loaded : m_library.cards().first().path;
    }
    m_list->setCurrentIndex(m_rows->indexOf(m_chosen));
    showChosen();
}

void ModelsPage::select(const QString& path) {
    m_chosen = path;
    m_search->clear();
    refresh();
}

void ModelsPage::showChosen() {
    if (const app::ModelCard* card = m_library.card(m_chosen)) {
        m_card->show(*card);
        m_right->setCurrentIndex(kCard);
        return;
    }
    for (const app::RejectedModel& rejected : m_library.rejected())
        if (rejected.path == m_chosen) {
            m_rejectedName->setText(QFileInfo(rejected.path).fileName());
            m_rejectedName->setToolTip(rejected.path);
            m_rejectedReason->setText(rejected.sentence());
            m_right->setCurrentIndex(kRejected);
            return;
        }
    m_nothing->setText(nothingText());
    m_right->setCurrentIndex(kNothing);
}

/// Why no card is shown.
QString ModelsPage::nothingText() const {
    if (!m_library.cards().isEmpty())
        return tr("Choose a model.");
    if (m_library.isScanning())
        return tr("Looking…");
    return tr("There are no models yet. Fetch one with “Get models” above, or add a folder that "
              "holds some with “Folders” below: GGUF files, or folders with config.json and "
              "safetensors.");
}

void ModelsPage::fillFolders() {
    m_foldersMenu->clear();
    const QColor ink = m_theme.palette().text;
    m_foldersMenu->addAction(icon(QStringLiteral("plus"), ink), tr("Add a folder…"), this,
                             &ModelsPage::addFolder);
    m_foldersMenu->addAction(icon(QStringLiteral("regenerate"), ink), tr("Look again"), &m_library,
                             &app::LibraryController::rescan);
    m_foldersMenu->addSeparator();
    for (const app::LibraryFolder& folder : m_library.folders()) {
        QString text = folder.path;
        text.replace(QLatin1Char('&'), QLatin1String("&&")); // no mnemonic
        if (folder.isAway)
            text = tr("%1 (not there now)").arg(text);
        else if (folder.isReadOnly)
            text = tr("%1 (read only)").arg(text);
        QMenu* sub = m_foldersMenu->addMenu(
            icon(QStringLiteral("folder"), folder.isAway ? m_theme.palette().muted : ink), text);
        sub->addAction(tr("%n model(s)", nullptr, folder.models))->setEnabled(false);
        if (folder.isOwn)
            sub->addAction(tr("The program's own folder"))->setEnabled(false);
        else
            sub->addAction(icon(QStringLiteral("close"), ink),
                           tr("Remove from the library (deletes nothing)"), this,
                           [this, path = folder.path] { m_library.removeFolder(path); });
    }
}

void ModelsPage::addFolder() {
    const QString path =
        QFileDialog::getExistingDirectory(window(), tr("Add a folder with models"));
    if (!path.isEmpty())
        m_library.addFolder(path);
}

} // namespace ui
