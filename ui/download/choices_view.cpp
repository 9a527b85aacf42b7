#include "ui/download/choices_view.h"

#include "ui/download/download_text.h"
#include "ui/text/visible_escapes.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/name_column.h"

#include <QHeaderView>
#include <QLabel>
#include <QPushButton>
#include <QStackedWidget>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

enum Column { kFormat, kSize, kFit, kFiles, kColumns };

QTableWidgetItem* cell(const QString& text) {
    auto* item = new QTableWidgetItem(visibleEscapes(text, EscapeScope::Strict));
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    return item;
}

/// One file by its name, several by their number; the names are in the tool tip, where nothing has
/// to be scrolled.
QTableWidgetItem* filesCell(const QList<app::RemoteFile>& files) {
    QStringList names;
    for (const app::RemoteFile& file : files)
        names.append(file.path);
    const bool isOne = names.size() == 1;
    auto* item =
        cell(isOne ? names.first() : ChoicesView::tr("%n files", nullptr, int(names.size())));
    item->setToolTip(Qt::convertFromPlainText(isOne ? item->text() : listText(names)));
    return item;
}

} // namespace

ChoicesView::ChoicesView(Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_theme(theme),
      m_title(new QLabel),
      m_about(new QLabel),
      m_body(new QStackedWidget),
      m_message(new QLabel),
      m_table(new QTableWidget(0, kColumns)),
      m_download(new QPushButton) {
    m_title->setProperty("role", "title");
    m_about->setProperty("role", "muted");
    m_message->setProperty("role", "muted");
    for (QLabel* label : {m_title, m_about, m_message}) {
        label->setTextFormat(Qt::PlainText);
        label->setWordWrap(true);
        label->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
    }
    m_message->setObjectName(QStringLiteral("download-message"));
    m_message->setAlignment(Qt::AlignTop | Qt::AlignLeft);
    m_table->setObjectName(QStringLiteral("download-choices"));
    m_table->setAccessibleName(tr("Formats"));
    m_table->setHorizontalHeaderLabels({tr("Format"), tr("Size"), tr("Memory"), tr("Files")});
    m_table->verticalHeader()->hide();
    m_table->setShowGrid(false);
    m_table->setTabKeyNavigation(false);
    m_table->setWordWrap(false); // a row has one line
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->horizontalHeader()->setHighlightSections(false);
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    new NameColumn(m_table, kFiles);
    m_download->setObjectName(QStringLiteral("download-button"));
    m_download->setProperty("role", "primary");
    connect(m_table, &QTableWidget::itemSelectionChanged, this, &ChoicesView::updateButton);
    connect(m_download, &QPushButton::clicked, this, [this] {
        const int row = m_table->currentRow();
        if (row >= 0 && row < m_choices.size())
            emit downloadWanted(m_repository, m_choices.at(row));
    });
    connect(&m_theme, &Theme::changed, this, &ChoicesView::fill);

    auto* lists = new QWidget;
    auto* listsLayout = new QVBoxLayout(lists);
    listsLayout->setContentsMargins(0, 0, 0, 0);
    listsLayout->setSpacing(space::kMedium);
    listsLayout->addWidget(m_table, 1);
    listsLayout->addWidget(m_download, 0, Qt::AlignLeft);
    m_body->addWidget(m_message);
    m_body->addWidget(lists);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kMedium, space::kWide, space::kMedium);
    column->setSpacing(space::kSmall);
    column->addWidget(m_title);
    column->addWidget(m_about);
    column->addWidget(m_body, 1);
    m_about->hide();
}

void ChoicesView::showMessage(const QString& title, const QString& text) {
    m_title->setText(visibleEscapes(title, EscapeScope::Strict));
    m_about->hide();
    m_message->setText(text);
    m_body->setCurrentIndex(0);
}

void ChoicesView::show(const app::RemoteRepository& repository,
                       const QList<app::RemoteChoice>& choices) {
    if (choices.isEmpty())
        return showMessage(
            repository.repository,
            tr("There is nothing here that Inglenook can open: it needs .gguf files, "
               "or safetensors with a config.json. Search for the model's name and "
               "“GGUF”."));
    m_repository = repository;
    m_choices = choices;
    m_title->setText(visibleEscapes(repository.repository, EscapeScope::Strict));
    QStringList about;
    about.append(hubName(repository.hub));
    if (!repository.license.isEmpty())
        about.append(tr("licence %1").arg(visibleEscapes(repository.license, EscapeScope::Strict)));
    about.append(tr("version %1").arg(commitText(repository.commit)));
    if (repository.isGated)
        about.append(tr("asks you to accept its licence on the web page, and for a token"));
    m_about->setText(about.join(QStringLiteral(" · ")));
    m_about->show();
    fill();
    for (int row = 0; row < m_choices.size(); ++row)
        if (m_choices.at(row).isRecommended)
            m_table->selectRow(row);
    updateButton();
    m_body->setCurrentIndex(1);
}

void ChoicesView::fill() {
    const int chosen = m_table->currentRow();
    m_table->setRowCount(int(m_choices.size()));
    for (int row = 0; row < m_choices.size(); ++row) {
        const app::RemoteChoice& choice = m_choices.at(row);
        m_table->setItem(
            row, kFormat,
            cell(choice.isRecommended ? tr("%1 (recommended)").arg(choice.label) : choice.label));
        auto* size =
            cell(choice.bytes < 0 ? QStringLiteral("–") : bytesText(quint64(choice.bytes)));
        size->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
        m_table->setItem(row, kSize, size);
        auto* fit = cell(fitText(choice.fit));
        fit->setForeground(fitColor(choice.fit, m_theme.palette()));
        m_table->setItem(row, kFit, fit);
        m_table->setItem(row, kFiles, filesCell(choice.files));
    }
    m_table->selectRow(chosen);
}

void ChoicesView::updateButton() {
    const int row = m_table->currentRow();
    const bool isChosen = row >= 0 && row < m_choices.size();
    m_download->setText(tr("Download"));
    if (isChosen) {
        const app::RemoteChoice& choice = m_choices.at(row);
        m_download->setText(
            choice.bytes < 0
                ? tr("Download %1").arg(choice.label)
                : tr("Download %1, %2").arg(choice.label, bytesText(quint64(choice.bytes))));
    }
    // What is too large for the memory may be meant for another machine; what the disk has no room
    // for cannot come.
    m_download->setEnabled(isChosen && m_choices.at(row).fit != app::RemoteFit::NoDiskRoom);
}

} // namespace ui
