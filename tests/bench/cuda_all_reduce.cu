// The sums over several GPUs alone: bits against a sum on the host, and their times inside a graph;
// the exchange of logits.
// usage: inglenook_all_reduce DEVICES         "0,1"; a device may be named twice
//        inglenook_all_reduce DEVICES bits    2,000 sums after one another in graphs, each with
//        other parts, bit for bit what the host adds up. inglenook_all_reduce_delays is the same
//        program with kernels that rest at random before everything that another rank could notice.
//        inglenook_all_reduce DEVICES methods one-shot beside two-shot, whichever the engine takes
// Exit code 1 when a sum is wrong or a GPU did not answer.
#include "tests/bench/rank_bed.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace {

using namespace kernels;
using namespace kernels::cuda;

struct Rank : tests::RankBed {
    ResidualSum sum;
    float* part = nullptr;
    float* residual = nullptr;
    std::uint16_t* normed = nullptr;
    float* norm = nullptr;
    float* scales = nullptr; // of digits, which lie in `normed`
};

constexpr std::uint32_t kMostRows = 2048;
constexpr std::uint32_t kMostColumns = 8192;
constexpr int kSumsPerGraph = 100;
constexpr std::uint32_t kDigitGroup = 128; // columns that share a scale

float asFloat(std::uint16_t bf16) {
    const std::uint32_t bits = std::uint32_t{bf16} << 16;
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
}

class Group {
  public:
    explicit Group(const std::vector<int>& devices) : m_group(devices) {
        for (Rank& rank : m_group.ranks) {
            rank.use();
            const std::size_t floats = std::size_t{kMostRows} * kMostColumns;
            CHECK(cudaMalloc(&rank.part, floats * 4));
            CHECK(cudaMalloc(&rank.residual, floats * 4));
            CHECK(cudaMalloc(&rank.normed, floats * 2));
            CHECK(cudaMalloc(&rank.norm, kMostColumns * 4));
            CHECK(cudaMalloc(&rank.scales, floats / kDigitGroup * 4));
        }
    }

    /// Rows of `columns`; windows are made anew. `oneShotRows`: 0 = as the engine has it.
    void shape(std::uint32_t rows, std::uint32_t columns, std::uint32_t oneShotRows = 0) {
        m_rows = rows;
        m_columns = columns;
        ReduceLayout layout;
        layout.ranks = static_cast<std::uint32_t>(m_group.ranks.size());
        layout.stride = columns;
        layout.mostRows = rows;
        layout.oneShotRows =
            oneShotRows > 0 ? oneShotRows
                            : std::min(rows, ReduceLayout::oneShotRowsFor(layout.ranks, columns));
        m_group.connect(layout);
        for (Rank& rank : m_group.ranks) {
            rank.sum = {};
            rank.sum.part = rank.part;
            rank.sum.residual = rank.residual;
            rank.sum.rows = rows;
            rank.sum.columns = columns;
            rank.sum.normWeight = rank.norm;
            rank.sum.eps = 1e-5F;
            for (std::size_t j = 0; j < m_group.ranks.size(); ++j) {
                rank.sum.normed[j] = m_group.ranks[j].normed;
                rank.sum.residuals[j] = m_group.ranks[j].residual;
            }
        }
    }

    /// Two sums after one another; `digits`: they leave their norm so, from now on.
    bool check(bool spread, bool digits) {
        const std::size_t count = std::size_t{m_rows} * m_columns;
        std::mt19937 random(m_rows * 31 + m_columns);
        std::normal_distribution<float> normal(0, 1);
        std::vector<std::vector<float>> parts(m_group.ranks.size(), std::vector<float>(count));
        std::vector<float> residual(count);
        std::vector<float> norm(m_columns);
        for (auto& part : parts)
            for (float& value : part)
                value = normal(random);
        parts[0][0] = -0.0F;
        for (float& value : residual)
            value = normal(random);
        for (float& value : norm)
            value = 1 + 0.1F * normal(random);
        for (std::size_t i = 0; i < m_group.ranks.size(); ++i) {
            Rank& rank = m_group.ranks[i];
            rank.sum.spread = spread;
            if (digits)
                rank.sum.digits = {reinterpret_cast<std::int8_t*>(rank.normed), rank.scales, m_rows,
                                   m_rows, m_columns};
            rank.use();
            CHECK(cudaMemcpy(rank.part, parts[i].data(), count * 4, cudaMemcpyHostToDevice));
            CHECK(cudaMemcpy(rank.residual, residual.data(), count * 4, cudaMemcpyHostToDevice));
            CHECK(cudaMemcpy(rank.norm, norm.data(), m_columns * 4, cudaMemcpyHostToDevice));
            CHECK(cudaMemset(rank.normed, 0xFF, count * 2));
            CHECK(cudaDeviceSynchronize());
        }
        for (std::uint32_t round = 0; round < 2; ++round)
            for (Rank& rank : m_group.ranks) {
                rank.use();
                rank.sum.parity = round;
                CHECK(sumResidual(rank.sum, rank.links, rank.limits, rank.stream));
            }
        for (std::size_t i = 0; i < count; ++i)
            for (int round = 0; round < 2; ++round) {
                float sum = parts[0][i];
                for (std::size_t r = 1; r < parts.size(); ++r)
                    sum += parts[r][i];
                residual[i] = residual[i] + sum;
            }
        bool good = true;
        for (std::size_t i = 0; i < m_group.ranks.size(); ++i)
            good = compare(i, residual, norm) && good;
        return good && m_group.answered();
    }

    /// 2,000 sums, each of other parts, in graphs: the bits that the host comes to, on every rank.
    bool bits() {
        constexpr std::uint32_t kParts = 20; // that take turns; 100 sums a graph
        constexpr int kGraphs = 20;
        const std::size_t count = std::size_t{m_rows} * m_columns;
        std::mt19937 random(m_rows * 37 + m_columns);
        std::normal_distribution<float> normal(0, 1);
        std::vector<std::vector<float>> parts(m_group.ranks.size(),
                                              std::vector<float>(kParts * count));
        for (auto& part : parts)
            for (float& value : part)
                value = normal(random);
        std::vector<float> residual(count, 0);
        for (std::size_t i = 0; i < m_group.ranks.size(); ++i) {
            Rank& rank = m_group.ranks[i];
            rank.sum.spread = true;
            rank.use();
            CHECK(cudaMemcpy(rank.part, parts[i].data(), parts[i].size() * 4,
                             cudaMemcpyHostToDevice));
            CHECK(cudaMemset(rank.residual, 0, count * 4));
            std::vector<float> ones(m_columns, 1);
            CHECK(cudaMemcpy(rank.norm, ones.data(), m_columns * 4, cudaMemcpyHostToDevice));
            rank.capture([&] {
                for (std::uint32_t sum = 0; sum < kSumsPerGraph; ++sum) {
                    rank.sum.parity = sum % 2;
                    rank.sum.part = rank.part + sum % kParts * count;
                    CHECK(sumResidual(rank.sum, rank.links, rank.limits, rank.stream));
                }
            });
            rank.sum.part = rank.part;
        }
        m_group.launchGraphs(kGraphs);
        for (int sum = 0; sum < kGraphs * kSumsPerGraph; ++sum)
            for (std::size_t i = 0; i < count; ++i) {
                float total = parts[0][sum % kParts * count + i];
                for (std::size_t r = 1; r < parts.size(); ++r)
                    total += parts[r][sum % kParts * count + i];
                residual[i] = residual[i] + total;
            }
        bool good = true;
        const std::vector<float> norm(m_columns, 1);
        for (std::size_t i = 0; i < m_group.ranks.size(); ++i)
            good = compare(i, residual, norm) && good;
        return good && m_group.answered();
    }

    /// Logits of an uneven vocabulary, twice: every rank has all of them then.
    bool gather(std::uint32_t rows, std::uint32_t vocabulary) {
        const auto ranks = static_cast<std::uint32_t>(m_group.ranks.size());
        const std::uint32_t tiles = (vocabulary + 127) / 128;
        const auto firstOf = [&](std::uint32_t rank) {
            return std::min(vocabulary, tiles * rank / ranks * 128);
        };
        const std::size_t count = std::size_t{rows} * vocabulary;
        std::vector<float> whole(count);
        for (std::size_t i = 0; i < count; ++i)
            whole[i] = static_cast<float>(i % 65'521);
        for (std::uint32_t i = 0; i < ranks; ++i) {
            std::vector<float> own(count, -1);
            for (std::size_t at = 0; at < count; ++at)
                if (at % vocabulary >= firstOf(i) && at % vocabulary < firstOf(i + 1))
                    own[at] = whole[at];
            m_group.ranks[i].use();
            CHECK(cudaMemcpy(m_group.ranks[i].part, own.data(), count * 4, cudaMemcpyHostToDevice));
            CHECK(cudaDeviceSynchronize());
        }
        for (std::uint32_t slot = 2; slot < 4; ++slot)
            for (std::uint32_t i = 0; i < ranks; ++i) {
                RowGather task;
                for (std::uint32_t j = 0; j < ranks; ++j)
                    task.memories[j] = m_group.ranks[j].part;
                task.rows = rows;
                task.stride = vocabulary;
                task.first = firstOf(i);
                task.count = firstOf(i + 1) - firstOf(i);
                task.slot = slot;
                m_group.ranks[i].use();
                CHECK(gatherRows(task, m_group.ranks[i].links, m_group.ranks[i].stream));
            }
        bool good = true;
        for (Rank& rank : m_group.ranks) {
            std::vector<float> got(count);
            rank.use();
            CHECK(cudaStreamSynchronize(rank.stream));
            CHECK(cudaMemcpy(got.data(), rank.part, count * 4, cudaMemcpyDeviceToHost));
            good = good && got == whole;
        }
        return good && m_group.answered();
    }

    /// Microseconds a sum, the best of a few graphs of kSumsPerGraph.
    double time() {
        for (Rank& rank : m_group.ranks) {
            rank.use();
            CHECK(cudaMemset(rank.part, 0, std::size_t{m_rows} * m_columns * 4));
            rank.capture([&] {
                for (int i = 0; i < kSumsPerGraph; ++i) {
                    rank.sum.parity = static_cast<std::uint32_t>(i % 2);
                    CHECK(sumResidual(rank.sum, rank.links, rank.limits, rank.stream));
                }
            });
        }
        return m_group.timeGraphs(1) / kSumsPerGraph;
    }
    /// Microseconds of an exchange of logits, by itself.
    double timeGather(std::uint32_t rows, std::uint32_t vocabulary) {
        const auto ranks = static_cast<std::uint32_t>(m_group.ranks.size());
        for (Rank& rank : m_group.ranks) {
            rank.use();
            RowGather task;
            for (std::uint32_t j = 0; j < ranks; ++j)
                task.memories[j] = m_group.ranks[j].part;
            task.rows = rows;
            task.stride = vocabulary;
            task.count = vocabulary / ranks / 4 * 4;
            task.first = rank.links.rank * task.count;
            rank.capture([&] {
                for (int i = 0; i < kSumsPerGraph; ++i) {
                    task.slot = 2 + i % 2;
                    CHECK(gatherRows(task, rank.links, rank.stream));
                }
            });
        }
        return m_group.timeGraphs(1) / kSumsPerGraph;
    }
    SumMethod method() const {
        const Rank& rank = m_group.ranks[0];
        return sumMethod(m_rows, rank.links, rank.limits);
    }
    const char* methodName() const {
        constexpr const char* kNames[] = {"one-shot", "two-shot", "copied"};
        return kNames[static_cast<int>(method())];
    }

  private:
    /// Of a normed row, in digits: those that are more than half a step off.
    std::size_t wrongDigits(const Rank& rank, std::uint32_t row,
                            const std::vector<double>& normed) {
        std::vector<std::int8_t> high(m_columns);
        std::vector<std::int8_t> low(m_columns);
        std::vector<float> scales(m_columns / kDigitGroup);
        const std::int8_t* from = rank.sum.digits.values + std::size_t{row} * m_columns;
        const std::size_t plane = std::size_t{m_rows} * m_columns;
        CHECK(cudaMemcpy(high.data(), from, m_columns, cudaMemcpyDeviceToHost));
        CHECK(cudaMemcpy(low.data(), from + plane, m_columns, cudaMemcpyDeviceToHost));
        CHECK(cudaMemcpy2D(scales.data(), 4, rank.scales + row, std::size_t{m_rows} * 4, 4,
                           scales.size(), cudaMemcpyDeviceToHost));
        std::size_t wrong = 0;
        double step = 0;
        for (std::uint32_t k = 0; k < m_columns; ++k) {
            const auto less = [](double a, double b) { return std::abs(a) < std::abs(b); };
            if (k % kDigitGroup == 0)
                step = std::abs(*std::max_element(normed.begin() + k,
                                                  normed.begin() + k + kDigitGroup, less)) /
                       (127 * kDigitBase);
            const double got = double(scales[k / kDigitGroup]) * (kDigitBase * high[k] + low[k]);
            wrong += std::abs(got - normed[k]) <= 0.51 * step + 1e-5 * std::abs(normed[k]) ? 0 : 1;
        }
        return wrong;
    }

    bool compare(std::size_t index, const std::vector<float>& residual,
                 const std::vector<float>& norm) {
        Rank& rank = m_group.ranks[index];
        rank.use();
        CHECK(cudaStreamSynchronize(rank.stream));
        std::vector<float> got(residual.size());
        std::vector<std::uint16_t> normed(residual.size());
        CHECK(cudaMemcpy(got.data(), rank.residual, got.size() * 4, cudaMemcpyDeviceToHost));
        CHECK(cudaMemcpy(normed.data(), rank.normed, normed.size() * 2, cudaMemcpyDeviceToHost));
        std::size_t wrong = 0;
        for (std::uint32_t row = 0; row < m_rows; ++row) {
            const std::size_t base = std::size_t{row} * m_columns;
            const ReduceLayout& layout = rank.links.layout;
            const std::uint32_t first = layout.firstRow(rank.links.rank, m_rows);
            const std::uint32_t end = layout.firstRow(rank.links.rank + 1, m_rows);
            const bool mine = method() == SumMethod::Copied ? row >= first && row < end
                                                            : layout.owner(row) == rank.links.rank;
            const bool own = method() == SumMethod::OneShot || rank.sum.spread || mine;
            double square = 0;
            for (std::uint32_t k = 0; k < m_columns; ++k) {
                wrong += own && got[base + k] != residual[base + k] ? 1 : 0;
                square += double(residual[base + k]) * residual[base + k];
            }
            const double inverse = 1 / std::sqrt(square / m_columns + 1e-5);
            std::vector<double> expected(m_columns);
            for (std::uint32_t k = 0; k < m_columns; ++k)
                expected[k] = residual[base + k] * inverse * norm[k];
            const bool digits = rank.sum.digits.values != nullptr;
            wrong += digits ? wrongDigits(rank, row, expected) : 0;
            for (std::uint32_t k = 0; !digits && k < m_columns; ++k)
                wrong += std::abs(asFloat(normed[base + k]) - expected[k]) >
                                 0.005 * std::abs(expected[k]) + 1e-6
                             ? 1
                             : 0;
        }
        if (wrong != 0)
            std::printf("rank %zu: %zu of %zu values wrong\n", index, wrong, 2 * residual.size());
        return wrong == 0;
    }

    tests::RankGroup<Rank> m_group;
    std::uint32_t m_rows = 0;
    std::uint32_t m_columns = 0;
};

} // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    const std::vector<int> devices = tests::parseDevices(argc > 1 ? argv[1] : "0,0");
    Group group(devices);
    if (argc > 2 && std::string(argv[2]) == "bits") {
        bool same = true;
        const std::uint32_t shapes[][2] = {{1, 4096}, {1, 8192}, {4, 8192}, {8, 8192}, {40, 8192}};
        for (const auto& shape : shapes) {
            group.shape(shape[0], shape[1]);
            const bool right = group.bits();
            same = same && right;
            std::printf("%zu ranks, %3u rows x %u %s: 2000 sums %s\n", devices.size(), shape[0],
                        shape[1], group.methodName(), right ? "the same bits" : "DIFFER");
        }
        return same ? 0 : 1;
    }
    if (argc > 2 && std::string(argv[2]) == "methods") {
        for (const std::uint32_t columns : {4096U, 8192U})
            for (std::uint32_t rows = 8; rows <= 128; rows *= 2) {
                group.shape(rows, columns, rows);
                const double one = group.time();
                group.shape(rows, columns, 1);
                const double two = group.time();
                std::printf("%zu ranks, %3u rows x %u: one-shot %.2f us, two-shot %.2f\n",
                            devices.size(), rows, columns, one, two);
            }
        return 0;
    }
    const std::uint32_t shapes[][2] = {{1, 1024},   {1, 4096},    {1, 5120},   {1, 8192},
                                       {4, 4096},   {8, 8192},    {16, 4096},  {64, 4096},
                                       {32, 8192},  {64, 8192},   {256, 4096}, {255, 8192},
                                       {512, 8192}, {2048, 4096}, {2048, 8192}};
    bool good = true;
    for (const auto& shape : shapes) {
        group.shape(shape[0], shape[1]);
        bool right = group.check(false, false);
        right = group.check(true, false) && right;
        const double us = right ? group.time() : 0;
        const bool digits = group.method() == SumMethod::OneShot;
        right = right && (!digits || group.check(false, true));
        good = good && right;
        std::printf("%zu ranks, %4u rows x %5u = %6u KB %s: %s, %8.2f us with residual and norm",
                    devices.size(), shape[0], shape[1], shape[0] * shape[1] / 256,
                    group.methodName(), right ? "right" : "WRONG", us);
        if (digits)
            std::printf(", %.2f us with digits", right ? group.time() : 0.0);
        std::printf("\n");
    }
    for (const std::uint32_t vocabulary : {128'256U, 151'936U, 32'000U, 5'000U}) {
        bool right = true;
        for (std::uint32_t rows = 1; rows <= 64; rows += rows < 8 ? 1 : 7)
            right = group.gather(rows, vocabulary) && right;
        good = good && right;
        std::printf("%zu ranks, gathers of %u columns, 1 to 64 rows: %s, %.2f and %.2f us\n",
                    devices.size(), vocabulary, right ? "right" : "WRONG",
                    group.timeGather(1, vocabulary), group.timeGather(64, vocabulary));
    }
    return good ? 0 : 1;
}
