// What answers on a GPU may depend on. Without Qt.
// usage: inglenook_cuda_reproducible schedules DEVICE MODEL [COUNT]   tokens and log-probabilities
// of
//        reproducible requests, bit by bit, in COUNT (200) random schedules, as alone: beside
//        others, after giving way, with known pages inglenook_cuda_reproducible moved DEVICE MODEL
//        greedy answers of ordinary requests that give way in a crowd, by moving pages to the host
//        or by computing them again, token by token against the same crowd with room for all
// Exit code 1 when something differs, or when nothing gave way.
#include "engine/model/opened_model.h"
#include "engine/runtime/engine.h"
#include "tests/bench/runtime_bed.h"
#include "tests/support/load_and_wait.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>

namespace {

using namespace engine;
using tests::Recorder;

struct Loaded {
    std::unique_ptr<Engine> engine;
    std::shared_ptr<const ModelInfo> model; // nullptr: it failed, and said so
};
Loaded start(const std::string& device, const std::string& path, const NumberFormats& formats,
             std::uint32_t slots, std::uint32_t kvTokens, std::uint64_t hostPages_bytes) {
    EngineOptions options;
    options.hostPages_bytes = hostPages_bytes;
    Loaded loaded{createEngine(options), nullptr};
    LoadRequest request;
    request.path = path;
    request.device = device;
    request.formats = formats;
    request.slotCount = slots;
    request.context = 512;
    request.kvTokens = kvTokens;
    const LoadEvent event = tests::loadAndWait(*loaded.engine, request);
    if (event.phase == LoadPhase::Ready)
        loaded.model = event.model;
    else
        std::fprintf(stderr, "%s\n", event.status.sentence().c_str());
    return loaded;
}

std::vector<TokenId> prompt(const ModelInfo& model, std::uint32_t seed, std::uint32_t count) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens(count);
    for (TokenId& token : tokens)
        token = static_cast<TokenId>(300 + random() % (model.config.vocabularySize - 400));
    return tokens;
}

std::shared_ptr<Recorder> ask(const Loaded& on, Request request, bool cancel = false) {
    request.model = on.model->key;
    auto sink = std::make_shared<Recorder>();
    const auto id = on.engine->submit(std::move(request), sink);
    if (!id.ok()) {
        std::fprintf(stderr, "%s\n", id.status().sentence().c_str());
        return nullptr;
    }
    if (cancel)
        on.engine->cancel(*id);
    return sink;
}

// ---- reproducible requests in random schedules

constexpr int kRequests = 3;
constexpr std::uint32_t kAnswer = 40;

Request reproducible(const ModelInfo& model, int which) {
    Request request;
    request.promptTokens = prompt(model, 40 + static_cast<std::uint32_t>(which),
                                  100 + 90 * static_cast<std::uint32_t>(which));
    request.sampler.temperature = which == 1 ? 0.0F : 0.9F;
    request.sampler.topP = 0.9F;
    request.sampler.repetitionPenalty = which == 2 ? 1.1F : 1.0F;
    request.sampler.seed = static_cast<std::uint64_t>(which);
    request.maxTokens = kAnswer;
    request.topLogprobs = 1; // every token makes an event, also half a character
    request.reproducible = true;
    request.ignoreEndOfGeneration = true;
    return request;
}

bool sameBits(const Recorder& a, const Recorder& b) {
    return a.tokens() == b.tokens() && a.tokens().size() == kAnswer &&
           std::memcmp(a.logprobs().data(), b.logprobs().data(), kAnswer * sizeof(float)) == 0;
}

/// Others of any kind around one of the three, whose place among them is random.
std::vector<std::shared_ptr<Recorder>> crowd(const Loaded& on, std::mt19937& random, int which,
                                             std::shared_ptr<Recorder>& watched) {
    std::vector<std::shared_ptr<Recorder>> others;
    const auto count = static_cast<std::uint32_t>(random() % 5);
    const auto place = static_cast<std::uint32_t>(random() % (count + 1));
    for (std::uint32_t i = 0; i <= count; ++i) {
        if (i == place) {
            watched = ask(on, reproducible(*on.model, which));
            continue;
        }
        Request other = reproducible(*on.model, static_cast<int>(random() % kRequests));
        other.reproducible = random() % 3 == 0;
        if (random() % 2 == 0)
            other.promptTokens = prompt(*on.model, 900 + static_cast<std::uint32_t>(random() % 200),
                                        20 + static_cast<std::uint32_t>(random() % 300));
        other.maxTokens = 1 + static_cast<std::uint32_t>(random() % 150);
        other.priority = static_cast<Priority>(random() % 3);
        others.push_back(ask(on, std::move(other), random() % 4 == 0));
    }
    return others;
}

int checkSchedules(const std::string& device, const std::string& path, int schedules) {
    constexpr std::uint32_t kSlots = 4;
    constexpr std::uint32_t kPoolTokens = 1100; // two full sequences: three must give way
    std::vector<std::shared_ptr<Recorder>> expected;
    for (int which = 0; which < kRequests; ++which) {
        const Loaded alone = start(device, path, {}, kSlots, kPoolTokens, 0);
        if (alone.model == nullptr)
            return 1;
        expected.push_back(ask(alone, reproducible(*alone.model, which)));
        if (expected.back() == nullptr || expected.back()->wait().status.ok() == false)
            return 1;
    }
    std::mt19937 random(17);
    Loaded on;
    std::uint64_t preemptions = 0;
    std::uint64_t moved = 0;
    std::uint64_t cached = 0;
    int differ = 0;
    for (int schedule = 0; schedule < schedules; ++schedule) {
        if (schedule % 50 == 0) // every other one without host memory: computed again
            on = start(device, path, {}, kSlots, kPoolTokens, schedule % 100 == 0 ? 64U << 20 : 0);
        if (on.model == nullptr)
            return 1;
        const int which = static_cast<int>(random() % kRequests);
        std::shared_ptr<Recorder> sink;
        const auto others = crowd(on, random, which, sink);
        if (sink == nullptr)
            return 1;
        const TokenEvent end = sink->wait();
        cached += end.timings.cachedTokens;
        if (!sameBits(*sink, *expected[static_cast<std::size_t>(which)])) {
            ++differ;
            std::printf("schedule %d, request %d: OTHER BITS %s\n", schedule, which,
                        end.status.ok() ? "" : end.status.sentence().c_str());
        }
        if (random() % 2 == 0) // else they run on beside the next one
            for (const auto& other : others)
                if (other != nullptr)
                    (void)other->wait();
        if (schedule % 50 == 49 || schedule + 1 == schedules) {
            std::this_thread::sleep_for(std::chrono::milliseconds(300)); // a snapshot is taken
            const Snapshot snapshot = on.engine->snapshot();
            preemptions += snapshot.preemptionsTotal;
            moved += snapshot.preemptionsMoved;
        }
    }
    std::printf("%d schedules: %d differ from alone; %llu gave way, %llu by moving pages, %llu "
                "tokens from the cache\n",
                schedules, differ, static_cast<unsigned long long>(preemptions),
                static_cast<unsigned long long>(moved), static_cast<unsigned long long>(cached));
    return differ == 0 && preemptions > moved && moved > 0 && cached > 0 ? 0 : 1;
}

// ---- ordinary requests that give way

struct Crowd {
    std::vector<std::shared_ptr<Recorder>> answers;
    std::uint64_t preemptions = 0;
    std::uint64_t moved = 0;
};
Crowd runCrowd(const std::string& device, const std::string& path, const NumberFormats& formats,
               std::uint32_t kvTokens, std::uint64_t hostPages_bytes) {
    constexpr std::uint32_t kTogether = 16;
    Crowd crowd;
    const Loaded on = start(device, path, formats, kTogether, kvTokens, hostPages_bytes);
    if (on.model == nullptr)
        return crowd;
    for (std::uint32_t i = 0; i < kTogether; ++i) {
        Request request;
        request.promptTokens = prompt(*on.model, 70 + i, 40 + 7 * i);
        request.sampler.temperature = 0;
        request.maxTokens = 160;
        request.topLogprobs = 2;
        request.ignoreEndOfGeneration = true;
        request.priority = static_cast<Priority>(i % 3);
        crowd.answers.push_back(ask(on, std::move(request)));
    }
    for (const auto& answer : crowd.answers)
        if (answer != nullptr)
            (void)answer->wait();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const Snapshot snapshot = on.engine->snapshot();
    crowd.preemptions = snapshot.preemptionsTotal;
    crowd.moved = snapshot.preemptionsMoved;
    return crowd;
}

/// Answers that part where one token was clearly better. Batches of other sizes add up in another
/// order, so that two tokens that are as good as each other may change places.
int compare(const Crowd& whole, const Crowd& given, float tie) {
    int differ = 0;
    int ties = 0;
    for (std::size_t i = 0; i < whole.answers.size(); ++i) {
        if (given.answers.size() != whole.answers.size() || given.answers[i] == nullptr ||
            whole.answers[i] == nullptr)
            return 1;
        const auto& a = whole.answers[i]->tokens();
        const auto& b = given.answers[i]->tokens();
        const auto at = static_cast<std::size_t>(
            std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
        if (at == a.size() && a.size() == b.size() && !a.empty())
            continue;
        const auto& margins = whole.answers[i]->margins();
        const bool tied = at < margins.size() && margins[at] < tie;
        ++(tied ? ties : differ);
        std::printf("  answer %zu parts at token %zu of %zu (%zu), margin %.2g\n", i, at, a.size(),
                    b.size(), at < margins.size() ? margins[at] : 0.0F);
    }
    std::printf("  %d of %zu differ, %d more at a tie below %.2g; %llu gave way, %llu by moving\n",
                differ, whole.answers.size(), ties, tie,
                static_cast<unsigned long long>(given.preemptions),
                static_cast<unsigned long long>(given.moved));
    return differ;
}

int checkMoved(const std::string& device, const std::string& path) {
    constexpr std::uint32_t kRoom = 16 * 512;
    constexpr std::uint32_t kTight = 1100;
    const struct {
        const char* name;
        NumberFormats formats;
        float tie;
    } kinds[] = {
        {"f32", {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32}, 1e-4F},
        {"int8", {WeightFormat::Int8, ActivationFormat::BF16, KvFormat::Int8}, 5e-2F},
    };
    int failures = 0;
    for (const auto& kind : kinds) {
        const Crowd whole = runCrowd(device, path, kind.formats, kRoom, 0);
        for (const std::uint64_t host_bytes : {std::uint64_t{64} << 20, std::uint64_t{0}}) {
            const Crowd given = runCrowd(device, path, kind.formats, kTight, host_bytes);
            std::printf("%s, %s:\n", kind.name, host_bytes > 0 ? "moved" : "computed again");
            failures += compare(whole, given, kind.tie);
            const bool gave = host_bytes > 0 ? given.moved > 0 : given.preemptions > 0;
            failures += gave && whole.preemptions == 0 ? 0 : 1;
        }
    }
    return failures == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "schedules" && (argc == 4 || argc == 5))
        return checkSchedules(argv[2], argv[3], argc == 5 ? std::atoi(argv[4]) : 200);
    if (what == "moved" && argc == 4)
        return checkMoved(argv[2], argv[3]);
    std::fprintf(stderr, "usage: inglenook_cuda_reproducible schedules DEVICE MODEL [COUNT] | "
                         "moved DEVICE MODEL\n");
    return 2;
}
