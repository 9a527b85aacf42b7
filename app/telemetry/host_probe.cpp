#include "app/telemetry/host_probe.h"

#include <QFile>
#include <sys/statvfs.h>
#include <unistd.h>

namespace app {

namespace {

QByteArray contents(const QString& file) {
    QFile source(file);
    return source.open(QIODevice::ReadOnly) ? source.readAll() : QByteArray();
}

/// "MemTotal:   123 kB" of /proc/meminfo or /proc/self/status, in bytes.
std::optional<double> kilobytesOf(const QByteArray& text, const QByteArray& field) {
    const qsizetype at = text.indexOf(field + ':');
    if (at < 0)
        return std::nullopt;
    const qsizetype from = at + field.size() + 1;
    const QByteArray line = text.mid(from, text.indexOf('\n', from) - from).trimmed();
    bool ok = false;
    const double value = line.left(line.indexOf(' ')).toDouble(&ok);
    return ok ? std::optional(value * 1024) : std::nullopt;
}

} // namespace

HostProbe::HostProbe(QString proc, QString dataDir)
    : m_proc(std::move(proc)), m_dataDir(std::move(dataDir)) {}

std::optional<HostProbe::CpuTimes> HostProbe::readCpu() const {
    // "cpu user nice system idle iowait irq softirq steal guest guest_nice": guests are in user.
    const QByteArray text = contents(m_proc + QStringLiteral("/stat"));
    const QList<QByteArray> fields = text.left(text.indexOf('\n')).simplified().split(' ');
    if (fields.size() < 5 || fields[0] != "cpu")
        return std::nullopt;
    CpuTimes times;
    for (qsizetype i = 1; i < std::min<qsizetype>(fields.size(), 9); ++i) {
        const std::uint64_t ticks = fields[i].toULongLong();
        times.all += ticks;
        if (i != 4 && i != 5)
            times.busy += ticks;
    }
    return times;
}

std::optional<std::uint64_t> HostProbe::readProcessTicks() const {
    const QByteArray text = contents(m_proc + QStringLiteral("/self/stat"));
    const qsizetype name = text.lastIndexOf(')'); // the name may hold blanks and brackets
    if (name < 0)
        return std::nullopt;
    const QList<QByteArray> fields = text.mid(name + 2).simplified().split(' ');
    if (fields.size() < 13)
        return std::nullopt;
    return fields[11].toULongLong() + fields[12].toULongLong(); // utime, stime
}

void HostProbe::readMemory(MetricValues& values) const {
    const QByteArray memory = contents(m_proc + QStringLiteral("/meminfo"));
    const std::optional<double> total = kilobytesOf(memory, "MemTotal");
    const std::optional<double> available = kilobytesOf(memory, "MemAvailable");
    values.set(MetricId::MemoryTotal, total);
    if (total && available) {
        values.set(MetricId::MemoryUsed, *total - *available);
        values.set(MetricId::MemoryUsage, (*total - *available) / *total);
    }
    values.set(MetricId::ProcessMemory,
               kilobytesOf(contents(m_proc + QStringLiteral("/self/status")), "VmRSS"));
}

void HostProbe::readDisk(MetricValues& values) const {
    struct statvfs disk {};
    if (statvfs(QFile::encodeName(m_dataDir).constData(), &disk) != 0)
        return;
    const auto block = static_cast<double>(disk.f_frsize);
    values.set(MetricId::DiskFree, block * static_cast<double>(disk.f_bavail));
    values.set(MetricId::DiskTotal, block * static_cast<double>(disk.f_blocks));
}

void HostProbe::read(qint64 steady_us, MetricValues& values) {
    const std::optional<CpuTimes> cpu = readCpu();
    if (cpu && m_lastCpu && cpu->all > m_lastCpu->all && cpu->busy >= m_lastCpu->busy)
        values.set(MetricId::CpuUtilization, static_cast<double>(cpu->busy - m_lastCpu->busy) /
                                                 static_cast<double>(cpu->all - m_lastCpu->all));
    const std::optional<std::uint64_t> ticks = readProcessTicks();
    const double seconds = static_cast<double>(steady_us - m_last_us) / 1e6;
    if (ticks && m_lastTicks && *ticks >= *m_lastTicks && seconds > 0)
        values.set(MetricId::ProcessCpu, static_cast<double>(*ticks - *m_lastTicks) /
                                             static_cast<double>(sysconf(_SC_CLK_TCK)) / seconds);
    m_lastCpu = cpu;
    m_lastTicks = ticks;
    m_last_us = steady_us;
    readMemory(values);
    readDisk(values);
}

} // namespace app
