// Sums over several GPUs that a product makes itself (PartSum): an MLP of one row again and again,
// int8 weights, each rank with its inner columns. usage:
// inglenook_exchange DEVICES         us of gate, up and down: without any sum, with a kernel for
// it,
//                                    and within the product
//        inglenook_exchange DEVICES bits    the residual after 160 sums in graphs, on every rank
//        bit for bit what one GPU comes to that adds the parts up itself; once more where ranks
//        take turns with a kernel for the sum. inglenook_exchange_delays is the same program with
//        kernels that rest at random.
// inglenook_exchange DEVICE tiles    one product of a row alone: what 32 to 48 rows a
//                                    multiprocessor take, two tiles of 16 or three
// Times are taken with rings of 3, 4 (the engine's) and 5 units, where they fit.
// DEVICES: "0,1"; a device may be named twice. Exit code 1 when something is wrong.
#include "kernels/cuda/gemv_stream_run.cuh"
#include "kernels/cuda_all_reduce.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

using namespace kernels;
using namespace kernels::cuda;

void must(cudaError_t error, const char* what) {
    if (error == cudaSuccess)
        return;
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(error));
    std::exit(1);
}
#define MUST(expression) must((expression), #expression)

constexpr std::uint32_t kSums = 8; // of a step
constexpr int kSteps = 20;

/// Mixed: by a kernel where sum and rank are odd together, a product elsewhere.
enum class How { None, Kernel, Product, Mixed };

__device__ std::uint32_t hash(std::uint32_t v) {
    v ^= v >> 16, v *= 0x7FEB352DU, v ^= v >> 15, v *= 0x846CA68BU;
    return v ^ v >> 16;
}
__global__ void fillWords(std::uint32_t* words, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        words[i] = hash(static_cast<std::uint32_t>(i) * 2654435761U + seed) & 0x7F7F7F7FU ^
                   hash(static_cast<std::uint32_t>(i) + seed * 77U) & 0x80808080U;
}
__global__ void fillHalves(std::uint16_t* halves, std::size_t count, std::uint16_t value) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        halves[i] = static_cast<std::uint16_t>(value + hash(static_cast<std::uint32_t>(i)) % 64);
}
__global__ void fillFloats(float* floats, std::uint32_t count, float base, float range) {
    const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        floats[i] = base + range * (static_cast<float>(hash(i + 5) % 2001) / 1000.0F - 1.0F);
}
struct Parts {
    const float* of[kMostRanks];
};
/// In the order of the ranks.
__global__ void addParts(Parts parts, std::uint32_t ranks, float* residual, std::uint32_t count) {
    const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    float sum = parts.of[0][i];
    for (std::uint32_t rank = 1; rank < ranks; ++rank)
        sum = sum + parts.of[rank][i];
    residual[i] = residual[i] + sum;
}

struct Mlp {
    Matrix gate, up, down;
};

template<class T>
T* allocate(std::size_t count) {
    T* memory = nullptr;
    MUST(cudaMalloc(&memory, count * sizeof(T)));
    return memory;
}

Matrix makeMatrix(std::uint32_t rows, std::uint32_t columns, std::uint32_t seed,
                  std::uint16_t scale) {
    Matrix matrix;
    matrix.kind = WeightKind::Int8;
    matrix.group = 128;
    matrix.rows = rows;
    matrix.columns = columns;
    const std::size_t bytes = std::size_t{rows} * matrix.rowBytes();
    const std::size_t scales = std::size_t{rows} * matrix.groupsPerRow();
    matrix.values = allocate<std::byte>(bytes);
    auto* halves = allocate<std::uint16_t>(scales + 8);
    matrix.scales = halves;
    fillWords<<<1024, 256>>>(reinterpret_cast<std::uint32_t*>(matrix.values), bytes / 4, seed);
    fillHalves<<<1024, 256>>>(halves, scales, scale);
    MUST(cudaGetLastError());
    return matrix;
}
Mlp makeMlp(std::uint32_t hidden, std::uint32_t inner, std::uint32_t rank) {
    constexpr std::uint16_t kSmall = 0x1000; // 2^-11
    return {makeMatrix(inner, hidden, rank * 3 + 1, kSmall),
            makeMatrix(inner, hidden, rank * 3 + 2, kSmall),
            makeMatrix(hidden, inner, rank * 3 + 3, kSmall - 0x800)};
}
void release(Mlp& mlp) {
    for (const Matrix* matrix : {&mlp.gate, &mlp.up, &mlp.down}) {
        MUST(cudaFree(matrix->values));
        MUST(cudaFree(const_cast<void*>(static_cast<const void*>(matrix->scales))));
    }
}

/// Units of a warp's ring.
int depth = 4;
cudaError_t multiply(const Gemv& task, const DeviceLimits& limits, cudaStream_t stream) {
    switch (depth) {
    case 3:
        return runSingle<SingleInt8<128>, 3>(task, limits, stream);
    case 5:
        return runSingle<SingleInt8<128>, 5>(task, limits, stream);
    default:
        return runSingle<SingleInt8<128>, 4>(task, limits, stream);
    }
}

struct Rank {
    int device = 0;
    cudaStream_t stream = nullptr;
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    DeviceLimits limits;
    RankLinks links;
    Mlp mlp;
    std::byte* window = nullptr;
    float* residual = nullptr;
    float* part = nullptr;
    float* norm = nullptr;
    std::uint16_t* inner = nullptr;
    std::uint16_t* normed = nullptr;
    cudaGraphExec_t graph = nullptr;
};
constexpr std::uint32_t kMostHidden = 8192;
constexpr std::uint32_t kMostInner = 32768;

class Group {
  public:
    explicit Group(const std::vector<int>& devices) : m_ranks(devices.size()) {
        MUST(cudaHostAlloc(&m_fault, 4, cudaHostAllocPortable | cudaHostAllocMapped));
        *m_fault = 0;
        for (std::size_t i = 0; i < devices.size(); ++i) {
            Rank& rank = m_ranks[i];
            rank.device = devices[i];
            MUST(cudaSetDevice(rank.device));
            cudaDeviceProp properties;
            MUST(cudaGetDeviceProperties(&properties, rank.device));
            rank.limits.multiprocessors = properties.multiProcessorCount;
            rank.limits.sharedBytes = static_cast<std::uint32_t>(properties.sharedMemPerBlockOptin);
            rank.limits.hopper = true;
            for (std::size_t j = 0; j < devices.size(); ++j) {
                const int other = devices[j];
                m_sharesDevice |= j != i && other == rank.device;
                if (other != rank.device && cudaDeviceEnablePeerAccess(other, 0) != cudaSuccess)
                    (void)cudaGetLastError();
            }
            MUST(cudaStreamCreateWithFlags(&rank.stream, cudaStreamNonBlocking));
            MUST(cudaEventCreate(&rank.begin));
            MUST(cudaEventCreate(&rank.end));
            rank.residual = allocate<float>(kMostHidden);
            rank.part = allocate<float>(kMostHidden);
            rank.norm = allocate<float>(kMostHidden);
            rank.normed = allocate<std::uint16_t>(kMostHidden);
            rank.inner = allocate<std::uint16_t>(kMostInner);
        }
    }

    /// A hidden state of `hidden` columns, `inner` of the MLP on each rank.
    void shape(std::uint32_t hidden, std::uint32_t inner) {
        m_hidden = hidden;
        m_inner = inner;
        ReduceLayout layout;
        layout.ranks = static_cast<std::uint32_t>(m_ranks.size());
        layout.stride = hidden;
        layout.mostRows = layout.oneShotRows = 1;
        for (std::uint32_t i = 0; i < m_ranks.size(); ++i) {
            Rank& rank = m_ranks[i];
            MUST(cudaSetDevice(rank.device));
            if (rank.window != nullptr) {
                MUST(cudaFree(rank.window));
                release(rank.mlp);
            }
            rank.window = allocate<std::byte>(layout.bytes());
            MUST(clearWindow(rank.window, layout, rank.stream));
            rank.mlp = makeMlp(hidden, inner, i);
            fillFloats<<<(hidden + 255) / 256, 256>>>(rank.norm, hidden, 1, 0.1F);
            rank.links.rank = i;
            rank.links.layout = layout;
            rank.links.fault = m_fault;
            rank.links.limit_ns = 2'000'000'000;
            rank.links.sharesDevice = m_sharesDevice;
            MUST(cudaDeviceSynchronize());
        }
        for (Rank& rank : m_ranks)
            for (std::size_t i = 0; i < m_ranks.size(); ++i)
                rank.links.windows[i] = m_ranks[i].window;
    }

    /// Steps in graphs; the residual begins anew.
    void capture(How how) {
        for (Rank& rank : m_ranks) {
            MUST(cudaSetDevice(rank.device));
            fillFloats<<<(m_hidden + 255) / 256, 256>>>(rank.residual, m_hidden, 0, 2);
            MUST(cudaDeviceSynchronize());
            MUST(cudaStreamBeginCapture(rank.stream, cudaStreamCaptureModeThreadLocal));
            step(rank, how);
            cudaGraph_t graph = nullptr;
            MUST(cudaStreamEndCapture(rank.stream, &graph));
            if (rank.graph != nullptr)
                MUST(cudaGraphExecDestroy(rank.graph));
            MUST(cudaGraphInstantiate(&rank.graph, graph, 0));
            MUST(cudaGraphUpload(rank.graph, rank.stream));
            MUST(cudaGraphDestroy(graph));
            MUST(cudaDeviceSynchronize());
        }
    }

    bool bits(How how) {
        capture(how);
        for (int i = 0; i < kSteps; ++i)
            for (Rank& rank : m_ranks) {
                MUST(cudaSetDevice(rank.device));
                MUST(cudaGraphLaunch(rank.graph, rank.stream));
            }
        std::vector<std::vector<float>> got(m_ranks.size(), std::vector<float>(m_hidden));
        for (std::size_t i = 0; i < m_ranks.size(); ++i) {
            MUST(cudaSetDevice(m_ranks[i].device));
            MUST(cudaStreamSynchronize(m_ranks[i].stream));
            MUST(cudaMemcpy(got[i].data(), m_ranks[i].residual, m_hidden * 4,
                            cudaMemcpyDeviceToHost));
        }
        const std::vector<float> expected = alone();
        bool good = *m_fault == 0;
        for (std::size_t i = 0; i < got.size(); ++i) {
            std::size_t wrong = 0;
            for (std::uint32_t k = 0; k < m_hidden; ++k)
                wrong += std::memcmp(&got[i][k], &expected[k], 4) != 0 ? 1 : 0;
            if (wrong != 0)
                std::printf("rank %zu: %zu of %u differ, first %g where %g\n", i, wrong, m_hidden,
                            got[i][0], expected[0]);
            good = good && wrong == 0;
        }
        return good;
    }

    /// us of gate, up, down and the sum.
    double time(How how) {
        capture(how);
        constexpr int kGraphs = 10;
        float best_ms = 1e9F;
        for (int repeat = 0; repeat < 5; ++repeat) {
            for (Rank& rank : m_ranks) {
                MUST(cudaSetDevice(rank.device));
                MUST(cudaEventRecord(rank.begin, rank.stream));
                for (int i = 0; i < kGraphs; ++i)
                    MUST(cudaGraphLaunch(rank.graph, rank.stream));
                MUST(cudaEventRecord(rank.end, rank.stream));
            }
            float least_ms = 1e9F; // of the one that started last
            for (Rank& rank : m_ranks) {
                float elapsed_ms = 0;
                MUST(cudaSetDevice(rank.device));
                MUST(cudaEventSynchronize(rank.end));
                MUST(cudaEventElapsedTime(&elapsed_ms, rank.begin, rank.end));
                least_ms = std::min(least_ms, elapsed_ms);
            }
            best_ms = repeat == 0 ? best_ms : std::min(best_ms, least_ms);
        }
        return best_ms * 1e3 / kGraphs / kSums;
    }
    /// One product of `rows` rows a multiprocessor on the first GPU, in turn with another: us,
    /// GB/s.
    void timeTiles(std::uint32_t rows, std::uint32_t columns) {
        Rank& rank = m_ranks[0];
        MUST(cudaSetDevice(rank.device));
        constexpr int kLaunches = 20;
        const std::uint32_t all = rows * rank.limits.multiprocessors;
        Matrix matrices[2];
        for (std::uint32_t i = 0; i < 2; ++i)
            matrices[i] = makeMatrix(all, columns, i, 0x1000);
        auto* out = allocate<float>(all);
        MUST(cudaMemset(rank.inner, 0, columns * 2));
        float best_ms = 1e9F;
        for (int repeat = 0; repeat < 6; ++repeat) {
            MUST(cudaEventRecord(rank.begin, rank.stream));
            for (int i = 0; i < kLaunches; ++i) {
                m_inner = columns;
                Gemv task = down(rank, rank.mlp, out);
                task.matrices[0] = matrices[i % 2];
                task.outStrides[0] = all;
                MUST(multiply(task, rank.limits, rank.stream));
            }
            MUST(cudaEventRecord(rank.end, rank.stream));
            MUST(cudaEventSynchronize(rank.end));
            float elapsed_ms = 0;
            MUST(cudaEventElapsedTime(&elapsed_ms, rank.begin, rank.end));
            best_ms = std::min(best_ms, elapsed_ms);
        }
        for (const Matrix& matrix : matrices) {
            MUST(cudaFree(matrix.values));
            MUST(cudaFree(const_cast<void*>(static_cast<const void*>(matrix.scales))));
        }
        MUST(cudaFree(out));
        const double us = best_ms * 1e3 / kLaunches;
        const double bytes = double(all) * columns * (1 + 2.0 / 128);
        std::printf("  %u rows %6.2f us %4.0f", rows, us, bytes / us / 1e3);
    }
    bool answered() const { return *m_fault == 0; }

  private:
    Gemv gateUp(const Rank& rank, const Mlp& mlp) const {
        Gemv task;
        task.matrices[0] = mlp.gate;
        task.matrices[1] = mlp.up;
        task.matrixCount = 2;
        task.epilogue = Epilogue::SwiGlu;
        task.rows = 1;
        task.x = rank.residual;
        task.xStride = m_hidden;
        task.normWeight = rank.norm;
        task.eps = 1e-5F;
        task.roundInput = true;
        task.outStrides[0] = task.outStrides[1] = m_inner;
        task.roundedOut = rank.inner;
        return task;
    }
    Gemv down(const Rank& rank, const Mlp& mlp, float* out) const {
        Gemv task;
        task.matrices[0] = mlp.down;
        task.rows = 1;
        task.roundInput = true;
        task.rounded = rank.inner;
        task.xStride = m_inner;
        task.outs[0] = out;
        task.outStrides[0] = m_hidden;
        return task;
    }
    void step(Rank& rank, How how) {
        bool normed = false;
        for (std::uint32_t sum = 0; sum < kSums; ++sum) {
            Gemv first = gateUp(rank, rank.mlp);
            if (normed) {
                first.rounded = rank.normed;
                first.x = nullptr;
                first.normWeight = nullptr;
            }
            MUST(multiply(first, rank.limits, rank.stream));
            const bool mixed = how == How::Mixed && (sum ^ rank.links.rank) % 2 != 0;
            if (how == How::Product || (how == How::Mixed && !mixed)) {
                Gemv second = down(rank, rank.mlp, rank.residual);
                second.sum = partSum(rank, sum % 2);
                MUST(multiply(second, rank.limits, rank.stream));
                continue;
            }
            if (mixed)
                makePart(rank, rank.mlp, rank.part);
            else
                MUST(multiply(down(rank, rank.mlp, rank.part), rank.limits, rank.stream));
            if (how == How::None)
                continue;
            ResidualSum task;
            task.part = rank.part;
            task.residual = rank.residual;
            task.rows = 1;
            task.columns = m_hidden;
            task.parity = sum % 2;
            normed = how == How::Kernel && sum + 1 < kSums;
            if (normed) {
                task.normWeight = rank.norm;
                task.eps = 1e-5F;
                task.normed[rank.links.rank] = rank.normed;
            }
            MUST(sumResidual(task, rank.links, rank.limits, rank.stream));
        }
    }
    PartSum partSum(const Rank& rank, std::uint32_t parity) const {
        const ReduceLayout& layout = rank.links.layout;
        const auto place = [&](std::uint32_t of, std::uint32_t source) {
            return reinterpret_cast<float*>(rank.links.windows[of] +
                                            layout.oneShot(parity, source, 0));
        };
        PartSum sum;
        for (std::uint32_t peer = 0; peer < layout.ranks; ++peer)
            sum.to[peer] = place(peer, rank.links.rank);
        sum.from = place(rank.links.rank, 0);
        sum.apart = layout.oneShotRows * layout.stride;
        sum.rank = rank.links.rank;
        sum.ranks = layout.ranks;
        sum.sharesDevice = m_sharesDevice;
        sum.fault = m_fault;
        sum.limit_ns = rank.links.limit_ns;
        return sum;
    }
    /// A part alone, rows dealt out to blocks as where several ranks add up: that tells how a
    /// row's products are added.
    void makePart(const Rank& rank, const Mlp& mlp, float* part) const {
        DeviceLimits limits = rank.limits;
        if (m_sharesDevice)
            limits.multiprocessors /= static_cast<std::uint32_t>(m_ranks.size());
        fillFloats<<<(m_hidden + 255) / 256, 256, 0, rank.stream>>>(part, m_hidden, 0, 0);
        MUST(cudaGetLastError());
        Gemv task = down(rank, mlp, part);
        task.sum.ranks = 1;
        task.sum.sharesDevice = m_sharesDevice;
        MUST(multiply(task, limits, rank.stream));
    }

    /// The residual as the first GPU comes to it with everybody's weights.
    std::vector<float> alone() {
        Rank& rank = m_ranks[0];
        MUST(cudaSetDevice(rank.device));
        const auto ranks = static_cast<std::uint32_t>(m_ranks.size());
        std::vector<Mlp> mlps;
        Parts parts = {};
        for (std::uint32_t i = 0; i < ranks; ++i) {
            mlps.push_back(makeMlp(m_hidden, m_inner, i));
            parts.of[i] = allocate<float>(m_hidden);
        }
        fillFloats<<<(m_hidden + 255) / 256, 256>>>(rank.residual, m_hidden, 0, 2);
        MUST(cudaDeviceSynchronize());
        for (std::uint32_t sum = 0; sum < kSums * kSteps; ++sum) {
            for (std::uint32_t i = 0; i < ranks; ++i) {
                MUST(multiply(gateUp(rank, mlps[i]), rank.limits, rank.stream));
                makePart(rank, mlps[i], const_cast<float*>(parts.of[i]));
            }
            addParts<<<(m_hidden + 255) / 256, 256, 0, rank.stream>>>(parts, ranks, rank.residual,
                                                                      m_hidden);
        }
        std::vector<float> result(m_hidden);
        MUST(cudaStreamSynchronize(rank.stream));
        MUST(cudaMemcpy(result.data(), rank.residual, m_hidden * 4, cudaMemcpyDeviceToHost));
        for (std::uint32_t i = 0; i < ranks; ++i) {
            release(mlps[i]);
            MUST(cudaFree(const_cast<float*>(parts.of[i])));
        }
        return result;
    }

    std::vector<Rank> m_ranks;
    std::uint32_t* m_fault = nullptr;
    bool m_sharesDevice = false;
    std::uint32_t m_hidden = 0;
    std::uint32_t m_inner = 0;
};

} // namespace

int main(int argc, char** argv) {
    std::vector<int> devices;
    for (const char* at = argc > 1 ? argv[1] : "0,0"; *at != 0; at += *at == ',' ? 1 : 0) {
        char* end = nullptr;
        devices.push_back(static_cast<int>(std::strtol(at, &end, 10)));
        at = end;
    }
    Group group(devices);
    const auto ranks = static_cast<std::uint32_t>(devices.size());
    bool good = true;
    if (argc > 2 && std::string(argv[2]) == "bits") {
        const std::uint32_t shapes[][2] = {
            {512, 256}, {2048, 1024}, {4096, 1792}, {5120, 1024}, {8192, 1024}};
        for (const auto& [hidden, inner] : shapes) {
            group.shape(hidden, inner);
            const bool same = group.bits(How::Product) && group.bits(How::Product);
            const bool mixed = group.bits(How::Mixed);
            good = good && same && mixed;
            std::printf("%u ranks, a row of %u, twice %u sums within products: %s; in turns with a "
                        "kernel: %s\n",
                        ranks, hidden, kSums * kSteps, same ? "the same bits" : "DIFFER",
                        mixed ? "the same bits" : "DIFFER");
            std::fflush(stdout);
        }
        return good ? 0 : 1;
    }
    if (argc > 2 && std::string(argv[2]) == "tiles") {
        for (const std::uint32_t columns : {5120U, 14336U})
            for (depth = 3; depth <= 5; ++depth) {
                std::printf("rings of %d, %u columns, us and GB/s:", depth, columns);
                for (const std::uint32_t rows : {16U, 32U, 36U, 40U, 44U, 48U, 64U})
                    group.timeTiles(rows, columns);
                std::printf("\n");
                std::fflush(stdout);
            }
        return 0;
    }
    const std::uint32_t shapes[][2] = {{4096, 14336}, {5120, 27648}, {8192, 28672}};
    for (int i = 0; i < 9; ++i) {
        const auto& [hidden, inner] = shapes[i / 3];
        depth = 3 + i % 3;
        if (i % 3 == 0)
            group.shape(hidden, inner / ranks);
        const double none = group.time(How::None);
        const double kernel = group.time(How::Kernel);
        const double within = group.time(How::Product);
        std::printf("%u ranks, MLP %u x %u, rings of %d, us: %.2f without a sum, %.2f with its "
                    "kernel, %.2f within the product; a sum %.2f, %.2f\n",
                    ranks, hidden, inner, depth, none, kernel, within, kernel - none,
                    within - none);
        std::fflush(stdout);
        good = good && group.answered();
    }
    return good ? 0 : 1;
}
