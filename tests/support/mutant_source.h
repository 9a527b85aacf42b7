#pragma once
// Mutants: a model with one deliberate mistake, as a loader or a kernel could make it. verify must
// catch every one of them.

#include "engine/model/opened_model.h"

#include <string>

namespace tests {

/// Changes the model's configuration or wraps its tensors; "none" changes nothing. Models with BF16
/// tensors only.
void mutate(engine::OpenedModel& model, const std::string& mutation);

} // namespace tests
