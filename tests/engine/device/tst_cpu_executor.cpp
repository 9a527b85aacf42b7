// The CPU executor on tiny random models: its numbers against plain sums in double, and what must
// not change them (chunks, pages, neighbours, poison).
#include "engine/device/cpu_executor.h"
#include "engine/model/architecture.h"
#include "tests/engine/device/tiny_model.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>

using namespace engine;
using Path = CpuExecutorOptions::Path;

namespace {

constexpr std::uint32_t kTokens = 75;

ModelConfig baseConfig() {
    ModelConfig config;
    config.name = "tiny";
    config.vocabularySize = 101;
    config.hiddenSize = 48;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDim = 16;
    config.intermediateSize = 72;
    config.contextLength = 128;
    config.rotaryDim = 16;
    config.parameterCount = 1;
    return config;
}

NumberFormats formats(WeightFormat weights, ActivationFormat activations, KvFormat kv) {
    return {weights, activations, kv};
}
const NumberFormats kF32 = formats(WeightFormat::F32, ActivationFormat::F32, KvFormat::F32);
const NumberFormats kInt8 = formats(WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8);

std::vector<TokenId> prompt(std::uint32_t count, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> tokens;
    for (std::uint32_t i = 0; i < count; ++i)
        tokens.push_back(static_cast<TokenId>(random() % 101));
    return tokens;
}

double relativeError(const std::vector<float>& a, const std::vector<float>& b) {
    double difference = 0;
    double size = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        difference += (static_cast<double>(a[i]) - b[i]) * (static_cast<double>(a[i]) - b[i]);
        size += static_cast<double>(b[i]) * b[i];
    }
    return a.size() == b.size() ? std::sqrt(difference / size) : 1e9;
}

/// A loaded executor and the ways the tests feed it.
struct Bench {
    ModelConfig config;
    std::shared_ptr<tests::TinySource> source;
    CpuExecutor executor;
    Status status;

    explicit Bench(const ModelConfig& shape, const NumberFormats& numbers, Path path = Path::Auto,
                   std::uint32_t threads = 2)
        : config(shape),
          source(std::make_shared<tests::TinySource>(shape, 7)),
          executor({path, threads}) {
        const std::atomic<bool> stop{false};
        status = executor.load(config, source, plan(numbers), {}, stop);
    }

    static ExecutorPlan plan(const NumberFormats& numbers) {
        ExecutorPlan plan;
        plan.formats = numbers;
        plan.context = 128;
        plan.pageCount = 9;
        plan.slotCount = 2;
        plan.maxBatchRows = 96;
        return plan;
    }

    BatchResult run(Batch batch) {
        const Result<Ticket> ticket = executor.submit(std::move(batch));
        if (!ticket.ok()) {
            BatchResult failed;
            failed.status = ticket.status();
            return failed;
        }
        return executor.collect(*ticket);
    }

    /// Logits of all tokens, computed in chunks of the given sizes (the last one repeats).
    std::vector<float> logits(const std::vector<TokenId>& tokens,
                              const std::vector<std::uint32_t>& chunks,
                              const std::vector<PageId>& pages) {
        std::vector<float> all;
        std::size_t step = 0;
        for (std::uint32_t at = 0; at < tokens.size();) {
            const std::uint32_t size = chunks[std::min(step++, chunks.size() - 1)];
            Batch batch;
            batch.tables.push_back({pages});
            for (std::uint32_t end = at + size; at < end && at < tokens.size(); ++at)
                batch.rows.push_back({0, kNoSlot, at, tokens[at], Want::FullLogits});
            for (const RowResult& row : run(std::move(batch)).rows)
                all.insert(all.end(), row.logits.begin(), row.logits.end());
        }
        return all;
    }
};

const std::vector<PageId> kPages = {1, 2, 3, 4};

struct Variant {
    const char* name;
    void (*change)(ModelConfig&);
};
constexpr Variant kVariants[] = {
    {"plain", [](ModelConfig&) {}},
    {"tied embeddings", [](ModelConfig& c) { c.tiedEmbeddings = true; }},
    {"bias", [](ModelConfig& c) { c.qkvBias = true; }},
    {"bias, adjacent pairs, partial rotation",
     [](ModelConfig& c) {
         c.qkvBias = true;
         c.ropePairing = RopePairing::Adjacent;
         c.rotaryDim = 10;
     }},
    {"qk norm", [](ModelConfig& c) { c.qkNorm = true; }},
    {"qk norm and bias",
     [](ModelConfig& c) {
         c.qkNorm = true;
         c.qkvBias = true;
     }},
    {"head size 6",
     [](ModelConfig& c) {
         c.headDim = 6;
         c.rotaryDim = 6;
     }},
    {"head size 80",
     [](ModelConfig& c) {
         c.headDim = 80;
         c.rotaryDim = 80;
     }},
    {"one KV head", [](ModelConfig& c) { c.kvHeadCount = 1; }},
    {"as many KV heads as heads", [](ModelConfig& c) { c.kvHeadCount = 4; }},
    {"gpt2",
     [](ModelConfig& c) {
         c.architecture = Architecture::Gpt2;
         setFamily(c);
         c.rotaryDim = 0;
         c.kvHeadCount = 4;
         c.tiedEmbeddings = true;
     }},
    {"gpt2, odd widths",
     [](ModelConfig& c) {
         c.architecture = Architecture::Gpt2;
         setFamily(c);
         c.rotaryDim = 0;
         c.hiddenSize = 45;
         c.intermediateSize = 71;
     }},
    {"large eps", [](ModelConfig& c) { c.normEps = 0.5F; }},
    {"odd widths",
     [](ModelConfig& c) {
         c.hiddenSize = 45;
         c.intermediateSize = 71;
     }},
};

} // namespace

class TstCpuExecutor : public QObject {
    Q_OBJECT

  private slots:
    void equalsPlainSums_data() {
        QTest::addColumn<int>("variant");
        for (int i = 0; i < static_cast<int>(std::size(kVariants)); ++i)
            QTest::newRow(kVariants[i].name) << i;
    }
    void equalsPlainSums() {
        QFETCH(int, variant);
        ModelConfig config = baseConfig();
        kVariants[variant].change(config);
        const auto tokens = prompt(kTokens, 1);
        for (const Path path : {Path::Scalar, Path::Avx2, Path::Avx512Vnni}) {
            Bench bench(config, kF32, path);
            QVERIFY2(bench.status.ok(), bench.status.sentence().c_str());
            bench.executor.poison();
            const auto expected = tests::PlainModel(config, *bench.source).logits(tokens);
            const auto got = bench.logits(tokens, {kTokens}, kPages);
            QVERIFY2(relativeError(got, expected) < 1e-4,
                     qPrintable(QString::number(relativeError(got, expected))));
            // The coarser formats stay near: a scale left out anywhere would not.
            Bench rounded(config, kInt8, path);
            QVERIFY(relativeError(rounded.logits(tokens, {kTokens}, kPages), expected) < 0.15);
        }
    }

    /// A model has as many learned positions as it has: a longer plan is cut, a row behind refused.
    void learnedPositionsEnd() {
        ModelConfig config = baseConfig();
        config.architecture = Architecture::Gpt2;
        setFamily(config);
        config.rotaryDim = 0;
        config.contextLength = 40;
        Bench bench(config, kF32);
        QVERIFY2(bench.status.ok(), bench.status.sentence().c_str());
        QVERIFY(!bench.logits(prompt(40, 1), {40}, kPages).empty());
        Batch batch;
        batch.tables.push_back({kPages});
        batch.rows.push_back({0, kNoSlot, 40, 1, Want::FullLogits});
        QVERIFY(bench.executor.submit(std::move(batch)).status() == Code::ContextExceeded);
    }

    /// Whatever the chunks and wherever the pages lie: the same bits, though all else is NaN.
    void chunksAndPagesChangeNothing() {
        ModelConfig config = baseConfig();
        config.qkvBias = true;
        const auto tokens = prompt(kTokens, 2);
        for (const Path path : {Path::Scalar, Path::Avx2, Path::Avx512Vnni})
            for (const WeightFormat weights :
                 {WeightFormat::F32, WeightFormat::BF16, WeightFormat::Int8, WeightFormat::Int4})
                for (const ActivationFormat activations :
                     {ActivationFormat::F32, ActivationFormat::BF16, ActivationFormat::Int8})
                    for (const KvFormat kv : {KvFormat::F32, KvFormat::BF16, KvFormat::Int8}) {
                        Bench bench(config, formats(weights, activations, kv), path);
                        const auto whole = bench.logits(tokens, {kTokens}, kPages);
                        QCOMPARE(whole.size(), std::size_t{kTokens} * config.vocabularySize);
                        QVERIFY(std::all_of(whole.begin(), whole.end(),
                                            [](float x) { return std::isfinite(x); }));
                        bench.executor.poison();
                        QVERIFY(bench.logits(tokens, {1, 31, 33, 10}, {7, 3, 8, 1}) == whole);
                        bench.executor.poison();
                        QVERIFY(bench.logits(tokens, {1}, {2, 6, 4, 5}) == whole);
                    }
    }

    void fastEqualsTheOracle() {
        ModelConfig config = baseConfig();
        config.qkvBias = true;
        const auto tokens = prompt(kTokens, 3);
        for (const WeightFormat weights :
             {WeightFormat::F32, WeightFormat::BF16, WeightFormat::Int8, WeightFormat::Int4}) {
            const NumberFormats exact = formats(weights, ActivationFormat::F32, KvFormat::F32);
            Bench oracle(config, exact, Path::Scalar);
            const auto expected = oracle.logits(tokens, {kTokens}, kPages);
            for (const Path path : {Path::Avx2, Path::Avx512Vnni}) {
                Bench fast(config, exact, path);
                QVERIFY(relativeError(fast.logits(tokens, {kTokens}, kPages), expected) < 1e-4);
            }
        }
    }

    /// Two sequences in one batch get what each gets alone.
    void neighboursDoNotMatter() {
        const auto first = prompt(40, 4);
        const auto second = prompt(23, 5);
        Bench bench(baseConfig(), kInt8);
        const auto alone1 = bench.logits(first, {40}, {1, 2});
        const auto alone2 = bench.logits(second, {23}, {1, 2});
        bench.executor.poison();
        Batch batch;
        batch.tables = {{{5, 1}}, {{4}}};
        for (std::uint32_t i = 0; i < 40; ++i)
            batch.rows.push_back({0, kNoSlot, i, first[i], Want::FullLogits});
        for (std::uint32_t i = 0; i < 23; ++i)
            batch.rows.push_back({1, kNoSlot, i, second[i], Want::FullLogits});
        std::vector<float> together;
        for (const RowResult& row : bench.run(std::move(batch)).rows)
            together.insert(together.end(), row.logits.begin(), row.logits.end());
        auto expected = alone1;
        expected.insert(expected.end(), alone2.begin(), alone2.end());
        QVERIFY(together == expected);
    }

    /// Feedback on the device: the slot's last token goes in again without the host.
    void lastSampledFeedsBack() {
        Bench bench(baseConfig(), kF32);
        SamplerSpec greedy;
        greedy.temperature = 0;
        QVERIFY(bench.executor.setSlot(1, greedy).ok());
        const auto tokens = prompt(10, 6);
        Batch batch;
        batch.tables.push_back({kPages});
        for (std::uint32_t i = 0; i < 10; ++i)
            batch.rows.push_back(
                {0, i == 9 ? 1U : kNoSlot, i, tokens[i], i == 9 ? Want::Token : Want::Nothing});
        const BatchResult prefill = bench.run(std::move(batch));
        QCOMPARE(prefill.rows.size(), std::size_t{1});
        QCOMPARE(prefill.timings.prefillRows, 10U);
        auto extended = tokens;
        extended.push_back(prefill.rows[0].token);
        Batch next;
        next.tables.push_back({kPages});
        next.topCount = 3;
        next.rows.push_back({0, 1, 10, kLastSampled, Want::TopLogprobs});
        const BatchResult decode = bench.run(std::move(next));
        QCOMPARE(decode.timings.decodeRows, 1U);
        QVERIFY(decode.timings.weightBytes > 0 && decode.timings.kvBytes > 0);
        const auto all = bench.logits(extended, {11}, {5, 6, 7, 8});
        const auto last = all.end() - 101;
        QCOMPARE(decode.rows[0].token,
                 static_cast<TokenId>(std::max_element(last, all.end()) - last));
        QCOMPARE(decode.rows[0].topLogprobs.size(), std::size_t{3});
        QCOMPARE(decode.rows[0].topLogprobs[0].token, decode.rows[0].token);
        QVERIFY(decode.rows[0].logprob < 0);
    }

    /// Draws run side by side, those of one slot in turn: each counts for the next one's penalties.
    void drawsDoNotDependOnThreads() {
        const auto tokens = prompt(40, 9);
        const auto draw = [&](std::uint32_t threads) {
            Bench bench(baseConfig(), kF32, Path::Auto, threads);
            Batch batch;
            batch.tables = {{{1, 2}}, {{3, 4}}};
            for (std::uint32_t sequence = 0; sequence < 2; ++sequence) {
                SamplerSpec spec;
                spec.temperature = 1.5F;
                spec.frequencyPenalty = 2.0F;
                spec.seed = sequence;
                (void)bench.executor.setSlot(sequence, spec);
                for (std::uint32_t i = 0; i < 40; ++i)
                    batch.rows.push_back({sequence, sequence, i, tokens[i], Want::Token});
            }
            return bench.run(std::move(batch)).rows;
        };
        const std::vector<RowResult> alone = draw(1);
        QCOMPARE(alone.size(), std::size_t{80});
        for (int repeat = 0; repeat < 5; ++repeat) {
            const std::vector<RowResult> together = draw(4);
            for (std::size_t i = 0; i < alone.size(); ++i) {
                QCOMPARE(together[i].row, static_cast<std::uint32_t>(i));
                QCOMPARE(together[i].token, alone[i].token);
            }
        }
    }

    void maskForbidsTokens() {
        Bench bench(baseConfig(), kF32);
        SamplerSpec greedy;
        greedy.temperature = 0;
        QVERIFY(bench.executor.setSlot(0, greedy).ok());
        const std::vector<std::uint32_t> onlyToken70 = {0, 0, 1U << 6, 0};
        QVERIFY(bench.executor.setSlotMask(0, onlyToken70).ok());
        QVERIFY(!bench.executor.setSlotMask(0, std::vector<std::uint32_t>(3)).ok());
        Batch batch;
        batch.tables.push_back({kPages});
        batch.rows.push_back({0, 0, 0, 5, Want::Token});
        QCOMPARE(bench.run(std::move(batch)).rows[0].token, 70);
    }

    void pagesMove() {
        Bench bench(baseConfig(), kInt8);
        const auto tokens = prompt(40, 8);
        const auto expected = bench.logits(tokens, {40}, {1, 2});
        const auto saved = bench.executor.savePage(1);
        QVERIFY(saved.ok());
        QVERIFY(bench.executor.copyPage(2, 5).ok());
        bench.executor.poison();
        QVERIFY(bench.executor.restorePage(6, *saved).ok());
        // Page 6 holds tokens 0..31 again; the rest is computed anew on top of it.
        Batch batch;
        batch.tables.push_back({{6, 5}});
        for (std::uint32_t i = 32; i < 40; ++i)
            batch.rows.push_back({0, kNoSlot, i, tokens[i], Want::FullLogits});
        std::vector<float> got;
        for (const RowResult& row : bench.run(std::move(batch)).rows)
            got.insert(got.end(), row.logits.begin(), row.logits.end());
        QVERIFY(std::equal(got.begin(), got.end(), expected.end() - 8 * 101));
        QVERIFY(!bench.executor.restorePage(6, std::span(*saved).first(10)).ok());
        QVERIFY(!bench.executor.copyPage(1, 9).ok());
        QVERIFY(!bench.executor.savePage(9).ok());
    }

    void planIsExact() {
        for (const NumberFormats& numbers :
             {kF32, kInt8, formats(WeightFormat::Int4, ActivationFormat::BF16, KvFormat::BF16),
              NumberFormats()}) {
            Bench bench(baseConfig(), numbers);
            const auto plan =
                bench.executor.memoryPlan(bench.config, *bench.source, Bench::plan(numbers));
            QVERIFY(plan.ok());
            QCOMPARE(bench.executor.allocatedBytes(), plan->devices.front().total());
            bench.executor.release();
            QCOMPARE(bench.executor.allocatedBytes(), 0ULL);
            const std::atomic<bool> stop{false};
            QVERIFY(bench.executor.load(bench.config, bench.source, Bench::plan(numbers), {}, stop)
                        .ok());
        }
    }

    void autoFollowsTheFile() {
        Bench bench(baseConfig(), NumberFormats());
        const NumberFormats resolved = bench.executor.formats();
        QCOMPARE(resolved.weights, WeightFormat::Int8);
        QCOMPARE(resolved.activations, ActivationFormat::Int8);
        QCOMPARE(resolved.kv, KvFormat::Int8);
    }

    void loadingReportsAndStops() {
        const ModelConfig config = baseConfig();
        const auto source = std::make_shared<tests::TinySource>(config, 7);
        CpuExecutor executor({Path::Auto, 2});
        std::atomic<bool> stop{false};
        std::uint64_t last = 0;
        std::uint64_t all = 0;
        const LoadProgress progress = [&](std::uint64_t done, std::uint64_t total) {
            QVERIFY(done > last && done <= total);
            last = done;
            all = total;
        };
        QVERIFY(executor.load(config, source, Bench::plan(kF32), progress, stop).ok());
        QVERIFY(all > 0 && last == all);
        const LoadProgress stopper = [&](std::uint64_t, std::uint64_t) { stop = true; };
        QVERIFY(executor.load(config, source, Bench::plan(kF32), stopper, stop) == Code::Cancelled);
        QCOMPARE(executor.allocatedBytes(), 0ULL);
        stop = false;
        source->reshape("blk.1.ffn_up.weight", {48, 72});
        QVERIFY(executor.load(config, source, Bench::plan(kF32), {}, stop) ==
                Code::TensorShapeWrong);
        source->remove("blk.1.ffn_up.weight");
        const Status missing = executor.load(config, source, Bench::plan(kF32), {}, stop);
        QVERIFY(missing == Code::TensorMissing);
        QVERIFY(missing.sentence().find("blk.1.ffn_up.weight") != std::string::npos);
        QVERIFY(!executor.submit({}).ok());
    }

    void brokenBatchesAreRefused() {
        Bench bench(baseConfig(), kF32);
        const auto refused = [&](const BatchRow& row, std::vector<PageId> pages) {
            Batch batch;
            batch.tables.push_back({std::move(pages)});
            batch.rows.push_back(row);
            return !bench.executor.submit(std::move(batch)).ok();
        };
        QVERIFY(refused({1, kNoSlot, 0, 1, Want::Nothing}, {1}));    // no such table
        QVERIFY(refused({0, kNoSlot, 32, 1, Want::Nothing}, {1}));   // no page there
        QVERIFY(refused({0, kNoSlot, 0, 1, Want::Nothing}, {9}));    // no such page
        QVERIFY(refused({0, kNoSlot, 0, 101, Want::Nothing}, {1}));  // no such token
        QVERIFY(refused({0, kNoSlot, 0, -1, Want::Nothing}, {1}));   // no such token
        QVERIFY(refused({0, kNoSlot, 0, 1, Want::Token}, {1}));      // no slot to sample with
        QVERIFY(refused({0, 2, 0, kLastSampled, Want::Token}, {1})); // no such slot
        QVERIFY(refused({0, kNoSlot, 128, 1, Want::Nothing}, {1, 1, 1, 1, 1})); // context
        Batch large;
        large.tables.push_back({kPages});
        for (std::uint32_t i = 0; i < 97; ++i)
            large.rows.push_back({0, kNoSlot, i, 1, Want::Nothing});
        QVERIFY(!bench.executor.submit(large).ok());
        Batch small;
        small.tables.push_back({kPages});
        small.rows.push_back({0, kNoSlot, 0, 1, Want::Nothing});
        const auto first = bench.executor.submit(small);
        const auto second = bench.executor.submit(small);
        QVERIFY(first.ok() && second.ok());
        QVERIFY(!bench.executor.submit(small).ok()); // a third in flight
        QVERIFY(!bench.executor.collect(*second).status.ok());
        QVERIFY(bench.executor.collect(*first).status.ok());
        QVERIFY(bench.executor.collect(*second).status.ok());
    }

    void workersDoEveryChunkOnce() {
        CpuWorkers workers(4);
        for (std::uint32_t round = 0; round < 2000; ++round) {
            const std::uint32_t count = round % 17;
            std::array<std::atomic<int>, 17> done{};
            workers.run(count, [&](std::uint32_t chunk, std::uint32_t worker) {
                QVERIFY(worker < workers.threads());
                ++done[chunk];
            });
            for (std::uint32_t i = 0; i < 17; ++i)
                QCOMPARE(done[i].load(), i < count ? 1 : 0);
            if (round % 500 == 0) // long enough for the workers to fall asleep
                QTest::qSleep(2);
        }
    }
};

INGLENOOK_SUITE(cpu_executor, TstCpuExecutor)
#include "tst_cpu_executor.moc"
