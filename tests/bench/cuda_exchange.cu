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
#include "tests/bench/rank_bed.cuh"

#include <cstdio>
#include <cstring>
#include <string>

namespace {

using namespace kernels;
using namespace kernels::cuda;
using tests::hashed;

constexpr std::uint32_t kSums = 8; // of a step
constexpr int kSteps = 20;

/// Mixed: by a kernel where sum and rank are odd together, a product elsewhere.
enum class How { None, Kernel, Product, Mixed };

__global__ void fillWords(std::uint32_t* words, std::size_t count, std::uint32_t seed) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        words[i] = hashed(static_cast<std::uint32_t>(i) * 2654435761U + seed) & 0x7F7F7F7FU ^
                   hashed(static_cast<std::uint32_t>(i) + seed * 77U) & 0x80808080U;
}
__global__ void fillHalves(std::uint16_t* halves, std::size_t count, std::uint16_t value) {
    for (std::size_t i = blockIdx.x * std::size_t{blockDim.x} + threadIdx.x; i < count;
         i += std::size_t{gridDim.x} * blockDim.x)
        halves[i] = static_cast<std::uint16_t>(value + hashed(static_cast<std::uint32_t>(i)) % 64);
}
__global__ void fillFloats(float* floats, std::uint32_t count, float base, float range) {
    const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count)
        floats[i] = base + range * (static_cast<float>(hashed(i + 5) % 2001) / 1000.0F - 1.0F);
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
    CHECK(cudaMalloc(&memory, count * sizeof(T)));
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
    CHECK(cudaGetLastError());
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
        CHECK(cudaFree(matrix->values));
        CHECK(cudaFree(const_cast<void*>(static_cast<const void*>(matrix->scales))));
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

struct Rank : tests::RankBed {
    Mlp mlp;
    float* residual = nullptr;
    float* part = nullptr;
    float* norm = nullptr;
    std::uint16_t* inner = nullptr;
    std::uint16_t* normed = nullptr;
};
constexpr std::uint32_t kMostHidden = 8192;
constexpr std::uint32_t kMostInner = 32768;

class Group {
  public:
    explicit Group(const std::vector<int>& devices) : m_group(devices) {
        for (Rank& rank : m_group.ranks) {
            rank.use();
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
        layout.ranks = static_cast<std::uint32_t>(m_group.ranks.size());
        layout.stride = hidden;
        layout.mostRows = layout.oneShotRows = 1;
        for (Rank& rank : m_group.ranks)
            if (rank.window != nullptr) {
                rank.use();
                release(rank.mlp);
            }
        m_group.connect(layout);
        for (Rank& rank : m_group.ranks) {
            rank.use();
            rank.mlp = makeMlp(hidden, inner, rank.links.rank);
            fillFloats<<<(hidden + 255) / 256, 256>>>(rank.norm, hidden, 1, 0.1F);
            CHECK(cudaDeviceSynchronize());
        }
    }

    /// Steps in graphs; the residual begins anew.
    void capture(How how) {
        for (Rank& rank : m_group.ranks) {
            rank.use();
            fillFloats<<<(m_hidden + 255) / 256, 256>>>(rank.residual, m_hidden, 0, 2);
            rank.capture([&] { step(rank, how); });
        }
    }

    bool bits(How how) {
        capture(how);
        m_group.launchGraphs(kSteps);
        std::vector<std::vector<float>> got(m_group.ranks.size(), std::vector<float>(m_hidden));
        for (std::size_t i = 0; i < m_group.ranks.size(); ++i) {
            m_group.ranks[i].use();
            CHECK(cudaStreamSynchronize(m_group.ranks[i].stream));
            CHECK(cudaMemcpy(got[i].data(), m_group.ranks[i].residual, m_hidden * 4,
                             cudaMemcpyDeviceToHost));
        }
        const std::vector<float> expected = alone();
        bool good = m_group.answered();
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
        constexpr int kGraphs = 10;
        capture(how);
        return m_group.timeGraphs(kGraphs) / kSums;
    }
    /// One product of `rows` rows a multiprocessor on the first GPU, in turn with another: us,
    /// GB/s.
    void timeTiles(std::uint32_t rows, std::uint32_t columns) {
        Rank& rank = m_group.ranks[0];
        rank.use();
        constexpr int kLaunches = 20;
        const std::uint32_t all = rows * rank.limits.multiprocessors;
        Matrix matrices[2];
        for (std::uint32_t i = 0; i < 2; ++i)
            matrices[i] = makeMatrix(all, columns, i, 0x1000);
        auto* out = allocate<float>(all);
        CHECK(cudaMemset(rank.inner, 0, columns * 2));
        float best_ms = 1e9F;
        for (int repeat = 0; repeat < 6; ++repeat) {
            CHECK(cudaEventRecord(rank.begin, rank.stream));
            for (int i = 0; i < kLaunches; ++i) {
                m_inner = columns;
                Gemv task = down(rank, rank.mlp, out);
                task.matrices[0] = matrices[i % 2];
                task.outStrides[0] = all;
                CHECK(multiply(task, rank.limits, rank.stream));
            }
            CHECK(cudaEventRecord(rank.end, rank.stream));
            CHECK(cudaEventSynchronize(rank.end));
            float elapsed_ms = 0;
            CHECK(cudaEventElapsedTime(&elapsed_ms, rank.begin, rank.end));
            best_ms = std::min(best_ms, elapsed_ms);
        }
        for (const Matrix& matrix : matrices) {
            CHECK(cudaFree(matrix.values));
            CHECK(cudaFree(const_cast<void*>(static_cast<const void*>(matrix.scales))));
        }
        CHECK(cudaFree(out));
        const double us = best_ms * 1e3 / kLaunches;
        const double bytes = double(all) * columns * (1 + 2.0 / 128);
        std::printf("  %u rows %6.2f us %4.0f", rows, us, bytes / us / 1e3);
    }
    bool answered() const { return m_group.answered(); }

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
            CHECK(multiply(first, rank.limits, rank.stream));
            const bool mixed = how == How::Mixed && (sum ^ rank.links.rank) % 2 != 0;
            if (how == How::Product || (how == How::Mixed && !mixed)) {
                Gemv second = down(rank, rank.mlp, rank.residual);
                second.sum = partSum(rank, sum % 2);
                CHECK(multiply(second, rank.limits, rank.stream));
                continue;
            }
            if (mixed)
                makePart(rank, rank.mlp, rank.part);
            else
                CHECK(multiply(down(rank, rank.mlp, rank.part), rank.limits, rank.stream));
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
            CHECK(sumResidual(task, rank.links, rank.limits, rank.stream));
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
        sum.sharesDevice = m_group.sharesDevice;
        sum.fault = m_group.fault;
        sum.limit_ns = rank.links.limit_ns;
        return sum;
    }
    /// A part alone, rows dealt out to blocks as where several ranks add up: that tells how a
    /// row's products are added.
    void makePart(const Rank& rank, const Mlp& mlp, float* part) const {
        DeviceLimits limits = rank.limits;
        if (m_group.sharesDevice)
            limits.multiprocessors /= static_cast<std::uint32_t>(m_group.ranks.size());
        fillFloats<<<(m_hidden + 255) / 256, 256, 0, rank.stream>>>(part, m_hidden, 0, 0);
        CHECK(cudaGetLastError());
        Gemv task = down(rank, mlp, part);
        task.sum.ranks = 1;
        task.sum.sharesDevice = m_group.sharesDevice;
        CHECK(multiply(task, limits, rank.stream));
    }

    /// The residual as the first GPU comes to it with everybody's weights.
    std::vector<float> alone() {
        Rank& rank = m_group.ranks[0];
        rank.use();
        const auto ranks = static_cast<std::uint32_t>(m_group.ranks.size());
        std::vector<Mlp> mlps;
        Parts parts = {};
        for (std::uint32_t i = 0; i < ranks; ++i) {
            mlps.push_back(makeMlp(m_hidden, m_inner, i));
            parts.of[i] = allocate<float>(m_hidden);
        }
        fillFloats<<<(m_hidden + 255) / 256, 256>>>(rank.residual, m_hidden, 0, 2);
        CHECK(cudaDeviceSynchronize());
        for (std::uint32_t sum = 0; sum < kSums * kSteps; ++sum) {
            for (std::uint32_t i = 0; i < ranks; ++i) {
                CHECK(multiply(gateUp(rank, mlps[i]), rank.limits, rank.stream));
                makePart(rank, mlps[i], const_cast<float*>(parts.of[i]));
            }
            addParts<<<(m_hidden + 255) / 256, 256, 0, rank.stream>>>(parts, ranks, rank.residual,
                                                                      m_hidden);
        }
        std::vector<float> result(m_hidden);
        CHECK(cudaStreamSynchronize(rank.stream));
        CHECK(cudaMemcpy(result.data(), rank.residual, m_hidden * 4, cudaMemcpyDeviceToHost));
        for (std::uint32_t i = 0; i < ranks; ++i) {
            release(mlps[i]);
            CHECK(cudaFree(const_cast<float*>(parts.of[i])));
        }
        return result;
    }

    tests::RankGroup<Rank> m_group;
    std::uint32_t m_hidden = 0;
    std::uint32_t m_inner = 0;
};

} // namespace

int main(int argc, char** argv) {
    const std::vector<int> devices = tests::parseDevices(argc > 1 ? argv[1] : "0,0");
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
