#pragma once
// The choice behind `--acts auto`: int8 activations are faster, and harmless in most models; a
// model with strong outliers they would spoil. So the runtime measures it on the loaded model, over
// a built-in text: the mean divergence KL(bf16 || int8) of the next-token distributions, and how
// far the logits are apart, ||bf16 - int8|| / ||bf16|| of logits less their mean. Int8 needs both
// to be small. The divergence is what a reader would notice; but a model that is sure of every
// token shows none however wrong its numbers are (the reference model llama-outliers: KL 0.001 at
// logits 17 % apart; the other reference models 2 to 4 %).
//
// How long it may take: up to 512 tokens, 16 at a time, and no further chunk once the budget is
// spent. A small model is measured whole in less than the budget; a large one by its first 16
// tokens, which costs a few per cent of its load: outliers are in every token. That is cheap enough
// to measure at every load, so nothing is kept on disk; within a process a model is measured once
// (ActivationChoices). A device that computes few rows in another way (leastActivationRows()) goes
// through more tokens at a time and is measured by the last 16 of them.

#include "engine/device/executor.h"
#include "engine/text/tokenizer.h"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace engine {

constexpr double kMostActivationKl = 0.02;   // nats a token
constexpr double kMostActivationError = 0.1; // of the logits
constexpr std::uint32_t kActivationTokens = 512;
constexpr std::chrono::milliseconds kActivationBudget{120};

struct ActivationChoice {
    ActivationFormat chosen = ActivationFormat::Auto; ///< Auto: there was nothing to choose
    double kl = 0;                                    ///< measured; not finite = broken numbers
    double relError = 0;                              ///< of the logits
    std::uint32_t tokens = 0;                         ///< measured on so many
};

/// The tokens to measure on: the built-in text in the model's own words; without a tokenizer a
/// fixed sequence of ids.
std::vector<TokenId> activationTokens(const Tokenizer* tokenizer, std::uint32_t vocabularySize);

/// Measures and switches an executor that has just been loaded with `plan`; nothing is in flight
/// and all pages are free. Where Auto did not become Int8, or the executor cannot switch, nothing
/// is measured. Where there is no room for as many tokens as a measurement needs, the choice is
/// BF16. Fails only when the device does.
Result<ActivationChoice> chooseActivations(Executor& executor, const ExecutorPlan& plan,
                                           const std::vector<TokenId>& tokens,
                                           std::chrono::milliseconds budget = kActivationBudget);

/// Remembers the choices of a process. One thread.
class ActivationChoices {
  public:
    /// As chooseActivations(), but measured once a `model` (content hash), device and formats.
    Result<ActivationChoice> choose(const std::string& model, Executor& executor,
                                    const ExecutorPlan& plan, const Tokenizer* tokenizer,
                                    std::uint32_t vocabularySize);

  private:
    std::map<std::string, ActivationChoice> m_known;
};

} // namespace engine
