#include "ui/download/get_models_view.h"

#include "app/download/download_controller.h"
#include "app/download/starter_models.h"
#include "app/settings.h"
#include "ui/download/choices_view.h"
#include "ui/download/connection_dialog.h"
#include "ui/download/download_text.h"
#include "ui/download/job_list.h"
#include "ui/models/library_delegate.h"
#include "ui/models/library_list_model.h"
#include "ui/text/visible_escapes.h"
#include "ui/theme.h"

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QLocale>
#include <QPushButton>
#include <QSplitter>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kListWidth = 340;

} // namespace

GetModelsView::GetModelsView(app::DownloadController& downloads, app::Settings& settings,
                             Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_downloads(downloads),
      m_settings(settings),
      m_hub(new QComboBox),
      m_words(new QLineEdit),
      m_search(new QPushButton(tr("Search"))),
      m_privacy(new QLabel),
      m_heading(new QLabel),
      m_list(new QListWidget),
      m_choices(new ChoicesView(theme)),
      m_jobs(new JobList(downloads, theme)) {
    auto* models = new QSplitter;
    models->addWidget(makeList(theme));
    models->addWidget(m_choices);
    models->setStretchFactor(1, 1);
    models->setSizes({kListWidth, 2 * kListWidth});
    models->setHandleWidth(1);
    models->setChildrenCollapsible(false);
    auto* all = new QSplitter(Qt::Vertical);
    all->addWidget(models);
    all->addWidget(m_jobs);
    all->setStretchFactor(0, 3);
    all->setStretchFactor(1, 1);
    all->setHandleWidth(1);
    all->setChildrenCollapsible(false);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(makeAsking());
    column->addWidget(line);
    column->addWidget(all, 1);

    connect(&m_downloads, &app::DownloadController::found, this, &GetModelsView::showFound);
    connect(&m_downloads, &app::DownloadController::failed, this, &GetModelsView::showTrouble);
    connect(
        &m_downloads, &app::DownloadController::listed, this,
        [this](const app::RemoteRepository& repository, const QList<app::RemoteChoice>& choices) {
            if (repository.repository == m_asked)
                m_choices->show(repository, choices);
        });
    connect(m_choices, &ChoicesView::downloadWanted, &m_downloads,
            &app::DownloadController::download);
    connect(m_jobs, &JobList::openWanted, this, &GetModelsView::openWanted);
    connect(&m_downloads, &app::DownloadController::secretStored, this,
            [this](const QString& sentence) {
                if (!sentence.isEmpty())
                    m_choices->showMessage(tr("The token is held until the program ends"),
                                           sentence);
            });
    connect(&m_settings, &app::Settings::changed, this, &GetModelsView::showHub);
    showHub();
    showStarters();
}

QWidget* GetModelsView::makeAsking() {
    for (const app::HubKind hub : {app::HubKind::HuggingFace, app::HubKind::HfMirror,
                                   app::HubKind::ModelScope, app::HubKind::Address})
        m_hub->addItem(hubName(hub), app::hubKey(hub));
    m_hub->setObjectName(QStringLiteral("download-hub"));
    m_hub->setAccessibleName(tr("Where models come from"));
    m_words->setObjectName(QStringLiteral("download-words"));
    m_words->setClearButtonEnabled(true);
    m_search->setObjectName(QStringLiteral("download-search"));
    auto* connection = new QPushButton(tr("Connection…"));
    m_privacy->setProperty("role", "muted");
    m_privacy->setWordWrap(true);
    m_privacy->setTextFormat(Qt::PlainText);
    auto* row = new QHBoxLayout;
    row->setSpacing(space::kSmall);
    row->addWidget(m_hub);
    row->addWidget(m_words, 1);
    row->addWidget(m_search);
    row->addWidget(connection);
    auto* asking = new QWidget;
    auto* column = new QVBoxLayout(asking);
    column->setContentsMargins(space::kWide, space::kMedium, space::kWide, space::kMedium);
    column->setSpacing(space::kSmall);
    column->addLayout(row);
    column->addWidget(m_privacy);
    connect(m_hub, &QComboBox::activated, this, &GetModelsView::chooseHub);
    connect(m_search, &QPushButton::clicked, this, &GetModelsView::search);
    connect(m_words, &QLineEdit::returnPressed, this, &GetModelsView::search);
    connect(m_words, &QLineEdit::textChanged, this, [this](const QString& text) {
        if (text.isEmpty())
            showStarters();
    });
    connect(connection, &QPushButton::clicked, this, [this] {
        auto* dialog = new ConnectionDialog(m_downloads, m_settings, this);
        dialog->setAttribute(Qt::WA_DeleteOnClose);
        dialog->open();
    });
    return asking;
}

QWidget* GetModelsView::makeList(const Theme& theme) {
    m_heading->setProperty("role", "muted");
    m_heading->setContentsMargins(space::kWide, space::kMedium, space::kMedium, 0);
    m_heading->setTextFormat(Qt::PlainText);
    m_heading->setWordWrap(true);
    m_list->setObjectName(QStringLiteral("download-models"));
    m_list->setAccessibleName(tr("Models that can be fetched"));
    m_list->setItemDelegate(new LibraryDelegate(theme, m_list));
    m_list->setMouseTracking(true);
    m_list->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    const auto chosen = [this](const QListWidgetItem* item) {
        choose(item->data(LibraryListModel::PathRole).toString());
    };
    connect(m_list, &QListWidget::itemClicked, this, chosen);
    connect(m_list, &QListWidget::itemActivated, this, chosen);
    auto* side = new QWidget;
    auto* column = new QVBoxLayout(side);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(space::kSmall);
    column->addWidget(m_heading);
    auto* inset = new QHBoxLayout; // the names stand right under the heading
    inset->setContentsMargins(space::kSmall, 0, space::kSmall, 0);
    inset->addWidget(m_list);
    column->addLayout(inset, 1);
    return side;
}

void GetModelsView::addItem(const QString& name, const QString& detail, const QString& repository) {
    auto* item = new QListWidgetItem(visibleEscapes(name, EscapeScope::Strict));
    item->setData(LibraryListModel::KindRole, int(LibraryListModel::RowKind::Model));
    item->setData(LibraryListModel::DetailRole, detail);
    item->setData(LibraryListModel::PathRole, repository);
    item->setData(Qt::AccessibleDescriptionRole, detail);
    m_list->addItem(item);
}

void GetModelsView::showStarters() {
    m_asked.clear();
    m_downloads.forgetQuestion(); // what was searched before would come in their place
    m_heading->setText(tr("To begin with"));
    m_list->clear();
    for (const app::StarterModel& model : app::starterModels())
        addItem(model.name, model.repository, model.repository);
    m_choices->showMessage(
        tr("Choose a model"),
        tr("Click a model: its files are listed with their sizes, and the one that suits this "
           "computer is chosen already. The number is billions of parameters: more is cleverer, "
           "slower, and needs more memory. All of these think before they answer.\n\nModels that "
           "are on this computer already are opened with Ctrl+O, or found when their folder is "
           "added in “On this computer”."));
}

void GetModelsView::showHub() {
    const app::HubKind hub = m_downloads.hub();
    m_hub->setCurrentIndex(m_hub->findData(app::hubKey(hub)));
    const bool isAddress = hub == app::HubKind::Address;
    m_words->setPlaceholderText(isAddress ? tr("https://… .gguf")
                                          : tr("Search, or owner/name of a model"));
    m_words->setAccessibleName(m_words->placeholderText());
    m_search->setText(isAddress ? tr("Download") : tr("Search"));
    m_privacy->setText(
        isAddress ? tr("Nothing connects before you press Download. Behind the address, after a "
                       "space, the file's SHA-256 may stand; then the file is checked against it.")
                  : tr("Nothing connects before you search or click a model. Then %1 is asked.")
                        .arg(m_downloads.endpoint(hub)));
}

void GetModelsView::chooseHub() {
    app::SettingsValues values = m_settings.values();
    values.downloads.hub = m_hub->currentData().toString();
    m_settings.set(values);
    showHub();
}

void GetModelsView::search() {
    const QString words = m_words->text().simplified();
    if (words.isEmpty())
        return m_words->setFocus();
    if (m_downloads.hub() == app::HubKind::Address) {
        const QString refused = m_downloads.downloadAddress(words.section(QLatin1Char(' '), 0, 0),
                                                            words.section(QLatin1Char(' '), 1));
        if (!refused.isEmpty())
            showTrouble(refused);
        else
            m_words->clear();
        return;
    }
    // Somebody who was told a name wants its files, not a search.
    if (words.count(QLatin1Char('/')) == 1 && !words.contains(QLatin1Char(' ')))
        return choose(words);
    m_asked.clear();
    m_heading->setText(tr("Searching for “%1” …").arg(words));
    m_downloads.search(words);
}

void GetModelsView::showFound(const QList<app::RemoteModel>& models) {
    m_list->clear();
    for (const app::RemoteModel& model : models) {
        QStringList details;
        if (model.downloads >= 0)
            details.append(tr("%1 downloads").arg(QLocale().toString(model.downloads)));
        if (model.isGated)
            details.append(tr("asks for a token"));
        addItem(model.repository, details.join(QStringLiteral(" · ")), model.repository);
    }
    m_heading->setText(models.isEmpty() ? tr("Nothing was found. Fewer words find more.")
                                        : tr("%n models found", nullptr, int(models.size())));
}

void GetModelsView::choose(const QString& repository) {
    m_asked = repository;
    m_choices->showMessage(repository, tr("The list of files is being fetched …"));
    m_downloads.list(repository);
}

void GetModelsView::showTrouble(const QString& sentence) {
    if (m_asked.isEmpty() && m_downloads.hub() != app::HubKind::Address &&
        !m_words->text().isEmpty())
        m_heading->setText(tr("The search did not work."));
    m_choices->showMessage(m_asked.isEmpty() ? tr("That did not work") : m_asked, sentence);
}

} // namespace ui
