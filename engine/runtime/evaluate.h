#pragma once
// Evaluate: verify (against exact logits), perplexity and bench, on any executor. Used by the
// command line and by tests. What verify runs and what it reports: README, "Numbers";
// figures and limits on a GPU: tests/bench/GPU_NOTES.md.

#include "engine/device/executor.h"
#include "engine/model/opened_model.h"
#include "engine/text/tokenizer.h"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace engine {

/// Makes an executor of the kind the command line asked for.
using ExecutorFactory = std::function<std::unique_ptr<Executor>()>;

struct VerifyOptions {
    NumberFormats formats;
    bool reference = false; ///< compare with the scalar f32 oracle on the same dequantized weights,
                            ///< not the golden
};

struct ScheduleResult {
    std::string name; ///< "whole", "one", "chunks", "staggered9", "staggered40"
    double relError = 0;
    double top1Agreement = 0;
    std::uint32_t greedyMatch =
        0; ///< greedy tokens equal before the first margin below 0.1 (or all)
    std::uint32_t greedyExpected = 0; ///< how many had to match
};

struct VerifyResult {
    double relError = 0;      ///< worst schedule
    double top1Agreement = 1; ///< worst schedule
    bool greedyMatch = false; ///< every expected token in every schedule
    std::uint32_t positions = 0;
    NumberFormats formats;
    std::vector<ScheduleResult> schedules;
};

/// Runs the five schedules of the golden file (input_ids, positions, logits, greedy, margins) with
/// shuffled pages and NaN in all unused memory.
Result<VerifyResult> verifyModel(const OpenedModel& model, const std::filesystem::path& golden,
                                 const ExecutorFactory& factory, const VerifyOptions& options);

struct PerplexityResult {
    double perplexity = 0;
    std::uint64_t tokens = 0; ///< predicted tokens
};
/// Windows of `context` tokens, the second half of each scored (the first window: all but its first
/// token).
Result<PerplexityResult> measurePerplexity(const OpenedModel& model, std::string_view text,
                                           const ExecutorFactory& factory, NumberFormats formats,
                                           std::uint32_t context);

struct BenchOptions {
    NumberFormats formats;
    std::uint32_t promptTokens = 512;
    std::uint32_t generateTokens = 64;
    std::uint32_t context = 0; ///< tokens in the KV before decoding is timed; 0 = promptTokens
    std::uint32_t batch = 1;
    std::uint32_t repeats = 3;             ///< median is reported
    std::uint32_t chunkRows = 2048;        ///< of a prompt in one step; what a GPU wants
    bool stages = false;                   ///< one further repeat with stage timing
    bool check = false;                    ///< the last steps again, against the slow twins
    std::vector<TokenId> activationTokens; ///< what `--acts auto` is measured on; empty = fixed ids
    const std::atomic<bool>* stop = nullptr; ///< looked at before every step; Cancelled
};

/// One fused stage: of a decode step (mean), or of the whole prompt.
struct BenchStage {
    std::string name; ///< stage_report.h; "other" is what no stage took: hand-over, host, launches
    double ms = 0;
    double gbPerSecond = 0; ///< weights, scales and KV that it read
    double share = 0;       ///< of the limit
    double tops = 0;        ///< 1e12 operations a second
    double topsShare = 0;   ///< of the limit; 0 = the device does not tell its limit
};

struct BenchResult {
    double prefillTokensPerSecond = 0;
    double decodeTokensPerSecond = 0; ///< sum over the batch
    double ttft_ms = 0;
    double itl_ms = 0;
    double bytesPerToken =
        0; ///< weights, scales and KV read for one decode step, divided by the batch
    double readGbPerSecond = 0;
    double limitGbPerSecond = 0; ///< read bandwidth measured in the same run
    double share = 0;            ///< read / limit
    NumberFormats formats;
    std::uint32_t group = 0; ///< weights per scale
    std::string device;
    double logitsStd = 0;                  ///< of the last step; 0.5 .. 20 for synthetic weights
    ComputeLimits computeLimits;           ///< measured with the stages
    std::vector<BenchStage> stages;        ///< of a decode step
    std::vector<BenchStage> prefillStages; ///< of the prompt
    std::vector<StageError> check; ///< worst of a decode step and of the prompt's last chunk
};
Result<BenchResult> benchModel(const ModelConfig& config,
                               std::shared_ptr<const TensorSource> source,
                               const ExecutorFactory& factory, const BenchOptions& options);

/// The same of a model on the device that --device calls so; `--acts auto` is measured on the
/// model's own words. Any thread; takes long.
Result<BenchResult> benchModelOn(const std::string& device, const OpenedModel& model,
                                 BenchOptions options);

/// Read bandwidth of host memory with `threads` threads over >= 1 GB [GB/s].
double measureHostReadBandwidth(std::uint32_t threads);

} // namespace engine
