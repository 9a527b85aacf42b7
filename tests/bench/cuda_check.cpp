// Verifies and measures an executor without Qt, for machines that have a GPU and little else.
// usage: inglenook_cuda_check verify GOLDENS DEVICE [MODEL|FORMATS...]   all formats that have a
//        limit, or those named, e.g. int8/int8/int8
//        inglenook_cuda_check acts GOLDENS DEVICE [MODEL...]   what `--acts auto` measures and
//        takes
//        inglenook_cuda_check bench SHAPE DEVICE WEIGHTS BATCH PROMPT CONTEXT GENERATE [REPEATS]
//        inglenook_cuda_check stages SHAPE|MODEL DEVICE WEIGHTS BATCH PROMPT CONTEXT GENERATE
//        [REPEATS]   times of the fused stages, and each against its slow twin
//        inglenook_cuda_check mixed|mixed-check SHAPE|MODEL DEVICE WEIGHTS STEP...   steps that
//        answers and prompts share, e.g. 20x80+2x40 (mixed_steps.h)
//        inglenook_cuda_check tokens MODEL DEVICE STEPS graph|plain   sums over what many steps of
//        1 to 12 rows left, tokens and pages: equal bits give equal sums
//        DEVICE: cuda, cuda:0,1, cuda:0=2,1=1, cuda:0,1/layer; SHAPE may end in :LAYERS
//        WEIGHTS: format[/activations[/kv]]
//        inglenook_cuda_check sample DEVICE GOLDENS   sampled tokens against the CPU sampler,
//        feedback, pages
// Exit code 1 when a limit is exceeded.
#include "engine/device/cpu_sampler.h"
#include "engine/model/opened_model.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/eval_runner.h"
#include "engine/runtime/evaluate.h"
#include "tests/bench/check_models.h"
#include "tests/bench/mixed_steps.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace engine;
using tests::models::factoryFor;
using tests::models::modelOf;
using tests::models::parseFormats;

int fail(const Status& status) {
    std::fprintf(stderr, "%s\n", status.sentence().c_str());
    return 1;
}

struct Case {
    const char* name;
    NumberFormats formats;
    bool reference;
    double limit;
    bool exceptHazards; // no promise for planted outliers and biases
    double leastTop1 = 0;
};
constexpr NumberFormats formats(WeightFormat weights, ActivationFormat activations, KvFormat kv) {
    return {weights, activations, kv};
}
const Case kCases[] = {
    {"f32/f32/f32", formats(WeightFormat::F32, ActivationFormat::F32, KvFormat::F32), false, 1e-3,
     false},
    {"bf16/bf16/bf16", formats(WeightFormat::BF16, ActivationFormat::BF16, KvFormat::BF16), false,
     1.5e-2, false},
    {"int8/bf16/bf16 ref", formats(WeightFormat::Int8, ActivationFormat::BF16, KvFormat::BF16),
     true, 1.5e-2, false},
    {"int4/bf16/bf16 ref", formats(WeightFormat::Int4, ActivationFormat::BF16, KvFormat::BF16),
     true, 1.5e-2, false},
    {"int8/bf16/int8", formats(WeightFormat::Int8, ActivationFormat::BF16, KvFormat::Int8), false,
     4.5e-2, true},
    {"int8/int8/int8", formats(WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8), false,
     7e-2, true, 0.84},
};

bool isHazard(std::string_view model) {
    return model == "qwen2-bigbias" || model == "llama-outliers";
}

/// Formats as kCases name them; none are all.
bool isAsked(const Case& one, const std::vector<std::string>& formats) {
    const std::string_view name(one.name);
    return formats.empty() || std::find(formats.begin(), formats.end(),
                                        name.substr(0, name.find(' '))) != formats.end();
}

/// A name that no case has would verify nothing, successfully.
bool areKnown(const std::vector<std::string>& formats) {
    return std::all_of(formats.begin(), formats.end(), [](const std::string& words) {
        const bool known = std::any_of(std::begin(kCases), std::end(kCases),
                                       [&](const Case& one) { return isAsked(one, {words}); });
        if (!known)
            std::fprintf(stderr, "no case of verify is called %s\n", words.c_str());
        return known;
    });
}

int verifyAll(const std::filesystem::path& goldens, const std::string& device,
              const std::vector<std::string>& models, const std::vector<std::string>& formats) {
    if (!areKnown(formats))
        return 2;
    int failures = 0;
    for (const std::string& name : models) {
        Result<OpenedModel> model = openModel(goldens / name);
        if (!model.ok())
            return fail(model.status());
        for (const Case& one : kCases) {
            if (!isAsked(one, formats))
                continue;
            VerifyOptions options;
            options.formats = one.formats;
            options.reference = one.reference;
            const auto result = verifyModel(*model, goldens / name / "golden.safetensors",
                                            factoryFor(device), options);
            if (!result.ok()) {
                ++failures;
                std::printf("%-20s %-20s %s\n", name.c_str(), one.name,
                            result.status().sentence().c_str());
                std::fflush(stdout);
                continue;
            }
            const bool exact = one.formats.weights == WeightFormat::F32;
            const bool bound = !one.exceptHazards || !isHazard(name);
            const bool good =
                !bound ||
                (std::isfinite(result->relError) && result->relError <= one.limit &&
                 result->top1Agreement >= one.leastTop1 && (!exact || result->greedyMatch));
            failures += good ? 0 : 1;
            std::printf("%-20s %-20s rel %.3e limit %.1e top1 %.4f greedy %d  %s", name.c_str(),
                        one.name, result->relError, one.limit, result->top1Agreement,
                        result->greedyMatch ? 1 : 0, good ? (bound ? "ok" : "no limit") : "FAILED");
            constexpr double kNear = 0.9; // of a limit
            if (bound && result->relError > kNear * one.limit)
                for (const ScheduleResult& schedule : result->schedules)
                    std::printf(" %s %.2e", schedule.name.c_str(), schedule.relError);
            std::printf("\n");
            std::fflush(stdout);
        }
    }
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}

void printStages(const char* title, const std::vector<BenchStage>& stages) {
    std::printf("%-12s %9s %8s %6s %8s %6s\n", title, "ms", "GB/s", "share", "TOPS", "share");
    for (const BenchStage& stage : stages)
        std::printf("  %-10s %9.4f %8.1f %5.1f%% %8.2f %5.1f%%\n", stage.name.c_str(), stage.ms,
                    stage.gbPerSecond, stage.share * 100, stage.tops, stage.topsShare * 100);
}

int printChecks(const std::vector<StageError>& errors) {
    int failures = 0;
    for (const StageError& error : errors) {
        const bool good = error.relError <= error.limit;
        failures += good ? 0 : 1;
        std::printf("  %-10s %.2e of %.0e %s\n", error.name.c_str(), error.relError, error.limit,
                    good ? "ok" : "FAILED");
    }
    return failures;
}

int mixed(const std::vector<std::string>& words) {
    const Result<OpenedModel> model = modelOf(words[1]);
    const Result<NumberFormats> formats = parseFormats(words[3]);
    if (!model.ok() || !formats.ok())
        return fail(model.ok() ? formats.status() : model.status());
    std::vector<mixed_steps::MixedShape> shapes(words.size() - 4);
    for (std::size_t i = 0; i < shapes.size(); ++i)
        if (!mixed_steps::parseMixedShape(words[i + 4], shapes[i])) {
            std::fprintf(stderr, "%s is no step\n", words[i + 4].c_str());
            return 2;
        }
    return mixed_steps::measureMixedSteps(*model, *formats, factoryFor(words[2]), shapes,
                                          words[0] == "mixed-check")
               ? 0
               : 1;
}

/// What int8 activations change over 512 tokens, and what is taken; llama-outliers must fall back.
int showChoices(const std::filesystem::path& goldens, const std::string& device,
                const std::vector<std::string>& models) {
    int failures = 0;
    for (const std::string& name : models) {
        const std::filesystem::path folder = goldens / name;
        const auto model = modelOf(std::filesystem::exists(folder) ? folder.string() : name);
        if (!model.ok())
            return fail(model.status());
        ExecutorPlan plan;
        plan.context = kActivationTokens;
        plan.pageCount = 1 + 2 * kActivationTokens / kPageTokens;
        const auto executor = factoryFor(device)();
        const std::atomic<bool> never{false};
        if (executor == nullptr)
            return 1;
        const Status status = executor->load(model->config, model->tensors, plan, {}, never);
        if (!status.ok())
            return fail(status);
        const std::vector<TokenId> tokens = activationTokens(nullptr, model->config.vocabularySize);
        const auto choice = chooseActivations(*executor, plan, tokens, std::chrono::hours(1));
        if (!choice.ok())
            return fail(choice.status());
        const bool good = name != "llama-outliers" || choice->chosen == ActivationFormat::BF16;
        failures += good ? 0 : 1;
        std::printf("%-20s %s: KL %.5f, logits %.4f apart over %u tokens: %s%s\n", name.c_str(),
                    executor->deviceName().c_str(), choice->kl, choice->relError, choice->tokens,
                    std::string(engine::name(choice->chosen)).c_str(), good ? "" : "  FAILED");
    }
    return failures == 0 ? 0 : 1;
}

/// `stages`: with times of the fused stages and their check.
int bench(const std::string& shape, const std::string& device, const std::string& weights,
          const std::vector<std::uint32_t>& figures, bool stages) {
    Result<OpenedModel> opened = modelOf(shape);
    if (!opened.ok())
        return fail(opened.status());
    const OpenedModel& model = *opened;
    const Result<NumberFormats> formats = parseFormats(weights);
    if (!formats.ok())
        return fail(formats.status());
    BenchOptions options;
    options.formats = *formats;
    options.batch = figures[0];
    options.promptTokens = figures[1];
    options.context = figures[2];
    options.generateTokens = figures[3];
    options.repeats = figures.size() > 4 ? figures[4] : 5;
    options.stages = options.check = stages;
    const auto result = benchModel(model.config, model.tensors, factoryFor(device), options);
    if (!result.ok())
        return fail(result.status());
    std::printf("%s %s batch %u context %u: decode %.1f tok/s, itl %.3f ms, read %.1f GB/s of "
                "%.1f = %.1f %%, prefill %.0f tok/s, logits std %.2f, %s\n",
                shape.c_str(), weights.c_str(), options.batch, options.context,
                result->decodeTokensPerSecond, result->itl_ms, result->readGbPerSecond,
                result->limitGbPerSecond, result->share * 100, result->prefillTokensPerSecond,
                result->logitsStd, result->device.c_str());
    if (!stages)
        return 0;
    std::printf("limits: products %.1f, attention %.1f TOPS\n", result->computeLimits.products,
                result->computeLimits.attention);
    printStages("prompt", result->prefillStages);
    printStages("decode step", result->stages);
    return printChecks(result->check) == 0 ? 0 : 1;
}

/// Draws many tokens at one position from one distribution and compares with the CPU sampler.
int compareSampling(const std::string& device, const std::filesystem::path& goldens) {
    Result<OpenedModel> model = openModel(goldens / "llama-eps");
    if (!model.ok())
        return fail(model.status());
    EvalPlan plan;
    plan.formats = formats(WeightFormat::F32, ActivationFormat::F32, KvFormat::F32);
    plan.context = 64;
    plan.totalTokens = 64 * 64;
    plan.sequences = 64;
    plan.slotCount = 64;
    auto executor = factoryFor(device)();
    auto runner = EvalRunner::create(model->config, model->tensors, std::move(executor), plan);
    if (!runner.ok())
        return fail(runner.status());
    std::vector<SamplerSpec> specs(8);
    specs[0].temperature = 0;
    specs[1].temperature = 1, specs[1].topP = 1;
    specs[2].temperature = 0.7F, specs[2].topK = 20, specs[2].topP = 1;
    specs[3].temperature = 1, specs[3].topP = 0.8F;
    specs[4].temperature = 1, specs[4].topP = 1, specs[4].minP = 0.1F;
    specs[5].temperature = 0.9F, specs[5].topK = 40, specs[5].topP = 0.9F, specs[5].minP = 0.02F;
    specs[6].temperature = 0.8F, specs[6].repetitionPenalty = 1.3F, specs[6].presencePenalty = 0.5F;
    specs[6].frequencyPenalty = 0.2F, specs[6].seenTokens = {1, 2, 3, 3, 4};
    specs[7].temperature = 1.2F, specs[7].logitBias = {{5, 3.0F}, {6, -100.0F}, {5, 1.0F}};
    std::uint32_t equal = 0;
    std::uint32_t total = 0;
    SamplerScratch scratch(model->config.vocabularySize);
    for (std::size_t which = 0; which < specs.size(); ++which) {
        std::uint32_t same = 0;
        std::uint32_t drawn = 0;
        for (std::uint32_t seed = 0; seed < 16; ++seed) {
            SamplerSpec spec = specs[which];
            spec.seed = seed * 7919 + which;
            const Status set = (*runner)->executor().setSlot(seed, spec);
            if (!set.ok())
                return fail(set);
            CpuSampler cpu;
            cpu.reset(spec);
            EvalSequence sequence;
            sequence.slot = seed;
            sequence.tokens = {static_cast<TokenId>(seed + 1)};
            for (std::uint32_t step = 0; step < 24; ++step) {
                const EvalPart part{&sequence, 1, [](std::uint32_t) { return Want::FullLogits; }};
                const auto result = (*runner)->run({&part, 1});
                if (!result.ok())
                    return fail(result.status());
                const RowResult& row = result->rows.at(0);
                const TokenId expected = cpu.sample(row.logits, sequence.computed, scratch);
                same += row.token == expected ? 1 : 0;
                ++drawn;
                sequence.tokens.push_back(expected);
            }
            (*runner)->release(sequence);
        }
        std::printf("sampler %zu: %u of %u tokens equal to the CPU sampler's\n", which, same,
                    drawn);
        equal += same;
        total += drawn;
    }
    // Sums in another order may move a draw over an edge now and then.
    return equal + total / 200 >= total ? 0 : 1;
}

/// Tokens of `rows` sequences at once, each fed back on the device with two steps in flight (a CUDA
/// graph from the second step on), or one step at a time with all logits asked for.
/// Sequence i has pages from 1 + i * pages on.
struct Generation {
    std::uint32_t steps = 40;
    std::uint32_t pages = 2;   // of a sequence
    bool reproducible = false; // no graph
};
Result<std::vector<TokenId>> generate(Executor& executor, std::uint32_t rows, bool ahead,
                                      const Generation& how = {}) {
    for (std::uint32_t i = 0; i < rows; ++i) {
        SamplerSpec spec;
        spec.temperature = 0.8F;
        spec.seed = 100 + i;
        spec.repetitionPenalty = 1.1F;
        INGLENOOK_TRY(executor.setSlot(i, spec));
    }
    std::vector<TokenId> tokens;
    std::vector<TokenId> last(rows, 7);
    std::vector<Ticket> tickets;
    const auto take = [&]() -> Status {
        const BatchResult result = executor.collect(tickets.front());
        tickets.erase(tickets.begin());
        INGLENOOK_TRY(result.status);
        for (std::uint32_t i = 0; i < rows; ++i)
            tokens.push_back(last[i] = result.rows.at(i).token);
        return {};
    };
    for (std::uint32_t step = 0; step < how.steps; ++step) {
        Batch batch;
        batch.reproducible = how.reproducible;
        for (std::uint32_t i = 0; i < rows; ++i) {
            PageTable& table = batch.tables.emplace_back();
            for (std::uint32_t page = 0; page < how.pages; ++page)
                table.pages.push_back(1 + i * how.pages + page);
            const TokenId token = ahead && step > 0 ? kLastSampled : last[i];
            batch.rows.push_back({i, i, step, token, ahead ? Want::Token : Want::FullLogits});
        }
        Result<Ticket> ticket = executor.submit(std::move(batch));
        if (!ticket.ok())
            return ticket.status();
        tickets.push_back(*ticket);
        if (tickets.size() == (ahead ? 2U : 1U))
            INGLENOOK_TRY(take());
    }
    while (!tickets.empty())
        INGLENOOK_TRY(take());
    return tokens;
}

int compareFeedback(const std::string& device, const std::filesystem::path& goldens) {
    Result<OpenedModel> model = openModel(goldens / "qwen2-tied");
    if (!model.ok())
        return fail(model.status());
    auto executor = factoryFor(device)();
    if (executor == nullptr)
        return 1;
    ExecutorPlan plan;
    plan.formats.weights = WeightFormat::Int8;
    plan.context = 64;
    plan.pageCount = 100;
    plan.slotCount = 40;
    plan.maxBatchRows = 64;
    const std::atomic<bool> stop{false};
    const Status loaded = executor->load(model->config, model->tensors, plan, {}, stop);
    if (!loaded.ok())
        return fail(loaded);
    int failures = 0;
    for (const std::uint32_t rows : {1U, 2U, 3U, 8U, 9U, 40U}) {
        const auto slow = generate(*executor, rows, false);
        const auto fast = generate(*executor, rows, true);
        if (!slow.ok() || !fast.ok())
            return fail(slow.ok() ? fast.status() : slow.status());
        const bool equal = *slow == *fast;
        failures += equal ? 0 : 1;
        std::printf("feedback, %u rows, two in flight, graph: %s\n", rows,
                    equal ? "the same tokens" : "OTHER TOKENS");
    }
    const auto saved = executor->savePage(1);
    if (!saved.ok() || !executor->restorePage(3, *saved).ok() || !executor->copyPage(3, 4).ok())
        return 1;
    const auto copied = executor->savePage(4);
    const bool same = copied.ok() && *copied == *saved;
    std::printf("pages: %s\n", same ? "saved, restored, copied" : "DIFFER");
    return failures == 0 && same ? 0 : 1;
}

/// FNV-1a.
std::uint64_t sumOf(std::span<const std::byte> bytes, std::uint64_t sum = 0xCBF29CE484222325ULL) {
    for (const std::byte byte : bytes)
        sum = (sum ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3ULL;
    return sum;
}

int sumTokens(const std::filesystem::path& path, const std::string& device, std::uint32_t steps,
              bool graph) {
    Result<OpenedModel> model = openModel(path);
    if (!model.ok())
        return fail(model.status());
    auto executor = factoryFor(device)();
    if (executor == nullptr)
        return 1;
    constexpr std::uint32_t kMostRows = 12;
    const std::uint32_t pages = steps / kPageTokens + 1;
    ExecutorPlan plan;
    plan.formats.weights = WeightFormat::Int8;
    plan.context = pages * kPageTokens;
    plan.pageCount = kMostRows * pages + 1;
    plan.slotCount = kMostRows;
    plan.maxBatchRows = kMostRows;
    const std::atomic<bool> stop{false};
    if (const Status loaded = executor->load(model->config, model->tensors, plan, {}, stop);
        !loaded.ok())
        return fail(loaded);
    for (const std::uint32_t rows : {1U, 3U, 8U, kMostRows}) {
        executor->poison();
        const auto tokens = generate(*executor, rows, true, {steps, pages, !graph});
        if (!tokens.ok())
            return fail(tokens.status());
        std::uint64_t kept = 0;
        for (PageId page = 1; page <= rows * pages; ++page) {
            const auto bytes = executor->savePage(page);
            if (!bytes.ok())
                return fail(bytes.status());
            kept = sumOf(*bytes, kept + page);
        }
        std::printf("%u rows, %u steps: tokens %016llx pages %016llx\n", rows, steps,
                    static_cast<unsigned long long>(sumOf(std::as_bytes(std::span(*tokens)))),
                    static_cast<unsigned long long>(kept));
        std::fflush(stdout);
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() >= 3 && (words[0] == "verify" || words[0] == "acts")) {
        std::vector<std::string> models(words.begin() + 3, words.end());
        const auto named =
            std::stable_partition(models.begin(), models.end(), [](const std::string& word) {
                return word.find('/') == std::string::npos;
            });
        const std::vector<std::string> formats(named, models.end());
        models.erase(named, models.end());
        if (models.empty())
            models = {"gpt2",           "llama-eps",     "llama-linear-rope", "llama-llama3rope",
                      "llama-outliers", "qwen2-bigbias", "qwen2-tied",        "qwen2-untied-hd128",
                      "qwen3-yarn"};
        return words[0] == "acts" ? showChoices(words[1], words[2], models)
                                  : verifyAll(words[1], words[2], models, formats);
    }
    const bool stages = !words.empty() && words[0] == "stages";
    if ((words.size() == 8 || words.size() == 9) && (words[0] == "bench" || stages)) {
        std::vector<std::uint32_t> figures;
        for (std::size_t i = 4; i < words.size(); ++i)
            figures.push_back(
                static_cast<std::uint32_t>(std::strtoul(words[i].c_str(), nullptr, 10)));
        return bench(words[1], words[2], words[3], figures, stages);
    }
    if (words.size() == 3 && words[0] == "sample")
        return compareSampling(words[1], words[2]) + compareFeedback(words[1], words[2]) == 0 ? 0
                                                                                              : 1;
    if (words.size() >= 5 && (words[0] == "mixed" || words[0] == "mixed-check"))
        return mixed(words);
    if (words.size() == 5 && words[0] == "tokens")
        return sumTokens(words[1], words[2],
                         static_cast<std::uint32_t>(std::strtoul(words[3].c_str(), nullptr, 10)),
                         words[4] == "graph");
    std::fprintf(stderr, "usage: see the head of tests/bench/cuda_check.cpp\n");
    return 2;
}
