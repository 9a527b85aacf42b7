#pragma once
// Engine: the one door to the runtime. Created once, owned by the application; all methods are
// thread-safe, return at once and never throw. Model state lives on the engine thread alone;
// loading happens on a loader thread while others generate.

#include "engine/device/executor.h"
#include "engine/model/weight_options.h"
#include "engine/runtime/admission_settings.h"
#include "engine/runtime/load_signal.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/request.h"
#include "engine/runtime/snapshot.h"
#include "engine/stats/step_ring.h"
#include "engine/status.h"

#include <filesystem>
#include <functional>
#include <memory>

namespace engine {

struct EngineOptions {
    std::uint32_t threads = 0; ///< CPU compute workers, 0 = one a core
    AdmissionSettings admission;
};

/// What to load and how.
struct LoadRequest {
    std::filesystem::path path;
    NumberFormats formats;
    std::string device = "auto"; ///< auto, cpu, cuda, cuda:0,1
    SplitMode split = SplitMode::Auto;
    std::uint32_t context = 0;   ///< tokens; 0 = the model's, at most what fits
    std::uint32_t slotCount = 1; ///< sequences that may run together
};

enum class LoadPhase { Opening, Planning, LoadingWeights, Ready, Failed, Cancelled };
struct LoadEvent {
    LoadPhase phase = LoadPhase::Opening;
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    Status status;                          ///< of Failed
    std::shared_ptr<const ModelInfo> model; ///< of Ready
};
/// Called on the loader thread; must not block.
using LoadObserver = std::function<void(const LoadEvent&)>;
using LoadId = std::uint64_t;

class Engine {
  public:
    virtual ~Engine() = default; ///< cancels everything and joins its threads

    virtual LoadId load(LoadRequest request, LoadObserver observer) = 0;
    virtual void cancelLoad(LoadId id) = 0;
    /// Cancels the model's requests and gives its memory back; `done` on the engine thread.
    virtual void unload(ModelKey model, std::function<void()> done) = 0;
    virtual std::vector<std::shared_ptr<const ModelInfo>> models() const = 0;

    /// Validates, renders and tokenizes on the caller's thread, then queues. The sink always
    /// receives exactly one Finished event after an ok submit. A request that may be refused is
    /// refused here: RateLimited, QueueFull, BreakerOpen (each with retry_after_s, whole seconds,
    /// at least 1) or PromptTooLong.
    virtual Result<RequestId> submit(Request request, std::shared_ptr<TokenSink> sink) = 0;
    virtual void cancel(RequestId id) = 0;
    /// "Answer now": closes the reasoning of a running request.
    virtual void endReasoning(RequestId id) = 0;
    /// Moves a request up or down, waiting or running. Unknown ids are ignored.
    virtual void setPriority(RequestId id, Priority priority) = 0;
    /// Tokens a conversation would take, for the context meter. Any thread but the GUI's.
    virtual Result<std::uint32_t> countTokens(const Request& request) const = 0;

    /// Takes effect at the next step. OptionInvalid changes nothing.
    virtual Status setAdmission(AdmissionSettings settings) = 0;
    virtual AdmissionSettings admission() const = 0;
    /// Telemetry's figures for the circuit breakers, about twice a second.
    virtual void pushLoadSignal(LoadSignal signal) = 0;

    virtual Snapshot snapshot() const = 0;
    /// What every step computed for whom; outlives the engine. Null: not told.
    virtual std::shared_ptr<const StepRing> steps() const { return nullptr; }
};

std::unique_ptr<Engine> createEngine(const EngineOptions& options);

} // namespace engine
