// inglenook serve-bench: many requests through the real scheduler, in this process.
#include "app/commands/command.h"
#include "app/commands/common_options.h"
#include "app/commands/interrupt_watch.h"
#include "app/commands/load_generator.h"
#include "app/commands/model_loading.h"
#include "app/commands/output.h"
#include "app/commands/step_recorder.h"
#include "engine/model/synthetic.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

namespace app {

namespace {

constexpr std::uint64_t kSeed = 1;
constexpr std::uint32_t kMostSlots = 256; // unless --slots says otherwise
constexpr std::uint32_t kSpareTokens = 32;

struct ServeBenchOptions {
    CommonOptions common;
    std::string shape;
    LoadPlan plan;
    std::optional<double> rate;
    bool burst = false;
    std::string steps;           // the file that says what every step took; empty = none
    std::uint32_t slotCount = 0; // 0 = as many as run together
    std::uint32_t kvTokens = 0;  // that they hold together; 0 = as memory allows
};

/// A model of a real shape with random weights; its tokens spell numbers.
engine::Result<engine::OpenedModel> openSynthetic(const std::string& shape) {
    const auto config = engine::syntheticConfig(shape);
    if (!config)
        return config.status();
    engine::OpenedModel model;
    model.path = shape;
    model.format = "synthetic";
    model.config = *config;
    model.tensors = engine::makeSyntheticSource(*config, kSeed);
    model.vocabulary.kind = engine::TokenizerKind::SentencePiece;
    for (std::uint32_t id = 0; id < config->vocabularySize; ++id) {
        engine::VocabularyToken token;
        char text[16];
        std::snprintf(text, sizeof text, id < 256 ? "<0x%02X>" : "t%u", id);
        token.text = text;
        token.attribute = id < 256 ? engine::TokenAttribute::Byte : engine::TokenAttribute::Normal;
        model.vocabulary.tokens.push_back(std::move(token));
    }
    return model;
}

nlohmann::ordered_json toJson(const LoadReport& report, const ServeBenchOptions& options,
                              const engine::ModelInfo& model) {
    return {{"output_tok_s", report.outputTokensPerSecond},
            {"makespan_s", report.makespan_s},
            {"ttft_mean", report.ttftMean_ms},
            {"ttft_p50", report.ttftP50_ms},
            {"ttft_p99", report.ttftP99_ms},
            {"crowded", report.crowded},
            {"ttft_crowded_p50", report.ttftCrowdedP50_ms},
            {"ttft_crowded_p99", report.ttftCrowdedP99_ms},
            {"itl_p50", report.itlP50_ms},
            {"itl_p99", report.itlP99_ms},
            {"e2e_mean", report.e2eMean_ms},
            {"e2e_p99", report.e2eP99_ms},
            {"latency_unit", "ms"},
            {"errors", report.errors},
            {"cut", report.cut},
            {"requests", options.plan.requests},
            {"output_tokens", report.outputTokens},
            {"cached_tokens", report.cachedTokens},
            {"prompts_per_chunk", report.promptsPerChunk},
            {"prompts_held", report.promptsHeld},
            {"time_held_mean", report.timeHeldMean_ms},
            {"slots", model.slotCount},
            {"weights", text(model.formats.weights)},
            {"acts", text(model.formats.activations)},
            {"kv", text(model.formats.kv)},
            {"device", model.device}};
}

void describe(const LoadReport& report, const ServeBenchOptions& options,
              const engine::ModelInfo& model) {
    char lines[512];
    std::snprintf(lines, sizeof lines,
                  "%u requests, %u errors, %.2f s\n"
                  "output      %.1f tok/s\n"
                  "first token %.1f ms (p50 %.1f, p99 %.1f)\n"
                  "next token  p50 %.2f ms, p99 %.2f\n"
                  "whole       %.1f ms (p99 %.1f)\n"
                  "%.1f prompts a chunk, %llu held, %.1f ms each\n",
                  options.plan.requests, report.errors, report.makespan_s,
                  report.outputTokensPerSecond, report.ttftMean_ms, report.ttftP50_ms,
                  report.ttftP99_ms, report.itlP50_ms, report.itlP99_ms, report.e2eMean_ms,
                  report.e2eP99_ms, report.promptsPerChunk,
                  static_cast<unsigned long long>(report.promptsHeld), report.timeHeldMean_ms);
    print(lines);
    if (report.crowded > 0) {
        std::snprintf(lines, sizeof lines,
                      "first token while %u others stream: p50 %.1f ms, p99 %.1f (%u requests)\n",
                      options.plan.concurrency - 1, report.ttftCrowdedP50_ms,
                      report.ttftCrowdedP99_ms, report.crowded);
        print(lines);
    }
    print(model.device + ", weights " + text(model.formats.weights) + ", KV " +
          text(model.formats.kv) + ", " + std::to_string(model.slotCount) + " slots\n");
}

engine::LoadRequest loadRequest(const ServeBenchOptions& options,
                                const std::filesystem::path& path) {
    const LoadPlan& plan = options.plan;
    engine::LoadRequest request;
    request.path = path;
    request.formats = options.common.formats;
    request.device = options.common.device;
    request.split = options.common.split;
    request.slotCount = options.slotCount;
    request.kvTokens = options.kvTokens;
    request.context = plan.prefixTokens + plan.promptTokens +
                      static_cast<std::uint32_t>((1 + plan.spread) * plan.generateTokens) +
                      kSpareTokens;
    return request;
}

int run(const ServeBenchOptions& options) {
    InterruptWatch interrupt;
    engine::EngineOptions engineOptions;
    std::filesystem::path path = options.shape;
    if (options.shape.empty()) {
        const auto resolved = resolveModel(options.common);
        if (!resolved)
            return fail(resolved.status());
        path = *resolved;
    } else {
        engineOptions.open = [](const std::filesystem::path& shape) {
            return openSynthetic(shape.string());
        };
    }
    const std::unique_ptr<engine::Engine> engine = engine::createEngine(engineOptions);
    const auto model = loadModel(*engine, loadRequest(options, path), interrupt);
    if (model == nullptr)
        return kFailed;
    bool stopped = false;
    const std::function<bool()> stop = [&] { return stopped = stopped || interrupt.pressed(); };
    StepRecorder recorder(options.steps.empty() ? nullptr : engine->steps());
    const LoadReport report = generateLoad(*engine, *model, options.plan, stop);
    if (stopped)
        return fail(engine::Status(engine::Code::Cancelled));
    if (report.errors > 0)
        complain(report.firstError.ok() ? "Some requests failed." : report.firstError.sentence());
    if (options.common.json)
        printJson(toJson(report, options, *model));
    else
        describe(report, options, *model);
    if (!options.steps.empty()) { // behind the report, which a full disk must not cost
        if (recorder.lostParts() > 0)
            complain(
                std::to_string(recorder.lostParts()) +
                " parts of steps were overwritten before they were read: the table lacks them.");
        if (const engine::Status written = recorder.writeTo(options.steps); !written.ok())
            return fail(written);
    }
    return report.errors == options.plan.requests ? kFailed : kDone;
}

} // namespace

int runServeBench(const std::vector<std::string>& arguments) {
    OptionParser parser("serve-bench --model M | --synthetic SHAPE [--requests N] "
                        "[--concurrency N | --rate R | --burst] [--prompt-tokens N] "
                        "[--prefix-tokens N] [--generate-tokens N] [--spread S] [--seconds S] "
                        "[--steps FILE] [--json]");
    ServeBenchOptions options;
    LoadPlan& plan = options.plan;
    std::string priority = "P0";
    std::optional<std::uint64_t> seed;
    std::optional<double> temperature;
    std::optional<double> seconds;
    std::optional<double> spread;
    options.common.addModel(parser);
    parser.text("synthetic", &options.shape, "SHAPE", "random weights of a real shape");
    parser.integer("requests", &plan.requests, 1, 1'000'000, "how many (64)");
    parser.integer("concurrency", &plan.concurrency, 1, 4096, "so many at a time");
    parser.real("rate", &options.rate, 0.001, 100'000, "Poisson arrivals a second");
    parser.flag("burst", &options.burst, "all at once (so it is without the two above)");
    parser.integer("prompt-tokens", &plan.promptTokens, 1, 1'000'000, "each its own (512)");
    parser.integer("prefix-tokens", &plan.prefixTokens, 0, 1'000'000,
                   "before them, the same for all (0)");
    parser.integer("generate-tokens", &plan.generateTokens, 1, 1'000'000, "answers (64)");
    parser.real("spread", &spread, 0, 0.99, "their lengths vary by this share (0)");
    parser.integer("slots", &options.slotCount, 1, 4096, "answers that run together");
    parser.integer("kv-tokens", &options.kvTokens, 0, 1'000'000'000,
                   "that they hold together (as memory allows)");
    parser.real("seconds", &seconds, 0.1, 86'400, "then end, and count what there is");
    parser.text("steps", &options.steps, "FILE", "what every step computed and took, as a table");
    parser.text("priority", &priority, "P", "P0, P1 or P2 (P0)");
    parser.real("temperature", &temperature, 0, 2, "of the samples, top-p 0.95 (0.6)");
    parser.integer("seed", &seed, "of arrivals, prompts and samples (1)");
    options.common.addTo(parser);
    if (!parser.parse(arguments))
        return parser.exitCode();
    if (!options.shape.empty() && !options.common.model.empty())
        return parser.refuse("--model and --synthetic exclude each other.");
    const int ways = (plan.concurrency > 0 ? 1 : 0) + (options.rate ? 1 : 0) + options.burst;
    if (ways > 1)
        return parser.refuse("--concurrency, --rate and --burst exclude each other.");
    if (priority != "P0" && priority != "P1" && priority != "P2")
        return parser.refuse("--priority cannot be " + priority + ": P0, P1 or P2.");
    plan.priority = static_cast<engine::Priority>(priority[1] - '0');
    plan.rate_s = options.rate.value_or(0);
    plan.seed = seed.value_or(1);
    plan.most_s = seconds.value_or(0);
    plan.spread = spread.value_or(0);
    plan.temperature = static_cast<float>(temperature.value_or(0.6));
    if (options.slotCount == 0)
        options.slotCount = plan.concurrency > 0 ? std::min(plan.concurrency, kMostSlots)
                                                 : std::min(plan.requests, kMostSlots);
    if (!options.shape.empty()) {
        if (const auto known = engine::syntheticConfig(options.shape); !known)
            return parser.refuse(known.status().sentence());
    }
    return run(options);
}

} // namespace app
