// inglenook quantize: writes a model as a GGUF with int8 (Q8_0) or int4 (Q4_0) weights.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "app/commands/report_conversion.h"
#include "engine/model/convert.h"
#include "engine/model/memory_plan.h"

#include <nlohmann/json.hpp>

namespace app {

int reportConversion(const engine::Result<engine::ConvertReport>& report, const std::string& out,
                     bool json) {
    if (!report)
        return fail(report.status());
    if (json) {
        printJson({{"out", out},
                   {"input_bytes", report->inputBytes},
                   {"output_bytes", report->outputBytes},
                   {"quantized_f32_bytes", report->quantizedF32Bytes},
                   {"quantized_bytes", report->quantizedBytes},
                   {"kept_tensors", report->keptTensors}});
        return kDone;
    }
    print(out + ": " + engine::formatBytes(report->outputBytes) + "\n");
    for (const std::string& tensor : report->keptTensors)
        print("kept in F16, its rows are no multiple of 32: " + tensor + "\n");
    return kDone;
}

int runQuantize(const std::vector<std::string>& arguments) {
    OptionParser parser("quantize IN OUT.gguf --weights int8|int4 [--json]");
    CommonOptions common;
    std::string out;
    parser.positional("IN", &common.model);
    parser.positional("OUT", &out);
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (common.formats.weights == engine::WeightFormat::Auto)
        return parser.refuse("--weights is needed.");
    const auto path = resolveModel(common);
    if (!path)
        return fail(path.status());
    const auto model = engine::openModel(*path);
    if (!model)
        return fail(model.status());
    ProgressLine progress("Writing");
    const std::atomic<bool> stop{false};
    const auto report = engine::convertToGguf(
        *model, out, common.formats.weights,
        [&](std::uint64_t done, std::uint64_t total) { progress.update(done, total); }, stop);
    return reportConversion(report, out, common.json);
}

} // namespace app
