// Rotary position embedding: inverse frequencies after scaling and the table of angles. Sources:
// transformers' modeling_rope_utils (linear, llama3, yarn); YaRN: arXiv 2309.00071; the divisors
// are GGUF's rope_freqs tensor.
#include "engine/model/model_config.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace engine {

namespace {

constexpr double kTau = 2.0 * std::numbers::pi;

/// Long waves are stretched by the factor, short ones kept, those between blended.
double llama3Frequency(double frequency, const RopeScaling& scaling) {
    const double context = scaling.originalContext;
    const double wavelength = kTau / frequency;
    if (wavelength < context / scaling.highFrequencyFactor)
        return frequency;
    if (wavelength > context / scaling.lowFrequencyFactor)
        return frequency / scaling.factor;
    const double smooth = (context / wavelength - scaling.lowFrequencyFactor) /
                          (scaling.highFrequencyFactor - scaling.lowFrequencyFactor);
    return (1.0 - smooth) * frequency / scaling.factor + smooth * frequency;
}

/// The (fractional) pair that turns `rotations` times within the original context.
double yarnCorrectionPair(double rotations, const ModelConfig& config) {
    return config.rotaryDim * std::log(config.ropeScaling.originalContext / (rotations * kTau)) /
           (2.0 * std::log(config.ropeTheta));
}

void applyYarn(std::vector<double>& frequencies, const ModelConfig& config) {
    const RopeScaling& scaling = config.ropeScaling;
    const double low = std::max(std::floor(yarnCorrectionPair(scaling.betaFast, config)), 0.0);
    double high = std::min(std::ceil(yarnCorrectionPair(scaling.betaSlow, config)),
                           static_cast<double>(config.rotaryDim) - 1.0);
    if (low == high)
        high += 0.001; // as the source does: no division by zero
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
        frequencies[i] = frequencies[i] / scaling.factor * ramp + frequencies[i] * (1.0 - ramp);
    }
}

double yarnAttentionFactor(const RopeScaling& scaling) {
    if (scaling.attentionFactor > 0)
        return scaling.attentionFactor;
    return scaling.factor <= 1.0 ? 1.0 : 0.1 * std::log(scaling.factor) + 1.0;
}

} // namespace

std::vector<double> ropeInverseFrequencies(const ModelConfig& config, double* attentionFactor) {
    const RopeScaling& scaling = config.ropeScaling;
    std::vector<double> frequencies(config.rotaryDim / 2);
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
        const double exponent = 2.0 * static_cast<double>(i) / config.rotaryDim;
        frequencies[i] = std::pow(config.ropeTheta, -exponent);
        if (!scaling.frequencyDivisors.empty())
            frequencies[i] /= scaling.frequencyDivisors[i];
        if (scaling.kind == RopeScalingKind::Linear)
            frequencies[i] /= scaling.factor;
        else if (scaling.kind == RopeScalingKind::Llama3)
            frequencies[i] = llama3Frequency(frequencies[i], scaling);
    }
    double factor = 1.0;
    if (scaling.kind == RopeScalingKind::Yarn) {
        applyYarn(frequencies, config);
        factor = yarnAttentionFactor(scaling);
    }
    if (attentionFactor != nullptr)
        *attentionFactor = factor;
    return frequencies;
}

RopeTable makeRopeTable(const ModelConfig& config, std::uint32_t positions) {
    double attentionFactor = 1.0;
    const std::vector<double> frequencies = ropeInverseFrequencies(config, &attentionFactor);
    RopeTable table;
    table.positions = positions;
    table.pairs = static_cast<std::uint32_t>(frequencies.size());
    table.attentionScale = static_cast<float>(attentionFactor);
    table.cosine.resize(std::size_t{positions} * table.pairs);
    table.sine.resize(table.cosine.size());
    for (std::size_t position = 0, at = 0; position < positions; ++position) {
        for (const double frequency : frequencies) {
            const double angle = static_cast<double>(position) * frequency;
            table.cosine[at] = static_cast<float>(std::cos(angle) * attentionFactor);
            table.sine[at] = static_cast<float>(std::sin(angle) * attentionFactor);
            ++at;
        }
    }
    return table;
}

} // namespace engine
