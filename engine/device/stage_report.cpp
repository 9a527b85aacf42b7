#include "engine/device/stage_report.h"

#include <algorithm>

namespace engine {

void mergeWorst(std::vector<StageError>& worst, std::span<const StageError> errors) {
    for (const StageError& error : errors) {
        const auto known = std::find_if(worst.begin(), worst.end(), [&](const StageError& other) {
            return other.name == error.name;
        });
        if (known == worst.end())
            worst.push_back(error);
        else if (error.relError > known->relError)
            *known = error;
    }
}

} // namespace engine
