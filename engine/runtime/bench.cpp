// benchModel: prefill and decode of a model as a chat uses it: decoding is
// timed from embedding to sampled id, with feedback, KV append and delivery to the host. Stages are
// timed in a repeat of their own, so that their clocks cost the reported rates nothing.
#include "engine/device/make_executor.h"
#include "engine/model/quantize.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/eval_runner.h"
#include "engine/runtime/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <random>

namespace engine {

namespace {

using BenchClock = std::chrono::steady_clock;

double secondsSince(BenchClock::time_point begin) {
    return std::chrono::duration<double>(BenchClock::now() - begin).count();
}

double median(std::vector<double> values) {
    if (values.empty())
        return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// One repeat: prefill, fill up to the context, decode.
struct Sample {
    double prefill_s = 0; // the first sequence's prompt until its first sampled token
    double decode_s = 0;
    double itl_s = 0;        // median step
    double bytesPerStep = 0; // weights, scales and KV
    double logitsStd = 0;
};

struct StageLimits {
    double read_gb_s = 0;
    ComputeLimits compute;
};

class Bench {
  public:
    Bench(EvalRunner& runner, const BenchOptions& options, std::uint32_t vocabularySize)
        : m_runner(runner), m_options(options), m_vocabularySize(vocabularySize) {}

    Result<Sample> run(std::uint64_t seed) {
        Sample sample;
        INGLENOOK_TRY(begin(seed, sample));
        INGLENOOK_TRY(decode(sample));
        INGLENOOK_TRY(lookAtLogits(sample));
        end();
        return sample;
    }

    /// A repeat with stage timing, and the check on the operands that it ends with.
    Status runStages(std::uint64_t seed, double limit, BenchResult& result) {
        Executor& executor = m_runner.executor();
        Sample sample;
        StageLimits limits{limit, {}};
        if (m_options.stages) {
            limits.compute = result.computeLimits = executor.measureComputeLimits();
            INGLENOOK_TRY(executor.timeStages(true));
        }
        INGLENOOK_TRY(begin(seed, sample));
        if (m_options.stages) {
            result.prefillStages =
                describe(executor.stageTimings(), m_prefill_s, m_options.batch, limits);
            INGLENOOK_TRY(executor.timeStages(true));
        }
        INGLENOOK_TRY(decode(sample));
        if (m_options.stages) {
            result.stages = describe(executor.stageTimings(), sample.decode_s,
                                     m_options.generateTokens, limits);
            INGLENOOK_TRY(executor.timeStages(false));
        }
        if (m_options.check)
            INGLENOOK_TRY(check(result.check));
        end();
        return {};
    }

  private:
    /// Prompts, and what else the context is to hold.
    Status begin(std::uint64_t seed, Sample& sample) {
        m_prefill_s = 0;
        m_sequences.assign(m_options.batch, {});
        std::mt19937_64 random(seed);
        for (std::uint32_t i = 0; i < m_options.batch; ++i) {
            EvalSequence& sequence = m_sequences[i];
            sequence.slot = i;
            const std::uint32_t length = std::max(m_options.promptTokens, m_options.context);
            for (std::uint32_t t = 0; t < length; ++t)
                sequence.tokens.push_back(static_cast<TokenId>(random() % m_vocabularySize));
            SamplerSpec spec;
            spec.temperature = 0.6F;
            spec.topP = 0.95F;
            spec.seed = seed + i;
            INGLENOOK_TRY(m_runner.executor().setSlot(i, spec));
            const auto begin = BenchClock::now();
            INGLENOOK_TRY(prefill(sequence, m_options.promptTokens));
            if (i == 0)
                sample.prefill_s = secondsSince(begin);
            INGLENOOK_TRY(prefill(sequence, length));
            m_prefill_s += secondsSince(begin);
        }
        return {};
    }

    void end() {
        for (EvalSequence& sequence : m_sequences)
            m_runner.release(sequence);
    }

    /// Computes up to `end` tokens; the last row samples, as a chat's prompt does.
    Status prefill(EvalSequence& sequence, std::uint32_t end) {
        while (sequence.computed < end) {
            if (isStopped())
                return Status(Code::Cancelled);
            const std::uint32_t rows = std::min(m_options.chunkRows, end - sequence.computed);
            const EvalPart part{&sequence, rows, [&](std::uint32_t position) {
                                    return position + 1 == end ? Want::Token : Want::Nothing;
                                }};
            Result<BatchResult> result = m_runner.run({&part, 1});
            if (!result)
                return result.status();
            if (sequence.computed == end && end == sequence.tokens.size())
                sequence.tokens.push_back(std::max(0, result->rows.at(0).token));
        }
        return {};
    }

    /// As the engine decodes: the next step is under way before the last one's tokens are read.
    Status decode(Sample& sample) {
        std::vector<EvalPart> parts;
        for (EvalSequence& sequence : m_sequences)
            parts.push_back({&sequence, 1, [](std::uint32_t) { return Want::Token; }});
        std::vector<double> steps;
        double bytes = 0;
        std::deque<Ticket> tickets;
        const auto begin = BenchClock::now();
        auto last = begin;
        const auto take = [&]() -> Status {
            const Result<BatchResult> result = m_runner.finish(tickets.front());
            tickets.pop_front();
            if (!result)
                return result.status();
            for (std::size_t i = 0; i < m_sequences.size(); ++i) { // delivered
                EvalSequence& sequence = m_sequences[i];
                const std::size_t at = sequence.computed - tickets.size();
                sequence.tokens.resize(std::max(sequence.tokens.size(), at + 1));
                sequence.tokens[at] = std::max(0, result->rows.at(i).token);
            }
            const auto now = BenchClock::now();
            steps.push_back(std::chrono::duration<double>(now - last).count());
            last = now;
            bytes += static_cast<double>(result->timings.weightBytes + result->timings.kvBytes);
            return {};
        };
        for (std::uint32_t step = 0; step < m_options.generateTokens && !isStopped(); ++step) {
            if (step > 0)
                for (EvalSequence& sequence : m_sequences) // fed back where they were sampled
                    if (sequence.tokens.size() == sequence.computed)
                        sequence.tokens.push_back(kLastSampled);
            const Result<Ticket> ticket = m_runner.start(parts);
            if (!ticket)
                return ticket.status();
            tickets.push_back(*ticket);
            if (tickets.size() == 2)
                INGLENOOK_TRY(take());
        }
        while (!tickets.empty())
            INGLENOOK_TRY(take());
        if (isStopped())
            return Status(Code::Cancelled);
        sample.decode_s = secondsSince(begin);
        sample.itl_s = median(steps);
        sample.bytesPerStep = bytes / std::max(1U, m_options.generateTokens);
        return {};
    }

    bool isStopped() const { return m_options.stop != nullptr && *m_options.stop; }

    /// Sums of `count` repetitions that took `wall_s` together.
    static std::vector<BenchStage> describe(const std::vector<StageTiming>& timings, double wall_s,
                                            std::uint32_t count, const StageLimits& limits) {
        std::vector<BenchStage> stages;
        double rest_s = wall_s;
        for (const StageTiming& timing : timings) {
            const double seconds = static_cast<double>(timing.time_ns) / 1e9;
            rest_s -= seconds;
            BenchStage stage;
            stage.name = timing.name;
            stage.ms = seconds * 1e3 / count;
            if (seconds > 0) {
                stage.gbPerSecond = static_cast<double>(timing.bytes) / seconds / 1e9;
                stage.share = limits.read_gb_s > 0 ? stage.gbPerSecond / limits.read_gb_s : 0;
                stage.tops = static_cast<double>(timing.operations) / seconds / 1e12;
                const double most =
                    timing.name == "attention" ? limits.compute.attention : limits.compute.products;
                stage.topsShare = most > 0 ? stage.tops / most : 0;
            }
            stages.push_back(stage);
        }
        BenchStage other;
        other.name = "other";
        other.ms = rest_s * 1e3 / count;
        stages.push_back(other);
        return stages;
    }

    /// The last decode step and the last chunk of the first prompt once more: the tokens are the
    /// same, so that every operand is.
    Status check(std::vector<StageError>& worst) {
        std::vector<EvalPart> step;
        for (EvalSequence& sequence : m_sequences) {
            --sequence.computed;
            step.push_back({&sequence, 1, [](std::uint32_t) { return Want::Token; }});
        }
        INGLENOOK_TRY(mergeCheck(step, worst));
        EvalSequence& first = m_sequences.front();
        const std::uint32_t rows = std::min(m_options.chunkRows, m_options.promptTokens);
        first.computed = m_options.promptTokens - rows;
        const EvalPart chunk{&first, rows, [&](std::uint32_t position) {
                                 return position + 1 == m_options.promptTokens ? Want::Token
                                                                               : Want::Nothing;
                             }};
        return mergeCheck({&chunk, 1}, worst);
    }

    Status mergeCheck(std::span<const EvalPart> parts, std::vector<StageError>& worst) {
        const Result<std::vector<StageError>> errors = m_runner.checkStages(parts);
        if (!errors)
            return errors.status();
        mergeWorst(worst, *errors);
        return {};
    }

    /// One more row, outside of the timing: numbers that are not numbers make no speed.
    Status lookAtLogits(Sample& sample) {
        EvalSequence& sequence = m_sequences.front();
        const EvalPart part{&sequence, 1, [](std::uint32_t) { return Want::FullLogits; }};
        Result<BatchResult> result = m_runner.run({&part, 1});
        if (!result)
            return result.status();
        const std::vector<float>& logits = result->rows.at(0).logits;
        double sum = 0;
        double squares = 0;
        for (const float logit : logits) {
            sum += logit;
            squares += static_cast<double>(logit) * logit;
        }
        const double mean = sum / static_cast<double>(logits.size());
        sample.logitsStd = std::sqrt(squares / static_cast<double>(logits.size()) - mean * mean);
        if (!std::isfinite(sample.logitsStd))
            return Status(
                Code::LogitsNotFinite,
                {{"model", "The model"}, {"position", std::to_string(sequence.computed - 1)}});
        return {};
    }

    EvalRunner& m_runner;
    const BenchOptions& m_options;
    const std::uint32_t m_vocabularySize;
    std::vector<EvalSequence> m_sequences;
    double m_prefill_s = 0; // all prompts and contexts of a repeat
};

Status checkOptions(const BenchOptions& options) {
    const auto refuse = [](const char* option, std::uint32_t value, const char* expected) {
        return Status(
            Code::OptionInvalid,
            {{"option", option}, {"value", std::to_string(value)}, {"expected", expected}});
    };
    constexpr std::uint32_t kMost = 1'000'000;
    if (options.promptTokens == 0 || options.promptTokens > kMost)
        return refuse("prompt-tokens", options.promptTokens, "from 1 to 1000000");
    if (options.generateTokens == 0 || options.generateTokens > kMost)
        return refuse("generate-tokens", options.generateTokens, "from 1 to 1000000");
    if (options.context > kMost)
        return refuse("context", options.context, "at most 1000000");
    if (options.chunkRows == 0 || options.chunkRows > 65'536)
        return refuse("chunk-rows", options.chunkRows, "from 1 to 65536");
    if (options.batch == 0 || options.batch > 512)
        return refuse("batch", options.batch, "from 1 to 512");
    if (options.repeats == 0 || options.repeats > 100)
        return refuse("repeats", options.repeats, "from 1 to 100");
    return {};
}

/// Weights a scale of the layers' matrices.
std::uint32_t weightGroup(const TensorSource& source, WeightFormat weights) {
    const TensorInfo* tensor = source.find("blk.0.ffn_down.weight");
    return tensor == nullptr ? 0 : groupOf(resolveMatrixFormat(weights, *tensor));
}

} // namespace

Result<BenchResult> benchModel(const ModelConfig& config,
                               std::shared_ptr<const TensorSource> source,
                               const ExecutorFactory& factory, const BenchOptions& options) {
    INGLENOOK_TRY(checkOptions(options));
    EvalPlan plan;
    plan.formats = options.formats;
    plan.context = std::max(options.promptTokens, options.context) + options.generateTokens + 2;
    plan.sequences = options.batch;
    plan.totalTokens = options.batch * plan.context;
    plan.slotCount = options.batch;
    plan.maxBatchRows = std::max(options.chunkRows, options.batch);
    plan.stop = options.stop;
    plan.activationTokens = options.activationTokens;
    const std::uint32_t group = weightGroup(*source, options.formats.weights);
    auto runner = EvalRunner::create(config, std::move(source), factory(), plan);
    if (!runner)
        return runner.status();

    Bench bench(**runner, options, config.vocabularySize);
    std::vector<double> prefill;
    std::vector<double> decode;
    std::vector<double> itl;
    Sample last;
    double limit = 0;
    for (std::uint32_t repeat = 0; repeat < options.repeats; ++repeat) {
        if (options.stop != nullptr && *options.stop)
            return Status(Code::Cancelled);
        const double device = (*runner)->executor().measureReadBandwidth();
        limit = std::max(limit, device > 0 ? device : measureHostReadBandwidth(0));
        Result<Sample> sample = bench.run(1 + repeat);
        if (!sample)
            return sample.status();
        prefill.push_back(sample->prefill_s);
        decode.push_back(sample->decode_s);
        itl.push_back(sample->itl_s);
        last = *sample;
    }
    limit = std::max(limit, measureHostReadBandwidth(0));
    BenchResult result;
    if (options.stages || options.check)
        INGLENOOK_TRY(bench.runStages(1 + options.repeats, limit, result));
    const double tokens = static_cast<double>(options.generateTokens) * options.batch;
    result.ttft_ms = median(prefill) * 1e3;
    result.prefillTokensPerSecond = options.promptTokens / median(prefill);
    result.decodeTokensPerSecond = tokens / median(decode);
    result.itl_ms = median(itl) * 1e3;
    result.bytesPerToken = last.bytesPerStep / options.batch;
    result.readGbPerSecond = result.bytesPerToken * result.decodeTokensPerSecond / 1e9;
    result.limitGbPerSecond = limit;
    result.share = limit > 0 ? result.readGbPerSecond / limit : 0;
    result.formats = (*runner)->executor().formats();
    result.group = group;
    result.device = (*runner)->executor().deviceName();
    result.logitsStd = last.logitsStd;
    return result;
}

Result<BenchResult> benchModelOn(const std::string& device, const OpenedModel& model,
                                 BenchOptions options) {
    Result<std::unique_ptr<Executor>> executor = makeExecutor(device);
    if (!executor)
        return executor.status();
    if (options.stages) { // refused before anything is loaded where the device does not tell
        INGLENOOK_TRY((*executor)->timeStages(true));
        INGLENOOK_TRY((*executor)->timeStages(false));
    }
    if (const auto tokenizer = Tokenizer::create(model.vocabulary))
        options.activationTokens = activationTokens(tokenizer->get(), model.config.vocabularySize);
    return benchModel(
        model.config, model.tensors, [&executor] { return std::move(*executor); }, options);
}

} // namespace engine
