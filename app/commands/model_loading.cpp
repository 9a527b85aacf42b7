#include "app/commands/model_loading.h"

#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "app/session/engine_model_controller.h"

#include <chrono>
#include <future>
#include <utility>

namespace app {

namespace {

constexpr std::chrono::milliseconds kLook{50}; // for an interrupt

} // namespace

std::shared_ptr<const engine::ModelInfo>
loadModel(engine::Engine& engine, engine::LoadRequest request, InterruptWatch& interrupt) {
    const bool isAutomatic = request.device == "auto";
    auto ended = std::make_shared<std::promise<engine::LoadEvent>>();
    std::future<engine::LoadEvent> answer = ended->get_future();
    auto progress = std::make_shared<ProgressLine>("Loading");
    const engine::LoadId id =
        engine.load(std::move(request), [ended, progress](const engine::LoadEvent& event) {
            if (event.phase == engine::LoadPhase::LoadingWeights)
                progress->update(event.done_bytes, event.total_bytes);
            if (event.phase >= engine::LoadPhase::Ready)
                ended->set_value(event);
        });
    while (answer.wait_for(kLook) != std::future_status::ready)
        if (interrupt.pressed())
            engine.cancelLoad(id);
    const engine::LoadEvent event = answer.get();
    progress->clear();
    if (event.phase != engine::LoadPhase::Ready) {
        fail(event.status.ok() ? engine::Status(engine::Code::Cancelled) : event.status);
        return nullptr;
    }
    if (isAutomatic)
        complain("Device: " + event.model->device);
    tellSplit(modelValueOf(*event.model).split);
    return event.model;
}

} // namespace app
