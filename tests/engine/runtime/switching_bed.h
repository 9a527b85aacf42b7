#pragma once
// Loads and answers that go on while models come and go, for the suites of several models.

#include "tests/engine/runtime/engine_bed.h"

#include <atomic>
#include <future>

namespace tests {

constexpr std::uint64_t kMoreThanHalf = 30'000'000; // two of them do not fit

/// A load under way.
struct Loading {
    LoadId id = 0;
    std::shared_ptr<std::promise<LoadEvent>> ended = std::make_shared<std::promise<LoadEvent>>();
    std::shared_ptr<std::atomic<int>> inTheWay = std::make_shared<std::atomic<int>>(0);

    LoadEvent wait() const { return ended->get_future().get(); }
};

inline Loading startLoad(Bed& bed, const char* name, SwitchPolicy policy) {
    Loading loading;
    LoadRequest request;
    request.path = name;
    request.policy = policy;
    loading.id = bed.engine->load(request, [loading](const LoadEvent& event) {
        if (event.phase == LoadPhase::Planning && !event.inTheWay.empty())
            *loading.inTheWay = int(event.inTheWay.size());
        if (event.phase >= LoadPhase::Ready)
            loading.ended->set_value(event);
    });
    return loading;
}

/// An answer of `tokens` tokens, 0 = until the context is full. nullptr: refused.
inline std::shared_ptr<RecordingSink> start(Bed& bed, std::uint32_t tokens,
                                            const ModelKey& model = {},
                                            Priority priority = Request{}.priority) {
    auto sink = std::make_shared<RecordingSink>();
    Request request;
    request.model = model;
    request.rawPrompt = "go";
    request.maxTokens = tokens;
    request.priority = priority;
    request.ignoreEndOfGeneration = true;
    if (!bed.engine->submit(std::move(request), sink).ok())
        return nullptr;
    return sink;
}

} // namespace tests
