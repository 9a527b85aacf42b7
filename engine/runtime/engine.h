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

/// What the engine keeps and computes ahead; Engine::setKeeping() changes it while it runs.
struct KeepingSettings {
    /// A model that was idle for so long gives its memory back and is loaded again on demand.
    std::uint32_t idleUnload_s = 0; ///< 0 = never
    /// The pages of earlier prompts serve later ones that begin alike. Off: none are taken over,
    /// and what was kept goes as pages are needed.
    bool prefixCache = true;
    /// After an answer with reasoning, compute it without its reasoning while its reader reads.
    bool recomputeAnswers = true;

    bool operator==(const KeepingSettings&) const = default;
};

struct EngineOptions {
    std::uint32_t threads = 0; ///< CPU compute workers, 0 = one a core
    AdmissionSettings admission;
    /// How a LoadRequest's path becomes a model; empty = openModel() (opened_model.h).
    std::function<Result<OpenedModel>(const std::filesystem::path&)> open;
    /// Host memory for the pages of sequences that give way; 0 = they are always computed again.
    std::uint64_t hostPages_bytes = 512ULL << 20;
    std::uint32_t residentOnGpu = 2; ///< models kept; an older idle one beyond goes
    std::uint32_t residentOnCpu = 1; ///< they share one memory bus
    KeepingSettings keeping;
};

/// What happens when a model does not fit beside those that are resident and answering.
enum class SwitchPolicy : std::uint8_t {
    Beside,       ///< nothing: the load fails with ModelNeedsRoom and names who is running
    AfterRunning, ///< waits until they have ended; new requests wait for the new model
    Now,          ///< they are cancelled
};

constexpr std::uint32_t kDefaultSlots = 16;

/// What to load and how.
struct LoadRequest {
    std::filesystem::path path;
    NumberFormats formats;
    std::string device = "auto"; ///< auto, cpu, cuda, cuda:0,1
    SplitMode split = SplitMode::Auto;
    std::uint32_t context = 0; ///< tokens; 0 = the model's, at most what fits
    /// Sequences that may run together; 0 = kDefaultSlots. They share the pages: one alone can
    /// still use the whole context.
    std::uint32_t slotCount = 0;
    std::uint32_t kvTokens = 0; ///< tokens all sequences hold together; 0 = as memory allows
    SwitchPolicy policy = SwitchPolicy::Beside;
};

enum class LoadPhase { Opening, Planning, LoadingWeights, Ready, Failed, Cancelled };
struct LoadEvent {
    LoadPhase phase = LoadPhase::Opening;
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
    Status status;                          ///< of Failed
    std::shared_ptr<const ModelInfo> model; ///< of Ready
    /// Of Failed: the models that had made room and are loaded again.
    std::vector<std::shared_ptr<const ModelInfo>> restored;
    /// Requests that run on models in the way: with ModelNeedsRoom those that would end, in
    /// LoadPhase::Planning those that are waited for (AfterRunning) or end now (Now).
    std::vector<RequestSnapshot> inTheWay;
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
    /// The same without ending anything: the model takes no new requests, and its memory is given
    /// back when the last one has ended. An unknown model has gone already: `done` comes all the
    /// same.
    virtual void unloadAfterRunning(ModelKey model, std::function<void()> done) = 0;
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
    /// Takes effect at the next step.
    virtual void setKeeping(KeepingSettings settings) = 0;
    /// Telemetry's figures for the circuit breakers, about twice a second.
    virtual void pushLoadSignal(LoadSignal signal) = 0;

    /// Computes the beginning that this conversation's next prompt will have (its system prompt,
    /// its answers without their reasoning) when nothing else is to do, so that a later request
    /// finds it. Only what makes the prompt is read. Gives way to every request at once.
    virtual Status prewarm(Request) { return {}; }

    virtual Snapshot snapshot() const = 0;
    /// What every step computed for whom; outlives the engine. Null: not told.
    virtual std::shared_ptr<const StepRing> steps() const { return nullptr; }
};

std::unique_ptr<Engine> createEngine(const EngineOptions& options);

} // namespace engine
