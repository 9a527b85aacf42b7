#include "ui/dashboard/device_card.h"

#include "ui/dashboard/figure_text.h"
#include "ui/dashboard/memory_bar.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QLabel>
#include <QVBoxLayout>

namespace ui {

namespace {

using app::MetricId;

QString figure(const app::MetricValues& values, MetricId id) {
    return figureText(app::definition(id).unit, values.get(id));
}

/// What of `used` bytes on a device is ours, by part.
MemorySplit splitOf(const app::MetricFrame& frame, const QString& device,
                    std::optional<double> used, std::optional<double> total) {
    MemorySplit split;
    split.total = total.value_or(0);
    for (const app::MemoryShare& share : frame.shares)
        if (share.device == device) {
            split.weights = share.weights;
            split.kv = share.kv;
            split.workspace = share.workspace;
        }
    if (used)
        split.others = std::max(0.0, *used - split.weights - split.kv - split.workspace);
    return split;
}

} // namespace

DeviceCard::DeviceCard(Theme& theme, QWidget* parent)
    : QFrame(parent),
      m_theme(theme),
      m_title(new QLabel),
      m_big(new QLabel),
      m_memory(new MemoryBar(theme)),
      m_details(new QLabel) {
    setProperty("role", "card");
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kLarge, space::kMedium, space::kLarge, space::kMedium);
    column->setSpacing(space::kHair);
    for (QLabel* label : {m_title, m_big}) {
        label->setTextFormat(Qt::PlainText);
        column->addWidget(label);
    }
    column->addWidget(m_memory);
    m_details->setTextFormat(Qt::PlainText);
    m_details->setProperty("role", "muted");
    m_details->setWordWrap(true);
    column->addWidget(m_details);
    const auto applyFonts = [this] {
        m_title->setFont(m_theme.font(TextSize::Body, 600));
        m_big->setFont(m_theme.font(TextSize::Reading));
        m_details->setFont(m_theme.font(TextSize::Small));
    };
    connect(&m_theme, &Theme::changed, this, applyFonts);
    applyFonts();
}

void DeviceCard::showLines(const QString& title, const QStringList& lines) {
    m_title->setText(title);
    m_big->setText(lines.value(0));
    m_details->setText(lines.mid(2).join(QLatin1Char('\n')));
    setAccessibleName(title);
    setAccessibleDescription(lines.join(QLatin1Char('\n')));
}

void DeviceCard::showGpu(const app::MetricFrame& frame, int gpu) {
    const app::GpuFrame& device = frame.gpus[static_cast<std::size_t>(gpu)];
    const app::MetricValues& v = device.values;
    m_memory->setSplit(splitOf(frame, QStringLiteral("CUDA %1").arg(gpu),
                               v.get(MetricId::GpuMemoryUsed), v.get(MetricId::GpuMemoryTotal)));
    QStringList lines;
    lines.append(tr("%1 busy · %2 of %3")
                     .arg(figure(v, MetricId::GpuUtilization), figure(v, MetricId::GpuMemoryUsed),
                          figure(v, MetricId::GpuMemoryTotal)));
    lines.append(m_memory->text());
    lines.append(tr("%1 of %2 · %3 · %4 since the driver was loaded")
                     .arg(figure(v, MetricId::GpuPower), figure(v, MetricId::GpuPowerLimit),
                          figure(v, MetricId::GpuTemperature), figure(v, MetricId::GpuEnergy)));
    lines.append(tr("clock %1, memory %2 · PCIe out %3, in %4 · NVLink out %5, in %6")
                     .arg(figure(v, MetricId::GpuSmClock), figure(v, MetricId::GpuMemoryClock),
                          figure(v, MetricId::GpuPcieTx), figure(v, MetricId::GpuPcieRx),
                          figure(v, MetricId::GpuNvlinkTx), figure(v, MetricId::GpuNvlinkRx)));
    if (!device.throttleReasons.isEmpty())
        lines.append(tr("⚠ slowed down by: %1").arg(device.throttleReasons.join(u", ")));
    else if (!v.get(MetricId::GpuThrottled))
        lines.append(tr("throttling: –"));
    if (device.processes) {
        QStringList names;
        for (const app::GpuProcess& process : *device.processes)
            names.append(tr("%1 (%2) %3")
                             .arg(process.isOurs ? tr("Inglenook") : process.name)
                             .arg(process.pid)
                             .arg(process.bytes > 0
                                      ? figureText(app::MetricUnit::Bytes, double(process.bytes))
                                      : QStringLiteral("–")));
        lines.append(tr("processes: %1")
                         .arg(names.isEmpty() ? tr("none") : names.join(QStringLiteral(", "))));
    } else {
        lines.append(tr("processes: –"));
    }
    if (!device.absent.isEmpty())
        lines.append(device.absent);
    showLines(tr("GPU %1 · %2").arg(gpu).arg(device.name), lines);
}

void DeviceCard::showCpu(const app::MetricFrame& frame) {
    const app::MetricValues& v = frame.machine;
    m_memory->setSplit(splitOf(frame, QStringLiteral("CPU"), v.get(MetricId::MemoryUsed),
                               v.get(MetricId::MemoryTotal)));
    QStringList lines;
    lines.append(tr("%1 busy · %2 of %3")
                     .arg(figure(v, MetricId::CpuUtilization), figure(v, MetricId::MemoryUsed),
                          figure(v, MetricId::MemoryTotal)));
    lines.append(m_memory->text());
    lines.append(tr("Inglenook: %1 cores, %2 · disk %3 free of %4")
                     .arg(figure(v, MetricId::ProcessCpu), figure(v, MetricId::ProcessMemory),
                          figure(v, MetricId::DiskFree), figure(v, MetricId::DiskTotal)));
    if (!frame.gpuAbsent.isEmpty())
        lines.append(frame.gpuAbsent);
    showLines(frame.device.isEmpty() ? tr("CPU · no model loaded") : deviceText(frame.device),
              lines);
}

QString DeviceCard::text() const {
    return accessibleName() + QLatin1Char('\n') + accessibleDescription();
}

} // namespace ui
