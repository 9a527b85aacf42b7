#include "engine/runtime/compare.h"

#include "engine/device/cpu_sampler.h"
#include "engine/device/make_executor.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/eval_runner.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace engine {

namespace {

constexpr std::uint32_t kLeastTokens = 16;
constexpr std::uint32_t kChunkRows = 32; // bounds the logits of two models in memory
constexpr std::uint32_t kTimedSteps = 16;

/// Sums over the tokens.
struct Sums {
    double referenceLoss = 0;
    double candidateLoss = 0;
    double kl = 0;
    double klWorst = 0;
    std::uint64_t agreed = 0;
    std::uint64_t tokens = 0;
};

TokenId likeliest(const std::vector<float>& logits) {
    return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

void addToken(const std::vector<float>& reference, const std::vector<float>& candidate,
              TokenId next, Sums& sums) {
    const double p = logSumExp(reference);
    const double q = logSumExp(candidate);
    double kl = 0;
    for (std::size_t i = 0; i < reference.size(); ++i) {
        const double logP = reference[i] - p;
        if (logP > -40) // below it the term is nothing
            kl += std::exp(logP) * (logP - (candidate[i] - q));
    }
    const auto at = static_cast<std::size_t>(next);
    sums.referenceLoss += p - static_cast<double>(reference[at]);
    sums.candidateLoss += q - static_cast<double>(candidate[at]);
    sums.kl += kl;
    sums.klWorst = std::max(sums.klWorst, kl);
    sums.agreed += likeliest(reference) == likeliest(candidate) ? 1 : 0;
    ++sums.tokens;
}

class Comparison {
  public:
    Comparison(EvalRunner& reference, EvalRunner& candidate, const std::vector<TokenId>& tokens,
               const std::function<void(std::uint64_t, std::uint64_t)>& progress,
               const std::atomic<bool>& stop)
        : m_reference(reference),
          m_candidate(candidate),
          m_tokens(tokens),
          m_progress(progress),
          m_stop(stop) {}

    Result<Sums> run(std::uint32_t context) {
        std::size_t scored = 1; // the first token is predicted by nothing
        for (std::size_t begin = 0; scored < m_tokens.size(); begin += context / 2) {
            const std::size_t end = std::min<std::size_t>(begin + context, m_tokens.size());
            INGLENOOK_TRY(readWindow(begin, end, scored));
            scored = end;
        }
        return m_sums;
    }

  private:
    Status readWindow(std::size_t begin, std::size_t end, std::size_t scoreFrom) {
        EvalSequence one;
        one.tokens.assign(m_tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                          m_tokens.begin() + static_cast<std::ptrdiff_t>(end));
        EvalSequence other;
        other.tokens = one.tokens;
        while (one.computed + 1 < one.tokens.size()) {
            if (m_stop)
                return Status(Code::Cancelled);
            const std::uint32_t first = one.computed;
            const auto left = static_cast<std::uint32_t>(one.tokens.size()) - 1 - first;
            const auto want = [&](std::uint32_t position) {
                return begin + position + 1 >= scoreFrom ? Want::FullLogits : Want::Nothing;
            };
            const EvalPart onePart{&one, std::min(left, kChunkRows), want};
            const EvalPart otherPart{&other, std::min(left, kChunkRows), want};
            const Result<BatchResult> mine = m_reference.run({&onePart, 1});
            if (!mine)
                return mine.status();
            const Result<BatchResult> theirs = m_candidate.run({&otherPart, 1});
            if (!theirs)
                return theirs.status();
            for (std::size_t i = 0; i < std::min(mine->rows.size(), theirs->rows.size()); ++i)
                addToken(mine->rows[i].logits, theirs->rows[i].logits,
                         one.tokens[first + mine->rows[i].row + 1], m_sums);
            if (m_progress)
                m_progress(m_sums.tokens, m_tokens.size() - 1);
        }
        m_reference.release(one);
        m_candidate.release(other);
        return {};
    }

    EvalRunner& m_reference;
    EvalRunner& m_candidate;
    const std::vector<TokenId>& m_tokens;
    const std::function<void(std::uint64_t, std::uint64_t)>& m_progress;
    const std::atomic<bool>& m_stop;
    Sums m_sums;
};

/// The median of single decode steps behind the beginning of the text.
Result<double> decodeSpeed(EvalRunner& runner, const std::vector<TokenId>& tokens) {
    EvalSequence sequence;
    const std::size_t count = std::min<std::size_t>(tokens.size(), kChunkRows + kTimedSteps);
    sequence.tokens.assign(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<double> steps_s;
    while (sequence.computed < count) {
        const auto left = static_cast<std::uint32_t>(count) - sequence.computed;
        const bool timed = left <= kTimedSteps;
        const EvalPart part{&sequence, timed ? 1 : left - kTimedSteps, [&](std::uint32_t) {
                                return timed ? Want::FullLogits : Want::Nothing;
                            }};
        const auto begin = std::chrono::steady_clock::now();
        const Result<BatchResult> result = runner.run({&part, 1});
        if (!result)
            return result.status();
        if (timed)
            steps_s.push_back(
                std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    }
    runner.release(sequence);
    const auto middle = steps_s.begin() + static_cast<std::ptrdiff_t>(steps_s.size() / 2);
    std::nth_element(steps_s.begin(), middle, steps_s.end());
    return steps_s.empty() || *middle <= 0 ? 0.0 : 1.0 / *middle;
}

Result<std::unique_ptr<EvalRunner>> makeRunner(const OpenedModel& model, NumberFormats formats,
                                               const CompareOptions& options,
                                               const std::vector<TokenId>& activationText,
                                               const std::atomic<bool>& stop) {
    auto executor = makeExecutor(options.device);
    if (!executor)
        return executor.status();
    EvalPlan plan;
    plan.formats = formats;
    plan.context = options.context;
    plan.totalTokens = options.context;
    plan.maxBatchRows = kChunkRows;
    plan.activationTokens = activationText;
    plan.stop = &stop;
    return EvalRunner::create(model.config, model.tensors, std::move(*executor), plan);
}

Status finish(EvalRunner& runner, const std::vector<TokenId>& tokens, const OpenedModel& model,
              double loss, std::uint64_t count, ComparedVersion& version) {
    version.perplexity = std::exp(loss / static_cast<double>(std::max<std::uint64_t>(count, 1)));
    version.formats = runner.executor().formats();
    if (!std::isfinite(version.perplexity))
        return Status(Code::LogitsNotFinite,
                      {{"model", model.config.name}, {"position", "of the text"}});
    const Result<double> speed = decodeSpeed(runner, tokens);
    if (!speed)
        return speed.status();
    version.decodeTokensPerSecond = *speed;
    ExecutorPlan plan;
    plan.formats = version.formats;
    plan.context = kChunkRows;
    plan.pageCount = 2;
    const auto memory = runner.executor().memoryPlan(model.config, *model.tensors, plan);
    if (memory)
        for (const DeviceMemory& device : memory->devices)
            version.memory_bytes += device.weights_bytes;
    return {};
}

} // namespace

Result<CompareResult>
compareModels(const OpenedModel& reference, const OpenedModel& candidate, std::string_view text,
              const CompareOptions& given,
              const std::function<void(std::uint64_t, std::uint64_t)>& progress,
              const std::atomic<bool>& stop) {
    if (reference.config.vocabularySize != candidate.config.vocabularySize)
        return Status(Code::OptionInvalid,
                      {{"option", "The model to compare with"},
                       {"value", candidate.config.name},
                       {"expected", "it has another vocabulary than " + reference.config.name}});
    CompareOptions options = given;
    if (reference.config.contextLength > 0)
        options.context = std::min(options.context, reference.config.contextLength);
    options.context = std::max(options.context, 2U);
    const auto tokenizer = Tokenizer::create(reference.vocabulary);
    if (!tokenizer)
        return tokenizer.status();
    std::vector<TokenId> tokens = (*tokenizer)->encode(text);
    if (tokens.size() < kLeastTokens)
        return Status(Code::TextTooShort, {{"tokens", std::to_string(tokens.size())},
                                           {"least", std::to_string(kLeastTokens)}});
    if (options.mostTokens > 0 && tokens.size() > options.mostTokens)
        tokens.resize(std::max(options.mostTokens, kLeastTokens));
    const std::vector<TokenId> activationText =
        activationTokens(tokenizer->get(), reference.config.vocabularySize);
    auto one = makeRunner(reference, options.reference, options, activationText, stop);
    if (!one)
        return one.status();
    if (stop)
        return Status(Code::Cancelled);
    auto other = makeRunner(candidate, options.candidate, options, activationText, stop);
    if (!other)
        return other.status();

    const Result<Sums> sums =
        Comparison(**one, **other, tokens, progress, stop).run(options.context);
    if (!sums)
        return sums.status();
    CompareResult result;
    result.tokens = sums->tokens;
    result.kl = sums->kl / static_cast<double>(sums->tokens);
    result.klWorst = sums->klWorst;
    result.top1Agreement = static_cast<double>(sums->agreed) / static_cast<double>(sums->tokens);
    result.device = (*one)->executor().deviceName();
    INGLENOOK_TRY(
        finish(**one, tokens, reference, sums->referenceLoss, sums->tokens, result.reference));
    INGLENOOK_TRY(
        finish(**other, tokens, candidate, sums->candidateLoss, sums->tokens, result.candidate));
    return result;
}

} // namespace engine
