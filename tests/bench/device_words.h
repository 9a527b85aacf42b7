#pragma once
// "cuda:0,1/layer": a device, and how several GPUs share the model.

#include "engine/model/weight_options.h"

#include <algorithm>
#include <string>

namespace tests {

struct DeviceWords {
    std::string device;
    engine::SplitMode split = engine::SplitMode::Auto;
};

inline engine::Result<DeviceWords> parseDeviceWords(const std::string& words) {
    const std::size_t slash = std::min(words.find('/'), words.size());
    DeviceWords parsed{words.substr(0, slash)};
    if (slash < words.size()) {
        const engine::Result<engine::SplitMode> split =
            engine::parseSplitMode(words.substr(slash + 1));
        if (!split.ok())
            return split.status();
        parsed.split = *split;
    }
    return parsed;
}

} // namespace tests
