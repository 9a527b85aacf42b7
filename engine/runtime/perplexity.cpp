// measurePerplexity: exp of the mean negative log-likelihood of a text, in overlapping windows.
#include "engine/device/cpu_sampler.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/eval_runner.h"
#include "engine/runtime/evaluate.h"

#include <algorithm>
#include <cmath>

namespace engine {

namespace {

constexpr std::uint32_t kLeastTokens = 16;
constexpr std::uint32_t kChunkRows = 64; // bounds the logits that lie in memory at once

/// Negative log-likelihood of tokens [scoreFrom, end) of a window that begins at `begin`.
Result<double> scoreWindow(EvalRunner& runner, const std::vector<TokenId>& tokens,
                           std::size_t begin, std::size_t end, std::size_t scoreFrom) {
    EvalSequence window;
    window.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                         tokens.begin() + static_cast<std::ptrdiff_t>(end));
    double total = 0;
    while (window.computed + 1 < window.tokens.size()) {
        const std::uint32_t first = window.computed;
        const auto left = static_cast<std::uint32_t>(window.tokens.size()) - 1 - first;
        const EvalPart part{&window, std::min(left, kChunkRows), [&](std::uint32_t position) {
                                return begin + position + 1 >= scoreFrom ? Want::FullLogits
                                                                         : Want::Nothing;
                            }};
        Result<BatchResult> result = runner.run({&part, 1});
        if (!result)
            return result.status();
        for (const RowResult& row : result->rows) {
            const auto next = static_cast<std::size_t>(window.tokens[first + row.row + 1]);
            total += logSumExp(row.logits) - static_cast<double>(row.logits[next]);
        }
    }
    runner.release(window);
    return total;
}

} // namespace

Result<PerplexityResult> measurePerplexity(const OpenedModel& model, std::string_view text,
                                           const ExecutorFactory& factory, NumberFormats formats,
                                           std::uint32_t context) {
    Result<std::shared_ptr<const Tokenizer>> tokenizer = Tokenizer::create(model.vocabulary);
    if (!tokenizer)
        return tokenizer.status();
    const std::vector<TokenId> tokens = (*tokenizer)->encode(text);
    if (tokens.size() < kLeastTokens)
        return Status(Code::TextTooShort, {{"tokens", std::to_string(tokens.size())},
                                           {"least", std::to_string(kLeastTokens)}});
    if (model.config.contextLength > 0)
        context = std::min(context, model.config.contextLength);
    context = std::max(context, 2U);
    EvalPlan plan;
    plan.formats = formats;
    plan.context = context;
    plan.totalTokens = context;
    plan.maxBatchRows = kChunkRows;
    plan.activationTokens = activationTokens(tokenizer->get(), model.config.vocabularySize);
    auto runner = EvalRunner::create(model.config, model.tensors, factory(), plan);
    if (!runner)
        return runner.status();

    double total = 0;
    std::size_t scored = 1; // the first token is predicted by nothing
    for (std::size_t begin = 0; scored < tokens.size(); begin += context / 2) {
        const std::size_t end = std::min<std::size_t>(begin + context, tokens.size());
        Result<double> sum = scoreWindow(**runner, tokens, begin, end, scored);
        if (!sum)
            return sum.status();
        total += *sum;
        scored = end;
    }
    PerplexityResult result;
    result.tokens = tokens.size() - 1;
    result.perplexity = std::exp(total / static_cast<double>(result.tokens));
    if (!std::isfinite(result.perplexity))
        return Status(Code::LogitsNotFinite,
                      {{"model", model.config.name}, {"position", "of the text"}});
    return result;
}

} // namespace engine
