// What an executor answers that does not offer a part of the contract.
#include "engine/device/executor.h"

namespace engine {

Status Executor::setActivations(ActivationFormat format) {
    if (format == formats().activations)
        return {};
    return Status(Code::OptionInvalid,
                  {{"option", "--acts"},
                   {"value", std::string(name(format))},
                   {"expected", deviceName() + " keeps the activations it was loaded with"}});
}

Status Executor::timeStages(bool) {
    return Status(Code::StagesNotOffered, {{"device", deviceName()}});
}

Result<std::vector<StageError>> Executor::checkStages(Batch) {
    return Status(Code::StagesNotOffered, {{"device", deviceName()}});
}

} // namespace engine
