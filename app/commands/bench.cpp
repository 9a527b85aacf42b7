// inglenook bench: prefill and decode rates beside the memory bandwidth measured in the same run.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/output.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/activation_choice.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace app {

namespace {

// Logits outside of this spread mean that the synthetic model computes nothing like a model.
constexpr double kLeastLogitsStd = 0.5;
constexpr double kMostLogitsStd = 20;

constexpr std::uint64_t kSeed = 1;

nlohmann::ordered_json toJson(const std::vector<engine::BenchStage>& stages) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const engine::BenchStage& stage : stages)
        list.push_back({{"name", stage.name},
                        {"ms", stage.ms},
                        {"gb_s", stage.gbPerSecond},
                        {"share", stage.share},
                        {"tops", stage.tops},
                        {"tops_share", stage.topsShare}});
    return list;
}

nlohmann::ordered_json toJson(const engine::BenchResult& result) {
    nlohmann::ordered_json json = {{"prefill_tok_s", result.prefillTokensPerSecond},
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
    if (!result.stages.empty()) {
        json["limit_tops"] = result.computeLimits.products;
        json["limit_attention_tops"] = result.computeLimits.attention;
        json["stages"] = toJson(result.stages);
        json["prefill_stages"] = toJson(result.prefillStages);
    }
    for (const engine::StageError& error : result.check)
        json["check"][error.name] = error.relError;
    return json;
}

void report(const char* title, const std::vector<engine::BenchStage>& stages) {
    if (stages.empty())
        return;
    char line[128];
    std::snprintf(line, sizeof line, "%-22s %10s %8s %7s %7s %7s\n", title, "ms", "GB/s", "share",
                  "TOPS", "share");
    print(line);
    for (const engine::BenchStage& stage : stages) {
        std::snprintf(line, sizeof line, "  %-20s %10.3f %8.2f %6.0f%% %7.3f %6.0f%%\n",
                      stage.name.c_str(), stage.ms, stage.gbPerSecond, 100 * stage.share,
                      stage.tops, 100 * stage.topsShare);
        print(line);
    }
}

/// True when every stage is within its limit; complains about the others.
bool checkHolds(const std::vector<engine::StageError>& check) {
    bool holds = true;
    for (const engine::StageError& error : check) {
        if (error.relError <= error.limit)
            continue;
        char line[192];
        std::snprintf(line, sizeof line,
                      "The stage %s differs from its slow twin by %.2e, more than %.0e: these "
                      "figures do not count.",
                      error.name.c_str(), error.relError, error.limit);
        complain(line);
        holds = false;
    }
    return holds;
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
    report("prompt", result.prefillStages);
    report("decode step", result.stages);
    for (const engine::StageError& error : result.check) {
        std::snprintf(line, sizeof line, "check %-12s %.2e (limit %.0e)\n", error.name.c_str(),
                      error.relError, error.limit);
        print(line);
    }
}

/// The model of --model; the options get what its activations are chosen on.
engine::Result<engine::OpenedModel> openMeasured(const CommonOptions& common,
                                                 engine::BenchOptions& options) {
    const auto path = resolveModel(common);
    if (!path)
        return path.status();
    auto model = engine::openModel(*path);
    if (!model)
        return model.status();
    const bool hasText = model->vocabulary.kind != engine::TokenizerKind::None;
    if (const auto tokenizer = engine::Tokenizer::create(model->vocabulary); hasText && tokenizer)
        options.activationTokens =
            engine::activationTokens(tokenizer->get(), model->config.vocabularySize);
    return model;
}

} // namespace

int runBench(const std::vector<std::string>& arguments) {
    OptionParser parser(
        "bench --model M | --synthetic SHAPE [--prompt-tokens N] "
        "[--generate-tokens N] [--context N] [--batch N] [--stages] [--check] [--json]");
    CommonOptions common;
    engine::BenchOptions options;
    std::string shape;
    common.addModel(parser);
    parser.text("synthetic", &shape, "SHAPE", "random weights of a real shape");
    parser.integer("prompt-tokens", &options.promptTokens, 1, 1'000'000, "prompt length (512)");
    parser.integer("generate-tokens", &options.generateTokens, 1, 1'000'000, "timed tokens (64)");
    parser.integer("context", &options.context, 0, 1'000'000,
                   "tokens in the KV cache before decoding (the prompt's)");
    parser.integer("batch", &options.batch, 1, 512, "sequences decoded together (1)");
    parser.integer("repeats", &options.repeats, 1, 100, "the median counts (3)");
    parser.flag("stages", &options.stages, "time of every fused stage");
    parser.flag("check", &options.check, "fused stages against their slow twins");
    common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (!shape.empty() && !common.model.empty())
        return parser.refuse("--model and --synthetic exclude each other.");
    engine::ModelConfig config;
    std::shared_ptr<const engine::TensorSource> source;
    if (!shape.empty()) {
        const auto made = engine::syntheticConfig(shape);
        if (!made)
            return parser.refuse(made.status().sentence());
        config = *made;
        source = engine::makeSyntheticSource(config, kSeed);
    } else {
        const auto model = openMeasured(common, options);
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
    return checkHolds(result->check) ? kDone : kFailed;
}

} // namespace app
