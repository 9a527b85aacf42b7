#include "ui/admin/model_files_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <algorithm>
#include <QClipboard>
#include <QDateTime>
#include <QEvent>
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
constexpr int kLeastHash = 20; // characters of a hash that always have room, with the cell's edges

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
    m_table->horizontalHeader()->setSectionResizeMode(kName, QHeaderView::Fixed);
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->setTextElideMode(Qt::ElideMiddle);
    m_table->setWordWrap(false);                                   // a row has one line
    m_table->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff); // fitNames() makes room
    m_table->viewport()->installEventFilter(this);
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
    connect(m_table->horizontalHeader(), &QHeaderView::sectionResized, this, [this](int section) {
        if (section == kSize)
            fitNames();
    });
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
        const QString changed = QLocale().toString(
            QDateTime::fromMSecsSinceEpoch(file.modified_ms).toLocalTime(), QLocale::ShortFormat);
        m_table->item(row, kName)
            ->setToolTip(Qt::convertFromPlainText(file.name + QLatin1Char('\n') +
                                                  tr("Changed: %1").arg(changed)));
        m_table->setItem(row, kHash,
                         cell(file.sha256.isEmpty() ? QStringLiteral("–") : file.sha256));
        m_table->item(row, kHash)->setToolTip(file.sha256);
    }
    fitNames();
}

bool ModelFilesView::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Resize)
        fitNames();
    return QWidget::eventFilter(watched, event);
}

/// The hashes give way to the names, down to what tells two of them apart; then the names do.
void ModelFilesView::fitNames() {
    const QHeaderView* header = m_table->horizontalHeader();
    const QAbstractItemView* cells = m_table; // where the hint is public
    const int wanted = std::max(cells->sizeHintForColumn(kName), header->sectionSizeHint(kName));
    const int room = m_table->viewport()->width() - m_table->columnWidth(kSize) -
                     fontMetrics().horizontalAdvance(QString(kLeastHash, QLatin1Char('0')));
    m_table->setColumnWidth(kName, std::max(std::min(wanted, room), header->minimumSectionSize()));
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
