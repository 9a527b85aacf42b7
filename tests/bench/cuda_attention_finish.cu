// finishQkv() of many rows at once against few at a time, and the times of what stands before
// attention of many rows: part of inglenook_attention_check.
#include "tests/bench/attention_bed.cuh"
#include "tests/bench/attention_finish.h"
#include "tests/bench/case_share.h"

#include <cstdio>

using namespace kernels::cuda;
using namespace tests;

namespace {

float asFloat(std::uint16_t bits, bool fp16) {
    if (fp16)
        return __half2float(__ushort_as_half(bits));
    const std::uint32_t word = std::uint32_t{bits} << 16;
    float v;
    std::memcpy(&v, &word, 4);
    return v;
}

/// Rows, tables and weights of finishQkv().
struct FinishMaterial {
    static constexpr std::uint32_t kHeads = 6;
    static constexpr std::uint32_t kKvHeads = 2;
    static constexpr std::uint32_t kRows = 300;
    QkvFinish task;
    std::size_t poolBytes = 0;
    std::size_t queryFloats = 0;
    std::vector<void*> memory;

    float* normal(std::size_t count, std::uint32_t seed) {
        float* values = floats(count);
        memory.push_back(values);
        fillNormal<<<256, 256>>>(values, count, seed, 1);
        return values;
    }
    FinishMaterial(KvKind kind, std::uint32_t dim, bool adjacent, bool biased, bool norms) {
        task.kv = {kind, kKvHeads, dim};
        task.heads = kHeads;
        task.queryStride = kHeads * dim;
        task.kvStride = kKvHeads * dim;
        queryFloats = std::size_t{kRows} * task.queryStride;
        task.query = normal(queryFloats, 1);
        task.key = normal(std::size_t{kRows} * task.kvStride, 2000000);
        task.value = normal(std::size_t{kRows} * task.kvStride, 3000000);
        task.queryBias = biased ? normal(task.queryStride, 11) : nullptr;
        task.keyBias = biased ? normal(task.kvStride, 5000) : nullptr;
        task.valueBias = biased ? normal(task.kvStride, 9000) : nullptr;
        task.queryNorm = norms ? normal(dim, 17) : nullptr;
        task.keyNorm = norms ? normal(dim, 1700) : nullptr;
        task.eps = 1e-6F;
        std::vector<float> table((kRows / 32 + 2) * 32 * dim);
        for (std::size_t i = 0; i < table.size(); ++i)
            table[i] = std::cos(static_cast<float>(i % 1000)); // any numbers do
        task.rope = {upload(table), dim / 2, adjacent};
        memory.push_back(const_cast<float*>(task.rope.values));
        task.pageStride = (task.kv.layerBytes() + 255) / 256 * 256;
        std::vector<Row> rows;
        std::vector<std::uint32_t> pages;
        for (std::uint32_t i = 0; i < kRows; ++i) {
            rows.push_back({0, i + 5, 0, 0});
            if (i % 32 == 0)
                pages.push_back(i / 32 + 1);
        }
        pages.push_back(static_cast<std::uint32_t>(pages.size()) + 1);
        std::shuffle(pages.begin(), pages.end(), std::mt19937(3));
        task.rows = upload(rows);
        task.pages = upload(pages);
        memory.push_back(const_cast<Row*>(task.rows));
        memory.push_back(const_cast<std::uint32_t*>(task.pages));
        task.count = kRows;
        poolBytes = task.pageStride * (pages.size() + 1);
    }
    ~FinishMaterial() {
        for (void* one : memory)
            (void)cudaFree(one);
    }
    FinishMaterial(const FinishMaterial&) = delete;
    FinishMaterial& operator=(const FinishMaterial&) = delete;

    struct Result {
        std::vector<float> query;
        std::vector<float> kept; // keys, values and scales
    };
    /// `atOnce` rows a launch.
    Result run(std::uint32_t atOnce, bool half) {
        std::byte* pool = reinterpret_cast<std::byte*>(floats(poolBytes / 4));
        float* query = floats(queryFloats);
        auto* halves = reinterpret_cast<std::uint16_t*>(floats(queryFloats));
        CHECK(cudaMemset(pool, 0, poolBytes));
        CHECK(cudaMemcpy(query, task.query, queryFloats * 4, cudaMemcpyDeviceToDevice));
        for (std::uint32_t first = 0; first < kRows; first += atOnce) {
            QkvFinish part = task;
            part.count = std::min(atOnce, kRows - first);
            part.rows += first;
            part.query = query + std::size_t{first} * task.queryStride;
            part.key += std::size_t{first} * task.kvStride;
            part.value += std::size_t{first} * task.kvStride;
            part.pool = pool;
            part.queryHalf = half ? halves : nullptr;
            part.queryFactor = 2;
            CHECK(finishQkv(part, nullptr));
        }
        CHECK(cudaDeviceSynchronize());
        Result result;
        result.query.resize(queryFloats);
        if (half) {
            std::vector<std::uint16_t> bits(queryFloats);
            CHECK(cudaMemcpy(bits.data(), halves, queryFloats * 2, cudaMemcpyDeviceToHost));
            for (std::size_t i = 0; i < queryFloats; ++i)
                result.query[i] = asFloat(bits[i], task.kv.kind == KvKind::Int8) / 2;
        } else {
            CHECK(cudaMemcpy(result.query.data(), query, queryFloats * 4, cudaMemcpyDeviceToHost));
        }
        std::vector<std::byte> bytes(poolBytes);
        CHECK(cudaMemcpy(bytes.data(), pool, poolBytes, cudaMemcpyDeviceToHost));
        readPool(bytes, result.kept);
        (void)cudaFree(pool);
        (void)cudaFree(query);
        (void)cudaFree(halves);
        return result;
    }
    /// Everything in a page as floats; integers without their scales.
    void readPool(const std::vector<std::byte>& bytes, std::vector<float>& out) const {
        for (std::size_t page = 0; page < bytes.size(); page += task.pageStride) {
            const std::byte* at = bytes.data() + page;
            const std::size_t elements = task.kv.keyScalesOffset() / task.kv.elementBytes();
            for (std::size_t i = 0; i < elements; ++i)
                if (task.kv.kind == KvKind::Int8)
                    out.push_back(reinterpret_cast<const std::int8_t*>(at)[i]);
                else if (task.kv.kind == KvKind::BF16)
                    out.push_back(asFloat(reinterpret_cast<const std::uint16_t*>(at)[i], false));
                else
                    out.push_back(reinterpret_cast<const float*>(at)[i]);
            for (std::size_t i = task.kv.keyScalesOffset(); i < task.kv.layerBytes(); i += 4)
                out.push_back(100 * *reinterpret_cast<const float*>(at + i));
        }
    }
};

void timeFinish(const char* name, const std::function<cudaError_t()>& launch) {
    cudaEvent_t begin;
    cudaEvent_t end;
    CHECK(cudaEventCreate(&begin));
    CHECK(cudaEventCreate(&end));
    CHECK(launch());
    CHECK(cudaEventRecord(begin));
    for (int i = 0; i < 20; ++i)
        CHECK(launch());
    CHECK(cudaEventRecord(end));
    CHECK(cudaEventSynchronize(end));
    float ms = 0;
    CHECK(cudaEventElapsedTime(&ms, begin, end));
    std::printf("%s %.1f us\n", name, ms * 1000 / 20);
}

} // namespace

namespace tests {

int checkFinish() {
    int failures = 0;
    for (const KvKind kind : {KvKind::Int8, KvKind::BF16, KvKind::F32})
        for (const std::uint32_t dim : {64U, 128U})
            for (int variant = 0; variant < 4; ++variant) {
                if (!tests::isMyCase())
                    continue;
                FinishMaterial material(kind, dim, variant % 2 == 1, variant >= 2, variant == 3);
                const auto few = material.run(30, false);
                const auto many = material.run(FinishMaterial::kRows, false);
                const auto half = material.run(FinishMaterial::kRows, true);
                const double errors[] = {
                    distance(many.query, few.query), distance(many.kept, few.kept),
                    distance(half.query, few.query), distance(half.kept, few.kept)};
                // A sum rounded otherwise may turn an integer or a bf16 over.
                const bool good = errors[0] <= 1e-6 && errors[1] <= 2e-4 && errors[2] <= 3e-3 &&
                                  errors[3] <= 2e-4;
                failures += good ? 0 : 1;
                std::printf("finish: kind %d, %3u wide, variant %d: query %.1e kept %.1e, halves "
                            "%.1e %.1e%s\n",
                            static_cast<int>(kind), dim, variant, errors[0], errors[1], errors[2],
                            errors[3], good ? "" : " FAILED");
            }
    std::printf("%d failed\n", failures);
    return failures;
}

void timeFinishedRows() {
    constexpr std::uint32_t kRows = 2048;
    Material material({"2048", 32, 8, 128, {{0, kRows}}}, KvKind::Int8);
    QkvFinish finish;
    finish.kv = material.task.kv;
    finish.heads = 32;
    finish.queryStride = 4096;
    finish.kvStride = 1024;
    finish.query = const_cast<float*>(material.task.query);
    float* kv = floats(std::size_t{kRows} * 2048);
    fillNormal<<<256, 256>>>(kv, std::size_t{kRows} * 2048, 5, 1);
    finish.key = kv;
    finish.value = kv + std::size_t{kRows} * 1024;
    finish.rope = {upload(std::vector<float>(std::size_t{kRows} * 128, 0.5F)), 64, false};
    finish.pageStride = material.task.pageStride;
    finish.pool = const_cast<std::byte*>(material.task.pool);
    finish.rows = material.task.rows;
    finish.pages = material.task.pages;
    finish.count = kRows;
    timeFinish("bias, rotation, cache of 2048", [&] { return finishQkv(finish, nullptr); });
    finish.queryHalf = material.halves;
    timeFinish("the same, queries of 16 bits", [&] { return finishQkv(finish, nullptr); });
    RowSource source;
    source.x = material.task.query;
    source.stride = 4096;
    source.rows = kRows;
    source.columns = 4096;
    source.normWeight = kv;
    const PreparedRows out{reinterpret_cast<std::uint16_t*>(material.task.out), nullptr, 4096};
    timeFinish("norm and rounding of 2048 x 4096",
               [&] { return prepareTensorRows(source, out, nullptr); });
    (void)cudaFree(kv);
    (void)cudaFree(const_cast<float*>(finish.rope.values));
}

} // namespace tests
