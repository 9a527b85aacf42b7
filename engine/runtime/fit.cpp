#include "engine/runtime/fit.h"

#include "engine/device/cuda_library.h"
#include "engine/model/quantize.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/evaluate.h"
#include "engine/runtime/kv_cache.h"
#include "engine/runtime/load_plan.h"

#include <algorithm>
#include <chrono>

namespace engine {

namespace {

constexpr std::uint32_t kSpeedLayers = 4;
constexpr std::uint32_t kSpeedVocabulary = 8192; // the head shall not outweigh the layers
constexpr std::uint32_t kSpeedTokens = 24;
/// A GPU's kernels stream at close to the limit; what they miss is the fixed time a layer.
constexpr double kGpuShare = 0.95;
/// A share of a format that was not measured, of int8's.
constexpr double kInt4OfInt8 = 0.75;

ModelConfig speedConfig() {
    ModelConfig config = syntheticConfig("qwen2-1.5b").value();
    config.layerCount = kSpeedLayers;
    config.vocabularySize = kSpeedVocabulary;
    return config;
}

} // namespace

FitProbe::FitProbe(std::vector<LoadedPart> parts) : m_parts(std::move(parts)) {}
FitProbe::~FitProbe() = default;
FitProbe::FitProbe(FitProbe&&) noexcept = default;
FitProbe& FitProbe::operator=(FitProbe&&) noexcept = default;

Result<FitProbe> FitProbe::create(const std::string& device, SplitMode split,
                                  const ExecutorMaker& make) {
    const ExecutorMaker maker = make ? make : [](const std::string& word, SplitMode mode) {
        return makeExecutor(word, {}, mode);
    };
    auto parts = makeParts(device, split, maker);
    if (!parts)
        return parts.status();
    FitProbe probe(std::move(*parts));
    if (split == SplitMode::Auto && replicaDevices(device, SplitMode::Replicas).size() > 1)
        if (auto layers = makeParts(device, SplitMode::Layer, maker); layers.ok())
            probe.m_layers = std::move(*layers);
    return probe;
}

std::string FitProbe::deviceName() const {
    return nameOfParts(m_parts);
}

bool hasCudaLibrary() {
    return cudaLibraryExists();
}

std::uint64_t weightsRead(const OpenedModel& model, WeightFormat weights, const MemoryPlan& plan) {
    std::uint64_t held = 0;
    for (const DeviceMemory& device : plan.devices)
        held += device.weights_bytes;
    const TensorInfo* embedding = model.tensors->find("token_embd.weight");
    if (embedding == nullptr || plan.devices.empty())
        return held;
    const std::uint64_t embeddings =
        plan.byLayers
            ? std::min<std::uint64_t>(plan.devices.size(), model.config.tiedEmbeddings ? 2 : 1)
            : plan.devices.size();
    const std::uint64_t copies = embeddings - (model.config.tiedEmbeddings ? 1 : 0);
    const std::uint64_t unread =
        copies * bytesOf(resolveMatrixFormat(weights, *embedding), embedding->rows(),
                         static_cast<std::uint32_t>(embedding->columns()));
    return held - std::min(held, unread);
}

FitAnswer FitProbe::plan(const OpenedModel& model, const LoadRequest& request,
                         const MemoryPlan& released, std::uint32_t filled) {
    const FitAnswer answer = planOf(m_parts, model, request, released, filled);
    if (answer.status.ok() || m_layers.empty())
        return answer;
    const FitAnswer byLayers = planOf(m_layers, model, request, released, filled);
    return byLayers.status.ok() ? byLayers : answer;
}

/// One token is computed by one replica.
FitAnswer FitProbe::planOf(std::vector<LoadedPart>& parts, const OpenedModel& model,
                           const LoadRequest& request, const MemoryPlan& released,
                           std::uint32_t filled) {
    for (LoadedPart& part : parts)
        part.memory = {};
    FitAnswer answer;
    answer.status = planParts(model, request, parts, released);
    const LoadedPart& first = parts.front();
    answer.context = answer.status.ok() ? first.plan.context : request.context;
    for (const LoadedPart& part : parts)
        answer.memory.devices.insert(answer.memory.devices.end(), part.memory.devices.begin(),
                                     part.memory.devices.end());
    answer.memory.notes = first.memory.notes;
    answer.memory.byLayers = first.memory.byLayers;
    if (first.memory.devices.empty())
        return answer;
    const std::uint32_t pages =
        answer.status.ok() ? first.plan.pageCount
                           : 1 + std::max(pagesFor(request.context), pagesFor(request.kvTokens));
    std::uint64_t kv = 0;
    for (const DeviceMemory& device : first.memory.devices)
        kv += device.kv_bytes;
    answer.readBytes = weightsRead(model, request.formats.weights, first.memory) +
                       kv / std::max(1U, pages * kPageTokens) * std::min(filled, answer.context);
    return answer;
}

Result<DeviceSpeed> measureDeviceSpeed(const std::string& device, double budget_s,
                                       const std::atomic<bool>& stop) {
    const auto begin = std::chrono::steady_clock::now();
    const auto first = makeExecutor(device);
    if (!first)
        return first.status();
    const bool isGpu = (*first)->deviceName().starts_with("CUDA");
    const ModelConfig config = speedConfig();
    DeviceSpeed speed;
    for (const WeightFormat weights : {WeightFormat::Int8, WeightFormat::Int4}) {
        const double elapsed_s =
            std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (weights != WeightFormat::Int8 && elapsed_s > budget_s / 2)
            break; // the second takes as long as the first
        BenchOptions options;
        options.formats.weights = weights;
        options.promptTokens = kSpeedTokens;
        options.generateTokens = kSpeedTokens;
        options.repeats = 1;
        options.stop = &stop;
        const auto result = benchModel(
            config, makeSyntheticSource(config, 1),
            [&device]() -> std::unique_ptr<Executor> {
                auto executor = makeExecutor(device);
                return executor ? std::move(*executor) : nullptr;
            },
            options);
        if (!result)
            return result.status();
        if (stop)
            return Status(Code::Cancelled);
        speed.limitGbPerSecond = std::max(speed.limitGbPerSecond, result->limitGbPerSecond);
        double share = result->share;
        if (isGpu) {
            const double token_us = 1e6 / std::max(result->decodeTokensPerSecond, 1e-3);
            const double reading_us =
                result->bytesPerToken / (result->limitGbPerSecond * kGpuShare * 1e3);
            if (weights == WeightFormat::Int8)
                speed.layer_us = std::max(0.0, token_us - reading_us) / kSpeedLayers;
            share = kGpuShare;
        }
        (weights == WeightFormat::Int8 ? speed.int8Share : speed.int4Share) =
            std::clamp(share, 0.01, 1.0);
    }
    return speed;
}

double predictDecode(const DeviceSpeed& speed, WeightFormat weights, std::uint64_t readBytes,
                     std::uint32_t layers) {
    double share = speed.int8Share;
    if (weights == WeightFormat::Int4)
        share = speed.int4Share > 0 ? speed.int4Share : speed.int8Share * kInt4OfInt8;
    if (share <= 0 || speed.limitGbPerSecond <= 0 || readBytes == 0)
        return 0;
    const double reading_us =
        static_cast<double>(readBytes) / (speed.limitGbPerSecond * share * 1e3);
    return 1e6 / (reading_us + speed.layer_us * layers);
}

} // namespace engine
