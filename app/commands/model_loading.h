#pragma once
// loadModel: how a command of the terminal loads the model that it works with.

#include "app/commands/interrupt_watch.h"
#include "engine/runtime/engine.h"

#include <memory>

namespace app {

/// Shows the progress and says on stderr what was chosen automatically; an interrupt ends it. Null
/// after a sentence on stderr.
std::shared_ptr<const engine::ModelInfo>
loadModel(engine::Engine& engine, engine::LoadRequest request, InterruptWatch& interrupt);

} // namespace app
