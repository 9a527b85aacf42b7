#pragma once
// Fit: what a model would take on a device before anything is loaded, and how fast it would decode
// there. The bytes are those of a load (planModel(), Executor::memoryPlan()); the speed comes from
// a short measurement of the device.
//
// Method of the speed: decoding reads every weight but the embedding rows, and the KV of the
// context, once a token; the time is the bytes by the read bandwidth of the device times the share
// of it that the kernels reach, plus a fixed time a layer (launches and hand-over on a GPU). Limit,
// share and layer time are measured by decoding with a synthetic model of four layers.

#include "engine/device/make_executor.h"
#include "engine/model/opened_model.h"
#include "engine/runtime/engine.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace engine {

struct LoadedPart;

struct FitAnswer {
    /// OutOfMemory with the figures where it does not fit; other failures leave `memory` empty.
    Status status;
    std::uint32_t context = 0;   ///< tokens
    MemoryPlan memory;           ///< free_bytes: with what would be released
    std::uint64_t readBytes = 0; ///< for one token behind `filled` tokens of context
};

/// Bytes of weights that decoding reads for one token, of those that a plan places. Every device
/// holds the whole embedding and reads next to nothing of it; of a model whose embedding is the
/// head too, the devices read one between them.
std::uint64_t weightsRead(const OpenedModel& model, WeightFormat weights, const MemoryPlan& plan);

/// A device to plan for. One thread at a time; not for the GUI's: a driver may take its time.
class FitProbe {
  public:
    /// The words of --device; CudaMissing or DeviceUnavailable as makeExecutor(). `make`: a
    /// stand-in for it.
    static Result<FitProbe> create(const std::string& device, SplitMode split = SplitMode::Auto,
                                   const ExecutorMaker& make = {});

    ~FitProbe();
    FitProbe(FitProbe&&) noexcept;
    FitProbe& operator=(FitProbe&&) noexcept;

    std::string deviceName() const;
    /// Bytes of DeviceMemory::device in `released` count as free: models that would go first.
    FitAnswer plan(const OpenedModel& model, const LoadRequest& request, const MemoryPlan& released,
                   std::uint32_t filled);

  private:
    explicit FitProbe(std::vector<LoadedPart> parts);
    static FitAnswer planOf(std::vector<LoadedPart>& parts, const OpenedModel& model,
                            const LoadRequest& request, const MemoryPlan& released,
                            std::uint32_t filled);

    std::vector<LoadedPart> m_parts;  // never loaded
    std::vector<LoadedPart> m_layers; // automatic: what several GPUs do where m_parts do not fit
};

/// Whether the library lies where CUDA is looked for. Opens nothing and asks no driver, so a GPU
/// may still refuse.
bool hasCudaLibrary();

/// How fast a device decodes.
struct DeviceSpeed {
    double limitGbPerSecond = 0; ///< read bandwidth
    double int8Share = 0;        ///< of it, reached with int8 weights; 0 = not measured
    double int4Share = 0;
    double layer_us = 0; ///< a layer and token, beside the reading
};

/// Takes a few seconds and about 600 MB; formats that no longer fit into the budget are left out.
/// `stop` is looked at before every step: Cancelled.
Result<DeviceSpeed> measureDeviceSpeed(const std::string& device, double budget_s,
                                       const std::atomic<bool>& stop);

/// Tokens a second of one sequence; 0 when the speed is not known.
double predictDecode(const DeviceSpeed& speed, WeightFormat weights, std::uint64_t readBytes,
                     std::uint32_t layers);

} // namespace engine
