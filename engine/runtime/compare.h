#pragma once
// Compare: what a smaller number format costs, on a text: both versions of a model read it side by
// side, token by token.
//
// Perplexity is exp of the mean negative log-likelihood. The divergence is KL(reference ||
// candidate) of the next-token distributions, the mean over the tokens in nats: 0 = the same, below
// 0.01 nobody notices. The agreement is how often both think the same token the likeliest. Windows
// as in measurePerplexity().

#include "engine/model/opened_model.h"
#include "engine/model/weight_options.h"

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

namespace engine {

struct CompareOptions {
    NumberFormats reference;
    NumberFormats candidate;
    std::string device = "auto";
    std::uint32_t context = 512;     ///< tokens a window
    std::uint32_t mostTokens = 2048; ///< of the text; the rest is left out
};

/// One version's own figures.
struct ComparedVersion {
    double perplexity = 0;
    double decodeTokensPerSecond = 0;
    std::uint64_t memory_bytes = 0; ///< weights as loaded
    NumberFormats formats;          ///< resolved
};

struct CompareResult {
    ComparedVersion reference;
    ComparedVersion candidate;
    double kl = 0;            ///< nats a token
    double klWorst = 0;       ///< of one token
    double top1Agreement = 0; ///< 0 .. 1
    std::uint64_t tokens = 0; ///< predicted
    std::string device;
};

/// Loads both versions beside each other: OutOfMemory when they do not fit. Both must have the same
/// vocabulary. Cancelled soon after `stop`; progress counts tokens. Any thread; takes long.
Result<CompareResult>
compareModels(const OpenedModel& reference, const OpenedModel& candidate, std::string_view text,
              const CompareOptions& options,
              const std::function<void(std::uint64_t done, std::uint64_t total)>& progress,
              const std::atomic<bool>& stop);

} // namespace engine
