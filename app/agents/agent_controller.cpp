#include "app/agents/agent_controller.h"

#include <algorithm>

namespace app {

bool AgentRun::isBusy() const {
    return std::any_of(lanes.begin(), lanes.end(), [](const AgentLane& lane) {
        return lane.state == LaneState::Waiting || lane.state == LaneState::Running;
    });
}

AgentController::AgentController(QObject* parent) : QObject(parent) {}
AgentController::~AgentController() = default;

} // namespace app
