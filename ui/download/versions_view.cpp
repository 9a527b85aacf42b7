#include "ui/download/versions_view.h"

#include "ui/download/download_text.h"
#include "ui/text/visible_escapes.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>
#include <utility>

namespace ui {

namespace {

enum Column { kVersion, kSince, kBytes, kColumns };

QTableWidgetItem* cell(const QString& text) {
    auto* item = new QTableWidgetItem(text);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
}

} // namespace

VersionsView::VersionsView(app::DownloadController& downloads, QWidget* parent)
    : QWidget(parent),
      m_downloads(downloads),
      m_now(new QLabel),
      m_news(new QLabel),
      m_check(new QPushButton(tr("Look for an update"))),
      m_fetch(new QPushButton),
      m_older(new QTableWidget(0, kColumns)),
      m_back(new QPushButton(tr("Go back to this version"))) {
    for (QLabel* label : {m_now, m_news}) {
        label->setTextFormat(Qt::PlainText);
        label->setWordWrap(true);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    }
    m_now->setObjectName(QStringLiteral("version-now"));
    m_news->setObjectName(QStringLiteral("version-news"));
    m_check->setObjectName(QStringLiteral("version-check"));
    m_fetch->setObjectName(QStringLiteral("version-fetch"));
    m_back->setObjectName(QStringLiteral("version-back"));
    m_older->setObjectName(QStringLiteral("version-older"));
    m_fetch->setProperty("role", "primary");
    prepareTable();
    layOut();
    connectAll();
}

void VersionsView::prepareTable() {
    m_older->setAccessibleName(tr("Older versions"));
    m_older->setHorizontalHeaderLabels({tr("Version"), tr("In place since"), tr("Kept beside")});
    m_older->verticalHeader()->hide();
    m_older->setShowGrid(false);
    m_older->setTabKeyNavigation(false);
    m_older->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_older->setSelectionMode(QAbstractItemView::SingleSelection);
    m_older->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_older->horizontalHeader()->setStretchLastSection(true);
}

void VersionsView::layOut() {
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(space::kSmall);
    buttons->addWidget(m_check);
    buttons->addWidget(m_fetch);
    buttons->addStretch(1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, space::kMedium, 0, space::kLarge);
    column->setSpacing(space::kMedium);
    column->addWidget(m_now);
    column->addLayout(buttons);
    column->addWidget(m_news);
    column->addWidget(m_older, 1);
    column->addWidget(m_back, 0, Qt::AlignLeft);
}

void VersionsView::connectAll() {
    connect(&m_downloads, &app::DownloadController::versionsRead, this,
            &VersionsView::showVersions);
    connect(&m_downloads, &app::DownloadController::updateChecked, this, &VersionsView::showUpdate);
    connect(&m_downloads, &app::DownloadController::versionFailed, this, &VersionsView::tell);
    connect(&m_downloads, &app::DownloadController::rolledBack, this,
            [this](const QString& folder) {
                tell(folder, tr("This version is in place now. A model that is loaded goes on with "
                                "the files it has open until it is loaded again."));
            });
    connect(&m_downloads, &app::DownloadController::installed, this,
            [this](const QString& folder, const QString&) {
                if (folder == m_folder)
                    m_downloads.readVersions(m_path);
            });
    connect(m_check, &QPushButton::clicked, this, [this] {
        m_news->setText(tr("Asking …"));
        m_downloads.checkUpdate(m_folder);
    });
    connect(m_fetch, &QPushButton::clicked, this, &VersionsView::fetchUpdate);
    connect(m_back, &QPushButton::clicked, this, &VersionsView::rollBack);
    connect(m_older, &QTableWidget::itemSelectionChanged, this,
            [this] { m_back->setEnabled(m_older->currentRow() >= 0); });
}

void VersionsView::showModel(const QString& path) {
    if (path != m_path) {
        m_path = path;
        m_folder.clear();
        m_update = {};
        m_older->setRowCount(0);
        for (QLabel* label : {m_now, m_news})
            label->clear();
        for (QWidget* each : std::initializer_list<QWidget*>{m_check, m_fetch, m_older, m_back})
            each->hide();
    }
    m_downloads.readVersions(path);
}

void VersionsView::showVersions(const app::FolderVersions& versions) {
    const bool isThis =
        versions.path == m_path || (!m_folder.isEmpty() && versions.path == m_folder);
    if (!isThis)
        return;
    m_folder = versions.folder;
    const bool isKept = !versions.repository.isEmpty();
    m_now->setText(
        isKept ? tr("%1, version %2.")
                     .arg(visibleEscapes(versions.repository, EscapeScope::Strict),
                          commitText(versions.commit))
               : tr("This model did not come through a download, so there are no versions of it "
                    "to update or to go back to."));
    m_check->setVisible(isKept);
    m_fetch->setVisible(!m_update.changed.isEmpty());
    m_older->setVisible(!versions.older.isEmpty());
    m_back->setVisible(!versions.older.isEmpty());
    const QTableWidgetItem* before = m_older->item(m_older->currentRow(), kVersion);
    const QString chosen = before != nullptr ? before->data(Qt::UserRole).toString() : QString();
    int chosenRow = 0;
    m_older->setRowCount(int(versions.older.size()));
    for (int row = 0; row < versions.older.size(); ++row) {
        const app::KeptVersion& version = versions.older.at(row);
        auto* name = cell(commitText(version.commit));
        name->setData(Qt::UserRole, version.id);
        m_older->setItem(row, kVersion, name);
        m_older->setItem(
            row, kSince,
            cell(QLocale().toString(version.since.toLocalTime(), QLocale::ShortFormat)));
        m_older->setItem(row, kBytes, cell(bytesText(quint64(version.bytes))));
        if (version.id == chosen)
            chosenRow = row;
    }
    if (!versions.older.isEmpty())
        m_older->selectRow(chosenRow);
}

void VersionsView::showUpdate(const app::AvailableUpdate& update) {
    if (update.folder != m_folder)
        return;
    m_update = update;
    m_fetch->setVisible(!update.changed.isEmpty());
    m_fetch->setText(tr("Fetch %1").arg(bytesText(quint64(update.bytes))));
    m_news->setText(
        update.changed.isEmpty()
            ? tr("This is the newest version.")
            : tr("There is version %1. %n files differ; the others stay as they are, and what is "
                 "replaced is kept as an older version.",
                 nullptr, int(update.changed.size()))
                  .arg(commitText(update.commit)));
}

void VersionsView::tell(const QString& folder, const QString& sentence) {
    if (folder == m_folder)
        m_news->setText(sentence);
}

void VersionsView::fetchUpdate() {
    m_downloads.update(std::exchange(m_update, {}));
    m_fetch->hide();
    m_news->setText(tr("The update is in the downloads of “Get models”."));
}

void VersionsView::rollBack() {
    if (const QTableWidgetItem* chosen = m_older->item(m_older->currentRow(), kVersion)) {
        // What differs from the version in place is another question for the one that comes.
        m_update = {};
        m_fetch->hide();
        m_news->clear();
        m_downloads.rollBack(m_folder, chosen->data(Qt::UserRole).toString());
    }
}

} // namespace ui
