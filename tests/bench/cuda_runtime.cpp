// The runtime on a GPU: many requests that share beginnings, give way to each other and run beside
// a second model must get the tokens that each gets alone; what a load takes is held against its
// plan. Without Qt, for machines that have a GPU and little else.
// usage: inglenook_cuda_runtime check DEVICE[/SPLIT] MODEL.gguf
//        inglenook_cuda_runtime load DEVICE SHAPE FILE   writes a random int8 model of the shape to
//        FILE, when it is not there, and loads it from the page cache
//        inglenook_cuda_runtime streams DEVICE SPLIT SHAPE STREAMS PROMPT GENERATE   answers of a
//        random int8 model that run together, through the whole engine: tokens a second while all
//        of them run, and from the first request to the last answer
// Exit code 1 when something differs.
#include "engine/device/make_executor.h"
#include "engine/model/convert.h"
#include "engine/model/opened_model.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/kv_cache.h"
#include "tests/bench/device_words.h"
#include "tests/bench/runtime_bed.h"
#include "tests/support/load_and_wait.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <random>
#include <thread>

namespace {

using namespace engine;
using tests::loadAndWait;
using tests::Recorder;

constexpr std::uint32_t kRequests = 24;
constexpr std::uint32_t kPrefix = 96; // tokens that all prompts share
constexpr std::uint32_t kOwn = 40;
constexpr std::uint32_t kAnswer = 160;

Request makeRequest(const ModelInfo& model, std::uint32_t index, bool reproducible) {
    Request request;
    request.model = model.key;
    std::mt19937 shared(1);
    std::mt19937 own(100 + index);
    const auto draw = [&](std::mt19937& random) {
        return static_cast<TokenId>(300 + random() % (model.config.vocabularySize - 400));
    };
    for (std::uint32_t i = 0; i < kPrefix; ++i)
        request.promptTokens.push_back(draw(shared));
    for (std::uint32_t i = 0; i < kOwn + index; ++i)
        request.promptTokens.push_back(draw(own));
    request.sampler.temperature = 0.8F;
    request.sampler.seed = 7 + index;
    request.sampler.repetitionPenalty = index % 2 == 0 ? 1.0F : 1.1F;
    request.maxTokens = kAnswer;
    request.ignoreEndOfGeneration = true;
    request.priority = static_cast<Priority>(index % 3);
    request.topLogprobs = 1; // every token makes an event, also half a character
    request.reproducible = reproducible;
    return request;
}

struct Answer {
    std::vector<TokenId> tokens;
    TokenEvent end;
};

std::vector<Answer> run(Engine& engine, const ModelInfo& model, bool together, bool reproducible) {
    std::vector<std::shared_ptr<Recorder>> sinks;
    std::vector<Answer> answers;
    const auto take = [&](Recorder& sink) {
        Answer answer;
        answer.end = sink.wait();
        answer.tokens = sink.tokens();
        answers.push_back(std::move(answer));
    };
    for (std::uint32_t i = 0; i < kRequests; ++i) {
        auto sink = std::make_shared<Recorder>();
        if (!engine.submit(makeRequest(model, i, reproducible), sink).ok())
            std::fprintf(stderr, "a request was refused\n");
        if (!together)
            take(*sink);
        sinks.push_back(std::move(sink));
    }
    if (together)
        for (const auto& sink : sinks)
            take(*sink);
    return answers;
}

std::uint32_t differences(const std::vector<Answer>& a, const std::vector<Answer>& b) {
    std::uint32_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        count += a[i].tokens != b[i].tokens || a[i].tokens.size() != kAnswer ? 1 : 0;
    return count;
}

/// Bytes that are free on the device, as its own plan says.
std::uint64_t freeBytes(const std::string& device, const OpenedModel& model) {
    Result<std::unique_ptr<Executor>> executor = makeExecutor(device);
    ExecutorPlan plan;
    plan.context = 512;
    plan.pageCount = 2;
    if (!executor.ok())
        return 0;
    const auto planned = (*executor)->memoryPlan(model.config, *model.tensors, plan);
    return planned.ok() ? planned->devices.front().free_bytes : 0;
}

/// Answers of `model` beside those of another one: how many of both are whole.
std::uint32_t wholeBeside(Engine& engine, const ModelInfo& model, const LoadRequest& other) {
    const LoadEvent second = loadAndWait(engine, other);
    std::uint32_t complete = 0;
    if (second.phase == LoadPhase::Ready) {
        auto beside =
            std::async(std::launch::async, [&] { return run(engine, *second.model, true, false); });
        const auto shared = run(engine, model, true, false);
        for (const auto& answers : {shared, beside.get()})
            for (const Answer& answer : answers)
                complete += answer.tokens.size() == kAnswer ? 1 : 0;
    }
    std::printf("two models: %u of %u answers whole%s%s\n", complete, 2 * kRequests,
                second.status.ok() ? "" : "; ",
                second.status.ok() ? "" : second.status.sentence().c_str());
    return complete;
}

int check(const std::string& words, const std::string& path) {
    const Result<tests::DeviceWords> parsed = tests::parseDeviceWords(words);
    const Result<OpenedModel> opened = openModel(path);
    if (const Status status = opened.ok() ? parsed.status() : opened.status(); !status.ok()) {
        std::fprintf(stderr, "%s\n", status.sentence().c_str());
        return 1;
    }
    const std::string& device = parsed->device;
    const std::uint64_t before = freeBytes(device, *opened);
    const std::unique_ptr<Engine> engine = createEngine({});
    LoadRequest request;
    request.path = path;
    request.device = device;
    request.split = parsed->split;
    request.slotCount = 8;
    request.context = 512;
    request.kvTokens = 1024; // for eight answers of some 300: they give way to each other
    const LoadEvent loaded = loadAndWait(*engine, request);
    if (loaded.phase != LoadPhase::Ready) {
        std::fprintf(stderr, "%s\n", loaded.status.sentence().c_str());
        return 1;
    }
    const ModelInfo& model = *loaded.model;
    const double planned = static_cast<double>(model.memory.devices.front().total()) / 1048576;
    const double taken = static_cast<double>(before - freeBytes(device, *opened)) / 1048576;
    std::printf("memory: plan %.0f MiB, taken %.0f MiB, difference %.0f MiB\n", planned, taken,
                taken - planned);

    const auto alone = run(*engine, model, false, true);
    const auto crowd = run(*engine, model, true, true);
    std::this_thread::sleep_for(std::chrono::milliseconds(300)); // a snapshot is taken when idle
    const Snapshot first = engine->snapshot();
    const std::uint32_t wrong = differences(alone, crowd);
    std::printf("reproducible: %u of %u differ from alone; %llu preemptions, %llu by moving, %llu "
                "tokens from the cache\n",
                wrong, kRequests, static_cast<unsigned long long>(first.preemptionsTotal),
                static_cast<unsigned long long>(first.preemptionsMoved),
                static_cast<unsigned long long>(first.cachedTokensTotal));

    request.formats.weights = WeightFormat::Int4;
    const std::uint32_t complete = wholeBeside(*engine, model, request);
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const Snapshot last = engine->snapshot();
    std::uint32_t used = 0;
    for (const ModelSnapshot& resident : last.models)
        used += resident.pagesUsed;
    std::printf("pages in use at the end: %u; %llu preemptions, %llu by moving\n", used,
                static_cast<unsigned long long>(last.preemptionsTotal),
                static_cast<unsigned long long>(last.preemptionsMoved));
    return wrong == 0 && complete == 2 * kRequests && used == 0 && last.preemptionsTotal > 0 ? 0
                                                                                             : 1;
}

int timeLoads(const std::string& device, const std::string& shape, const std::string& file) {
    const std::atomic<bool> stop{false};
    if (!std::filesystem::exists(file)) {
        const auto config = syntheticConfig(shape);
        if (!config.ok()) {
            std::fprintf(stderr, "%s\n", config.status().sentence().c_str());
            return 1;
        }
        OpenedModel model;
        model.config = *config;
        model.path = shape;
        model.format = "synthetic";
        model.tensors = makeSyntheticSource(*config, 1);
        if (const auto written = convertToGguf(model, file, WeightFormat::Int8, {}, stop);
            !written.ok()) {
            std::fprintf(stderr, "%s\n", written.status().sentence().c_str());
            return 1;
        }
    }
    for (int repeat = 0; repeat < 3; ++repeat) {
        const std::unique_ptr<Engine> engine = createEngine({});
        LoadRequest request;
        request.path = file;
        request.device = device;
        request.context = 1024;
        const LoadEvent loaded = loadAndWait(*engine, request);
        if (loaded.phase != LoadPhase::Ready) {
            std::fprintf(stderr, "%s\n", loaded.status.sentence().c_str());
            return 1;
        }
        std::printf("load %s: %.2f s, %s\n", shape.c_str(),
                    static_cast<double>(loaded.model->load_ms) / 1e3, loaded.model->device.c_str());
    }
    return 0;
}

/// A model of a real shape with random weights; its tokens spell numbers.
Result<OpenedModel> openSynthetic(const std::string& shape) {
    const auto config = syntheticConfig(shape);
    if (!config.ok())
        return config.status();
    OpenedModel model;
    model.path = shape;
    model.format = "synthetic";
    model.config = *config;
    model.tensors = makeSyntheticSource(*config, 1);
    model.vocabulary.kind = TokenizerKind::SentencePiece;
    for (std::uint32_t id = 0; id < config->vocabularySize; ++id) {
        VocabularyToken token;
        char text[16];
        std::snprintf(text, sizeof text, id < 256 ? "<0x%02X>" : "t%u", id);
        token.text = text;
        token.attribute = id < 256 ? TokenAttribute::Byte : TokenAttribute::Normal;
        model.vocabulary.tokens.push_back(std::move(token));
    }
    return model;
}

/// Notes when every token came.
class Times final : public TokenSink {
  public:
    bool push(TokenEvent event) noexcept override {
        const std::lock_guard lock(m_mutex);
        if (event.token != kNoToken)
            m_tokens.push_back(Clock::now());
        m_ended = m_ended || event.kind == EventKind::Finished;
        m_failed = m_failed || event.finish == FinishReason::Failed;
        m_changed.notify_all();
        return true;
    }
    /// Empty when it failed.
    std::vector<TimePoint> wait() {
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, std::chrono::seconds(60), [this] { return m_ended; });
        return m_failed || !m_ended ? std::vector<TimePoint>() : m_tokens;
    }

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<TimePoint> m_tokens;
    bool m_ended = false;
    bool m_failed = false;
};

struct Rates {
    double together = 0; // tokens a second while all answers run
    double whole = 0;    // from the first request to the last token
};

Rates runStreams(Engine& engine, const ModelInfo& model, std::uint32_t streams,
                 std::uint32_t prompt, std::uint32_t answer, std::uint32_t seed) {
    std::vector<std::shared_ptr<Times>> sinks;
    const TimePoint begin = Clock::now();
    for (std::uint32_t i = 0; i < streams; ++i) {
        std::mt19937 random(1000 * seed + i);
        Request request;
        request.model = model.key;
        for (std::uint32_t t = 0; t < prompt; ++t)
            request.promptTokens.push_back(
                static_cast<TokenId>(300 + random() % (model.config.vocabularySize - 400)));
        request.sampler.temperature = 0.6F;
        request.sampler.topP = 0.95F;
        request.sampler.seed = 1000 * seed + i;
        request.maxTokens = answer;
        request.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<Times>();
        if (const auto sent = engine.submit(std::move(request), sink); !sent.ok()) {
            std::fprintf(stderr, "%s\n", sent.status().sentence().c_str());
            return {};
        }
        sinks.push_back(std::move(sink));
    }
    std::vector<std::vector<TimePoint>> times;
    for (const auto& sink : sinks)
        times.push_back(sink->wait());
    TimePoint from = begin;
    TimePoint last = begin;
    TimePoint until = TimePoint::max();
    double all = 0;
    for (const auto& tokens : times) {
        if (tokens.size() < 2)
            return {};
        from = std::max(from, tokens.front());
        until = std::min(until, tokens.back());
        last = std::max(last, tokens.back());
        all += static_cast<double>(tokens.size());
    }
    double inside = 0;
    for (const auto& tokens : times)
        inside += static_cast<double>(std::count_if(
            tokens.begin(), tokens.end(), [&](TimePoint at) { return at > from && at <= until; }));
    return {until > from ? inside / seconds(until - from) : 0, all / seconds(last - begin)};
}

int timeStreams(const std::string& device, const std::string& split, const std::string& shape,
                std::uint32_t streams, std::uint32_t prompt, std::uint32_t answer) {
    EngineOptions options;
    options.open = [](const std::filesystem::path& path) { return openSynthetic(path.string()); };
    const std::unique_ptr<Engine> engine = createEngine(options);
    const auto mode = parseSplitMode(split);
    LoadRequest request;
    request.path = shape;
    request.device = device;
    request.formats.weights = WeightFormat::Int8;
    request.slotCount = streams;
    request.context = prompt + answer + 32;
    request.kvTokens = streams * request.context;
    if (mode.ok())
        request.split = *mode;
    const LoadEvent loaded = loadAndWait(*engine, request);
    if (!mode.ok() || loaded.phase != LoadPhase::Ready) {
        std::fprintf(stderr, "%s\n",
                     (mode.ok() ? loaded.status : mode.status()).sentence().c_str());
        return 1;
    }
    if (const SplitChoice& measured = loaded.model->split; measured.devices > 0)
        std::printf("%s: measured at the load, one GPU %.1f tok/s, %u together %.1f\n",
                    shape.c_str(), measured.onePerSecond, measured.devices, measured.allPerSecond);
    for (std::uint32_t repeat = 0; repeat < 3; ++repeat) {
        const Rates rates = runStreams(*engine, *loaded.model, streams, prompt, answer, repeat);
        std::printf("%s %u streams, prompt %u, answers %u: %.0f tok/s together, %.0f whole, %s\n",
                    shape.c_str(), streams, prompt, answer, rates.together, rates.whole,
                    loaded.model->device.c_str());
        std::fflush(stdout);
        if (rates.whole <= 0)
            return 1;
    }
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "check" && argc == 4)
        return check(argv[2], argv[3]);
    if (what == "load" && argc == 5)
        return timeLoads(argv[2], argv[3], argv[4]);
    if (what == "streams" && argc == 8) {
        const auto number = [&](int i) { return static_cast<std::uint32_t>(std::atoi(argv[i])); };
        return timeStreams(argv[2], argv[3], argv[4], number(5), number(6), number(7));
    }
    std::fprintf(stderr, "usage: inglenook_cuda_runtime check DEVICE MODEL.gguf | "
                         "load DEVICE SHAPE FILE | "
                         "streams DEVICE SPLIT SHAPE STREAMS PROMPT GENERATE\n");
    return 2;
}
