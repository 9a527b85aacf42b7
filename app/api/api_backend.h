#pragma once
// ApiBackend: what the API asks of the program around it. Methods may be called on any thread.

#include "app/api/api_error.h"
#include "app/history/response_cache.h"
#include "app/settings_values.h"
#include "engine/runtime/engine.h"

#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

namespace app {

/// A model as GET /v1/models tells of it.
struct ApiModel {
    std::string id; ///< what requests call it
    std::int64_t created_s = 0;
    bool isLoaded = false;
    std::uint32_t context = 0; ///< tokens; 0 = not loaded
};

enum class ApiHealth { Ready, Loading, NoModel };

class ApiBackend {
  public:
    using ModelAnswer =
        std::function<void(std::variant<std::shared_ptr<const engine::ModelInfo>, ApiError>)>;

    virtual ~ApiBackend() = default;

    /// Outlives every task given to runInPool().
    virtual engine::Engine& engine() = 0;
    virtual ApiHealth health() = 0;
    /// May look at folders: from the pool.
    virtual std::vector<ApiModel> models() = 0;
    /// The model of that name (empty: the loaded one), loaded first when nothing runs. Answers once
    /// on any thread, perhaps before it returns.
    virtual void obtainModel(const std::string& name, ModelAnswer answer) = 0;
    /// Templates, tokens and folders are worked out there, not on the I/O thread.
    virtual void runInPool(std::function<void()> task) = 0;
    /// Prometheus text.
    virtual std::string metrics() = 0;
    /// nullptr: no response cache.
    virtual ResponseCache* cache() = 0;
    /// Which answers the person allows to be given again.
    virtual ResponseUse responseUse() = 0;
};

} // namespace app
