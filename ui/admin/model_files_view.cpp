#include "ui/admin/model_files_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <QClipboard>
#include <QDateTime>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

enum Column { kName, kSize, kHash, kColumns };

QTableWidgetItem* cell(const QString& text) {
    auto* item = new QTableWidgetItem(text);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
}

} // namespace

ModelFilesView::ModelFilesView(app::LibraryController& library, QWidget* parent)
    : QWidget(parent), m_table(new QTableWidget(0, kColumns)) {
    m_table->setAccessibleName(tr("Files"));
    m_table->setObjectName(QStringLiteral("model-files"));
    m_table->setHorizontalHeaderLabels({tr("File"), tr("Size"), tr("SHA-256")});
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->horizontalHeaderItem(kSize)->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_table->verticalHeader()->hide();
    m_table->setShowGrid(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->horizontalHeader()->setSectionResizeMode(QHeaderView::ResizeToContents);
    m_table->horizontalHeader()->setStretchLastSection(true);
    auto* what = new QLabel(tr("Compare the hash with the one your source states: equal means "
                               "that the file arrived whole."));
    what->setProperty("role", "muted");
    what->setWordWrap(true);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, space::kMedium, 0, space::kLarge);
    column->setSpacing(space::kSmall);
    column->addWidget(what);
    auto* copy = new QPushButton(tr("Copy the hashes"));
    copy->setToolTip(tr("As sha256sum --check reads them"));
    column->addWidget(m_table, 1);
    column->addWidget(copy, 0, Qt::AlignLeft);
    connect(copy, &QPushButton::clicked, this, &ModelFilesView::copyHashes);
    connect(&library, &app::LibraryController::hashProgressed, this, &ModelFilesView::showProgress);
}

void ModelFilesView::show(const app::ModelCard& card) {
    m_path = card.path;
    m_shown = card.files;
    m_table->setRowCount(int(card.files.size()));
    for (int row = 0; row < card.files.size(); ++row) {
        const app::ModelFile& file = card.files.at(row);
        m_table->setItem(row, kName, cell(file.name));
        m_table->setItem(row, kSize, cell(bytesText(file.bytes)));
        m_table->item(row, kSize)->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
        m_table->item(row, kName)
            ->setToolTip(tr("Changed: %1")
                             .arg(QLocale().toString(
                                 QDateTime::fromMSecsSinceEpoch(file.modified_ms).toLocalTime(),
                                 QLocale::ShortFormat)));
        m_table->setItem(row, kHash,
                         cell(file.sha256.isEmpty() ? QStringLiteral("–") : file.sha256));
    }
}

void ModelFilesView::copyHashes() {
    QStringList lines;
    for (const app::ModelFile& file : std::as_const(m_shown))
        if (!file.sha256.isEmpty())
            lines.append(file.sha256 + QStringLiteral("  ") + file.name);
    QGuiApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

void ModelFilesView::showProgress(const QString& path, const QString& file, quint64 done,
                                  quint64 total) {
    if (path != m_path)
        return;
    for (int row = 0; row < m_table->rowCount(); ++row)
        if (m_table->item(row, kName)->text() == file)
            m_table->item(row, kHash)
                ->setText(tr("%1 of %2 read").arg(bytesText(done), bytesText(total)));
}

} // namespace ui
