#pragma once
// How the settings say that models are loaded, and back. Pure.

#include "app/session/model_controller.h"
#include "app/settings_values.h"

namespace app {

ModelOptions modelOptions(const SettingsValues& values);
/// A model was loaded in this way: the next start does the same.
void takeModelOptions(SettingsValues& values, const ModelOptions& options);

} // namespace app
