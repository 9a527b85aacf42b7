#pragma once
// What the programs that check and time executors make of their words: an executor, number formats,
// a model.

#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/evaluate.h"
#include "tests/bench/device_words.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string>

namespace tests::models {

using namespace engine;

/// cuda, cuda:0,1, cuda:0=2,1=1, cuda:0,1/layer; says why where it makes nothing.
inline ExecutorFactory factoryFor(const std::string& words) {
    return [words]() -> std::unique_ptr<Executor> {
        const Result<tests::DeviceWords> parsed = tests::parseDeviceWords(words);
        Result<std::unique_ptr<Executor>> executor =
            parsed.ok() ? makeExecutor(parsed->device, {}, parsed->split)
                        : Result<std::unique_ptr<Executor>>(parsed.status());
        if (!executor.ok()) {
            std::fprintf(stderr, "%s\n", executor.status().sentence().c_str());
            return nullptr;
        }
        return std::move(*executor);
    };
}

/// WEIGHTS, WEIGHTS/ACTIVATIONS or WEIGHTS/ACTIVATIONS/KV.
inline Result<NumberFormats> parseFormats(const std::string& words) {
    std::istringstream parts(words);
    std::string word;
    NumberFormats formats;
    if (std::getline(parts, word, '/')) {
        const Result<WeightFormat> weights = parseWeightFormat(word);
        if (!weights.ok())
            return weights.status();
        formats.weights = *weights;
    }
    if (std::getline(parts, word, '/')) {
        const Result<ActivationFormat> activations = parseActivationFormat(word);
        if (!activations.ok())
            return activations.status();
        formats.activations = *activations;
    }
    if (std::getline(parts, word, '/')) {
        const Result<KvFormat> kv = parseKvFormat(word);
        if (!kv.ok())
            return kv.status();
        formats.kv = *kv;
    }
    return formats;
}

/// A file, or SHAPE or SHAPE:LAYERS of random weights.
inline Result<OpenedModel> modelOf(const std::string& shape) {
    if (std::filesystem::exists(shape))
        return openModel(shape);
    const std::size_t colon = shape.find(':');
    Result<ModelConfig> config = syntheticConfig(shape.substr(0, colon));
    if (!config.ok())
        return config.status();
    if (colon != std::string::npos)
        config->layerCount =
            static_cast<std::uint32_t>(std::strtoul(shape.c_str() + colon + 1, nullptr, 10));
    OpenedModel model;
    model.config = *config;
    model.tensors = makeSyntheticSource(*config, 1);
    return model;
}

} // namespace tests::models
