#include "engine/device/sampler_spec.h"

#include <cmath>
#include <string>

namespace engine {

namespace {

std::string shown(double value) {
    std::string text = std::to_string(value);
    while (text.find('.') != std::string::npos && (text.back() == '0' || text.back() == '.')) {
        const bool point = text.back() == '.';
        text.pop_back();
        if (point)
            break;
    }
    return text;
}

Status refuse(const char* option, double value, const char* expected) {
    return Status(Code::OptionInvalid,
                  {{"option", option}, {"value", shown(value)}, {"expected", expected}});
}

/// NaN fails every comparison, so it is refused here too.
bool within(float value, float low, float high) {
    return value >= low && value <= high;
}

} // namespace

Status validate(const SamplerSpec& spec) {
    if (!within(spec.temperature, 0.0F, 100.0F))
        return refuse("temperature", spec.temperature, "a number from 0 (greedy) to 100");
    if (spec.topK < 0)
        return refuse("top-k", spec.topK, "0 (off) or the number of tokens to keep");
    if (!within(spec.topP, 0.0F, 1.0F) || spec.topP == 0.0F)
        return refuse("top-p", spec.topP, "above 0, at most 1 (off)");
    if (!within(spec.minP, 0.0F, 1.0F))
        return refuse("min-p", spec.minP, "a number from 0 (off) to 1");
    if (!within(spec.repetitionPenalty, 0.01F, 100.0F))
        return refuse("repetition penalty", spec.repetitionPenalty, "from 0.01 to 100, 1 is off");
    if (!within(spec.presencePenalty, -100.0F, 100.0F))
        return refuse("presence penalty", spec.presencePenalty, "from -100 to 100, 0 is off");
    if (!within(spec.frequencyPenalty, -100.0F, 100.0F))
        return refuse("frequency penalty", spec.frequencyPenalty, "from -100 to 100, 0 is off");
    for (const auto& [token, bias] : spec.logitBias) {
        if (token < 0)
            return refuse("logit bias token", token, "the id of a token");
        if (std::isnan(bias) || bias > 1e6F)
            return refuse("logit bias", bias, "a number of at most 1000000");
    }
    return {};
}

} // namespace engine
