#pragma once
// What the suites share that run libinglenook_cuda.so on the shim (tests/cuda_shim): a small model,
// batches of it, an engine.

#include "engine/device/make_executor.h"
#include "engine/runtime/engine.h"
#include "tests/bench/device_words.h"
#include "tests/cuda_shim/cuda_shim.h"
#include "tests/engine/device/tiny_model.h"
#include "tests/support/fake_executor.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/recording_sink.h"

#include <dlfcn.h>
#include <future>
#include <QString>

namespace tests::shim {

using namespace engine;

constexpr std::uint32_t kShimPages = 12;

// cudaError_t; tests are compiled without CUDA's headers too.
constexpr int kOutOfMemory = 2;
constexpr int kOldDriver = 35;
constexpr int kDevicesUnavailable = 46;
constexpr int kNoDevice = 100;
constexpr int kIllegalAddress = 700;
constexpr int kLaunchTimeout = 702;
constexpr int kTooManyPeers = 711;
constexpr int kLaunchFailure = 719;
constexpr int kDriverMismatch = 803;
constexpr int kUnknown = 999;

constexpr const char* kNoShim =
    "libinglenook_cuda.so was not built, or the shim is not preloaded (ctest does it)";

inline ModelConfig smallConfig() {
    ModelConfig config;
    config.name = "small";
    config.vocabularySize = 96;
    config.hiddenSize = 128;
    config.layerCount = 1;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDim = 64;
    config.intermediateSize = 256;
    config.contextLength = 4096;
    config.rotaryDim = 64;
    config.parameterCount = 1;
    return config;
}
inline std::shared_ptr<const TensorSource> sourceOf(const ModelConfig& config) {
    return std::make_shared<TinySource>(config, 7);
}

inline ExecutorPlan planOf(const NumberFormats& formats, std::uint32_t maxRows = 64) {
    ExecutorPlan plan;
    plan.formats = formats;
    plan.context = 128;
    plan.pageCount = kShimPages;
    plan.slotCount = 4;
    plan.maxBatchRows = maxRows;
    plan.threads = 1;
    return plan;
}
inline const NumberFormats kBf16 = {WeightFormat::BF16, ActivationFormat::BF16, KvFormat::Int8};

inline SamplerSpec penalizing() {
    SamplerSpec spec;
    spec.repetitionPenalty = 1.2F;
    spec.seenTokens = {1, 2, 3, 2};
    spec.logitBias = {{4, 1.5F}};
    return spec;
}

/// Rows of a prompt from position 0 on; the last one wants `want`.
inline Batch promptOf(std::uint32_t rows, SlotId slot, Want want) {
    Batch batch;
    batch.tables.push_back({{1, 2, 3, 4}});
    for (std::uint32_t i = 0; i < rows; ++i)
        batch.rows.push_back({0, slot, i, 5, i + 1 == rows ? want : Want::Nothing});
    return batch;
}
/// A row each of two sequences.
inline Batch decodeOf(std::uint32_t position) {
    Batch batch;
    batch.tables = {{{1, 2, 3, 4}}, {{5, 6, 7, 8}}};
    for (std::uint32_t i = 0; i < 2; ++i)
        batch.rows.push_back({i, i, position, kLastSampled, Want::Token});
    return batch;
}

inline Status answered(Executor& executor, const Result<Ticket>& ticket) {
    return ticket.ok() ? executor.collect(*ticket).status : ticket.status();
}

inline Status load(Executor& executor, const ModelConfig& config, const ExecutorPlan& plan) {
    static const auto source = sourceOf(smallConfig());
    const std::atomic<bool> stop{false};
    const auto tensors = config.name == "small" ? source : sourceOf(config);
    return executor.load(config, tensors, plan, {}, stop);
}

/// Times some steps and checks one.
inline Status watchStages(Executor& executor, std::uint32_t position) {
    INGLENOOK_TRY(executor.timeStages(true));
    for (const std::uint32_t end = position + 4; position < end; ++position)
        INGLENOOK_TRY(answered(executor, executor.submit(decodeOf(position))));
    INGLENOOK_TRY(executor.timeStages(false));
    const std::vector<StageTiming> timings = executor.stageTimings();
    if (timings.empty() || timings.front().time_ns == 0)
        return Status(Code::InternalError, {{"detail", "no times of stages"}});
    return executor.checkStages(decodeOf(position)).status();
}

/// What a caller does with an executor: the first failure.
inline Status useExecutor(Executor& executor) {
    INGLENOOK_TRY(load(executor, smallConfig(), planOf(kBf16)));
    for (const SlotId slot : {0U, 1U})
        INGLENOOK_TRY(executor.setSlot(slot, slot == 0 ? SamplerSpec() : penalizing()));
    INGLENOOK_TRY(executor.setSlotMask(0, std::vector<std::uint32_t>(3, 0xFFFFFFFFU)));
    INGLENOOK_TRY(answered(executor, executor.submit(promptOf(20, 0, Want::FullLogits))));
    Batch other = promptOf(3, 1, Want::TopLogprobs);
    other.tables = {{{5, 6, 7, 8}}};
    other.topCount = 2;
    INGLENOOK_TRY(answered(executor, executor.submit(std::move(other))));
    Result<Ticket> ahead = executor.submit(decodeOf(20));
    for (std::uint32_t position = 21; position < 24 && ahead.ok(); ++position) {
        const Result<Ticket> next = executor.submit(decodeOf(position));
        INGLENOOK_TRY(executor.collect(*ahead).status);
        ahead = next;
    }
    INGLENOOK_TRY(answered(executor, ahead));
    INGLENOOK_TRY(watchStages(executor, 24));
    INGLENOOK_TRY(executor.copyPage(1, 9));
    const Result<std::vector<std::byte>> page = executor.savePage(9);
    INGLENOOK_TRY(page.status());
    INGLENOOK_TRY(executor.restorePage(10, *page));
    executor.poison();
    return executor.health().state == HealthState::Dead ? executor.health().reason : Status();
}

inline Result<std::unique_ptr<Executor>> makeFrom(const QString& words) {
    const Result<DeviceWords> parsed = parseDeviceWords(words.toStdString());
    return parsed.ok() ? makeExecutor(parsed->device, {}, parsed->split)
                       : Result<std::unique_ptr<Executor>>(parsed.status());
}

inline CudaShim* findShim() {
    const auto function = reinterpret_cast<CudaShimFunction>(dlsym(RTLD_DEFAULT, kCudaShimSymbol));
    return function != nullptr ? function() : nullptr;
}

inline QString sentence(const Status& status) {
    return QString::fromStdString(status.sentence());
}

/// The small model with words.
inline Result<OpenedModel> openDeep(std::uint32_t layers,
                                    const std::filesystem::path& path = "small") {
    OpenedModel model = fakeModel(path);
    ModelConfig config = smallConfig();
    config.vocabularySize = model.config.vocabularySize;
    config.layerCount = layers;
    model.tensors = sourceOf(config);
    model.config = config;
    return model;
}
inline std::unique_ptr<Engine> makeEngine(std::uint32_t layers = 1) {
    EngineOptions options;
    options.threads = 1;
    options.open = [layers](const std::filesystem::path& path) { return openDeep(layers, path); };
    return createEngine(options);
}
inline const NumberFormats kBf16Kv = {WeightFormat::BF16, ActivationFormat::BF16, KvFormat::BF16};

inline LoadEvent loadModel(Engine& engine, const std::string& device,
                           SplitMode split = SplitMode::Auto, std::uint32_t context = 0) {
    LoadRequest request;
    request.path = "small";
    request.device = device;
    request.split = split;
    request.formats = kBf16Kv;
    request.context = context;
    request.slotCount = 4;
    return loadAndWait(engine, std::move(request));
}
inline void unload(Engine& engine, const ModelKey& model) {
    std::promise<void> gone;
    engine.unload(model, [&] { gone.set_value(); });
    gone.get_future().wait();
}
inline Result<RequestId> ask(Engine& engine, const std::shared_ptr<RecordingSink>& sink,
                             std::uint32_t tokens) {
    Request request;
    request.rawPrompt = " w1 w2 w3";
    request.maxTokens = tokens;
    request.ignoreEndOfGeneration = true;
    return engine.submit(std::move(request), sink);
}

} // namespace tests::shim
