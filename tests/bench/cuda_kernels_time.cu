// Times of the decode kernels over operands that no cache holds: inglenook_cuda_kernels layers |
// heads | draws.
#include "kernels/cuda_attend_finished.h"
#include "kernels/cuda_handed_row.h"
#include "tests/bench/cuda_kernels_bed.cuh"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

namespace tests {

namespace {

using namespace kernels::cuda;

/// Median microseconds of a captured graph of `body`.
double timeGraph(const std::function<void(cudaStream_t)>& body) {
    cudaStream_t stream = nullptr;
    CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    body(stream); // loads the kernels
    CHECK(cudaStreamSynchronize(stream));
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    body(stream);
    CHECK(cudaStreamEndCapture(stream, &graph));
    CHECK(cudaGraphInstantiate(&exec, graph, 0));
    cudaEvent_t begin = nullptr;
    cudaEvent_t end = nullptr;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    std::vector<float> times;
    for (int i = 0; i < 9; ++i) {
        float ms = 0;
        CHECK(cudaEventRecord(begin, stream));
        CHECK(cudaGraphLaunch(exec, stream));
        CHECK(cudaEventRecord(end, stream));
        CHECK(cudaEventSynchronize(end));
        CHECK(cudaEventElapsedTime(&ms, begin, end));
        if (i > 1)
            times.push_back(ms);
    }
    std::sort(times.begin(), times.end());
    (void)cudaGraphExecDestroy(exec);
    (void)cudaGraphDestroy(graph);
    (void)cudaEventDestroy(begin);
    (void)cudaEventDestroy(end);
    (void)cudaStreamDestroy(stream);
    return times[times.size() / 2] * 1e3;
}

struct Model {
    const char* name;
    std::uint32_t hidden, query, kv, inner;
    bool biased;
    std::uint32_t layers; // that no cache holds
};
constexpr Model kSmall{"qwen2-1.5b", 1536, 1536, 256, 8960, true, 16};
constexpr Model kMiddle{"qwen2-7b", 3584, 3584, 512, 18944, true, 8};
constexpr Model kLarge{"llama-8b", 4096, 4096, 1024, 14336, false, 8};
constexpr std::uint32_t kSmallVocabulary = 151936;
constexpr std::uint32_t kLargeVocabulary = 128256;
constexpr std::uint32_t kTimedPositions = 1056; // the middle of a bench that begins at 1,024

/// Attention of one layer over pages of its own, on the outputs of `query`.
struct TimedAttention {
    QkvFinish finish;
    Attention attend;

    TimedAttention(const Model& model, std::uint32_t rows, float* query, std::uint16_t* out) {
        constexpr std::uint32_t kDim = 128;
        const KvLayout kv{KvKind::Int8, model.kv / kDim, kDim};
        const std::uint32_t pages = kTimedPositions / kPagePositions;
        const std::size_t stride = kv.layerBytes();
        auto* pool = reinterpret_cast<std::byte*>(allocate<std::int8_t>(rows * pages * stride));
        fill(reinterpret_cast<std::int8_t*>(pool), rows * pages * stride, 5);
        std::vector<std::uint32_t> list(rows * pages);
        std::vector<Row> batch(rows);
        for (std::uint32_t i = 0; i < rows * pages; ++i) {
            list[i] = i;
            auto* scales = reinterpret_cast<float*>(pool + i * stride + kv.keyScalesOffset());
            fill(scales, 2 * kPagePositions * kv.kvHeads, i, 0.01F);
        }
        for (std::uint32_t i = 0; i < rows; ++i)
            batch[i] = {0, kTimedPositions - 1, i * pages, i};
        auto* devicePages = allocate<std::uint32_t>(list.size());
        auto* deviceRows = allocate<Row>(rows);
        CHECK(cudaMemcpy(devicePages, list.data(), list.size() * 4, cudaMemcpyHostToDevice));
        CHECK(cudaMemcpy(deviceRows, batch.data(), rows * sizeof(Row), cudaMemcpyHostToDevice));
        finish.query = query;
        finish.key = query + model.query;
        finish.value = query + model.query + model.kv;
        finish.queryStride = finish.kvStride = model.query + 2 * model.kv;
        finish.heads = attend.heads = model.query / kDim;
        finish.queryBias = model.biased ? floats(model.query) : nullptr;
        finish.valueBias = model.biased ? floats(model.kv) : nullptr;
        finish.rope = {floats(std::size_t{pages} * kDim * kPagePositions), kDim / 2, false};
        finish.kv = attend.kv = kv;
        finish.pool = pool, attend.pool = pool;
        finish.pageStride = attend.pageStride = stride;
        finish.rows = attend.rows = deviceRows;
        finish.pages = attend.pages = devicePages;
        finish.count = attend.count = rows;
        attend.query = query;
        attend.queryStride = finish.queryStride;
        attend.outStride = model.query;
        attend.roundedOut = out;
        attend.scale = 0.088F;
        attend.keyBias = model.biased ? floats(model.kv) : nullptr;
        attend.rope = finish.rope;
        const std::uint32_t groups = (attend.heads / kv.kvHeads + 7) / 8;
        const std::uint32_t clusters = rows * kv.kvHeads * groups;
        attend.splits = std::max(1U, std::min(g_limits.multiprocessors / clusters,
                                              attentionClusterSplits(clusters, g_limits)));
        attend.partials = allocate<float>(attentionPartialFloats(512, attend.heads, kDim));
        attend.arrivals = allocate<std::uint32_t>(rows * attend.heads);
        CHECK(cudaMemset(attend.arrivals, 0, rows * attend.heads * 4));
        attend.turns = floats(16 * kDim);
    }
    cudaError_t launch(cudaStream_t stream) const {
        return finishAndAttend(finish, attend, g_limits, stream);
    }
};

std::byte* handedRow(std::uint32_t columns) {
    const std::uint32_t padded = (columns + 127) / 128 * 128;
    auto* row = allocate<std::int8_t>(kernels::handedBytes(padded));
    CHECK(cudaMemset(row, 0, kernels::handedBytes(padded)));
    return reinterpret_cast<std::byte*>(row);
}

/// The four products of some layers, every layer with memory of its own.
struct Layers {
    std::vector<Gemv> stages[4];
    std::vector<TimedAttention> attention;
    double bytes[4] = {};
    static constexpr const char* kNames[4] = {"qkv", "out", "gate_up", "down"};

    /// `hands`: 1 gate and up to down, 2 attention to output, 3 both (kernels/cuda_handed_row.h).
    Layers(const Model& model, const Format& format, std::uint32_t rows, int hands = 0) {
        std::byte* handedInner = handedRow(model.inner);
        std::byte* handedMixed = handedRow(model.query);
        float* residual = floats(std::size_t{rows} * model.hidden);
        float* query = floats(std::size_t{rows} * (model.query + 2 * model.kv));
        auto* mixed = reinterpret_cast<std::uint16_t*>(floats(std::size_t{rows} * model.query));
        auto* inner = reinterpret_cast<std::uint16_t*>(floats(std::size_t{rows} * model.inner));
        float* norm = floats(model.hidden);
        for (std::uint32_t layer = 0; layer < model.layers; ++layer) {
            attention.emplace_back(model, rows, query, mixed);
            if ((hands & 2) != 0)
                attention.back().attend.handedOut = handedMixed,
                attention.back().attend.handedOrder = handedOrderOf(format.kind);
            Gemv task;
            task.rows = rows;
            task.eps = 1e-5F;
            task.normWeight = norm;
            task.x = residual;
            task.xStride = model.hidden;
            task.roundInput = !model.biased, task.splitInput = model.biased;
            task.matrixCount = 3;
            for (int i = 0; i < 3; ++i) {
                task.matrices[i] = matrixOf(format.kind, format.group,
                                            i == 0 ? model.query : model.kv, model.hidden);
                task.outs[i] = query + (i == 0 ? 0 : model.query + (i - 1) * model.kv);
                task.outStrides[i] = model.query + 2 * model.kv;
            }
            add(0, task, layer);
            task.roundInput = true, task.splitInput = false;
            task.matrixCount = 2;
            task.epilogue = Epilogue::SwiGlu;
            for (int i = 0; i < 2; ++i)
                task.matrices[i] = matrixOf(format.kind, format.group, model.inner, model.hidden);
            task.roundedOut = inner;
            task.handedOut = (hands & 1) != 0 ? handedInner : nullptr;
            task.outStrides[0] = model.inner;
            add(2, task, layer);
            Attention& attend = attention.back().attend;
            if (rows == 1 && finishAndAttendAsks(attend, g_limits))
                attend.ahead = aheadOf(task, g_limits, kAheadBytes);
            task.handedOut = nullptr;
            task.matrixCount = 1;
            task.epilogue = Epilogue::Add;
            task.normWeight = nullptr;
            task.roundedOut = nullptr;
            task.outs[0] = residual;
            task.outStrides[0] = model.hidden;
            task.rounded = (hands & 2) != 0 ? nullptr : mixed;
            task.handed = (hands & 2) != 0 ? handedMixed : nullptr;
            task.xStride = model.query;
            task.matrices[0] = matrixOf(format.kind, format.group, model.hidden, model.query);
            add(1, task, layer);
            task.rounded = (hands & 1) != 0 ? nullptr : inner;
            task.handed = (hands & 1) != 0 ? handedInner : nullptr;
            task.xStride = model.inner;
            task.matrices[0] = matrixOf(format.kind, format.group, model.hidden, model.inner);
            add(3, task, layer);
        }
    }
    void add(int stage, const Gemv& task, std::uint32_t layer) {
        stages[stage].push_back(task);
        if (layer == 0)
            for (std::uint32_t i = 0; i < task.matrixCount; ++i)
                bytes[stage] +=
                    static_cast<double>(task.matrices[i].rowBytes()) * task.matrices[i].rows +
                    2.0 * task.matrices[i].groupsPerRow() * task.matrices[i].rows;
    }
    void time(const std::string& label) {
        std::printf("%-24s", label.c_str());
        const auto timed = [&](const std::function<void(std::size_t, cudaStream_t)>& layer) {
            return timeGraph([&](cudaStream_t stream) {
                       for (std::size_t i = 0; i < stages[0].size(); ++i)
                           layer(i, stream);
                   }) /
                   static_cast<double>(stages[0].size());
        };
        const auto multiply = [&](int stage, std::size_t i, cudaStream_t stream) {
            CHECK(gemv(stages[stage][i], g_limits, stream));
        };
        for (int stage = 0; stage < 4; ++stage) {
            const double us =
                timed([&](std::size_t i, cudaStream_t stream) { multiply(stage, i, stream); });
            std::printf(" %s %.2f us %.0f", kNames[stage], us, bytes[stage] / us / 1e3);
        }
        const double attends =
            timed([&](std::size_t i, cudaStream_t stream) { CHECK(attention[i].launch(stream)); });
        const double us = timed([&](std::size_t i, cudaStream_t stream) {
            multiply(0, i, stream);
            CHECK(attention[i].launch(stream));
            for (int stage = 1; stage < 4; ++stage)
                multiply(stage, i, stream);
        });
        std::printf(" attention %.2f us | layer %.2f us %.0f GB/s\n", attends, us,
                    (bytes[0] + bytes[1] + bytes[2] + bytes[3]) / us / 1e3);
        std::fflush(stdout);
    }
};

/// What rows sample by; settings in turn.
struct Drawing {
    const char* name;
    float temperature;
    float topP;
    std::int32_t topK;
};
constexpr Drawing kGreedy{"greedy", 0, 1, 0};
constexpr Drawing kNucleus{"top-p", 0.6F, 0.95F, 0};
constexpr Drawing kDrawings[] = {
    kGreedy, {"all", 0.6F, 1, 0}, kNucleus, {"top-k and top-p", 0.6F, 0.95F, 40}};

/// Rows that sample from `logits` [kRows][vocabulary], again and again.
struct TimedSampling {
    static constexpr std::uint32_t kRows = 32;
    Sampling task;
    SlotState* slot; // of all rows

    TimedSampling(std::uint32_t vocabulary, std::uint32_t rows, float* logits)
        : slot(allocate<SlotState>(1)) {
        std::vector<SampleJob> jobs(rows);
        std::vector<std::uint32_t> groups(rows + 1);
        for (std::uint32_t i = 0; i < rows; ++i)
            jobs[i] = {i % kRows, 0, i, i}, groups[i + 1] = i + 1;
        auto* deviceJobs = allocate<SampleJob>(rows);
        auto* deviceGroups = allocate<std::uint32_t>(rows + 1);
        CHECK(cudaMemcpy(deviceJobs, jobs.data(), rows * sizeof(SampleJob), cudaMemcpyDefault));
        CHECK(cudaMemcpy(deviceGroups, groups.data(), (rows + 1) * 4, cudaMemcpyDefault));
        task.logits = logits;
        task.vocabulary = vocabulary;
        task.slots = slot;
        task.jobs = deviceJobs;
        task.groups = deviceGroups;
        task.groupCount = rows;
        task.oneJobEach = true;
        task.candidates = allocate<Candidate>(std::size_t{rows} * vocabulary);
        task.lastTokens = allocate<std::int32_t>(1);
        task.tokens = allocate<std::int32_t>(rows);
        draw(kNucleus);
    }
    void draw(const Drawing& how) const {
        SlotState state;
        state.temperature = how.temperature;
        state.topP = how.topP;
        state.topK = how.topK;
        state.seed = 7;
        CHECK(cudaMemcpy(slot, &state, sizeof(state), cudaMemcpyDefault));
    }
    cudaError_t launch(cudaStream_t stream) const { return sample(task, g_limits, stream); }
};

/// Microseconds of one of `kTimes` launches of a graph.
double timeOf(const std::function<void(int, cudaStream_t)>& launch) {
    constexpr int kTimes = 8;
    return timeGraph([&](cudaStream_t stream) {
               for (int i = 0; i < kTimes; ++i)
                   launch(i, stream);
           }) /
           kTimes;
}

void timeSampling(const char* model, std::uint32_t vocabulary) {
    float* logits = floats(std::size_t{TimedSampling::kRows} * vocabulary, 3);
    for (const std::uint32_t rows : {1U, 2U, 4U, 7U, 8U, 16U, 17U, 32U, 128U, 256U}) {
        const TimedSampling sampling(vocabulary, rows, logits);
        std::printf("%s sampling, %3u rows:", model, rows);
        for (const Drawing& how : kDrawings) {
            sampling.draw(how);
            std::printf(" %s %.2f us", how.name,
                        timeOf([&](int, cudaStream_t stream) { CHECK(sampling.launch(stream)); }));
        }
        std::printf("\n");
        std::fflush(stdout);
    }
    freeAll();
}

/// The end of a step: head and sampling, over two heads in turn.
void timeHead(const Model& model, std::uint32_t vocabulary) {
    Gemv heads[2];
    float* residual = floats(model.hidden);
    float* norm = floats(model.hidden);
    for (Gemv& head : heads) {
        head.rows = 1;
        head.eps = 1e-5F;
        head.normWeight = norm;
        head.x = residual;
        head.xStride = model.hidden;
        head.roundInput = true;
        head.matrices[0] = matrixOf(WeightKind::Int8, 128, vocabulary, model.hidden);
        head.outs[0] = floats(vocabulary);
        head.outStrides[0] = vocabulary;
    }
    const TimedSampling sampling(vocabulary, 1,
                                 floats(std::size_t{TimedSampling::kRows} * vocabulary, 3));
    const auto multiply = [&](int i, cudaStream_t stream) {
        CHECK(gemv(heads[i % 2], g_limits, stream));
    };
    const double head = timeOf(multiply);
    const double both = timeOf([&](int i, cudaStream_t stream) {
        multiply(i, stream);
        CHECK(sampling.launch(stream));
    });
    const double bytes = 1.015625 * vocabulary * model.hidden;
    std::printf("%s head %.2f us %.0f GB/s, head and sampling in turn %.2f us\n", model.name, head,
                bytes / head / 1e3, both);
    freeAll();
}

} // namespace

int timeLayers(const std::string& format) {
    const struct {
        const Model& model;
        const Format& format;
        std::uint32_t rows;
    } kRuns[] = {{kSmall, kFormats[0], 1}, {kMiddle, kFormats[0], 1}, {kLarge, kFormats[0], 1},
                 {kLarge, kFormats[0], 8}, {kLarge, kFormats[2], 1},  {kLarge, kFormats[3], 1},
                 {kLarge, kFormats[4], 1}, {kLarge, kFormats[3], 8},  {kLarge, kFormats[4], 8}};
    for (const auto& run : kRuns)
        for (int hands = 0; hands < 4; ++hands) {
            const bool isAsked = std::string(run.format.name).rfind(format, 0) == 0;
            if (!isAsked || (hands > 0 && run.rows > 1))
                continue;
            Layers layers(run.model, run.format, run.rows, hands);
            layers.time(std::string(run.model.name) + " " + run.format.name + " rows " +
                        std::to_string(run.rows) + " hands " + std::to_string(hands));
            freeAll();
        }
    return 0;
}

int timeHeads() {
    timeHead(kSmall, kSmallVocabulary);
    timeHead(kLarge, kLargeVocabulary);
    return 0;
}

int timeDraws() {
    timeSampling(kSmall.name, kSmallVocabulary);
    timeSampling(kLarge.name, kLargeVocabulary);
    return 0;
}

} // namespace tests
