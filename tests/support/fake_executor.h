#pragma once
// FakeExecutor: an engine::Executor that computes hashes instead of logits, and a small model to
// load into it. The KV of a position is the hash of the whole prefix, kept in the pages as a real
// executor keeps KV; the next token is chosen by that hash. A wrong page, position or order of rows
// therefore changes the text, and expectedTokens() says what it must be. Of a slot that penalizes,
// the tokens that its sampler has counted choose too.

#include "engine/device/executor.h"
#include "engine/runtime/loader.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tests {

/// Set before the load, changed while it runs only through the atomics.
struct FakeExecutorScript {
    std::string deviceName = "CPU · fake";
    using Time = std::atomic<std::chrono::microseconds>;
    Time stepTime{std::chrono::microseconds(0)};
    Time rowTime{std::chrono::microseconds(0)};
    Time saveTime{std::chrono::microseconds(0)}; ///< of a page
    /// A step takes so long on the device: submit() returns at once, collect() waits for it.
    std::atomic<std::int64_t> device_us{0};
    std::atomic<std::int64_t> deviceRow_us{0}; ///< and so much longer for each row
    /// Called with every batch instead of sleeping: lets a virtual clock move.
    std::function<void(const engine::Batch&)> onSubmit;
    /// Called before a result is handed out: a virtual clock goes to where the step is done.
    std::function<void()> onCollect;
    /// Called with what that step took.
    std::function<void(engine::StepTimings&)> onTimings;
    std::function<bool()> isDone;             ///< of the oldest step, on that clock
    std::atomic<std::uint32_t> failAtStep{0}; ///< 1 = the next step of a fresh executor; 0 = never
    std::atomic<bool> dieAtFault{false};      ///< the fault also makes it Dead
    std::atomic<bool> refuseSlots{false};
    std::atomic<bool> dieAtSlot{false}; ///< setSlot() finds the device dead
    std::atomic<bool> failPages{false}; ///< copies, saves and restores of pages fail
    /// KV depends on how many rows shared the batch, as rounding does on some devices.
    std::atomic<bool> shapeMatters{false};
    /// A second step may be submitted before the first is collected; set before the load. The
    /// variable lets every suite over the fake run so.
    bool runsAhead = std::getenv("INGLENOOK_FAKE_RUNS_AHEAD") != nullptr;
    std::atomic<std::uint64_t> weights_bytes{1'000'000}; ///< of 50 MB, for each model that is alive
    std::uint32_t loadTensors = 3;
    std::uint32_t cheapRows = 0;
    Time tensorTime{std::chrono::microseconds(0)};
    engine::Status loadFailure;
    std::atomic<int> failingLoads{-1}; ///< so many loads get it; -1 = all
    std::atomic<std::uint32_t> loads{0};
    std::atomic<std::uint32_t> plannedPages{0}; ///< of the last load
    /// Observations.
    std::atomic<std::uint32_t> steps{0};
    std::atomic<std::uint32_t> rows{0};
    std::atomic<std::uint32_t> copies{0}; ///< pages
    std::atomic<std::uint32_t> saves{0};
    std::atomic<std::uint32_t> restores{0};
    std::atomic<std::uint32_t> mostRows{0};
    std::atomic<std::uint32_t> mostTables{0};
    std::atomic<std::uint32_t> ahead{0}; ///< rows whose token nobody had seen
    std::atomic<int> alive{0};           ///< executors that hold a model
    std::atomic<bool> broken{false};     ///< a batch broke the contract; `complaint` says how
    std::string complaint;
};

std::unique_ptr<engine::Executor> makeFakeExecutor(std::shared_ptr<FakeExecutorScript> script);

/// A model of words: 3 specials, 256 bytes, "<think>", "</think>", then words.
engine::OpenedModel fakeModel(const std::filesystem::path& path, std::uint32_t context = 256);
constexpr engine::TokenId kFakeEos = 2;
constexpr engine::TokenId kFakeThink = 259;
constexpr engine::TokenId kFakeEndThink = 260;
constexpr engine::TokenId kFakeFirstWord = 261;

/// What must be generated after a prompt, at most `limit` tokens; the end token ends it unless
/// `beyondTheEnd`.
std::vector<engine::TokenId> expectedTokens(const std::vector<engine::TokenId>& prompt,
                                            std::uint32_t limit, bool beyondTheEnd = false);

/// Parts for EngineImpl: every path opens fakeModel ("absent" does not, "thinker" reasons, "broken"
/// does not load, and "huge" does not fit).
engine::EngineParts fakeParts(std::shared_ptr<FakeExecutorScript> script,
                              std::uint32_t context = 256);
/// The same with a script for each device: "cuda:0", "cuda:1" ...
engine::EngineParts fakeParts(std::map<std::string, std::shared_ptr<FakeExecutorScript>> scripts,
                              std::uint32_t context = 256);

} // namespace tests
