#pragma once
// What the next load could take of this computer's memory, as the telemetry and the loaded models
// tell it: no driver is asked and no file is read. GUI thread.

#include "app/download/download_controller.h"
#include "app/telemetry/metric_frame.h"
#include "engine/model/memory_plan.h"

namespace app {

class EngineHost;

/// By loaded models, on every device.
engine::MemoryPlan memoryHeld(EngineHost& host);

/// The device of the settings; else the first GPU, when there is one that the CUDA library could
/// use (`hasCuda`), beside the host. What models hold counts as free: a load may put them away. A
/// model that is split takes its largest equal share on each of the GPUs chosen, a replica all of
/// it, stretches of layers what each has. GPUs are numbered by the bus, as NVML and main.cpp do it.
LoadRoom loadRoom(const SettingsValues& values, const MetricFrame& frame,
                  const engine::MemoryPlan& held, bool hasCuda);

} // namespace app
