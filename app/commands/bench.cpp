// inglenook bench: prefill and decode rates beside the memory bandwidth measured in the same run.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "engine/model/synthetic.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace app {

namespace {

// Logits outside of this spread mean that the synthetic model computes nothing like a model.
constexpr double kLeastLogitsStd = 0.5;
constexpr double kMostLogitsStd = 20;

constexpr std::uint64_t kSeed = 1;

nlohmann::ordered_json toJson(const engine::BenchResult& result) {
    return {{"prefill_tok_s", result.prefillTokensPerSecond},
            {"decode_tok_s", result.decodeTokensPerSecond},
            {"ttft_ms", result.ttft_ms},
            {"itl_ms", result.itl_ms},
            {"bytes_per_token", result.bytesPerToken},
            {"read_gb_s", result.readGbPerSecond},
            {"limit_gb_s", result.limitGbPerSecond},
            {"share", result.share},
            {"weights", text(result.formats.weights)},
            {"group", result.group},
            {"acts", text(result.formats.activations)},
            {"kv", text(result.formats.kv)},
            {"device", result.device},
            {"logits_std", result.logitsStd}};
}

void report(const engine::BenchResult& result) {
    char line[256];
    std::snprintf(line, sizeof line,
                  "prefill %.1f tok/s, first token after %.1f ms\n"
                  "decode  %.2f tok/s, %.2f ms a token\n"
                  "reads   %.2f GB/s of %.2f GB/s (%.0f %%)\n",
                  result.prefillTokensPerSecond, result.ttft_ms, result.decodeTokensPerSecond,
                  result.itl_ms, result.readGbPerSecond, result.limitGbPerSecond,
                  100 * result.share);
    print(line);
    print(result.device + ", weights " + text(result.formats.weights) + ", activations " +
          text(result.formats.activations) + ", KV " + text(result.formats.kv) + "\n");
}

} // namespace

int runBench(const std::vector<std::string>& arguments) {
    OptionParser parser("bench --model M | --synthetic SHAPE [--prompt-tokens N] "
                        "[--generate-tokens N] [--context N] [--batch N] [--json]");
    CommonOptions common;
    engine::BenchOptions options;
    std::string shape;
    bool stages = false;
    bool check = false;
    common.addModel(parser);
    parser.text("synthetic", &shape, "SHAPE", "random weights of a real shape");
    parser.integer("prompt-tokens", &options.promptTokens, 1, 1'000'000, "prompt length (512)");
    parser.integer("generate-tokens", &options.generateTokens, 1, 1'000'000, "timed tokens (64)");
    parser.integer("context", &options.context, 0, 1'000'000,
                   "tokens in the KV cache before decoding (the prompt's)");
    parser.integer("batch", &options.batch, 1, 512, "sequences decoded together (1)");
    parser.integer("repeats", &options.repeats, 1, 100, "the median counts (3)");
    parser.flag("stages", &stages, "time of every stage (GPU)");
    parser.flag("check", &check, "fused stages against their slow twins (GPU)");
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (!shape.empty() && !common.model.empty())
        return parser.refuse("--model and --synthetic exclude each other.");
    if (stages || check)
        return parser.refuse("--stages and --check are for fused GPU stages, and this build has "
                             "no CUDA library.");
    engine::ModelConfig config;
    std::shared_ptr<const engine::TensorSource> source;
    if (!shape.empty()) {
        const auto made = engine::syntheticConfig(shape);
        if (!made)
            return parser.refuse(made.status().sentence());
        config = *made;
        source = engine::makeSyntheticSource(config, kSeed);
    } else {
        const auto path = resolveModel(common);
        if (!path)
            return fail(path.status());
        const auto model = engine::openModel(*path);
        if (!model)
            return fail(model.status());
        config = model->config;
        source = model->tensors;
    }
    const auto factory = makeExecutorFactory(common);
    if (!factory)
        return fail(factory.status());
    options.formats = common.formats;
    const auto result = engine::benchModel(config, source, *factory, options);
    if (!result)
        return fail(result.status());
    if (!shape.empty() &&
        (result->logitsStd < kLeastLogitsStd || result->logitsStd > kMostLogitsStd)) {
        complain("The logits have a standard deviation of " + std::to_string(result->logitsStd) +
                 ", which is not what a model computes: these figures do not count.");
        return kFailed;
    }
    if (common.json)
        printJson(toJson(*result));
    else
        report(*result);
    return kDone;
}

} // namespace app
