#include "tests/bench/mixed_steps.h"

#include "engine/runtime/eval_runner.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>

namespace mixed_steps {

namespace {

using namespace engine;

constexpr std::uint32_t kMostRows = 2048;
constexpr int kSteps = 24;

bool fail(const Status& status) {
    std::fprintf(stderr, "%s\n", status.sentence().c_str());
    return false;
}

/// The sequences of one shape; their first `known` tokens are computed once, the step again and
/// again.
struct Crowd {
    std::vector<EvalSequence> sequences;
    std::vector<std::uint32_t> known;
    std::vector<std::uint32_t> rows;

    void add(std::uint32_t before, std::uint32_t count, std::uint32_t vocabulary) {
        EvalSequence& sequence = sequences.emplace_back();
        const auto index = static_cast<std::uint32_t>(sequences.size());
        sequence.slot = index - 1;
        for (std::uint32_t i = 0; i < before + count; ++i)
            sequence.tokens.push_back(
                static_cast<TokenId>((300 + i * 37 + index * 101) % vocabulary));
        known.push_back(before);
        rows.push_back(count);
    }
    std::vector<EvalPart> parts() {
        std::vector<EvalPart> all;
        for (std::size_t i = 0; i < sequences.size(); ++i) {
            sequences[i].computed = known[i];
            const std::uint32_t last = known[i] + rows[i] - 1;
            all.push_back({&sequences[i], rows[i], [last](std::uint32_t position) {
                               return position == last ? Want::Token : Want::Nothing;
                           }});
        }
        return all;
    }
};

Crowd crowdOf(const MixedShape& shape, std::uint32_t vocabulary) {
    Crowd crowd;
    for (std::uint32_t i = 0; i < shape.answers; ++i)
        crowd.add(shape.context, 1, vocabulary);
    for (std::uint32_t i = 0; i < shape.prompts; ++i)
        crowd.add(shape.start, shape.rows, vocabulary);
    return crowd;
}

Status prepare(EvalRunner& runner, Crowd& crowd) {
    for (std::size_t i = 0; i < crowd.sequences.size(); ++i) {
        EvalSequence& sequence = crowd.sequences[i];
        SamplerSpec spec;
        spec.temperature = 0.7F;
        spec.seed = i;
        INGLENOOK_TRY(runner.executor().setSlot(sequence.slot, spec));
        while (sequence.computed < crowd.known[i]) {
            const EvalPart part{
                &sequence, std::min(kMostRows, crowd.known[i] - sequence.computed), {}};
            INGLENOOK_TRY(runner.run({&part, 1}).status());
        }
    }
    return {};
}

/// Milliseconds from one step's end to the next one's, the median.
Result<double> stepTime(EvalRunner& runner, Crowd& crowd) {
    std::vector<double> times;
    std::optional<Ticket> before;
    auto last = std::chrono::steady_clock::now();
    for (int step = 0; step < kSteps; ++step) {
        const std::vector<EvalPart> parts = crowd.parts();
        const Result<Ticket> ticket = runner.start(parts);
        INGLENOOK_TRY(ticket.status());
        if (before)
            INGLENOOK_TRY(runner.finish(*before).status());
        before = *ticket;
        const auto now = std::chrono::steady_clock::now();
        times.push_back(std::chrono::duration<double, std::milli>(now - last).count());
        last = now;
    }
    INGLENOOK_TRY(runner.finish(*before).status());
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

Status printStages(EvalRunner& runner, Crowd& crowd) {
    constexpr int kTimed = 4;
    for (int step = -1; step < kTimed; ++step) {
        if (step == 0)
            INGLENOOK_TRY(runner.executor().timeStages(true));
        const std::vector<EvalPart> parts = crowd.parts();
        INGLENOOK_TRY(runner.run(parts).status());
    }
    for (const StageTiming& stage : runner.executor().stageTimings())
        if (stage.time_ns > 0)
            std::printf("  %s %.3f", stage.name.c_str(),
                        static_cast<double>(stage.time_ns) / 1e6 / kTimed);
    return runner.executor().timeStages(false);
}

Status printErrors(EvalRunner& runner, Crowd& crowd, bool& good) {
    const std::vector<EvalPart> parts = crowd.parts();
    const Result<std::vector<StageError>> errors = runner.checkStages(parts);
    INGLENOOK_TRY(errors.status());
    std::printf("\n    errors");
    for (const StageError& error : *errors) {
        const bool holds = error.relError <= error.limit;
        good = good && holds;
        std::printf("  %s %.1e%s", error.name.c_str(), error.relError, holds ? "" : " FAILED");
    }
    return {};
}

} // namespace

bool parseMixedShape(const std::string& words, MixedShape& shape) {
    const int read = std::sscanf(words.c_str(), "%ux%u+%ux%u@%u", &shape.answers, &shape.context,
                                 &shape.prompts, &shape.rows, &shape.start);
    return read >= 4 && shape.answers + shape.prompts > 0 &&
           (shape.prompts == 0 || shape.rows > 0) && (shape.answers == 0 || shape.context > 0) &&
           shape.answers + shape.prompts * shape.rows <= kMostRows;
}

bool measureMixedSteps(const OpenedModel& model, const NumberFormats& formats,
                       const ExecutorFactory& factory, const std::vector<MixedShape>& shapes,
                       bool check) {
    EvalPlan plan;
    plan.formats = formats;
    plan.maxBatchRows = kMostRows;
    for (const MixedShape& shape : shapes) {
        const std::uint32_t longest = std::max(shape.context + 1, shape.start + shape.rows);
        plan.context = std::max(plan.context, longest);
        plan.sequences = std::max(plan.sequences, shape.answers + shape.prompts);
        plan.totalTokens = std::max(plan.totalTokens, (shape.answers + shape.prompts) * longest);
    }
    plan.slotCount = plan.sequences;
    auto runner = EvalRunner::create(model.config, model.tensors, factory(), plan);
    if (!runner)
        return fail(runner.status());
    bool good = true;
    for (const MixedShape& shape : shapes) {
        Crowd crowd = crowdOf(shape, model.config.vocabularySize);
        if (const Status ready = prepare(**runner, crowd); !ready.ok())
            return fail(ready);
        const Result<double> step = stepTime(**runner, crowd);
        if (!step)
            return fail(step.status());
        std::printf("%ux%u+%ux%u@%u: %.3f ms ", shape.answers, shape.context, shape.prompts,
                    shape.rows, shape.start, *step);
        Status status = printStages(**runner, crowd);
        if (status.ok() && check)
            status = printErrors(**runner, crowd, good);
        std::printf("\n");
        std::fflush(stdout);
        if (!status.ok())
            return fail(status);
        for (EvalSequence& sequence : crowd.sequences)
            (*runner)->release(sequence);
    }
    return good;
}

} // namespace mixed_steps
