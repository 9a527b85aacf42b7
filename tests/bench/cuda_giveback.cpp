// Whether the driver has its memory back within two seconds of every eject, as NVML says: models
// one after another, two side by side, replicas, and (break) after a kernel that broke the device's
// context. What is loaded next must answer with the same tokens. Without Qt.
// usage: inglenook_cuda_giveback DEVICE MODEL.gguf [auto|replicas|tensor [break]]
//        DEVICE: cuda:0, cuda:0,1; replicas, tensor: how several GPUs hold it
// Exit code 1 when memory stays or tokens differ.
#include "engine/runtime/engine.h"
#include "tests/bench/runtime_bed.h"
#include "tests/support/load_and_wait.h"

#include <algorithm>
#include <cstdio>
#include <dlfcn.h>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace engine;

constexpr double kSlack_mib = 50;
constexpr std::chrono::milliseconds kPatience{2000};

template<typename Function>
Function* find(void* library, const char* name) {
    return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}

/// What the driver says is used of each GPU.
class DriverMemory {
  public:
    DriverMemory() : m_library(dlopen("libnvidia-ml.so.1", RTLD_NOW)) {
        const auto start = find<int()>(m_library, "nvmlInit_v2");
        const auto count = find<int(unsigned*)>(m_library, "nvmlDeviceGetCount_v2");
        const auto open = find<int(unsigned, void**)>(m_library, "nvmlDeviceGetHandleByIndex_v2");
        m_read = find<int(void*, Info*)>(m_library, "nvmlDeviceGetMemoryInfo");
        unsigned devices = 0;
        if (start == nullptr || count == nullptr || open == nullptr || start() != 0 ||
            count(&devices) != 0)
            return;
        m_devices.resize(devices);
        for (unsigned i = 0; i < devices; ++i)
            if (open(i, &m_devices[i]) != 0)
                m_devices[i] = nullptr;
    }

    bool good() const { return m_read != nullptr && !m_devices.empty(); }
    /// [GPUs of the computer] MiB
    std::vector<double> used_mib() const {
        std::vector<double> all;
        for (void* device : m_devices) {
            Info info;
            const bool read = device != nullptr && m_read(device, &info) == 0;
            all.push_back(read ? static_cast<double>(info.used) / 1048576 : -1);
        }
        return all;
    }

  private:
    struct Info {
        unsigned long long total = 0;
        unsigned long long free = 0;
        unsigned long long used = 0;
    };
    void* m_library;
    int (*m_read)(void*, Info*) = nullptr;
    std::vector<void*> m_devices;
};

/// A kernel that traps: from then on every call of the device's context fails. False where the
/// driver did not let it.
bool breakContext(int device) {
    constexpr const char* kTrap = ".version 7.0\n.target sm_80\n.address_size 64\n"
                                  ".visible .entry broken()\n{\n\ttrap;\n}\n";
    void* driver = dlopen("libcuda.so.1", RTLD_NOW);
    const auto get = find<int(int*, int)>(driver, "cuDeviceGet");
    const auto retain = find<int(void**, int)>(driver, "cuDevicePrimaryCtxRetain");
    const auto release = find<int(int)>(driver, "cuDevicePrimaryCtxRelease_v2");
    const auto current = find<int(void*)>(driver, "cuCtxSetCurrent");
    const auto load = find<int(void**, const void*)>(driver, "cuModuleLoadData");
    const auto function = find<int(void**, void*, const char*)>(driver, "cuModuleGetFunction");
    const auto launch = find<int(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                                 unsigned, void*, void**, void**)>(driver, "cuLaunchKernel");
    const auto wait = find<int()>(driver, "cuCtxSynchronize");
    if (get == nullptr || retain == nullptr || release == nullptr || current == nullptr ||
        load == nullptr || function == nullptr || launch == nullptr || wait == nullptr)
        return false;
    int handle = 0;
    void* context = nullptr;
    void* module = nullptr;
    void* kernel = nullptr;
    if (get(&handle, device) != 0 || retain(&context, handle) != 0)
        return false;
    const bool trapped = current(context) == 0 && load(&module, kTrap) == 0 &&
                         function(&kernel, module, "broken") == 0 &&
                         launch(kernel, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr) == 0 &&
                         wait() != 0;
    (void)current(nullptr);
    (void)release(handle);
    return trapped;
}

using Model = std::shared_ptr<const ModelInfo>;

class Bed {
  public:
    Bed(std::string device, std::string path, SplitMode split)
        : m_device(std::move(device)),
          m_path(std::move(path)),
          m_split(split),
          m_before(m_driver.used_mib()),
          m_engine(createEngine({})) {
        say("before", m_before);
    }

    bool good() const { return m_driver.good(); }
    bool failed() const { return m_failed; }

    Model load(WeightFormat weights) {
        const LoadEvent event = tryToLoad(weights);
        if (event.model == nullptr) {
            m_failed = true;
            std::printf("load: %s\n", event.status.sentence().c_str());
            return nullptr;
        }
        std::printf("%s loaded in %lld ms; ", event.model->device.c_str(),
                    static_cast<long long>(event.model->load_ms));
        say("used", m_driver.used_mib());
        return event.model;
    }

    LoadEvent tryToLoad(WeightFormat weights) {
        LoadRequest request;
        request.path = m_path;
        request.device = m_device;
        request.split = m_split;
        request.formats.weights = weights;
        request.context = 512;
        request.slotCount = 4;
        request.kvTokens = 4096; // two models side by side
        return tests::loadAndWait(*m_engine, std::move(request));
    }

    Status ask(const Model& model, std::vector<TokenId>& tokens) {
        Request request;
        request.model = model->key;
        for (TokenId token = 300; token < 400; ++token)
            request.promptTokens.push_back(token);
        request.sampler.temperature = 0.8F;
        request.sampler.seed = 7;
        request.maxTokens = 100;
        request.ignoreEndOfGeneration = true;
        request.reproducible = true;
        request.topLogprobs = 1; // every token makes an event, also half a character
        auto sink = std::make_shared<tests::Recorder>();
        const auto sent = m_engine->submit(std::move(request), sink);
        const Status status = sent.ok() ? sink->wait().status : sent.status();
        tokens = sink->tokens();
        return status;
    }

    /// The first answer of a format is what later ones are held against.
    void answersAlike(const Model& model, std::vector<TokenId>& first) {
        std::vector<TokenId> tokens;
        const Status status = model == nullptr ? Status() : ask(model, tokens);
        if (first.empty())
            first = tokens;
        const bool same = status.ok() && tokens.size() == 100 && tokens == first;
        m_failed = m_failed || !same;
        std::printf("  answer: %zu tokens, %s %s\n", tokens.size(), same ? "the same" : "OTHERS",
                    status.ok() ? "" : status.sentence().c_str());
    }

    void eject(const Model& model) {
        if (model == nullptr)
            return;
        std::promise<void> done;
        m_engine->unload(model->key, [&done] { done.set_value(); });
        done.get_future().wait();
    }

    /// All are ejected: the driver has everything back in time.
    void expectAllBack(const char* after) {
        const auto begin = std::chrono::steady_clock::now();
        std::vector<double> used = m_driver.used_mib();
        while (excess(used) > kSlack_mib && std::chrono::steady_clock::now() - begin < kPatience) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            used = m_driver.used_mib();
        }
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - begin);
        m_failed = m_failed || excess(used) > kSlack_mib;
        std::printf("after %s: %s%+.1f MiB of before, %lld ms; ", after,
                    excess(used) > kSlack_mib ? "STAYS " : "", excess(used),
                    static_cast<long long>(took.count()));
        say("used", used);
    }

    void say(const char* what, const std::vector<double>& used) const {
        std::printf("%s", what);
        for (const double gpu : used)
            std::printf(" %.1f", gpu);
        std::printf(" MiB\n");
        std::fflush(stdout);
    }
    void sayUsed(const char* what) const { say(what, m_driver.used_mib()); }

  private:
    double excess(const std::vector<double>& used) const {
        double most = 0;
        for (std::size_t i = 0; i < used.size() && i < m_before.size(); ++i)
            most = std::max(most, used[i] - m_before[i]);
        return most;
    }

    std::string m_device;
    std::string m_path;
    SplitMode m_split;
    DriverMemory m_driver;
    std::vector<double> m_before;
    std::unique_ptr<Engine> m_engine;
    bool m_failed = false;
};

/// The GPU whose number comes first in "cuda:1,0".
int firstGpu(const std::string& device) {
    const std::size_t colon = device.find(':');
    return colon == std::string::npos ? 0 : std::atoi(device.c_str() + colon + 1);
}

/// A context that broke takes its models with it. What is loaded next may be refused: a process
/// whose kernel broke its context gets no other on drivers seen so far; what it held goes back.
void breakAndLoad(Bed& bed, int gpu) {
    const Model lost = bed.load(WeightFormat::Int8);
    if (lost == nullptr)
        return;
    const bool broken = breakContext(gpu);
    std::vector<TokenId> tokens;
    const Status status = bed.ask(lost, tokens);
    std::printf("the context was%s broken; answer: %s\n", broken ? "" : " NOT",
                status.ok() ? "whole" : status.sentence().c_str());
    bed.eject(lost);
    bed.expectAllBack("a broken context");
    for (int tries = 0; tries < 3; ++tries) {
        const LoadEvent event = bed.tryToLoad(WeightFormat::Int8);
        std::printf("  loaded again: %s\n", event.status.sentence().c_str());
        std::fflush(stdout);
        if (event.model != nullptr)
            break;
        std::this_thread::sleep_for(std::chrono::seconds(1));
    }
}

int giveBack(const std::string& device, const std::string& path, SplitMode split, bool breaks) {
    Bed bed(device, path, split);
    if (!bed.good()) {
        std::fprintf(stderr, "NVML says nothing here.\n");
        return 1;
    }
    std::vector<TokenId> int8;
    std::vector<TokenId> int4;
    for (const char* after : {"a model", "a second load"}) {
        const Model model = bed.load(WeightFormat::Int8);
        bed.answersAlike(model, int8);
        bed.eject(model);
        bed.expectAllBack(after);
    }
    const Model one = bed.load(WeightFormat::Int8);
    const Model other = bed.load(WeightFormat::Int4);
    bed.answersAlike(other, int4);
    bed.eject(one);
    bed.sayUsed("one of two ejected: used");
    bed.answersAlike(other, int4);
    const Model back = bed.load(WeightFormat::Int8);
    bed.answersAlike(back, int8);
    bed.answersAlike(other, int4);
    bed.eject(other);
    bed.eject(back);
    bed.expectAllBack("two models");
    if (breaks)
        breakAndLoad(bed, firstGpu(device));
    std::printf("%s\n", bed.failed() ? "FAILED" : "all back");
    return bed.failed() ? 1 : 0;
}

} // namespace

int main(int argc, char** argv) {
    const auto split = parseSplitMode(argc > 3 ? argv[3] : "auto");
    if (argc < 3 || argc > 5 || !split.ok()) {
        std::fprintf(
            stderr,
            "usage: inglenook_cuda_giveback DEVICE MODEL.gguf [auto|replicas|tensor [break]]\n");
        return 2;
    }
    return giveBack(argv[1], argv[2], *split, argc > 4 && std::string(argv[4]) == "break");
}
