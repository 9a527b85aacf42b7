// inglenook synth: a random model of a real shape, for load times.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "app/commands/report_conversion.h"
#include "engine/model/synthetic.h"

namespace app {

namespace {

constexpr std::uint64_t kSeed = 1;

} // namespace

int runSynth(const std::vector<std::string>& arguments) {
    OptionParser parser("synth SHAPE OUT.gguf --weights int8 [--json]");
    CommonOptions common;
    std::string shape;
    std::string out;
    parser.positional("SHAPE", &shape);
    parser.positional("OUT", &out);
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (common.formats.weights == engine::WeightFormat::Auto)
        return parser.refuse("--weights is needed.");
    const auto config = engine::syntheticConfig(shape);
    if (!config)
        return parser.refuse(config.status().sentence());
    engine::OpenedModel model;
    model.config = *config;
    model.path = shape;
    model.format = "synthetic";
    model.tensors = engine::makeSyntheticSource(*config, kSeed);
    ProgressLine progress("Writing");
    const std::atomic<bool> stop{false};
    const auto report = engine::convertToGguf(
        model, out, common.formats.weights,
        [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); }, stop);
    return reportConversion(report, out, common.json);
}

} // namespace app
