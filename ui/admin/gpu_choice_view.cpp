#include "ui/admin/gpu_choice_view.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <algorithm>
#include <QCheckBox>
#include <QComboBox>
#include <QGridLayout>
#include <QLabel>
#include <QSignalBlocker>
#include <QSpinBox>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kMostShare = 100;
/// Below it a second GPU is called no gain: engine::kLeastSplitGain.
constexpr double kLeastGain = 1.03;

enum Column { kOn, kShare, kBytes };

/// "0: NVIDIA H200" of "CUDA 0 · NVIDIA H200".
QString gpuName(const app::FitDevice& gpu) {
    const QString product = gpu.name.section(QStringLiteral(" · "), 1);
    return GpuChoiceView::tr("GPU %1: %2").arg(gpu.word.section(QLatin1Char(':'), 1), product);
}

QString speedsText(const app::FitCell& cell, bool areReplicas, int gpus) {
    if (gpus < 2 || cell.tokensPerSecond <= 0)
        return {};
    if (areReplicas)
        return GpuChoiceView::tr("One chat: %1, on one GPU. Many chats are dealt out: up to %2 "
                                 "times as many answers.")
            .arg(speedText(cell.tokensPerSecond))
            .arg(gpus);
    const QString together = speedText(cell.tokensPerSecond);
    if (cell.aloneTokensPerSecond <= 0)
        return GpuChoiceView::tr("Together: %1. It does not fit on the first GPU alone.")
            .arg(together);
    const double gain = cell.tokensPerSecond / cell.aloneTokensPerSecond;
    const QString alone = speedText(cell.aloneTokensPerSecond);
    if (gain < kLeastGain)
        return GpuChoiceView::tr("One GPU alone is as fast: %1, together %2.").arg(alone, together);
    return GpuChoiceView::tr("Together: %1, %2 times one GPU alone (%3).")
        .arg(together, QLocale().toString(gain, 'f', 2), alone);
}

} // namespace

GpuChoiceView::GpuChoiceView(QWidget* parent)
    : QWidget(parent), m_grid(new QGridLayout), m_split(new QComboBox), m_speed(new QLabel) {
    m_split->setObjectName(QStringLiteral("gpu-split"));
    m_split->setAccessibleName(tr("How several GPUs work together"));
    m_split->addItem(tr("Together: whatever is faster"), QString());
    m_split->addItem(tr("Together: every GPU computes a part of each token"),
                     QStringLiteral("tensor"));
    m_split->addItem(tr("Side by side: the whole model on each"), QStringLiteral("replicas"));
    m_split->addItem(tr("One after another: some of the layers on each"), QStringLiteral("layer"));
    m_speed->setObjectName(QStringLiteral("gpu-speed"));
    m_speed->setProperty("role", "muted");
    m_speed->setWordWrap(true);
    m_speed->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_grid->setContentsMargins(0, 0, 0, 0);
    m_grid->setHorizontalSpacing(space::kMedium);
    m_grid->setVerticalSpacing(space::kHair);
    m_grid->setColumnStretch(kBytes, 1);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(space::kSmall);
    column->addLayout(m_grid);
    column->addWidget(m_split, 0, Qt::AlignLeft);
    column->addWidget(m_speed);
    connect(m_split, &QComboBox::activated, this, &GpuChoiceView::refresh);
}

void GpuChoiceView::setGpus(const QList<app::FitDevice>& gpus) {
    if (!m_rows.isEmpty())
        return;
    for (const app::FitDevice& gpu : gpus) {
        const QString name = gpuName(gpu);
        Row row{gpu.word.section(QLatin1Char(':'), 1), new QCheckBox(name), new QSpinBox,
                new QLabel};
        row.on->setObjectName(QStringLiteral("gpu-on-") + row.number);
        row.on->setChecked(m_rows.isEmpty());
        row.share->setObjectName(QStringLiteral("gpu-share-") + row.number);
        row.share->setAccessibleName(tr("Share of %1").arg(name));
        row.share->setToolTip(tr("How much of the model it holds against the others. The same "
                                 "for all is fastest on equal GPUs."));
        row.share->setRange(1, kMostShare);
        row.share->setPrefix(tr("share "));
        row.share->setKeyboardTracking(false);
        row.bytes->setObjectName(QStringLiteral("gpu-bytes-") + row.number);
        row.bytes->setProperty("role", "muted");
        const int at = int(m_rows.size());
        m_grid->addWidget(row.on, at, kOn);
        m_grid->addWidget(row.share, at, kShare);
        m_grid->addWidget(row.bytes, at, kBytes);
        connect(row.on, &QCheckBox::toggled, this, &GpuChoiceView::refresh);
        connect(row.share, &QSpinBox::valueChanged, this, &GpuChoiceView::refresh);
        m_rows.append(row);
    }
    refresh();
}

QList<const GpuChoiceView::Row*> GpuChoiceView::chosen() const {
    QList<const Row*> rows;
    for (const Row& row : m_rows)
        if (row.on->isChecked())
            rows.append(&row);
    return rows;
}

bool GpuChoiceView::isDivided() const {
    return chosen().size() > 1 && m_split->currentData().toString() != QLatin1String("replicas");
}

/// The last one that is on stays on.
void GpuChoiceView::refresh() {
    const QList<const Row*> on = chosen();
    for (const Row& row : m_rows) {
        row.on->setEnabled(on.size() > 1 || !row.on->isChecked());
        row.share->setVisible(isDivided());
        row.share->setEnabled(row.on->isChecked());
    }
    m_split->setVisible(on.size() > 1);
    emit changed();
}

QString GpuChoiceView::device() const {
    const QList<const Row*> on = chosen();
    const bool isEven = std::all_of(on.begin(), on.end(), [&](const Row* row) {
        return row->share->value() == on.first()->share->value();
    });
    QStringList parts;
    for (const Row* row : on)
        parts.append(isDivided() && !isEven
                         ? QStringLiteral("%1=%2").arg(row->number).arg(row->share->value())
                         : row->number);
    return QStringLiteral("cuda:") + parts.join(QLatin1Char(','));
}

QString GpuChoiceView::split() const {
    return chosen().size() > 1 ? m_split->currentData().toString() : QString();
}

void GpuChoiceView::showCell(const app::FitCell* cell) {
    for (const Row& row : m_rows) {
        QString text;
        if (cell != nullptr)
            for (const app::FitBytes& bytes : cell->devices)
                if (bytes.device.section(QLatin1Char(' '), 1) == row.number)
                    text = bytes.free_bytes == 0
                               ? bytesText(bytes.total())
                               : tr("%1 of %2 free")
                                     .arg(bytesText(bytes.total()), bytesText(bytes.free_bytes));
        if (text.isEmpty())
            text = row.on->isChecked() ? QStringLiteral("–") : tr("off");
        row.bytes->setText(text);
    }
    const QString speeds = cell == nullptr ? QString()
                                           : speedsText(*cell, split() == QLatin1String("replicas"),
                                                        int(chosen().size()));
    m_speed->setText(speeds);
    m_speed->setVisible(!speeds.isEmpty());
}

} // namespace ui
