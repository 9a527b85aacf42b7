#include "app/commands/common_options.h"

#include "app/commands/output.h"
#include "app/library/library_names.h"
#include "app/paths.h"
#include "app/session/model_controller.h"
#include "engine/device/make_executor.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace app {

namespace {

/// Wraps one of the engine's word parsers as an option's value.
template<typename T>
std::function<std::string(const std::string&)>
word(T* target, engine::Result<T> (*parse)(std::string_view), const char* expected) {
    return [=](const std::string& value) {
        const engine::Result<T> parsed = parse(value);
        if (!parsed)
            return std::string(expected);
        *target = *parsed;
        return std::string();
    };
}

} // namespace

void CommonOptions::addModel(OptionParser& parser) {
    parser.text("model", &model, "M", "a .gguf file, a Hugging Face folder, or a name");
}

void CommonOptions::addTo(OptionParser& parser) {
    parser.value("device", "D", "auto, cpu, cuda or cuda:0,1", [this](const std::string& value) {
        device = value;
        return engine::checkDeviceName(value).ok() ? std::string()
                                                   : std::string("auto, cpu, cuda or cuda:0,1");
    });
    parser.value(
        "weights", "W", "auto, f32, bf16, int8 or int4",
        word(&formats.weights, engine::parseWeightFormat, "auto, f32, bf16, int8 or int4"));
    parser.value(
        "acts", "A", "activations: auto, f32, bf16 or int8",
        word(&formats.activations, engine::parseActivationFormat, "auto, f32, bf16 or int8"));
    parser.value("kv", "K", "the KV cache: auto, f32, bf16 or int8",
                 word(&formats.kv, engine::parseKvFormat, "auto, f32, bf16 or int8"));
    parser.value("split", "S", "several GPUs: auto, tensor, layer or replicas",
                 word(&split, engine::parseSplitMode, "auto, tensor, layer or replicas"));
    parser.text("data-dir", &dataDir, "DIR", "where the program keeps its data");
    parser.flag("json", &json, "one JSON object as the last line of stdout");
}

engine::Result<std::filesystem::path> resolveModel(const CommonOptions& options) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (options.model.empty()) {
        const fs::path builtIn = builtInModelPath().toStdString();
        if (builtIn.empty())
            return engine::Status(engine::Code::BuiltInModelMissing);
        return builtIn;
    }
    const fs::path given = options.model;
    if (fs::exists(given, error))
        return given;
    const auto found =
        findModelByName(resolvePaths(QString::fromStdString(options.dataDir)).dataDir,
                        QString::fromStdString(options.model));
    if (!found)
        return found.status();
    return fs::path(found->toStdString());
}

engine::Result<engine::ExecutorFactory> makeExecutorFactory(const CommonOptions& options) {
    auto first = engine::makeExecutor(options.device, {}, options.split);
    if (!first)
        return first.status();
    if (options.device == "auto")
        complain("Device: " + (*first)->deviceName());
    return engine::ExecutorFactory([device = options.device, split = options.split] {
        auto executor = engine::makeExecutor(device, {}, split);
        return executor ? std::move(*executor) : nullptr;
    });
}

void tellSplit(const SplitValue& split) {
    if (split.onePerSecond <= 0 || split.allPerSecond <= 0)
        return;
    char line[256];
    std::snprintf(line, sizeof line,
                  "Split: %d GPUs together %.1f tok/s, one alone %.1f; of %d answers at once "
                  "%.0f, with the whole model on each %.0f%s",
                  split.gpus, split.allPerSecond, split.onePerSecond, split.streams,
                  split.sharedPerSecond, split.replicasPerSecond,
                  split.tookOne        ? ". The first alone computes"
                  : split.tookReplicas ? ". Each holds the whole model"
                  : split.tookLayers   ? ". Each holds a stretch of the layers"
                                       : "");
    complain(line);
}

std::string text(engine::WeightFormat format) {
    return std::string(engine::name(format));
}
std::string text(engine::ActivationFormat format) {
    return std::string(engine::name(format));
}
std::string text(engine::KvFormat format) {
    return std::string(engine::name(format));
}

engine::Result<std::string> readFile(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::error_code error;
    if (!stream || std::filesystem::is_directory(path, error))
        return engine::Status(engine::Code::FileCannotOpen,
                              {{"file", path.string()},
                               {"reason", stream ? "it is a folder" : std::strerror(errno)}});
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string readStandardInput() {
    std::string all;
    char buffer[65536];
    for (;;) {
        const ssize_t got = read(STDIN_FILENO, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return all;
        all.append(buffer, static_cast<std::size_t>(got));
    }
}

} // namespace app
