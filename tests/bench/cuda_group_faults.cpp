// A group of GPUs whose step is launched on some of them only, and memory that comes and goes
// beside a group's steps: nobody may wait for another until patience ends. usage:
// inglenook_cuda_group_faults DEVICES SHAPE|MODEL [half] [churn]   e.g. cuda:0,1 llama-8b:2 half: a
// launch on the last GPU fails, once; the others' kernels must end and the group be given back.
// churn: another group and a GPU of its own load and release while a group answers. Exit code 1
// when something took longer than kSoon_ms or failed otherwise.
#include "tests/bench/check_models.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <link.h>
#include <numeric>
#include <string_view>
#include <thread>
#include <vector>

using namespace engine;

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSoon_ms = 2000; // patience is ten seconds
constexpr std::uint32_t kPages = 8;

double msSince(Clock::time_point begin) {
    return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

// ---- launches that fail as they are told: these two stand before those of the CUDA runtime
// --------

std::atomic<int> failingDevice{-1}; // whose next launch but a few fails
std::atomic<int> launchesLeft{0};

template<typename Function>
Function runtimeFunction(const char* name) {
    static void* const runtime = [] {
        void* found = nullptr;
        const auto look = [](dl_phdr_info* info, std::size_t, void* to) {
            if (std::string_view(info->dlpi_name).find("libcudart.so") == std::string_view::npos)
                return 0;
            *static_cast<void**>(to) = dlopen(info->dlpi_name, RTLD_NOW | RTLD_NOLOAD);
            return 1;
        };
        (void)dl_iterate_phdr(look, &found);
        return found;
    }();
    return reinterpret_cast<Function>(dlsym(runtime, name));
}

bool fails() {
    static const auto getDevice = runtimeFunction<cudaError_t (*)(int*)>("cudaGetDevice");
    int device = -1;
    return failingDevice >= 0 && getDevice(&device) == cudaSuccess && device == failingDevice &&
           launchesLeft-- == 0;
}

} // namespace

extern "C" __attribute__((visibility("default"))) cudaError_t
cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void** arguments) {
    static const auto launch =
        runtimeFunction<decltype(&cudaLaunchKernelExC)>("cudaLaunchKernelExC");
    return fails() ? cudaErrorMemoryAllocation : launch(config, kernel, arguments);
}
extern "C" __attribute__((visibility("default"))) cudaError_t cudaGraphLaunch(cudaGraphExec_t graph,
                                                                              cudaStream_t stream) {
    static const auto launch = runtimeFunction<decltype(&cudaGraphLaunch)>("cudaGraphLaunch");
    return fails() ? cudaErrorMemoryAllocation : launch(graph, stream);
}

namespace {

Status load(Executor& executor, const OpenedModel& model) {
    ExecutorPlan plan;
    plan.formats.weights = WeightFormat::Int8;
    plan.context = kPages * kPageTokens;
    plan.pageCount = 2 * kPages + 1;
    plan.slotCount = 2;
    const std::atomic<bool> stop{false};
    INGLENOOK_TRY(executor.load(model.config, model.tensors, plan, {}, stop));
    return executor.setSlot(0, {});
}

Batch stepOf(std::uint32_t rows, std::uint32_t position) {
    Batch batch;
    std::vector<PageId> pages(kPages);
    std::iota(pages.begin(), pages.end(), PageId{1});
    batch.tables.push_back({std::move(pages)});
    for (std::uint32_t i = 0; i < rows; ++i)
        batch.rows.push_back({0, 0, position + i, 5, i + 1 == rows ? Want::Token : Want::Nothing});
    return batch;
}

Status answer(Executor& executor, Batch batch) {
    const Result<Ticket> ticket = executor.submit(std::move(batch));
    return ticket.ok() ? executor.collect(*ticket).status : ticket.status();
}

/// A prompt and decoding, the latter by a graph.
int checkHalfLaunched(const std::string& devices, const OpenedModel& model) {
    int failures = 0;
    for (const std::uint32_t rows : {40U, 1U}) {
        std::unique_ptr<Executor> executor = tests::models::factoryFor(devices)();
        if (executor == nullptr)
            return 1;
        Status status = load(*executor, model);
        for (int i = 0; i < 3 && status.ok(); ++i)
            status = answer(*executor, stepOf(rows, 0));
        if (!status.ok()) {
            std::printf("%s\n", status.sentence().c_str());
            return 1;
        }
        launchesLeft = rows > 1 ? 9 : 0;
        failingDevice = devices.back() - '0';
        const Clock::time_point begin = Clock::now();
        status = answer(*executor, stepOf(rows, 0));
        failingDevice = -1;
        const double answered_ms = msSince(begin);
        executor.reset();
        const double released_ms = msSince(begin);
        const bool good = status == Code::DeviceLost && released_ms < kSoon_ms;
        failures += good ? 0 : 1;
        std::printf(
            "%u rows, a launch fails: answered after %.1f ms, released after %.1f ms, %s: %s\n",
            rows, answered_ms, released_ms, good ? "right" : "WRONG", status.sentence().c_str());
        std::fflush(stdout);
    }
    return failures;
}

int checkChurn(const std::string& devices, const OpenedModel& model) {
    constexpr int kTimes = 4;
    const auto make = tests::models::factoryFor(devices);
    const std::unique_ptr<Executor> answering = make();
    std::unique_ptr<Executor> other = make();
    std::unique_ptr<Executor> single = tests::models::factoryFor("cuda:0")();
    if (answering == nullptr || other == nullptr || single == nullptr)
        return 1;
    Status status = load(*answering, model);
    std::atomic<bool> done{false};
    Status churned;
    std::thread churn([&] {
        for (int i = 0; i < kTimes && churned.ok(); ++i)
            for (Executor* executor : {other.get(), single.get()}) {
                churned = load(*executor, model);
                for (int step = 0; step < 20 && churned.ok(); ++step)
                    churned = answer(*executor, stepOf(step % 2 == 0 ? 30 : 1, 0));
                executor->release();
            }
        done = true;
    });
    double longest_ms = 0;
    std::uint64_t steps = 0;
    for (; status.ok() && !done; ++steps) {
        const Clock::time_point begin = Clock::now();
        status = answer(*answering, stepOf(steps % 7 == 0 ? 30 : 1, 0));
        longest_ms = std::max(longest_ms, msSince(begin));
    }
    churn.join();
    const bool good = status.ok() && churned.ok() && longest_ms < kSoon_ms;
    std::printf(
        "%llu steps beside %d loads and releases of two others: the longest %.1f ms, %s %s%s\n",
        static_cast<unsigned long long>(steps), kTimes, longest_ms, good ? "right" : "WRONG",
        status.ok() ? "" : status.sentence().c_str(),
        churned.ok() ? "" : churned.sentence().c_str());
    return good ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2) {
        std::fprintf(stderr,
                     "usage: inglenook_cuda_group_faults DEVICES SHAPE|MODEL [half] [churn]\n");
        return 2;
    }
    const Result<OpenedModel> model = tests::models::modelOf(words[1]);
    if (!model.ok()) {
        std::fprintf(stderr, "%s\n", model.status().sentence().c_str());
        return 1;
    }
    const auto asked = [&](const char* part) {
        return words.size() == 2 || std::find(words.begin() + 2, words.end(), part) != words.end();
    };
    int failures = 0;
    if (asked("churn"))
        failures += checkChurn(words[0], *model);
    if (asked("half"))
        failures += checkHalfLaunched(words[0], *model);
    return failures == 0 ? 0 : 1;
}
