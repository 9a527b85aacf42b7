// How a model is divided among GPUs: everything is there once, nobody gets much more than another.
#include "engine/device/parallel_plan.h"
#include "engine/model/synthetic.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <numeric>
#include <QtTest/QtTest>

using namespace engine;

class ParallelPlanTest : public QObject {
    Q_OBJECT

  private slots:
    void everyPartIsHeldOnce_data();
    void everyPartIsHeldOnce();
    void req16_unevenGpusGetTheirShares();
    void kvHeadsAreReplicated();
    void surplusRanksRepeatAHead();
    void gpt2StaysOnOneGpu();
    void narrowModelsAreRefused();
    void rankConfigIsValid();
    void layersGoBySize_data();
    void layersGoBySize();
    void req16_layersFollowUnevenMemory();
    void fixedBytesCount();
    void gpusWithoutRoomHoldNothing();
};

namespace {

ModelConfig shape(const char* name) {
    const Result<ModelConfig> config = syntheticConfig(name);
    return config.ok() ? *config : ModelConfig();
}

/// The small models of the tests.
ModelConfig small(std::uint32_t heads, std::uint32_t kvHeads, std::uint32_t inner) {
    ModelConfig config = shape("qwen2-1.5b");
    config.vocabularySize = 320;
    config.hiddenSize = 128;
    config.headCount = heads;
    config.kvHeadCount = kvHeads;
    config.headDim = 64;
    config.rotaryDim = 64;
    config.intermediateSize = inner;
    return config;
}

} // namespace

void ParallelPlanTest::everyPartIsHeldOnce_data() {
    QTest::addColumn<QString>("model");
    QTest::addColumn<unsigned>("ranks");
    for (const std::string_view model : syntheticShapes())
        for (unsigned ranks = 1; ranks <= (model.starts_with("gpt2") ? 1 : kMostRanks); ++ranks)
            QTest::addRow("%s over %u", model.data(), ranks)
                << QString::fromUtf8(model.data(), qsizetype(model.size())) << ranks;
}

void ParallelPlanTest::everyPartIsHeldOnce() {
    QFETCH(QString, model);
    QFETCH(unsigned, ranks);
    const ModelConfig config = shape(model.toUtf8().constData());
    const auto shares = shareTensors(config, ranks);
    QVERIFY2(shares.ok(), shares.status().sentence().c_str());
    QCOMPARE(shares->size(), std::size_t(ranks));
    const std::uint32_t queriesPerKv = config.headCount / config.kvHeadCount;
    std::vector<unsigned> heads(config.headCount);
    std::uint32_t inner = 0;
    std::uint32_t tokens = 0;
    std::uint32_t mostInner = 0;
    for (const RankShare& share : *shares) {
        QVERIFY(share.heads > 0 && share.kvHeads > 0 && share.inner > 0 && share.tokens > 0);
        for (std::uint32_t i = 0; i < share.heads && !share.repeats; ++i) {
            const std::uint32_t head = share.firstHead + i;
            ++heads.at(head);
            // Its keys and values lie on the same GPU, at the place that the kernels expect.
            QCOMPARE(head / queriesPerKv - share.firstKvHead, i / (share.heads / share.kvHeads));
        }
        QCOMPARE(share.heads % share.kvHeads, 0U);
        QCOMPARE(share.firstInner, inner);
        QCOMPARE(share.firstInner % 128, 0U);
        QCOMPARE(share.firstToken, tokens);
        QCOMPARE(share.firstToken % 128, 0U);
        inner += share.inner;
        tokens += share.tokens;
        mostInner = std::max(mostInner, share.inner);
    }
    QVERIFY(std::all_of(heads.begin(), heads.end(), [](unsigned count) { return count == 1; }));
    QCOMPARE(inner, config.intermediateSize);
    QCOMPARE(tokens, config.vocabularySize);
    QVERIFY(mostInner <= config.intermediateSize / ranks + 128);
}

/// 24, 16 and 12 GB; also shares so far apart that the smallest would round to nothing.
void ParallelPlanTest::req16_unevenGpusGetTheirShares() {
    const ModelConfig config = shape("llama-70b");
    const std::vector<std::uint32_t> weights = {24, 16, 12};
    const auto shares = shareTensors(config, 3, weights);
    QVERIFY2(shares.ok(), shares.status().sentence().c_str());
    std::uint32_t heads = 0;
    std::uint32_t inner = 0;
    std::uint32_t tokens = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        const RankShare& share = shares->at(i);
        const double part = weights[i] / 52.0;
        QVERIFY(std::abs(share.inner - part * config.intermediateSize) <= 128);
        QVERIFY(std::abs(share.tokens - part * config.vocabularySize) <= 128);
        QVERIFY(std::abs(share.kvHeads - part * config.kvHeadCount) < 1);
        QCOMPARE(share.firstHead, heads);
        QCOMPARE(share.firstInner, inner);
        QCOMPARE(share.firstToken, tokens);
        heads += share.heads;
        inner += share.inner;
        tokens += share.tokens;
    }
    QCOMPARE(heads, config.headCount);
    QCOMPARE(inner, config.intermediateSize);
    QCOMPARE(tokens, config.vocabularySize);

    const auto extreme = shareTensors(config, 3, std::vector<std::uint32_t>{1, 1'000'000, 1});
    QVERIFY(extreme.ok());
    for (const RankShare& share : *extreme)
        QVERIFY(share.kvHeads > 0 && share.inner > 0 && share.tokens > 0);
    QCOMPARE(*shareTensors(config, 4, std::vector<std::uint32_t>{7, 7, 7, 7}),
             *shareTensors(config, 4));
    QVERIFY(!shareTensors(config, 2, std::vector<std::uint32_t>{1}).ok());
    QVERIFY(!shareTensors(config, 2, std::vector<std::uint32_t>{1, 0}).ok());
}

void ParallelPlanTest::kvHeadsAreReplicated() {
    // qwen2-1.5b: 2 KV heads, 12 query heads, on 4 GPUs.
    const auto shares = shareTensors(shape("qwen2-1.5b"), 4);
    QVERIFY(shares.ok());
    const std::uint32_t firstHeads[] = {0, 3, 6, 9};
    const std::uint32_t kv[] = {0, 0, 1, 1};
    for (std::size_t rank = 0; rank < 4; ++rank) {
        QCOMPARE(shares->at(rank).firstHead, firstHeads[rank]);
        QCOMPARE(shares->at(rank).heads, 3U);
        QCOMPARE(shares->at(rank).firstKvHead, kv[rank]);
        QCOMPARE(shares->at(rank).kvHeads, 1U);
    }
    // Five: one KV head's queries on two GPUs, the other's on three.
    const auto five = shareTensors(shape("qwen2-1.5b"), 5);
    QVERIFY(five.ok());
    const std::uint32_t heads[] = {3, 3, 2, 2, 2};
    for (std::size_t rank = 0; rank < 5; ++rank)
        QCOMPARE(five->at(rank).heads, heads[rank]);
}

void ParallelPlanTest::surplusRanksRepeatAHead() {
    const auto shares = shareTensors(small(2, 1, 256), 4);
    QVERIFY(shares.ok());
    unsigned counted = 0;
    for (const RankShare& share : *shares) {
        counted += share.repeats ? 0 : share.heads;
        QVERIFY(share.firstHead + share.heads <= 2);
        QCOMPARE(share.inner, 64U); // less than a group of 128 each: cut at groups of 32
    }
    QCOMPARE(counted, 2U);
}

void ParallelPlanTest::gpt2StaysOnOneGpu() {
    const ModelConfig config = shape("gpt2-xl");
    QVERIFY(shareTensors(config, 1).ok());
    const Status refused = shareTensors(config, 2).status();
    QVERIFY(refused == Code::OptionInvalid);
    QVERIFY(refused.sentence().find("one GPU") != std::string::npos);
}

void ParallelPlanTest::narrowModelsAreRefused() {
    const auto shares = shareTensors(small(2, 1, 96), 4);
    QVERIFY(!shares.ok());
    const QString sentence = QString::fromStdString(shares.status().sentence());
    QVERIFY2(sentence.contains("at most") && sentence.endsWith('.'), qPrintable(sentence));
    QVERIFY(!shareTensors(shape("llama-8b"), 0).ok());
    QVERIFY(!shareTensors(shape("llama-8b"), kMostRanks + 1).ok());
}

void ParallelPlanTest::rankConfigIsValid() {
    const ModelConfig config = shape("llama-70b");
    const auto shares = shareTensors(config, 3);
    QVERIFY(shares.ok());
    for (const RankShare& share : *shares) {
        const ModelConfig part = rankConfig(config, share);
        QVERIFY(validate(part).ok());
        QCOMPARE(part.hiddenSize, config.hiddenSize);
        QCOMPARE(part.vocabularySize, config.vocabularySize);
        QCOMPARE(part.headCount, share.heads);
        QCOMPARE(part.headCount / part.kvHeadCount, config.headCount / config.kvHeadCount);
    }
}

void ParallelPlanTest::layersGoBySize_data() {
    QTest::addColumn<unsigned>("layers");
    QTest::addColumn<unsigned>("gpus");
    for (const unsigned layers : {1U, 3U, 28U, 32U, 64U, 80U})
        for (unsigned gpus = 1; gpus <= kMostRanks; ++gpus)
            QTest::addRow("%u layers over %u", layers, gpus) << layers << gpus;
}

/// Every layer once, in its order, on equal GPUs at most one more here than there.
void ParallelPlanTest::layersGoBySize() {
    QFETCH(unsigned, layers);
    QFETCH(unsigned, gpus);
    const std::vector<std::uint64_t> bytes(layers, 870'000'000);
    const std::vector<std::uint64_t> fixed(gpus, 1'000'000);
    const std::vector<std::uint64_t> room(gpus, 80'000'000'000);
    const auto shares = shareLayers(shape("llama-70b"), bytes, fixed, room);
    QVERIFY2(shares.ok(), shares.status().sentence().c_str());
    QCOMPARE(shares->size(), std::size_t(gpus));
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < gpus; ++i) {
        const LayerShare& share = shares->at(i);
        QCOMPARE(share.firstLayer, next);
        QCOMPARE(share.embeds, i == 0);
        QCOMPARE(share.samples, i + 1 == gpus);
        QVERIFY(share.layers == layers / gpus || share.layers == layers / gpus + 1);
        next += share.layers;
    }
    QCOMPARE(next, layers);
    QVERIFY(!shareLayers(shape("llama-70b"), bytes, {}, {}).ok());
    QVERIFY(!shareLayers(shape("gpt2-xl"), bytes, fixed, room).ok());
}

/// 24 + 16 + 12 GB, 39 GB of model; also layers of two sizes, as mixed quantizations have them.
void ParallelPlanTest::req16_layersFollowUnevenMemory() {
    constexpr std::uint64_t kGb = 1'000'000'000;
    const std::vector<std::uint64_t> room = {24 * kGb, 16 * kGb, 12 * kGb};
    std::vector<std::uint64_t> bytes(64);
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = (i % 3 == 0 ? 700'000'000U : 500'000'000U);
    const std::vector<std::uint64_t> fixed = {2 * kGb, kGb / 2, 2 * kGb};
    const auto shares = shareLayers(shape("llama-70b"), bytes, fixed, room);
    QVERIFY2(shares.ok(), shares.status().sentence().c_str());
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < room.size(); ++i) {
        const LayerShare& share = shares->at(i);
        QCOMPARE(share.firstLayer, next);
        next += share.layers;
        const std::uint64_t held =
            std::accumulate(bytes.begin() + share.firstLayer, bytes.begin() + next, fixed[i]);
        const double full = double(held) / double(room[i]);
        QVERIFY2(full > 0.75 && full < 0.85, qPrintable(QString::number(full)));
    }
    QCOMPARE(next, 64U);
}

/// A head of the size of many layers leaves the last GPU fewer of them.
void ParallelPlanTest::fixedBytesCount() {
    const std::vector<std::uint64_t> bytes(20, 100);
    const auto shares = shareLayers(shape("llama-8b"), bytes, std::vector<std::uint64_t>{100, 500},
                                    std::vector<std::uint64_t>{2000, 2000});
    QVERIFY(shares.ok());
    QCOMPARE(shares->at(0).layers, 12U);
    QCOMPARE(shares->at(1).layers, 8U);
}

void ParallelPlanTest::gpusWithoutRoomHoldNothing() {
    const std::vector<std::uint64_t> bytes(10, 100);
    const auto shares = shareLayers(shape("llama-8b"), bytes, std::vector<std::uint64_t>(3, 10),
                                    std::vector<std::uint64_t>{4000, 0, 1000});
    QVERIFY(shares.ok());
    QCOMPARE(shares->at(0).layers, 8U);
    QCOMPARE(shares->at(1).layers, 0U);
    QCOMPARE(shares->at(2).layers, 2U);
    QCOMPARE(shares->at(2).firstLayer, 8U);
}

INGLENOOK_SUITE(parallel_plan, ParallelPlanTest)
#include "tst_parallel_plan.moc"
