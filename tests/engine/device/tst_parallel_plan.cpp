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
    void kvHeadsAreReplicated();
    void surplusRanksRepeatAHead();
    void narrowModelsAreRefused();
    void rankConfigIsValid();
    void layersGoBySize();
    void layersThatDoNotFitAreRefused();
    void predictionFollowsTheMeasuredRates();
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
        for (unsigned ranks = 1; ranks <= kMostRanks; ++ranks)
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

void ParallelPlanTest::layersGoBySize() {
    constexpr std::uint64_t kGb = 1'000'000'000;
    // 24 + 16 + 12 GB, 39 GB of model.
    const LayerBytes bytes{std::vector<std::uint64_t>(64, kGb * 37 / 64), kGb, kGb};
    const std::vector<std::uint64_t> room = {24 * kGb, 16 * kGb, 12 * kGb};
    const auto shares = shareLayers(bytes, room);
    QVERIFY2(shares.ok(), shares.status().sentence().c_str());
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < room.size(); ++i) {
        const LayerShare& share = shares->at(i);
        QCOMPARE(share.firstLayer, next);
        next += share.layers;
        const double full = double(share.bytes) / double(room[i]);
        QVERIFY2(full > 0.70 && full < 0.80, qPrintable(QString::number(full)));
    }
    QCOMPARE(next, 64U);
    // One GPU takes all of it.
    const std::uint64_t one = 40 * kGb;
    const auto whole = shareLayers(bytes, {&one, 1});
    QVERIFY(whole.ok());
    QCOMPARE(whole->front().layers, 64U);
    // A GPU without room gets nothing.
    const auto uneven = shareLayers(bytes, std::vector<std::uint64_t>{40 * kGb, 0, 4 * kGb});
    QVERIFY(uneven.ok());
    QCOMPARE(uneven->at(1).layers, 0U);
}

void ParallelPlanTest::layersThatDoNotFitAreRefused() {
    const LayerBytes bytes{std::vector<std::uint64_t>(10, 100), 50, 50};
    const auto shares = shareLayers(bytes, std::vector<std::uint64_t>{600, 400});
    QVERIFY(!shares.ok());
    QCOMPARE(shares.status().code(), Code::OutOfMemory);
}

void ParallelPlanTest::predictionFollowsTheMeasuredRates() {
    const ModelConfig config = shape("llama-70b");
    const LinkRates rates{4000, 380, 3, 4, 650};
    const std::uint64_t layers = 69'500'000'000;
    const SpeedPrediction one = predictTensorSplit(config, layers, 1'070'000'000, 1, rates);
    const SpeedPrediction two = predictTensorSplit(config, layers, 1'070'000'000, 2, rates);
    const SpeedPrediction four = predictTensorSplit(config, layers, 1'070'000'000, 4, rates);
    QVERIFY(one.decodeTokensPerSecond > 45 && one.decodeTokensPerSecond < 57);
    const double twice = two.decodeTokensPerSecond / one.decodeTokensPerSecond;
    QVERIFY2(twice > 1.6 && twice < 2, qPrintable(QString::number(twice)));
    QVERIFY(four.decodeTokensPerSecond > two.decodeTokensPerSecond * 1.3);
    const double prefill = two.prefillTokensPerSecond / one.prefillTokensPerSecond;
    QVERIFY2(prefill > 1.6 && prefill < 2, qPrintable(QString::number(prefill)));
    // Slow links make more GPUs slower.
    LinkRates slow = rates;
    slow.sum_us = 100;
    QVERIFY(predictTensorSplit(config, layers, 0, 4, slow).decodeTokensPerSecond <
            one.decodeTokensPerSecond);
}

INGLENOOK_SUITE(parallel_plan, ParallelPlanTest)
#include "tst_parallel_plan.moc"
