#include "tests/app/telemetry/recorded_nvml.h"

#include "tests/app/telemetry/nvml_names.h"

#include <QFile>
#include <QJsonDocument>

namespace tests {

using app::NvmlReturn;

namespace {

const QString kEveryCall = QStringLiteral("*");

/// What an answer says beside a figure: an error, or Success.
NvmlReturn statusOf(const QJsonValue& value) {
    const QJsonValue error = value.toObject().value(QStringLiteral("error"));
    if (!error.isString())
        return NvmlReturn::Success;
    return nvmlStatus(error.toString().toStdString()).value_or(NvmlReturn::Unknown);
}

template<typename Number>
NvmlReturn take(const QJsonValue& value, Number& number) {
    if (value.isObject())
        return statusOf(value);
    if (!value.isDouble())
        return NvmlReturn::Unknown;
    number = static_cast<Number>(value.toDouble());
    return NvmlReturn::Success;
}

NvmlReturn takeText(const QJsonValue& value, std::string& text) {
    if (value.isObject())
        return statusOf(value);
    text = value.toString().toStdString();
    return NvmlReturn::Success;
}

/// A pair of figures, or one error for both.
QJsonValue oneOf(const QJsonValue& pair, int index) {
    return pair.isArray() ? pair.toArray().at(index) : pair;
}

} // namespace

void HangGate::wait() {
    std::unique_lock lock(m_mutex);
    ++m_waiting;
    m_changed.wait(lock, [this] { return m_open; });
    --m_waiting;
}

void HangGate::open() {
    const std::lock_guard lock(m_mutex);
    m_open = true;
    m_changed.notify_all();
}

bool HangGate::holdsOne() const {
    const std::lock_guard lock(m_mutex);
    return m_waiting > 0 && !m_open;
}

QString RecordedNvml::folder() {
    return QStringLiteral(INGLENOOK_SOURCE_DIR "/tests/fixtures/nvml");
}

RecordedNvml::RecordedNvml(const QString& fixture) {
    QFile file(QStringLiteral("%1/%2.json").arg(folder(), fixture));
    if (!file.open(QIODevice::ReadOnly))
        return;
    const QJsonObject all = QJsonDocument::fromJson(file.readAll()).object();
    m_inits = all.value(QStringLiteral("init")).toArray();
    m_devices = all.value(QStringLiteral("devices")).toArray();
    m_changes = all.value(QStringLiteral("changes")).toArray();
}

NvmlReturn RecordedNvml::init() {
    if (initResult)
        return *initResult;
    if (m_inits.isEmpty())
        return NvmlReturn::Success;
    const NvmlReturn status = statusOf(m_inits.first());
    if (m_inits.size() > 1)
        m_inits.removeFirst();
    return status;
}

NvmlReturn RecordedNvml::deviceCount(std::uint32_t& count) {
    ++m_look;
    while (!m_changes.isEmpty() &&
           m_changes.first().toObject().value(QStringLiteral("look")).toInt() <= m_look) {
        const QJsonObject change = m_changes.takeAt(0).toObject();
        if (change.contains(QStringLiteral("count")))
            m_count = change.value(QStringLiteral("count"));
        if (!change.contains(QStringLiteral("device")))
            continue;
        const int device = change.value(QStringLiteral("device")).toInt();
        QJsonObject answers = m_devices.at(device).toObject();
        const QJsonObject changed = change.value(QStringLiteral("answers")).toObject();
        for (auto each = changed.begin(); each != changed.end(); ++each)
            answers.insert(each.key(), each.value());
        m_devices.replace(device, answers);
    }
    count = static_cast<std::uint32_t>(m_devices.size());
    return m_count.isObject() ? statusOf(m_count) : NvmlReturn::Success;
}

QJsonValue RecordedNvml::answer(Device device, const char* call) {
    const QJsonObject answers = m_devices.at(device).toObject();
    const QJsonValue every = answers.value(kEveryCall);
    const QJsonValue found = every.isObject() ? every : answers.value(QLatin1String(call));
    if (!found.toObject().contains(QStringLiteral("hangs")))
        return found;
    m_gate->wait();
    return QJsonObject{{QStringLiteral("error"), QStringLiteral("TIMEOUT")}};
}

NvmlReturn RecordedNvml::name(Device device, std::string& name) {
    return takeText(answer(device, "name"), name);
}
NvmlReturn RecordedNvml::uuid(Device device, std::string& uuid) {
    return takeText(answer(device, "uuid"), uuid);
}
NvmlReturn RecordedNvml::memory(Device device, app::NvmlMemory& memory) {
    const QJsonValue figures = answer(device, "memory");
    take(oneOf(figures, 0), memory.total);
    take(oneOf(figures, 1), memory.free);
    return take(oneOf(figures, 2), memory.used);
}
NvmlReturn RecordedNvml::utilization(Device device, app::NvmlUtilization& utilization) {
    const QJsonValue figures = answer(device, "utilization");
    take(oneOf(figures, 1), utilization.memory);
    return take(oneOf(figures, 0), utilization.gpu);
}
NvmlReturn RecordedNvml::power_mw(Device device, std::uint32_t& power) {
    return take(answer(device, "power_mw"), power);
}
NvmlReturn RecordedNvml::powerLimit_mw(Device device, std::uint32_t& limit) {
    return take(answer(device, "powerLimit_mw"), limit);
}
NvmlReturn RecordedNvml::energy_mj(Device device, std::uint64_t& energy) {
    return take(answer(device, "energy_mj"), energy);
}
NvmlReturn RecordedNvml::temperature_c(Device device, std::uint32_t& temperature) {
    return take(answer(device, "temperature_c"), temperature);
}
NvmlReturn RecordedNvml::clock_mhz(Device device, app::NvmlClock clock, std::uint32_t& frequency) {
    return take(answer(device, clock == app::NvmlClock::Sm ? "sm_mhz" : "memory_mhz"), frequency);
}
NvmlReturn RecordedNvml::throttleReasons(Device device, std::uint64_t& bits) {
    return take(answer(device, "throttle"), bits);
}
NvmlReturn RecordedNvml::pcie_kb_s(Device device, app::NvmlTraffic direction, std::uint32_t& rate) {
    return take(oneOf(answer(device, "pcie_kb_s"), static_cast<int>(direction)), rate);
}
NvmlReturn RecordedNvml::nvlink_kib(Device device, app::NvmlTraffic direction,
                                    std::uint64_t& moved) {
    return take(oneOf(answer(device, "nvlink_kib"), static_cast<int>(direction)), moved);
}
NvmlReturn RecordedNvml::processes(Device device, std::vector<app::NvmlProcess>& processes) {
    const QJsonValue list = answer(device, "processes");
    if (list.isObject())
        return statusOf(list);
    for (const QJsonValue& entry : list.toArray()) {
        app::NvmlProcess process;
        take(entry.toArray().at(0), process.pid);
        const QJsonValue used = entry.toArray().at(1);
        if (used.isNull())
            process.used_bytes = app::kNvmlNotAvailable;
        else
            take(used, process.used_bytes);
        processes.push_back(process);
    }
    return NvmlReturn::Success;
}

} // namespace tests
