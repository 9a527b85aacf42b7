// The runtime on a GPU: many requests that share beginnings, give way to each other and run beside
// a second model must get the tokens that each gets alone; what a load takes is held against its
// plan. Without Qt, for machines that have a GPU and little else.
// usage: inglenook_cuda_runtime check DEVICE MODEL.gguf
//        inglenook_cuda_runtime load DEVICE SHAPE FILE   writes a random int8 model of the shape to
//        FILE, when it is not there, and loads it from the page cache
// Exit code 1 when something differs.
#include "engine/device/make_executor.h"
#include "engine/model/convert.h"
#include "engine/model/opened_model.h"
#include "engine/model/synthetic.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/kv_cache.h"

#include <condition_variable>
#include <cstdio>
#include <filesystem>
#include <future>
#include <mutex>
#include <random>
#include <thread>

namespace {

using namespace engine;

constexpr std::uint32_t kRequests = 24;
constexpr std::uint32_t kPrefix = 96; // tokens that all prompts share
constexpr std::uint32_t kOwn = 40;
constexpr std::uint32_t kAnswer = 160;

class Recorder final : public TokenSink {
  public:
    bool push(TokenEvent event) noexcept override {
        const std::lock_guard lock(m_mutex);
        if (event.token != kNoToken)
            m_tokens.push_back(event.token);
        if (event.kind == EventKind::Finished) {
            m_end = std::move(event);
            m_ended = true;
            m_changed.notify_all();
        }
        return true;
    }
    TokenEvent wait() {
        std::unique_lock lock(m_mutex);
        m_changed.wait_for(lock, std::chrono::seconds(60), [this] { return m_ended; });
        return m_end;
    }
    std::vector<TokenId> tokens() const { return m_tokens; } // once ended

  private:
    std::mutex m_mutex;
    std::condition_variable m_changed;
    std::vector<TokenId> m_tokens;
    TokenEvent m_end;
    bool m_ended = false;
};

LoadEvent load(Engine& engine, LoadRequest request) {
    auto ended = std::make_shared<std::promise<LoadEvent>>();
    engine.load(std::move(request), [ended](const LoadEvent& event) {
        if (event.phase >= LoadPhase::Ready)
            ended->set_value(event);
    });
    return ended->get_future().get();
}

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

int check(const std::string& device, const std::string& path) {
    const Result<OpenedModel> opened = openModel(path);
    if (!opened.ok()) {
        std::fprintf(stderr, "%s\n", opened.status().sentence().c_str());
        return 1;
    }
    const std::uint64_t before = freeBytes(device, *opened);
    const std::unique_ptr<Engine> engine = createEngine({});
    LoadRequest request;
    request.path = path;
    request.device = device;
    request.slotCount = 8;
    request.context = 512;
    request.kvTokens = 1024; // for eight answers of some 300: they give way to each other
    const LoadEvent loaded = load(*engine, request);
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

    LoadRequest other = request;
    other.formats.weights = WeightFormat::Int4;
    const LoadEvent second = load(*engine, other);
    bool both = second.phase == LoadPhase::Ready;
    std::uint32_t complete = 0;
    if (both) {
        auto beside = std::async(std::launch::async,
                                 [&] { return run(*engine, *second.model, true, false); });
        const auto shared = run(*engine, model, true, false);
        for (const auto& answers : {shared, beside.get()})
            for (const Answer& answer : answers)
                complete += answer.tokens.size() == kAnswer ? 1 : 0;
        both = complete == 2 * kRequests;
    }
    std::printf("two models: %u of %u answers whole%s%s\n", complete, 2 * kRequests,
                second.status.ok() ? "" : "; ",
                second.status.ok() ? "" : second.status.sentence().c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const Snapshot last = engine->snapshot();
    std::uint32_t used = 0;
    for (const ModelSnapshot& resident : last.models)
        used += resident.pagesUsed;
    std::printf("pages in use at the end: %u; %llu preemptions, %llu by moving\n", used,
                static_cast<unsigned long long>(last.preemptionsTotal),
                static_cast<unsigned long long>(last.preemptionsMoved));
    return wrong == 0 && both && used == 0 && last.preemptionsTotal > 0 ? 0 : 1;
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
        const LoadEvent loaded = load(*engine, request);
        if (loaded.phase != LoadPhase::Ready) {
            std::fprintf(stderr, "%s\n", loaded.status.sentence().c_str());
            return 1;
        }
        std::printf("load %s: %.2f s, %s\n", shape.c_str(),
                    static_cast<double>(loaded.model->load_ms) / 1e3, loaded.model->device.c_str());
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
    std::fprintf(stderr, "usage: inglenook_cuda_runtime check DEVICE MODEL.gguf | "
                         "load DEVICE SHAPE FILE\n");
    return 2;
}
