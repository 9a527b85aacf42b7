#pragma once
// Loader: opens, plans, checks that it fits, and loads, on a thread of its own, one model at a time
// in the order asked. A load can be cancelled at every phase border and between two tensors.

#include "engine/runtime/activation_choice.h"
#include "engine/runtime/engine.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace engine {

/// What the loader is made from; tests put stand-ins here.
struct EngineParts {
    std::function<Result<OpenedModel>(const std::filesystem::path&)> open;
    std::function<Result<std::unique_ptr<Executor>>(const std::string& device)> makeExecutor;
};

struct LoadedModel {
    std::shared_ptr<const ModelInfo> info;
    std::unique_ptr<Executor> executor;
    ExecutorPlan plan;
    LoadRequest request; // to load it again
};

/// Answers, on the loader thread: `adopt` takes a loaded model into the engine; `makeRoom` gives
/// the memory of idle models back and says whether any was freed.
struct LoaderCallbacks {
    std::function<void(LoadedModel)> adopt;
    std::function<std::optional<LoadRequest>()> makeRoom;
};

class Loader {
  public:
    Loader(EngineParts parts, LoaderCallbacks callbacks);
    ~Loader(); ///< cancels everything, answers every observer, joins

    void add(LoadId id, LoadRequest request, LoadObserver observer);
    void cancel(LoadId id);

  private:
    struct Job {
        LoadId id = 0;
        LoadRequest request;
        LoadObserver observer;
        std::atomic<bool> stop{false};
        std::optional<LoadRequest> gaveWay; // an idle model that was freed for this one
    };

    void run();
    LoadEvent load(Job& job);
    Result<LoadedModel> loadModel(Job& job);
    void bringBack(const LoadRequest& request);

    EngineParts m_parts;
    LoaderCallbacks m_callbacks;
    ActivationChoices m_activationChoices; // of the loader thread
    std::mutex m_mutex;                    // guards the three below
    std::condition_variable m_wake;
    std::deque<std::shared_ptr<Job>> m_jobs; // the first one may be running
    bool m_stopping = false;
    std::thread m_thread;
};

/// The executor plan of a load: the context asked for (0 = the model's, at most kDefaultContext and
/// what fits), pages for one full conversation and a share for each further slot.
constexpr std::uint32_t kDefaultContext = 32'768;
Result<ExecutorPlan> planModel(const OpenedModel& model, const Executor& executor,
                               const LoadRequest& request, MemoryPlan& memory);

} // namespace engine
