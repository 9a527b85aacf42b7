#pragma once
// An engine over the fake executor, with a loaded model, for the suites of engine/runtime.

#include "engine/runtime/engine_impl.h"
#include "tests/support/fake_executor.h"
#include "tests/support/load_and_wait.h"
#include "tests/support/recording_sink.h"

#include <future>

namespace tests {

using namespace engine;

/// An engine over the fake executor, with a loaded model.
struct Bed {
    explicit Bed(std::uint32_t slotCount = 4, std::uint32_t context = 256,
                 const EngineOptions& options = {}) {
        EngineParts parts = tests::fakeParts(script, context);
        parts.options = options;
        engine = std::make_unique<EngineImpl>(std::move(parts));
        model = load("one", slotCount);
    }

    std::shared_ptr<const ModelInfo> load(const char* name, std::uint32_t slotCount) {
        LoadRequest request;
        request.path = name;
        request.slotCount = slotCount;
        return loadAndWait(*engine, std::move(request)).model;
    }

    Result<RequestId> ask(const std::string& prompt, const std::shared_ptr<RecordingSink>& sink,
                          std::uint32_t maxTokens = 0) {
        Request request;
        request.rawPrompt = prompt;
        request.maxTokens = maxTokens;
        return engine->submit(std::move(request), sink);
    }

    /// What a prompt must give.
    std::string expected(const std::string& prompt, std::uint32_t limit,
                         bool beyondTheEnd = false) const {
        const auto tokens =
            model->tokenizer->encode(prompt, {.addBos = true, .parseSpecial = true});
        std::string text;
        for (const TokenId token : tests::expectedTokens(tokens, limit, beyondTheEnd))
            text += model->tokenizer->tokenBytes(token);
        return text;
    }

    std::uint32_t usedPages() const {
        const Snapshot snapshot = engine->snapshot();
        return snapshot.models.empty() ? 0 : snapshot.models.front().pagesUsed;
    }

    std::shared_ptr<FakeExecutorScript> script = std::make_shared<FakeExecutorScript>();
    std::unique_ptr<EngineImpl> engine;
    std::shared_ptr<const ModelInfo> model;
};

inline std::string words(int count, int first) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += " w" + std::to_string((first + i * 7) % 200);
    return text;
}

} // namespace tests
