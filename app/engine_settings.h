#pragma once
// What the settings say, in the engine's words. Pure.

#include "app/settings_values.h"
#include "engine/runtime/engine.h"

namespace app {

engine::AdmissionSettings admissionOf(const SettingsValues& values);
engine::KeepingSettings keepingOf(const SettingsValues& values);
engine::OverflowPolicy policyOf(OverflowChoice choice);

} // namespace app
