#include "engine/model/model_config.h"

#include <string_view>

namespace engine {

namespace {

// Far above any model, so that products of two of them stay inside 64 bits.
constexpr std::uint32_t kMostLayers = 1024;
constexpr std::uint32_t kMostHeads = 4096;
constexpr std::uint32_t kLargestHeadDim = 4096;
constexpr std::uint32_t kLargestWidth = 1U << 20;
constexpr std::uint32_t kLargestVocabulary = 1U << 22;
constexpr std::uint32_t kLongestContext = 1U << 26;

Status invalid(std::string_view field, std::string value, std::string expected) {
    return Status(Code::ModelFieldInvalid, {{"field", std::string(field)},
                                            {"value", std::move(value)},
                                            {"expected", std::move(expected)}});
}

Status inRange(std::string_view field, std::uint32_t value, std::uint32_t largest) {
    if (value >= 1 && value <= largest)
        return {};
    return invalid(field, std::to_string(value),
                   "it lies between 1 and " + std::to_string(largest));
}

Status validateRope(const ModelConfig& config) {
    const RopeScaling& scaling = config.ropeScaling;
    if (config.learnedPositions)
        return config.rotaryDim == 0
                   ? Status()
                   : invalid("the rotary dimension", std::to_string(config.rotaryDim),
                             "it is 0 beside learned positions");
    if (config.rotaryDim == 0 || config.rotaryDim % 2 != 0 || config.rotaryDim > config.headDim)
        return invalid("the rotary dimension", std::to_string(config.rotaryDim),
                       "it is even and at most the head size " + std::to_string(config.headDim));
    if (!(config.ropeTheta > 1.0 && config.ropeTheta <= 1e12))
        return invalid("the RoPE base", std::to_string(config.ropeTheta), "it is above 1");
    if (!(scaling.factor > 0.0 && scaling.factor <= 1e6))
        return invalid("the RoPE scaling factor", std::to_string(scaling.factor), "it is above 0");
    if (!(scaling.attentionFactor >= 0.0 && scaling.attentionFactor <= 1e3))
        return invalid("the RoPE attention factor", std::to_string(scaling.attentionFactor),
                       "it lies between 0 and 1000");
    if ((scaling.kind == RopeScalingKind::Llama3 || scaling.kind == RopeScalingKind::Yarn) &&
        scaling.originalContext == 0)
        return invalid("the original context of the RoPE scaling", "0", "it is a number of tokens");
    if (scaling.kind == RopeScalingKind::Llama3 &&
        !(scaling.lowFrequencyFactor > 0.0 &&
          scaling.highFrequencyFactor > scaling.lowFrequencyFactor &&
          scaling.highFrequencyFactor <= 1e6))
        return invalid("the frequency factors of the RoPE scaling",
                       std::to_string(scaling.lowFrequencyFactor) + " and " +
                           std::to_string(scaling.highFrequencyFactor),
                       "the low one is positive and below the high one");
    if (scaling.kind == RopeScalingKind::Yarn &&
        !(scaling.betaSlow > 0.0 && scaling.betaFast > 0.0 && scaling.betaFast <= 1e6 &&
          scaling.betaSlow <= 1e6))
        return invalid("the betas of the RoPE scaling",
                       std::to_string(scaling.betaFast) + " and " +
                           std::to_string(scaling.betaSlow),
                       "both are positive");
    if (!scaling.frequencyDivisors.empty()) {
        if (scaling.frequencyDivisors.size() != config.rotaryDim / 2)
            return invalid("rope_freqs.weight",
                           std::to_string(scaling.frequencyDivisors.size()) + " numbers",
                           "there is one per pair, " + std::to_string(config.rotaryDim / 2));
        for (const float divisor : scaling.frequencyDivisors)
            if (!(divisor > 0.0F && divisor <= 1e9F))
                return invalid("rope_freqs.weight", std::to_string(divisor),
                               "every number in it is positive");
    }
    return {};
}

} // namespace

std::string_view architectureName(Architecture architecture) {
    switch (architecture) {
    case Architecture::Llama:
        return "llama";
    case Architecture::Qwen2:
        return "qwen2";
    case Architecture::Qwen3:
        return "qwen3";
    case Architecture::Gpt2:
        return "gpt2";
    }
    return "";
}

Status validate(const ModelConfig& config) {
    INGLENOOK_TRY(inRange("the vocabulary size", config.vocabularySize, kLargestVocabulary));
    INGLENOOK_TRY(inRange("the hidden size", config.hiddenSize, kLargestWidth));
    INGLENOOK_TRY(inRange("the number of layers", config.layerCount, kMostLayers));
    INGLENOOK_TRY(inRange("the number of heads", config.headCount, kMostHeads));
    INGLENOOK_TRY(inRange("the number of key/value heads", config.kvHeadCount, config.headCount));
    if (config.headCount % config.kvHeadCount != 0)
        return invalid("the number of key/value heads", std::to_string(config.kvHeadCount),
                       "it divides the number of heads, " + std::to_string(config.headCount));
    INGLENOOK_TRY(inRange("the head size", config.headDim, kLargestHeadDim));
    if (config.headDim % 2 != 0)
        return invalid("the head size", std::to_string(config.headDim), "it is even");
    INGLENOOK_TRY(inRange("the attention width", config.queryWidth(), kLargestWidth));
    INGLENOOK_TRY(inRange("the feed-forward size", config.intermediateSize, kLargestWidth));
    INGLENOOK_TRY(inRange("the context length", config.contextLength, kLongestContext));
    if (!(config.normEps > 0.0F && config.normEps < 1.0F))
        return invalid("the norm's epsilon", std::to_string(config.normEps),
                       "it is positive and below 1");
    return validateRope(config);
}

} // namespace engine
