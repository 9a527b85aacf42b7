#pragma once
// The options that every command shares: --device --weights --acts --kv --split --data-dir --json.

#include "app/commands/option_parser.h"
#include "engine/model/weight_options.h"
#include "engine/runtime/evaluate.h"

#include <filesystem>
#include <string>

namespace app {

struct SplitValue;

struct CommonOptions {
    std::string model; ///< as given, empty = the built-in one
    std::string device = "auto";
    engine::NumberFormats formats;
    engine::SplitMode split = engine::SplitMode::Auto;
    std::string dataDir;
    bool json = false;

    void addModel(OptionParser& parser);
    void addTo(OptionParser& parser); ///< all but --model
};

/// --model: a file, a folder, or a name from the library; empty = the built-in model.
engine::Result<std::filesystem::path> resolveModel(const CommonOptions& options);

/// Executors of --device. With `auto` the choice is named on stderr.
engine::Result<engine::ExecutorFactory> makeExecutorFactory(const CommonOptions& options);

/// On stderr, when several GPUs were named to share a model: how fast one alone and all together
/// decode it, as measured at the load.
void tellSplit(const SplitValue& split);

/// "int8" and so on for reports.
std::string text(engine::WeightFormat format);
std::string text(engine::ActivationFormat format);
std::string text(engine::KvFormat format);

/// A whole file as bytes.
engine::Result<std::string> readFile(const std::filesystem::path& path);
/// All of standard input.
std::string readStandardInput();

} // namespace app
