// NCCL's sums beside our own (inglenook_all_reduce): us for each size, in a graph. NCCL is opened
// at run time through own prototypes; without it there is nothing to measure. Run it with
// NCCL_NVLS_ENABLE=0 and a time limit.
// usage: inglenook_nccl 0,1[,...]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <thread>
#include <vector>

namespace {

// What is used of nccl.h.
using Comm = void*;
constexpr int kFloat32 = 7;
constexpr int kSum = 0;
struct Nccl {
    int (*initAll)(Comm* comms, int count, const int* devices);
    int (*allReduce)(const void* from, void* to, std::size_t count, int type, int operation,
                     Comm comm, cudaStream_t stream);
    int (*groupStart)();
    int (*groupEnd)();
    const char* (*errorString)(int result);
};

void check(cudaError_t error, const char* what) {
    if (error == cudaSuccess)
        return;
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    std::exit(1);
}

bool open(Nccl& nccl) {
    void* library = dlopen("libnccl.so.2", RTLD_NOW);
    if (library == nullptr) {
        std::printf("no NCCL: %s\n", dlerror());
        return false;
    }
    const auto find = [&](auto& function, const char* name) {
        function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
        return function != nullptr;
    };
    return find(nccl.initAll, "ncclCommInitAll") && find(nccl.allReduce, "ncclAllReduce") &&
           find(nccl.groupStart, "ncclGroupStart") && find(nccl.groupEnd, "ncclGroupEnd") &&
           find(nccl.errorString, "ncclGetErrorString");
}

struct Rank {
    int device = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    float* from = nullptr;
    float* to = nullptr;
    cudaGraphExec_t graph = nullptr;
};
constexpr std::size_t kMostFloats = 2048 * 8192;
constexpr int kSums = 100; // in a graph

/// Milliseconds of the fastest of some launches of all ranks' graphs.
float timeGraphs(std::vector<Rank>& ranks) {
    float best_ms = 0;
    for (int pass = 0; pass < 6; ++pass) {
        for (Rank& rank : ranks) {
            check(cudaSetDevice(rank.device), "device");
            check(cudaEventRecord(rank.begin, rank.stream), "record");
            check(cudaGraphLaunch(rank.graph, rank.stream), "launch");
            check(cudaEventRecord(rank.end, rank.stream), "record");
        }
        float longest_ms = 0;
        for (Rank& rank : ranks) {
            float elapsed_ms = 0;
            check(cudaEventSynchronize(rank.end), "sum");
            check(cudaEventElapsedTime(&elapsed_ms, rank.begin, rank.end), "time");
            longest_ms = elapsed_ms > longest_ms ? elapsed_ms : longest_ms;
        }
        if (pass > 0 && (best_ms == 0 || longest_ms < best_ms))
            best_ms = longest_ms;
    }
    return best_ms;
}

int measure(const Nccl& nccl, std::vector<Rank>& ranks, const std::vector<Comm>& comms,
            std::uint32_t rows, std::uint32_t columns) {
    const std::size_t count = std::size_t{rows} * columns;
    const int sums = count > 1'000'000 ? 10 : kSums;
    for (Rank& rank : ranks) {
        check(cudaSetDevice(rank.device), "device");
        check(cudaStreamBeginCapture(rank.stream, cudaStreamCaptureModeRelaxed), "capture");
    }
    for (int i = 0; i < sums; ++i) {
        int result = nccl.groupStart();
        for (std::size_t r = 0; r < ranks.size() && result == 0; ++r)
            result = nccl.allReduce(ranks[r].from, ranks[r].to, count, kFloat32, kSum, comms[r],
                                    ranks[r].stream);
        const int ended = nccl.groupEnd();
        if (result != 0 || ended != 0) {
            std::fprintf(stderr, "NCCL: %s\n", nccl.errorString(result != 0 ? result : ended));
            return 1;
        }
    }
    for (Rank& rank : ranks) {
        cudaGraph_t graph = nullptr;
        check(cudaSetDevice(rank.device), "device");
        check(cudaStreamEndCapture(rank.stream, &graph), "capture");
        check(cudaGraphInstantiate(&rank.graph, graph, 0), "graph");
        (void)cudaGraphDestroy(graph);
    }
    const float ms = timeGraphs(ranks);
    std::printf("%zu ranks, %4u rows x %5u = %6zu KB: %8.2f us\n", ranks.size(), rows, columns,
                count / 256, ms * 1000 / static_cast<float>(sums));
    std::fflush(stdout);
    for (Rank& rank : ranks)
        (void)cudaGraphExecDestroy(rank.graph);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    std::vector<Rank> ranks;
    std::vector<int> devices;
    for (const char* at = argc > 1 ? argv[1] : "0,1"; *at != 0; at += *at == ',' ? 1 : 0) {
        char* end = nullptr;
        devices.push_back(static_cast<int>(std::strtol(at, &end, 10)));
        if (end == at)
            return 2;
        at = end;
    }
    Nccl nccl{};
    if (!open(nccl))
        return 0;
    std::vector<Comm> comms(devices.size());
    if (const int result =
            nccl.initAll(comms.data(), static_cast<int>(devices.size()), devices.data());
        result != 0) {
        std::fprintf(stderr, "NCCL: %s\n", nccl.errorString(result));
        return 1;
    }
    for (const int device : devices) {
        Rank& rank = ranks.emplace_back();
        rank.device = device;
        check(cudaSetDevice(device), "device");
        check(cudaStreamCreateWithFlags(&rank.stream, cudaStreamNonBlocking), "stream");
        check(cudaEventCreate(&rank.begin), "event");
        check(cudaEventCreate(&rank.end), "event");
        void* memory = nullptr;
        check(cudaMalloc(&memory, 2 * kMostFloats * sizeof(float)), "memory");
        check(cudaMemset(memory, 0x3C, 2 * kMostFloats * sizeof(float)), "memory");
        rank.from = static_cast<float*>(memory);
        rank.to = rank.from + kMostFloats;
    }
    const std::uint32_t shapes[][2] = {{1, 1024},   {1, 4096},   {1, 5120},  {1, 8192},
                                       {8, 8192},   {64, 4096},  {64, 8192}, {256, 4096},
                                       {255, 8192}, {2048, 8192}};
    for (const auto& shape : shapes)
        if (measure(nccl, ranks, comms, shape[0], shape[1]) != 0)
            return 1;
    return 0;
}
