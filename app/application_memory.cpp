#include "app/application_memory.h"

#include "app/engine_host.h"
#include "app/settings_values.h"
#include "engine/runtime/engine.h"

#include <algorithm>
#include <limits>

namespace app {

namespace {

/// `device` as plans call it: "CPU", "CUDA 0".
qint64 heldOn(const QString& device, const engine::MemoryPlan& held) {
    qint64 sum = 0;
    for (const engine::DeviceMemory& each : held.devices)
        if (QString::fromStdString(each.device) == device)
            sum += qint64(each.total() - each.context_bytes); // the driver's context stays
    return sum;
}

/// -1: not told.
qint64 freeOn(int gpu, const MetricFrame& frame, const engine::MemoryPlan& held) {
    const auto total = frame.value({MetricId::GpuMemoryTotal, gpu});
    const auto used = frame.value({MetricId::GpuMemoryUsed, gpu});
    if (!total || !used)
        return -1;
    return std::max<qint64>(0, qint64(*total - *used)) +
           heldOn(QStringLiteral("CUDA %1").arg(gpu), held);
}

} // namespace

engine::MemoryPlan memoryHeld(EngineHost& host) {
    engine::MemoryPlan held;
    if (host.engine() == nullptr)
        return held;
    for (const auto& model : host.engine()->models())
        held.devices.insert(held.devices.end(), model->memory.devices.begin(),
                            model->memory.devices.end());
    return held;
}

LoadRoom loadRoom(const SettingsValues& values, const MetricFrame& frame,
                  const engine::MemoryPlan& held, bool hasCuda) {
    LoadRoom room;
    room.hostHeld_bytes = heldOn(QStringLiteral("CPU"), held);
    const bool isGpuAsked = values.device == QLatin1String("cuda");
    room.usesHost = !isGpuAsked;
    if (!hasCuda || values.device == QLatin1String("cpu"))
        return room;
    const QString asked = isGpuAsked && !values.gpus.isEmpty() ? values.gpus : QStringLiteral("0");
    const QStringList gpus = asked.split(QLatin1Char(','));
    qint64 least = std::numeric_limits<qint64>::max();
    qint64 sum = 0;
    for (const QString& gpu : gpus) {
        const qint64 free =
            freeOn(gpu.section(QLatin1Char('='), 0, 0).trimmed().toInt(), frame, held);
        least = std::min(least, free);
        sum += free;
    }
    if (values.split == QLatin1String("layer")) { // stretches by what is free
        room.gpu_bytes = least < 0 ? -1 : sum;
        return room;
    }
    const bool isSplit = values.split != QLatin1String("replicas");
    room.gpu_bytes = least < 0 ? -1 : least * (isSplit ? gpus.size() : 1);
    return room;
}

} // namespace app
