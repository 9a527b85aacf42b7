#pragma once
// ModelTable: the resident models, oldest first. Engine thread only.
//
// A model that a newer one replaces retires: nobody finds it any more, and it gives its memory back
// when the last request that had found it has ended. One that is closed takes not even those.

#include "engine/runtime/engine.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/replicas.h"

#include <functional>
#include <memory>
#include <vector>

namespace engine {

struct ResidentModel {
    std::shared_ptr<const ModelInfo> info;
    std::unique_ptr<Replicas> replicas;
    LoadRequest request; // how it was loaded
    TimePoint lastUsed;  // a request joined, or it had work
    TimePoint lastStep;  // it stepped, or had nothing to do
    bool retiring = false;
    bool closed = false;
    std::vector<std::function<void()>> whenGone; // called once its memory is free
};

class ModelTable {
  public:
    void add(ResidentModel model) {
        m_models.push_back(std::make_unique<ResidentModel>(std::move(model)));
    }
    ResidentModel* find(const ModelInfo* info) {
        for (const auto& model : m_models)
            if (model->info.get() == info)
                return model.get();
        return nullptr;
    }
    /// Frees a model's memory, then calls who waited for it.
    void remove(ResidentModel* model) {
        for (auto at = m_models.begin(); at != m_models.end(); ++at) {
            if (at->get() != model)
                continue;
            const auto calls = std::move(model->whenGone);
            m_models.erase(at);
            for (const auto& call : calls)
                call();
            return;
        }
    }
    const std::vector<std::unique_ptr<ResidentModel>>& all() const { return m_models; }

  private:
    std::vector<std::unique_ptr<ResidentModel>> m_models;
};

} // namespace engine
