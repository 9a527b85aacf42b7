#include "ui/admin/model_fits_view.h"

#include "ui/admin/gpu_choice_view.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <algorithm>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QSpinBox>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kMostSlots = 64;
constexpr QLatin1String kCuda("cuda"); // the entry of several GPUs, and how their words begin

QString verdictText(app::FitVerdict verdict) {
    switch (verdict) {
    case app::FitVerdict::Fits:
        return ModelFitsView::tr("fits");
    case app::FitVerdict::Tight:
        return ModelFitsView::tr("tight");
    case app::FitVerdict::No:
        return ModelFitsView::tr("no");
    case app::FitVerdict::Unknown:
        break;
    }
    return QStringLiteral("–");
}

QColor verdictColor(app::FitVerdict verdict, const Palette& colors) {
    switch (verdict) {
    case app::FitVerdict::Fits:
        return colors.ok;
    case app::FitVerdict::Tight:
        return colors.warn;
    case app::FitVerdict::No:
        return colors.bad;
    case app::FitVerdict::Unknown:
        break;
    }
    return colors.muted;
}

QString wayOutText(const app::FitWayOut& way) {
    using Kind = app::FitWayOut::Kind;
    const QString bytes = bytesText(way.total_bytes);
    switch (way.kind) {
    case Kind::SmallerContext:
        return ModelFitsView::tr("a context of %1: %2").arg(tokensText(way.value.toInt()), bytes);
    case Kind::FewerBits:
        return ModelFitsView::tr("%1 weights: %2").arg(weightsText(way.value), bytes);
    case Kind::SmallerKv:
        return ModelFitsView::tr("the KV cache as %1: %2").arg(weightsText(way.value), bytes);
    case Kind::FewerSlots:
        return ModelFitsView::tr("one answer at a time: %1").arg(bytes);
    case Kind::OtherDevice:
        return ModelFitsView::tr("on %1: %2").arg(deviceText(way.value), bytes);
    }
    return {};
}

QString partsText(const app::FitBytes& bytes) {
    const QString free = bytes.free_bytes == 0 ? QStringLiteral("–") : bytesText(bytes.free_bytes);
    return ModelFitsView::tr(
               "%1: weights %2 + KV cache %3 + workspace %4 = %5 (%6 bytes), of %7 free")
        .arg(deviceText(bytes.device), bytesText(bytes.weights_bytes), bytesText(bytes.kv_bytes),
             bytesText(bytes.workspace_bytes), bytesText(bytes.total()),
             QLocale().toString(bytes.total()), free);
}

QLabel* textLabel(const char* name) {
    auto* label = new QLabel;
    label->setObjectName(QString::fromLatin1(name));
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    return label;
}

} // namespace

ModelFitsView::ModelFitsView(app::FitController& fits, Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_fits(fits),
      m_theme(theme),
      m_device(new QComboBox),
      m_gpus(new GpuChoiceView),
      m_kv(new QComboBox),
      m_slots(new QSpinBox),
      m_basis(textLabel("fit-basis")),
      m_measure(new QPushButton(tr("Measure now"))),
      m_cells(new QTableWidget),
      m_bytes(textLabel("fit-bytes")),
      m_waysOut(textLabel("fit-ways-out")),
      m_load(new QPushButton(tr("Load like this"))) {
    m_basis->setProperty("role", "muted");
    m_measure->setProperty("role", "link");
    m_measure->setObjectName(QStringLiteral("fit-measure"));
    m_load->setObjectName(QStringLiteral("fit-load"));
    m_cells->setObjectName(QStringLiteral("fit-cells"));
    m_cells->setAccessibleName(tr("What fits"));
    m_cells->setSelectionMode(QAbstractItemView::SingleSelection);
    m_cells->setShowGrid(false);
    m_cells->setWordWrap(true);
    m_cells->setCornerButtonEnabled(false);
    m_cells->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_cells->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_cells->horizontalHeader()->setMinimumSectionSize(84);
    m_cells->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);

    auto* basis = new QHBoxLayout;
    basis->addWidget(m_basis, 1);
    basis->addWidget(m_measure, 0, Qt::AlignTop);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, space::kMedium, 0, space::kLarge);
    column->setSpacing(space::kSmall);
    column->addWidget(makeChoices());
    column->addWidget(m_gpus);
    column->addLayout(basis);
    column->addWidget(m_cells, 1);
    column->addWidget(m_bytes);
    column->addWidget(m_waysOut);
    column->addWidget(m_load, 0, Qt::AlignLeft);

    connect(&m_fits, &app::FitController::devicesFound, this, &ModelFitsView::showDevices);
    connect(&m_fits, &app::FitController::tableReady, this, &ModelFitsView::showTable);
    connect(&m_fits, &app::FitController::measuringChanged, this, [this] { showTable(m_table); });
    connect(&m_fits, &app::FitController::failed, m_basis, &QLabel::setText);
    connect(m_measure, &QPushButton::clicked, this, [this] {
        if (m_fits.isMeasuring())
            m_fits.cancelMeasuring();
        else
            m_fits.measureAgain();
    });
    connect(m_gpus, &GpuChoiceView::changed, this, &ModelFitsView::ask);
    connect(m_cells, &QTableWidget::currentCellChanged, this, &ModelFitsView::showCell);
    connect(m_load, &QPushButton::clicked, this, &ModelFitsView::loadChosen);
    connect(&m_theme, &Theme::changed, this, [this] { showTable(m_table); });
}

QWidget* ModelFitsView::makeChoices() {
    m_device->setAccessibleName(tr("Device"));
    m_device->setMinimumContentsLength(18);
    m_kv->setAccessibleName(tr("KV cache"));
    m_kv->addItem(tr("KV cache: automatic"), QString());
    m_kv->addItem(tr("KV cache: INT8"), QStringLiteral("int8"));
    m_kv->addItem(tr("KV cache: BF16"), QStringLiteral("bf16"));
    m_kv->addItem(tr("KV cache: F32"), QStringLiteral("f32"));
    m_slots->setAccessibleName(tr("Answers at the same time"));
    m_slots->setToolTip(tr("Answers that run at the same time. They share the KV cache: one alone "
                           "can use the whole context."));
    m_slots->setRange(1, kMostSlots);
    m_slots->setValue(app::FitQuestion().slotCount);
    m_slots->setSuffix(tr(" answers at once"));
    m_slots->setKeyboardTracking(false);
    auto* choices = new QWidget;
    auto* row = new QHBoxLayout(choices);
    row->setContentsMargins(0, 0, 0, 0);
    row->setSpacing(space::kSmall);
    row->addWidget(m_device, 1);
    row->addWidget(m_kv);
    row->addWidget(m_slots);
    connect(m_device, &QComboBox::activated, this, &ModelFitsView::ask);
    connect(m_kv, &QComboBox::activated, this, &ModelFitsView::ask);
    connect(m_slots, &QSpinBox::valueChanged, this, &ModelFitsView::ask);
    return choices;
}

void ModelFitsView::show(const app::ModelCard& card) {
    if (m_path == card.path)
        return;
    m_path = card.path;
    m_table = {};
    refresh();
}

void ModelFitsView::refresh() {
    if (isVisible())
        ask();
}

void ModelFitsView::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
    if (m_device->count() == 0)
        m_fits.findDevices();
    else
        ask();
}

void ModelFitsView::showDevices(const QList<app::FitDevice>& devices) {
    if (m_device->count() > 0)
        return;
    QList<app::FitDevice> gpus;
    for (const app::FitDevice& device : devices)
        if (device.word.startsWith(kCuda) && !device.word.contains(QLatin1Char(',')))
            gpus.append(device);
    for (const app::FitDevice& device : devices)
        if (gpus.size() < 2 || !device.word.startsWith(kCuda))
            m_device->addItem(deviceText(device.name), device.word);
    if (gpus.size() > 1) {
        m_device->addItem(tr("%n GPU(s)", nullptr, int(gpus.size())), QString(kCuda));
        m_gpus->setGpus(gpus);
    }
    if (m_device->count() > 1)
        m_device->setCurrentIndex(1); // a GPU is what it would be loaded on
    ask();
}

bool ModelFitsView::choosesGpus() const {
    return m_device->currentData().toString() == kCuda;
}

app::FitQuestion ModelFitsView::question() const {
    return {m_path, choosesGpus() ? m_gpus->device() : m_device->currentData().toString(),
            m_kv->currentData().toString(), m_slots->value(),
            choosesGpus() ? m_gpus->split() : QString()};
}

void ModelFitsView::ask() {
    m_gpus->setVisible(choosesGpus());
    if (m_path.isEmpty() || m_device->count() == 0)
        return;
    m_fits.ask(question());
}

void ModelFitsView::showTable(const app::FitTable& table) {
    if (table.question.path != m_path)
        return; // of the model before
    const int row = m_cells->currentRow();
    const int column = m_cells->currentColumn();
    m_table = table;
    QString basis = table.failure;
    if (basis.isEmpty() && table.released_bytes > 0)
        basis = tr("Free memory counts the %1 that the loaded model would give back.")
                    .arg(bytesText(table.released_bytes));
    else if (basis.isEmpty())
        basis = tr("Compared with the memory that is free now.");
    const bool hasSpeeds =
        std::any_of(table.cells.begin(), table.cells.end(),
                    [](const app::FitCell& cell) { return cell.tokensPerSecond > 0; });
    if (table.failure.isEmpty())
        basis += QLatin1Char(' ') + speedBasis(hasSpeeds);
    m_basis->setText(basis);
    m_measure->setText(m_fits.isMeasuring() ? tr("Stop measuring")
                       : hasSpeeds          ? tr("Measure again")
                                            : tr("Measure now"));
    m_cells->clear();
    m_cells->setRowCount(int(table.weights.size()));
    m_cells->setColumnCount(int(table.contexts.size()));
    QStringList names;
    for (const int context : table.contexts)
        names.append(tr("%1 tokens").arg(tokensText(context)));
    m_cells->setHorizontalHeaderLabels(names);
    names.clear();
    for (const QString& weights : table.weights)
        names.append(weightsText(weights));
    m_cells->setVerticalHeaderLabels(names);
    // Three lines, also of Chinese, whose fallback font is taller than this one says.
    m_cells->verticalHeader()->setDefaultSectionSize(4 * fontMetrics().lineSpacing() +
                                                     space::kMedium);
    for (int r = 0; r < m_cells->rowCount(); ++r)
        for (int c = 0; c < m_cells->columnCount(); ++c) {
            const app::FitCell& cell = table.cell(r, c);
            const QString total =
                cell.devices.isEmpty() ? QStringLiteral("–") : bytesText(cell.total());
            auto* item = new QTableWidgetItem(
                QStringLiteral("%1\n%2\n%3")
                    .arg(total, speedText(cell.tokensPerSecond), verdictText(cell.verdict)));
            item->setForeground(verdictColor(cell.verdict, m_theme.palette()));
            item->setTextAlignment(Qt::AlignCenter);
            m_cells->setItem(r, c, item);
        }
    const bool hadCell = row >= 0 && row < m_cells->rowCount() && column < m_cells->columnCount();
    if (m_cells->rowCount() > 0)
        m_cells->setCurrentCell(hadCell ? row : 1, hadCell ? column : 0);
    showCell();
}

QString ModelFitsView::speedBasis(bool hasSpeeds) const {
    if (m_fits.isMeasuring())
        return tr("Measuring how fast this machine reads, at most ten seconds …");
    if (hasSpeeds)
        return tr("Speeds are predicted from a measurement of this machine, %1.")
            .arg(m_table.measuredAt.toLocalTime().toString(QStringLiteral("yyyy-MM-dd HH:mm")));
    return m_fits.isDeclined() ? tr("Speeds need a measurement; it was stopped.")
                               : tr("Speeds need a measurement, which waits until no answer runs.");
}

void ModelFitsView::choose(int row, int column) {
    m_cells->setCurrentCell(row, column);
}

const app::FitCell* ModelFitsView::chosenCell() const {
    const int row = m_cells->currentRow();
    const int column = m_cells->currentColumn();
    if (row < 0 || column < 0 || row >= m_table.weights.size() || column >= m_table.contexts.size())
        return nullptr;
    return &m_table.cell(row, column);
}

void ModelFitsView::showCell() {
    const app::FitCell* cell = chosenCell();
    m_load->setEnabled(cell != nullptr && (cell->verdict == app::FitVerdict::Fits ||
                                           cell->verdict == app::FitVerdict::Tight));
    QStringList lines;
    QString ways;
    if (cell != nullptr) {
        lines.append(tr("%1 weights, context %2")
                         .arg(weightsText(cell->weights), tokensText(cell->contextTokens)));
        for (const app::FitBytes& bytes : cell->devices)
            lines.append(partsText(bytes));
        if (cell->verdict == app::FitVerdict::Unknown)
            lines.append(cell->sentence);
        QStringList offers;
        for (const app::FitWayOut& way : cell->waysOut)
            offers.append(wayOutText(way));
        if (cell->verdict == app::FitVerdict::No)
            ways =
                offers.isEmpty()
                    ? tr("Nothing of this model fits here: choose a smaller one.")
                    : tr("It does not fit. What would: %1.").arg(offers.join(QStringLiteral("; ")));
    }
    m_bytes->setText(lines.join(QLatin1Char('\n')));
    m_gpus->showCell(cell);
    m_waysOut->setText(ways);
    m_waysOut->setVisible(!ways.isEmpty());
}

void ModelFitsView::loadChosen() {
    if (const app::FitCell* cell = chosenCell())
        emit loadAsked(m_table.question, cell->weights, cell->contextTokens);
}

} // namespace ui
