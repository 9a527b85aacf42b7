#pragma once
// loadAndWait: loads a model into an engine and waits for how that ends.

#include "engine/runtime/engine.h"

#include <future>
#include <memory>
#include <utility>

namespace tests {

/// Its last event: Ready, Failed or Cancelled.
inline engine::LoadEvent loadAndWait(engine::Engine& engine, engine::LoadRequest request) {
    auto ended = std::make_shared<std::promise<engine::LoadEvent>>();
    engine.load(std::move(request), [ended](const engine::LoadEvent& event) {
        if (event.phase >= engine::LoadPhase::Ready)
            ended->set_value(event);
    });
    return ended->get_future().get();
}

} // namespace tests
