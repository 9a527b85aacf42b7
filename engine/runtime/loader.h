#pragma once
// Loader: opens, plans, checks that it fits, and loads, on a thread of its own, one model at a time
// in the order asked. A load can be cancelled at every phase border and between two tensors.

#include "engine/device/make_executor.h"
#include "engine/runtime/activation_choice.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/replicas.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace engine {

/// What the loader is made from; tests put stand-ins here.
struct EngineParts {
    std::function<Result<OpenedModel>(const std::filesystem::path&)> open;
    ExecutorMaker makeExecutor;
    EngineOptions options;
};

struct LoadedModel {
    std::shared_ptr<const ModelInfo> info;
    std::vector<LoadedPart> parts; // one, or each of the replicas
    LoadRequest request;           // to load it again
};

/// What became of the question for room: which model gave way or will, and who runs on it.
struct RoomAnswer {
    std::optional<LoadRequest> gaveWay;
    std::vector<RequestSnapshot> inTheWay;
    std::string resident;            // the model that they run on
    std::future<void> gone;          // valid: its memory is free then
    std::function<bool()> stay = {}; // with `gone`: it stays after all; false when it has gone
};

/// Answers, on the loader thread: `adopt` takes a loaded model into the engine; `makeRoom` gives
/// the memory of one model back, as the policy allows; `ended` hears of every load that has ended
/// with all that came of it.
struct LoaderCallbacks {
    std::function<void(LoadedModel)> adopt;
    std::function<RoomAnswer(SwitchPolicy)> makeRoom;
    std::function<void(LoadId, const Status&)> ended = {};
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
        std::vector<LoadRequest> gaveWay; // models that were freed for this one
        std::vector<RequestSnapshot> inTheWay;
    };

    void run();
    LoadEvent load(Job& job);
    Result<LoadedModel> loadModel(Job& job);
    Status chooseSplit(const Job& job, const OpenedModel& opened, std::string& device,
                       SplitMode& split, SplitChoice& choice);
    Status chooseActivations(const OpenedModel& opened, const std::vector<LoadedPart>& parts,
                             ModelInfo& info);
    Status planWithRoom(Job& job, const OpenedModel& opened, std::vector<LoadedPart>& parts,
                        const std::string& name);
    Status makeRoom(Job& job, const std::string& name);
    void bringBack(const LoadRequest& request, LoadEvent& end);

    EngineParts m_parts;
    LoaderCallbacks m_callbacks;
    ActivationChoices m_activationChoices; // of the loader thread
    SplitChoices m_splitChoices;           // likewise
    std::mutex m_mutex;                    // guards all below but the thread
    std::condition_variable m_wake;
    std::deque<std::shared_ptr<Job>> m_jobs; // the first one may be running
    std::shared_ptr<Job> m_again;            // brings a model back for the first one
    bool m_stopping = false;
    std::thread m_thread;
};

} // namespace engine
