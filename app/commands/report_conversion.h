#pragma once
// What quantize and synth say when they are done.

#include "engine/model/convert.h"

#include <string>

namespace app {

/// Prints the report (or its failure); returns the exit code.
int reportConversion(const engine::Result<engine::ConvertReport>& report, const std::string& out,
                     bool json);

} // namespace app
