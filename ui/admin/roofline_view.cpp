#include "ui/admin/roofline_view.h"

#include "app/library/library_controller.h"
#include "app/session/model_options.h"
#include "app/settings.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/name_column.h"

#include <cmath>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

enum Column { kStage, kTime, kShare, kRead, kOperations, kOfLimit, kColumns };

/// Three figures: "0.021", "8.41", "412"; absent is a dash.
QString figure(const std::optional<double>& value) {
    if (!value)
        return QStringLiteral("–");
    const double size = std::abs(*value);
    const int decimals = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
    return QLocale().toString(*value, 'f', decimals);
}

QString percent(double share) {
    return RooflineView::tr("%1 %").arg(QLocale().toString(share * 100, 'f', share < 0.1 ? 1 : 0));
}

/// "qkv" as people call it; a stage that only some device has keeps its own name.
QString stageText(const QString& name) {
    const QHash<QString, QString> names = {
        {QStringLiteral("embed"), RooflineView::tr("Embedding")},
        {QStringLiteral("qkv"), RooflineView::tr("Queries, keys, values")},
        {QStringLiteral("kv_append"), RooflineView::tr("Storing keys and values")},
        {QStringLiteral("attention"), RooflineView::tr("Attention")},
        {QStringLiteral("attn_out"), RooflineView::tr("Attention output")},
        {QStringLiteral("gate_up"), RooflineView::tr("Feed-forward, gate and up")},
        {QStringLiteral("down"), RooflineView::tr("Feed-forward, down")},
        {QStringLiteral("head"), RooflineView::tr("Logits")},
        {QStringLiteral("sample"), RooflineView::tr("Sampling")},
        {QStringLiteral("other"), RooflineView::tr("Between the stages")},
    };
    return names.value(name, name);
}

QString limitText(const app::RooflineStage& stage) {
    if (!stage.ofLimit)
        return QStringLiteral("–");
    return stage.nearer == app::RooflineLimit::Compute
               ? RooflineView::tr("%1 of compute").arg(percent(*stage.ofLimit))
               : RooflineView::tr("%1 of memory").arg(percent(*stage.ofLimit));
}

QTableWidgetItem* cell(const QString& text, Qt::Alignment alignment) {
    auto* item = new QTableWidgetItem(text);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    item->setTextAlignment(alignment | Qt::AlignVCenter);
    return item;
}

} // namespace

RooflineView::RooflineView(app::RooflineController& rooflines, app::LibraryController& library,
                           app::Settings& settings, QWidget* parent)
    : QWidget(parent),
      m_rooflines(rooflines),
      m_library(library),
      m_settings(settings),
      m_measure(new QPushButton),
      m_cancel(new QPushButton(tr("Cancel"))),
      m_progress(new QProgressBar),
      m_state(new QLabel),
      m_table(new QTableWidget(0, kColumns)) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, space::kMedium, 0, space::kLarge);
    column->setSpacing(space::kSmall);
    addHead(column);
    addTable(column);
    connect(m_measure, &QPushButton::clicked, this, &RooflineView::measure);
    connect(m_cancel, &QPushButton::clicked, this, [this] {
        m_cancel->setEnabled(false); // it ends with the step that is under way
        m_rooflines.cancel();
    });
    connect(&m_rooflines, &app::RooflineController::runningChanged, this, &RooflineView::refresh);
    connect(&m_rooflines, &app::RooflineController::failed, this,
            [this](const QString& path, const QString& sentence) {
                m_failures.insert(path, sentence);
                refresh();
            });
    refresh();
}

void RooflineView::addHead(QVBoxLayout* column) {
    auto* title = new QLabel(tr("Where the time goes"));
    title->setProperty("role", "title");
    auto* what = new QLabel(
        tr("Every stage of a step against what this device can do at most: read from memory, and "
           "compute. Measuring takes some seconds, loads the model a second time and keeps the "
           "device busy: answers under way become slower."));
    what->setProperty("role", "muted");
    for (QLabel* label : {what, m_state}) {
        label->setTextFormat(Qt::PlainText);
        label->setWordWrap(true);
    }
    m_measure->setObjectName(QStringLiteral("roofline-measure"));
    m_cancel->setObjectName(QStringLiteral("roofline-cancel"));
    m_state->setObjectName(QStringLiteral("roofline-state"));
    m_state->setProperty("role", "muted");
    m_progress->setRange(0, 0);
    m_progress->setTextVisible(false);
    m_progress->setAccessibleName(tr("Measurement"));
    auto* buttons = new QHBoxLayout;
    buttons->setSpacing(space::kSmall);
    buttons->addWidget(m_measure);
    buttons->addWidget(m_cancel);
    buttons->addStretch(1);
    column->addWidget(title);
    column->addWidget(what);
    column->addLayout(buttons);
    column->addWidget(m_progress);
    column->addWidget(m_state);
}

void RooflineView::addTable(QVBoxLayout* column) {
    m_table->setObjectName(QStringLiteral("roofline-table"));
    m_table->setAccessibleName(tr("Stages"));
    m_table->setHorizontalHeaderLabels({tr("Stage"), tr("Time"), tr("Share"),
                                        QStringLiteral("GB/s"), QStringLiteral("TOPS"),
                                        tr("Reached")});
    m_table->horizontalHeaderItem(kTime)->setToolTip(tr("Of all layers together"));
    m_table->horizontalHeaderItem(kRead)->setToolTip(
        tr("Weights, scales, keys and values that it read"));
    m_table->horizontalHeaderItem(kOperations)
        ->setToolTip(tr("1,000,000,000,000 multiplications and additions a second"));
    m_table->horizontalHeaderItem(kOfLimit)->setToolTip(
        tr("Of the limit that it comes nearest to"));
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_table->horizontalHeaderItem(kStage)->setTextAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->horizontalHeader()->setHighlightSections(false);
    new NameColumn(m_table);
    m_table->verticalHeader()->hide();
    m_table->setShowGrid(false);
    m_table->setTabKeyNavigation(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    column->addWidget(m_table, 1);
    column->addStretch(0); // while there is no table
}

void RooflineView::showModel(const QString& path) {
    m_path = path;
    refresh();
}

/// Loaded as "Load" would.
void RooflineView::measure() {
    const app::ModelOptions options = app::modelOptions(m_settings.values());
    const QString ownKv = m_library.defaultsOf(m_path).kv;
    m_failures.remove(m_path);
    m_rooflines.measure({m_path, options.device, options.weights, options.activations,
                         ownKv.isEmpty() ? options.kv : ownKv});
}

void RooflineView::refresh() {
    const bool runs = m_rooflines.isRunning();
    const bool isMine = runs && m_rooflines.path() == m_path;
    const app::ModelCard* card = m_library.card(m_path);
    const app::Roofline roofline = m_rooflines.roofline(m_path);
    m_measure->setText(roofline.isMeasured() ? tr("Measure again") : tr("Measure now"));
    m_measure->setEnabled(!runs && card != nullptr && !card->isAway);
    m_cancel->setVisible(isMine);
    m_cancel->setEnabled(isMine);
    m_progress->setVisible(isMine);
    const QString state = stateText(roofline);
    m_state->setText(state);
    m_state->setVisible(!state.isEmpty());
    showStages(roofline);
}

QString RooflineView::stateText(const app::Roofline& roofline) const {
    if (m_rooflines.isRunning())
        return m_rooflines.path() == m_path ? tr("Loading and measuring …")
                                            : tr("Another model is being measured.");
    if (m_failures.contains(m_path))
        return m_failures.value(m_path);
    if (!roofline.isMeasured())
        return {};
    QString text = tr("%1, weights %2, activations %3, KV %4.")
                       .arg(deviceText(roofline.device), weightsText(roofline.weights),
                            weightsText(roofline.activations), weightsText(roofline.kv));
    text += QLatin1Char('\n') +
            tr("Measured limits: %1 GB/s, %2 TOPS in products, %3 TOPS in attention.")
                .arg(figure(roofline.readLimit_gb_s), figure(roofline.computeLimit_tops),
                     figure(roofline.attentionLimit_tops));
    if (roofline.isAboveMemory())
        text += QLatin1Char('\n') +
                tr("More than 100 % of memory: it was read from the processor's cache, or other "
                   "programs kept the memory busy while its limit was measured.");
    return text;
}

void RooflineView::showStages(const app::Roofline& roofline) {
    m_table->setRowCount(0);
    m_table->setVisible(roofline.isMeasured());
    if (!roofline.isMeasured())
        return;
    addPhase(tr("Decode, one token"), roofline.decode);
    addPhase(tr("Prefill, a prompt of %n token(s)", nullptr, roofline.promptTokens),
             roofline.prompt);
}

void RooflineView::addPhase(const QString& title, const QList<app::RooflineStage>& stages) {
    const auto addRow = [this](const QStringList& texts) {
        const int row = m_table->rowCount();
        m_table->insertRow(row);
        for (int column = 0; column < kColumns; ++column)
            m_table->setItem(
                row, column,
                cell(texts.value(column), column == kStage ? Qt::AlignLeft : Qt::AlignRight));
        return row;
    };
    double phase_ms = 0;
    for (const app::RooflineStage& stage : stages)
        phase_ms += stage.time_ms;
    const auto time = [&](double ms) { return tr("%1 ms").arg(figure(ms)); };
    const int head = addRow({title, time(phase_ms)});
    QFont strong = m_table->font();
    strong.setWeight(QFont::DemiBold);
    for (const int column : {kStage, kTime})
        m_table->item(head, column)->setFont(strong);
    for (const app::RooflineStage& stage : stages)
        addRow({stageText(stage.name), time(stage.time_ms), percent(stage.share),
                figure(stage.read_gb_s), figure(stage.tops), limitText(stage)});
}

} // namespace ui
