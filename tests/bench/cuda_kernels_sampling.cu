// Checks sampling by clusters of blocks (sampling_cluster.cu) against sampling by one block
// (sampling.cu), token for token: inglenook_cuda_kernels sampling.
#include "tests/bench/case_share.h"
#include "tests/bench/cuda_kernels_bed.cuh"

#include <cstdio>
#include <random>
#include <vector>

namespace tests {

namespace {

using namespace kernels::cuda;

struct Setting {
    const char* name;
    SlotState state; // of all slots, but for their seeds
};

SlotState stateOf(float temperature, std::int32_t topK, float topP, float minP) {
    SlotState state;
    state.temperature = temperature;
    state.topK = topK;
    state.topP = topP;
    state.minP = minP;
    return state;
}

std::vector<Setting> settings() {
    SlotState penalized = stateOf(0.8F, 0, 0.9F, 0);
    penalized.repetitionPenalty = 1.2F;
    penalized.presencePenalty = 0.1F;
    penalized.frequencyPenalty = 0.2F;
    penalized.penalizes = 1;
    SlotState masked = stateOf(0.8F, 50, 0.9F, 0);
    masked.masked = 1;
    SlotState biased = stateOf(0.8F, 0, 0.99F, 0.001F);
    biased.biasCount = 3;
    return {{"greedy", stateOf(0, 0, 1, 0)},
            {"all", stateOf(1, 0, 1, 0)},
            {"top-p", stateOf(0.6F, 0, 0.95F, 0)},
            {"top-k", stateOf(1, 40, 1, 0)},
            {"top-k, top-p", stateOf(1, 40, 0.9F, 0)},
            {"top-k of all, top-p", stateOf(0.7F, 1 << 20, 0.5F, 0)},
            {"min-p", stateOf(1, 0, 1, 0.1F)},
            {"top-k, top-p, min-p", stateOf(1, 1000, 0.8F, 0.05F)},
            {"penalties", penalized},
            {"mask", masked},
            {"biases", biased}};
}

/// What logits look like.
enum class Logits {
    Flat,  // no candidate is much likelier than others
    Ties,  // in steps of an eighth: many candidates are as likely as others
    Steep, // few candidates have nearly all of the weight; some are no number or impossible
};

__global__ void shapeLogits(float* logits, std::size_t count, Logits kind) {
    for (std::size_t i = blockIdx.x * 256ULL + threadIdx.x; i < count; i += gridDim.x * 256ULL) {
        if (kind == Logits::Ties)
            logits[i] = rintf(logits[i] * 8) / 8;
        if (kind == Logits::Steep)
            logits[i] = i % 97 == 5 ? NAN : i % 89 == 7 ? -INFINITY : logits[i] * 16;
    }
}

template<typename T>
T* upload(const std::vector<T>& values) {
    T* to = allocate<T>(values.size());
    CHECK(cudaMemcpy(to, values.data(), values.size() * sizeof(T), cudaMemcpyDefault));
    return to;
}

/// One row of logits and one slot for each of `rows` jobs.
Sampling samplingOf(const SlotState& state, std::uint32_t vocabulary, std::uint32_t rows) {
    std::vector<SampleJob> jobs(rows);
    std::vector<SlotState> slots(rows, state);
    std::vector<std::uint32_t> groups(rows + 1);
    std::vector<TokenBias> biases(std::size_t{rows} * kMostBiases);
    std::vector<std::uint32_t> counts(std::size_t{rows} * vocabulary);
    std::mt19937 random(vocabulary);
    for (std::uint32_t& count : counts)
        if (state.penalizes != 0)
            count = random() % 9 == 0 ? 1 + random() % 3 : 0;
    std::vector<std::uint32_t> masks(std::size_t{rows} * ((vocabulary + 31) / 32));
    for (std::uint32_t& mask : masks)
        if (state.masked != 0)
            mask = static_cast<std::uint32_t>(random());
    for (std::uint32_t i = 0; i < rows; ++i) {
        jobs[i] = {i, rows - 1 - i, 3 * i, i};
        slots[i].seed = 1000 + i;
        slots[i].sampleNumber = i % 5;
        groups[i + 1] = i + 1;
        TokenBias* own = biases.data() + std::size_t{i} * kMostBiases;
        own[0] = own[1] = {static_cast<std::int32_t>(vocabulary - 1), 4}; // named twice
        own[2] = {static_cast<std::int32_t>(i), 8};
    }
    Sampling task;
    task.vocabulary = vocabulary;
    task.slots = upload(slots);
    task.counts = upload(counts);
    task.masks = upload(masks);
    task.biases = upload(biases);
    task.jobs = upload(jobs);
    task.groups = upload(groups);
    task.groupCount = rows;
    task.candidates = allocate<Candidate>(std::size_t{rows} * vocabulary);
    task.lastTokens = upload(std::vector<std::int32_t>(rows, -7));
    task.tokens = upload(std::vector<std::int32_t>(rows, -7));
    return task;
}

std::vector<std::int32_t> tokensOf(const Sampling& task) {
    CHECK(cudaMemset(task.tokens, 0xF0, task.groupCount * sizeof(std::int32_t)));
    CHECK(sample(task, g_limits, nullptr));
    CHECK(cudaDeviceSynchronize());
    std::vector<std::int32_t> tokens(task.groupCount);
    CHECK(cudaMemcpy(tokens.data(), task.tokens, tokens.size() * 4, cudaMemcpyDefault));
    return tokens;
}

int checkSetting(const Setting& setting, std::uint32_t vocabulary, std::uint32_t rows,
                 Logits kind) {
    Sampling task = samplingOf(setting.state, vocabulary, rows);
    const std::size_t count = std::size_t{rows} * vocabulary;
    float* logits = floats(count, 3);
    shapeLogits<<<64, 256>>>(logits, count, kind);
    task.logits = allocate<float>(count); // one block changes them in place
    CHECK(cudaMemcpy(task.logits, logits, count * sizeof(float), cudaMemcpyDefault));
    task.oneJobEach = true;
    Sampling slow = samplingOf(setting.state, vocabulary, rows);
    slow.logits = logits;
    const std::vector<std::int32_t> byOne = tokensOf(slow);
    // The same every time; but what penalties count changes with the tokens.
    const int repeats = setting.state.penalizes != 0 ? 1 : 4;
    int different = 0;
    for (int repeat = 0; repeat < repeats; ++repeat) {
        const std::vector<std::int32_t> byClusters = tokensOf(task);
        for (std::uint32_t i = 0; i < rows; ++i) {
            const bool good = byOne[i] >= 0 && byOne[i] < static_cast<std::int32_t>(vocabulary);
            different += good && byClusters[i] == byOne[i] ? 0 : 1;
        }
    }
    std::printf("sampling %6u, %2u rows%s, %-22s %d differ %s\n", vocabulary, rows,
                kind == Logits::Ties    ? ", ties"
                : kind == Logits::Steep ? ", steep"
                                        : "",
                setting.name, different, different == 0 ? "ok" : "FAILED");
    freeAll();
    return different == 0 ? 0 : 1;
}

} // namespace

int checkSampling() {
    int failures = 0;
    for (const std::uint32_t vocabulary : {1001U, 50257U, 151936U}) // of no whole 16 bytes, too
        for (const std::uint32_t rows : {1U, 8U, 17U}) // clusters of both sizes, and waves of them
            for (const Logits kind : {Logits::Flat, Logits::Ties, Logits::Steep})
                for (const Setting& setting : settings())
                    if (CaseShare::instance().take(0))
                        failures += checkSetting(setting, vocabulary, rows, kind);
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}

} // namespace tests
