#pragma once
// What the programs share that check and time sums over several GPUs: ranks on their devices,
// graphs of sums, the time of those.
#include "kernels/cuda_all_reduce.h"
#include "tests/bench/check_bed.cuh"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace tests {

/// One rank; programs add what their sums work on.
struct RankBed {
    int device = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    kernels::cuda::DeviceLimits limits;
    kernels::cuda::RankLinks links;
    std::byte* window = nullptr;
    cudaGraphExec_t graph = nullptr;

    void use() const { CHECK(cudaSetDevice(device)); }

    /// Puts what `put` launches into the graph, instead of what was there.
    template<class Put>
    void capture(const Put& put) {
        use();
        CHECK(cudaDeviceSynchronize());
        CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        put();
        cudaGraph_t captured = nullptr;
        CHECK(cudaStreamEndCapture(stream, &captured));
        if (graph != nullptr)
            CHECK(cudaGraphExecDestroy(graph));
        CHECK(cudaGraphInstantiate(&graph, captured, 0));
        CHECK(cudaGraphUpload(graph, stream));
        CHECK(cudaGraphDestroy(captured));
        CHECK(cudaDeviceSynchronize());
    }
};

/// "0,1": device numbers between commas; a device may be named twice.
inline std::vector<int> parseDevices(const char* words) {
    std::vector<int> devices;
    for (const char* at = words; *at != 0; at += *at == ',' ? 1 : 0) {
        char* end = nullptr;
        devices.push_back(static_cast<int>(std::strtol(at, &end, 10)));
        at = end;
    }
    return devices;
}

/// Ranks of one group. `Rank` is a RankBed.
template<class Rank>
struct RankGroup {
    std::vector<Rank> ranks;
    std::uint32_t* fault = nullptr; // pinned: kernels that lost their patience say so here
    bool sharesDevice = false;

    /// Devices that reach each other's memory, a stream each.
    explicit RankGroup(const std::vector<int>& devices) : ranks(devices.size()) {
        CHECK(cudaHostAlloc(&fault, 4, cudaHostAllocPortable | cudaHostAllocMapped));
        *fault = 0;
        for (std::size_t i = 0; i < devices.size(); ++i) {
            Rank& rank = ranks[i];
            rank.device = devices[i];
            rank.use();
            rank.limits = deviceLimits(rank.device);
            for (std::size_t j = 0; j < devices.size(); ++j) {
                const int other = devices[j];
                sharesDevice |= j != i && other == rank.device;
                if (other != rank.device && cudaDeviceEnablePeerAccess(other, 0) != cudaSuccess)
                    (void)cudaGetLastError();
            }
            CHECK(cudaStreamCreateWithFlags(&rank.stream, cudaStreamNonBlocking));
            CHECK(cudaEventCreate(&rank.begin));
            CHECK(cudaEventCreate(&rank.end));
        }
    }

    /// Windows are made anew and everybody learns where they lie.
    void connect(const kernels::ReduceLayout& layout) {
        for (std::size_t i = 0; i < ranks.size(); ++i) {
            Rank& rank = ranks[i];
            rank.use();
            if (rank.window != nullptr)
                CHECK(cudaFree(rank.window));
            void* window = nullptr;
            CHECK(cudaMalloc(&window, layout.bytes()));
            rank.window = static_cast<std::byte*>(window);
            CHECK(kernels::cuda::clearWindow(rank.window, layout, rank.stream));
            CHECK(cudaStreamSynchronize(rank.stream));
            rank.links.rank = static_cast<std::uint32_t>(i);
            rank.links.layout = layout;
            rank.links.fault = fault;
            rank.links.limit_ns = 2'000'000'000;
            rank.links.sharesDevice = sharesDevice;
        }
        for (Rank& rank : ranks)
            for (std::size_t i = 0; i < ranks.size(); ++i)
                rank.links.windows[i] = ranks[i].window;
    }

    bool answered() const { return *fault == 0; }

    /// Every rank's graph so many times.
    void launchGraphs(int times) {
        for (int i = 0; i < times; ++i)
            for (Rank& rank : ranks) {
                rank.use();
                CHECK(cudaGraphLaunch(rank.graph, rank.stream));
            }
    }
    /// us of a graph, `times` of them after one another: the best of a few repeats, the first left
    /// out. Of a repeat the rank counts that began last: it waited for nobody.
    double timeGraphs(int times) {
        float best_ms = 1e9F;
        for (int repeat = 0; repeat < 6; ++repeat) {
            for (Rank& rank : ranks) {
                rank.use();
                CHECK(cudaEventRecord(rank.begin, rank.stream));
                for (int i = 0; i < times; ++i)
                    CHECK(cudaGraphLaunch(rank.graph, rank.stream));
                CHECK(cudaEventRecord(rank.end, rank.stream));
            }
            float least_ms = 1e9F;
            for (Rank& rank : ranks) {
                float elapsed_ms = 0;
                rank.use();
                CHECK(cudaEventSynchronize(rank.end));
                CHECK(cudaEventElapsedTime(&elapsed_ms, rank.begin, rank.end));
                least_ms = std::min(least_ms, elapsed_ms);
            }
            best_ms = repeat == 0 ? best_ms : std::min(best_ms, least_ms);
        }
        return best_ms * 1e3 / times;
    }
};

} // namespace tests
