#include "ui/admin/model_quality_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/layouts.h"
#include "ui/widgets/name_column.h"

#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QProgressBar>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kProgressSteps = 1000;
enum Column { kVersion, kFile, kMemory, kPerplexity, kKl, kAgreement, kSpeed, kColumns };

QTableWidgetItem* cell(const QString& text, bool isFigure) {
    auto* item = new QTableWidgetItem(text);
    item->setFlags(Qt::ItemIsEnabled | Qt::ItemIsSelectable);
    if (isFigure)
        item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    return item;
}

QLabel* paragraph(const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", "muted");
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    return label;
}

QLabel* heading(const QString& text) {
    auto* label = new QLabel(text);
    label->setProperty("role", "title");
    return label;
}

} // namespace

ModelQualityView::ModelQualityView(app::ConversionController& conversions,
                                   app::QualityController& quality, QWidget* parent)
    : QWidget(parent),
      m_conversions(conversions),
      m_quality(quality),
      m_int8(new QPushButton(tr("Make an INT8 file"))),
      m_int4(new QPushButton(tr("Make an INT4 file"))),
      m_stopConversion(new QPushButton(tr("Cancel"))),
      m_showResult(new QPushButton(tr("Show the new model"))),
      m_conversionProgress(new QProgressBar),
      m_conversionState(new QLabel),
      m_text(new QComboBox),
      m_measure(new QPushButton(tr("Measure"))),
      m_stopMeasuring(new QPushButton(tr("Cancel"))),
      m_measureProgress(new QProgressBar),
      m_measureState(new QLabel),
      m_table(new QTableWidget(0, kColumns)) {
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, space::kMedium, 0, space::kLarge);
    column->setSpacing(space::kSmall);
    addConversion(column);
    column->addSpacing(space::kMedium);
    addMeasurement(column);
}

void ModelQualityView::addConversion(QVBoxLayout* column) {
    m_int8->setObjectName(QStringLiteral("convert-int8"));
    m_int4->setObjectName(QStringLiteral("convert-int4"));
    m_conversionState->setObjectName(QStringLiteral("convert-state"));
    m_conversionState->setTextFormat(Qt::PlainText);
    m_conversionState->setWordWrap(true);
    m_conversionProgress->setRange(0, kProgressSteps);
    m_conversionProgress->setTextVisible(false);
    m_conversionProgress->setAccessibleName(tr("Conversion"));
    m_showResult->setProperty("role", "link");
    m_showResult->setObjectName(QStringLiteral("convert-show"));
    column->addWidget(heading(tr("Make it smaller")));
    column->addWidget(paragraph(tr("Writes a GGUF file beside your other models; other programs "
                                   "can open it too. The original stays as it is.")));
    column->addLayout(rowOf({m_int8, m_int4, m_stopConversion, m_showResult}));
    column->addWidget(m_conversionProgress);
    column->addWidget(m_conversionState);

    connect(m_int8, &QPushButton::clicked, this,
            [this] { m_conversions.convert(m_card.path, QStringLiteral("int8")); });
    connect(m_int4, &QPushButton::clicked, this,
            [this] { m_conversions.convert(m_card.path, QStringLiteral("int4")); });
    connect(m_stopConversion, &QPushButton::clicked, &m_conversions,
            &app::ConversionController::cancel);
    connect(m_showResult, &QPushButton::clicked, this,
            [this] { emit modelAsked(m_results.value(m_card.path)); });
    connect(&m_conversions, &app::ConversionController::started, this, [this](const QString& path) {
        m_said.remove(path);
        m_results.remove(path);
        m_conversionProgress->setValue(0);
        updateConversion();
    });
    connect(&m_conversions, &app::ConversionController::progressed, this,
            [this](const QString&, quint64 done, quint64 total) {
                m_conversionProgress->setValue(
                    total == 0 ? 0 : int(double(done) / double(total) * kProgressSteps));
            });
    connect(&m_conversions, &app::ConversionController::finished, this,
            [this](const app::ConversionResult& result) {
                QString said =
                    tr("%1 was written: %2, from %3.")
                        .arg(QFileInfo(result.out).fileName(), bytesText(result.output_bytes),
                             bytesText(result.input_bytes));
                if (!result.keptTensors.isEmpty())
                    said += QLatin1Char(' ') +
                            tr("%n tensor(s) stayed in F16, because their rows cannot be cut "
                               "into groups of 32.",
                               nullptr, int(result.keptTensors.size()));
                m_said.insert(result.source, said);
                m_results.insert(result.source, result.out);
                updateConversion();
            });
    connect(&m_conversions, &app::ConversionController::failed, this,
            [this](const QString& path, const QString& sentence) {
                m_said.insert(path, sentence.isEmpty() ? tr("Cancelled.") : sentence);
                updateConversion();
            });
}

void ModelQualityView::addMeasurement(QVBoxLayout* column) {
    m_text->setAccessibleName(tr("Text to measure on"));
    m_text->addItem(tr("Sample text, English and Chinese"), QString());
    m_text->addItem(tr("A text file…"));
    m_text->setMinimumContentsLength(24);
    m_measure->setObjectName(QStringLiteral("quality-measure"));
    m_stopMeasuring->setObjectName(QStringLiteral("quality-cancel"));
    m_measureState->setObjectName(QStringLiteral("quality-state"));
    m_measureState->setTextFormat(Qt::PlainText);
    m_measureState->setWordWrap(true);
    m_measureState->setProperty("role", "muted");
    m_measureProgress->setRange(0, kProgressSteps);
    m_measureProgress->setTextVisible(false);
    m_measureProgress->setAccessibleName(tr("Measurement"));
    prepareTable();
    column->addWidget(heading(tr("What it costs")));
    column->addWidget(paragraph(tr("The original and the smaller versions read a text side by "
                                   "side: at most its first 2,000 tokens.")));
    column->addLayout(rowOf({m_text, m_measure, m_stopMeasuring}));
    column->addWidget(m_measureProgress);
    column->addWidget(m_measureState);
    column->addWidget(m_table, 1);

    connect(m_text, &QComboBox::activated, this, [this](int index) {
        if (index == m_text->count() - 1)
            chooseText();
    });
    connect(m_measure, &QPushButton::clicked, this, &ModelQualityView::measure);
    connect(m_stopMeasuring, &QPushButton::clicked, &m_quality, &app::QualityController::cancel);
    connect(&m_quality, &app::QualityController::runningChanged, this,
            &ModelQualityView::updateMeasurement);
    connect(&m_quality, &app::QualityController::progressed, m_measureProgress,
            &QProgressBar::setValue);
    connect(&m_quality, &app::QualityController::reportChanged, this,
            [this](const app::QualityReport& report) {
                m_reports.insert(report.question.path, report);
                showReport();
            });
    connect(&m_quality, &app::QualityController::failed, this,
            [this](const QString& path, const QString& sentence) {
                m_failures.insert(path, sentence);
                showReport();
            });
}

void ModelQualityView::prepareTable() {
    m_table->setObjectName(QStringLiteral("quality-table"));
    m_table->setAccessibleName(tr("Quality"));
    m_table->setHorizontalHeaderLabels({tr("Version"), tr("File"), tr("Weights in memory"),
                                        tr("Perplexity"), tr("KL, nats"), tr("Same first choice"),
                                        tr("Speed")});
    m_table->horizontalHeaderItem(kPerplexity)
        ->setToolTip(tr("How surprised the model is by the text; lower is better"));
    m_table->horizontalHeaderItem(kKl)->setToolTip(
        tr("How far its predictions are from the original's; below 0.01 nobody notices"));
    m_table->horizontalHeaderItem(kAgreement)
        ->setToolTip(tr("How often it thinks the same token the likeliest"));
    m_table->horizontalHeader()->setDefaultAlignment(Qt::AlignRight | Qt::AlignVCenter);
    m_table->horizontalHeaderItem(kVersion)->setTextAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    m_table->verticalHeader()->hide();
    m_table->setShowGrid(false);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    new NameColumn(m_table);
}

void ModelQualityView::show(const app::ModelCard& card) {
    m_card = card;
    updateConversion();
    updateMeasurement();
}

void ModelQualityView::updateConversion() {
    const bool runs = !m_conversions.source().isEmpty();
    const bool isMine = runs && m_conversions.source() == m_card.path;
    for (QPushButton* button : {m_int8, m_int4})
        button->setEnabled(!runs && !m_card.isAway);
    m_stopConversion->setVisible(isMine);
    m_conversionProgress->setVisible(isMine);
    QString state = m_said.value(m_card.path);
    if (isMine)
        state = tr("Writing …");
    else if (runs)
        state = tr("Another model is being converted.");
    m_conversionState->setText(state);
    m_conversionState->setVisible(!state.isEmpty());
    m_showResult->setVisible(!runs && m_results.contains(m_card.path));
}

void ModelQualityView::updateMeasurement() {
    const bool runs = m_quality.isRunning();
    const bool isMine = runs && m_quality.path() == m_card.path;
    m_measure->setEnabled(!runs && !m_card.isAway && m_card.hasTokenizer);
    m_stopMeasuring->setVisible(isMine);
    m_measureProgress->setVisible(isMine);
    if (!runs)
        m_measureProgress->setValue(0);
    showReport();
}

void ModelQualityView::chooseText() {
    const QString file = QFileDialog::getOpenFileName(
        window(), tr("Choose a text"), {},
        tr("Texts (*.txt *.md *.json *.cpp *.py)") + QStringLiteral(";;") + tr("All files (*)"));
    if (file.isEmpty()) {
        m_text->setCurrentIndex(0);
        return;
    }
    m_text->insertItem(m_text->count() - 1, QFileInfo(file).fileName(), file);
    m_text->setCurrentIndex(m_text->count() - 2);
}

void ModelQualityView::measure() {
    app::QualityQuestion question{m_card.path, m_text->currentData().toString(), {}};
    for (const char* weights : {"int8", "int4"}) {
        const QString format = QString::fromLatin1(weights);
        question.versions.append({m_card.path, format});
        const QString converted = m_conversions.targetOf(m_card.path, format);
        if (QFile::exists(converted))
            question.versions.append({converted, {}});
    }
    m_failures.remove(m_card.path);
    m_reports.remove(m_card.path);
    m_quality.measure(question);
}

QString ModelQualityView::nameOf(const app::QualityRow& row) const {
    if (row.path != m_card.path)
        return tr("%1 (file)").arg(QFileInfo(row.path).fileName());
    return tr("Loaded as %1").arg(weightsText(row.weights));
}

void ModelQualityView::showReport() {
    const app::QualityReport report = m_reports.value(m_card.path);
    QString state = m_failures.value(m_card.path);
    if (m_quality.isRunning() && m_quality.path() == m_card.path)
        state = tr("Both versions are loaded beside what is loaded already …");
    else if (!m_card.hasTokenizer)
        state = tr("This model brings no tokenizer, so it cannot read a text.");
    else if (m_quality.isRunning())
        state = tr("Another model is being measured.");
    else if (state.isEmpty() && !report.rows.isEmpty())
        state = tr("%1 tokens on %2.")
                    .arg(QLocale().toString(report.tokens), deviceText(report.device));
    m_measureState->setText(state);
    m_measureState->setVisible(!state.isEmpty());
    m_table->setRowCount(int(report.rows.size()));
    const QLocale locale;
    for (int i = 0; i < report.rows.size(); ++i) {
        const app::QualityRow& row = report.rows.at(i);
        const bool isOriginal = i == 0;
        m_table->setItem(
            i, kVersion,
            cell(isOriginal ? tr("Original, as %1").arg(weightsText(row.weights)) : nameOf(row),
                 false));
        m_table->setItem(i, kFile, cell(bytesText(row.file_bytes), true));
        m_table->setItem(i, kMemory, cell(bytesText(row.memory_bytes), true));
        m_table->setItem(i, kPerplexity, cell(locale.toString(row.perplexity, 'f', 3), true));
        m_table->setItem(
            i, kKl, cell(isOriginal ? QStringLiteral("–") : locale.toString(row.kl, 'f', 4), true));
        m_table->setItem(
            i, kAgreement,
            cell(isOriginal ? QStringLiteral("–")
                            : tr("%1 %").arg(locale.toString(row.top1Agreement * 100, 'f', 1)),
                 true));
        m_table->setItem(i, kSpeed, cell(speedText(row.tokensPerSecond), true));
    }
}

} // namespace ui
