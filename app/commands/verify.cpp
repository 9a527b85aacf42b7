// inglenook verify: runs a model in five schedules and compares its logits with exact ones.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace app {

namespace {

void report(const engine::VerifyResult& result) {
    char line[160];
    for (const engine::ScheduleResult& schedule : result.schedules) {
        std::snprintf(line, sizeof line, "%-12s rel_error %.3e  top-1 %.4f  greedy %u of %u\n",
                      schedule.name.c_str(), schedule.relError, schedule.top1Agreement,
                      schedule.greedyMatch, schedule.greedyExpected);
        print(line);
    }
}

nlohmann::ordered_json toJson(const engine::VerifyResult& result) {
    nlohmann::ordered_json object;
    object["rel_error"] = result.relError;
    object["top1_agreement"] = result.top1Agreement;
    object["greedy_match"] = result.greedyMatch;
    object["positions"] = result.positions;
    object["weights"] = text(result.formats.weights);
    object["acts"] = text(result.formats.activations);
    object["kv"] = text(result.formats.kv);
    for (const engine::ScheduleResult& schedule : result.schedules)
        object["schedules"].push_back({{"name", schedule.name},
                                       {"rel_error", schedule.relError},
                                       {"top1_agreement", schedule.top1Agreement},
                                       {"greedy_match", schedule.greedyMatch},
                                       {"greedy_expected", schedule.greedyExpected}});
    return object;
}

} // namespace

int runVerify(const std::vector<std::string>& arguments) {
    OptionParser parser("verify --model DIR --golden FILE.safetensors [--reference] [--json]");
    CommonOptions common;
    engine::VerifyOptions options;
    std::string golden;
    common.addModel(parser);
    parser.text("golden", &golden, "FILE", "exact logits, a safetensors file");
    parser.flag("reference", &options.reference,
                "compare with the scalar f32 oracle on the same weights");
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (common.model.empty() || golden.empty())
        return parser.refuse("--model and --golden are needed.");
    const auto path = resolveModel(common);
    if (!path)
        return fail(path.status());
    const auto factory = makeExecutorFactory(common);
    if (!factory)
        return fail(factory.status());
    const auto model = engine::openModel(*path);
    if (!model)
        return fail(model.status());
    options.formats = common.formats;
    const auto result = engine::verifyModel(*model, golden, *factory, options);
    if (!result)
        return fail(result.status());
    if (common.json)
        printJson(toJson(*result));
    else
        report(*result);
    return kDone;
}

} // namespace app
