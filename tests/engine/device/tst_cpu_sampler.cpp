#include "engine/device/cpu_sampler.h"
#include "engine/device/philox.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <QElapsedTimer>
#include <QtTest/QtTest>
#include <random>

using namespace engine;

namespace {

std::vector<float> randomLogits(std::size_t count, unsigned seed, float spread = 3.0F) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    std::vector<float> logits(count);
    for (float& logit : logits)
        logit = normal(random);
    return logits;
}

SamplerSpec openSpec(float temperature = 1.0F) {
    SamplerSpec spec;
    spec.temperature = temperature;
    spec.topP = 1.0F;
    return spec;
}

/// The slow twin: everything in double, everything sorted, nothing clever.
std::map<TokenId, double> referenceDistribution(std::vector<float> logits, const SamplerSpec& spec,
                                                const std::vector<std::uint32_t>& mask = {}) {
    for (const auto& [token, bias] : spec.logitBias)
        logits[std::size_t(token)] += bias;
    std::map<TokenId, int> counts;
    for (const TokenId token : spec.seenTokens)
        ++counts[token];
    for (const auto& [token, count] : counts) {
        float& logit = logits[std::size_t(token)];
        logit = logit > 0 ? logit / spec.repetitionPenalty : logit * spec.repetitionPenalty;
        logit -= spec.presencePenalty + spec.frequencyPenalty * float(count);
    }
    std::vector<std::pair<double, TokenId>> order; // {-logit, id}: sorts as the filters want it
    for (std::size_t i = 0; i < logits.size(); ++i)
        if (mask.empty() || (mask[i / 32] >> (i % 32) & 1U) != 0)
            order.emplace_back(-double(logits[i]), TokenId(i));
    std::sort(order.begin(), order.end());
    if (spec.temperature == 0)
        return {{order.front().second, 1.0}};
    if (spec.topK > 0 && std::size_t(spec.topK) < order.size())
        order.resize(std::size_t(spec.topK));
    std::vector<double> p;
    double sum = 0;
    for (const auto& [negated, token] : order)
        sum += p.emplace_back(std::exp((order[0].first - negated) / spec.temperature));
    double before = 0;
    std::map<TokenId, double> kept;
    for (std::size_t i = 0; i < p.size(); ++i) {
        if (spec.topP < 1 && before >= double(spec.topP) * sum)
            break;
        before += p[i];
        if (p[i] >= double(spec.minP) * p[0])
            kept[order[i].second] = p[i];
    }
    double rest = 0;
    for (const auto& [token, weight] : kept)
        rest += weight;
    for (auto& [token, weight] : kept)
        weight /= rest;
    return kept;
}

/// Upper 0.01 % point of chi-square with n degrees of freedom (Wilson and Hilferty).
double chiSquareLimit(int n) {
    const double a = 2.0 / (9.0 * n);
    return n * std::pow(1 - a + 3.719 * std::sqrt(a), 3);
}

struct Combination {
    const char* name;
    SamplerSpec spec;
};

std::vector<Combination> combinations() {
    std::vector<Combination> all;
    const auto add = [&](const char* name, float temperature, int topK, float topP, float minP) {
        SamplerSpec spec = openSpec(temperature);
        spec.topK = topK;
        spec.topP = topP;
        spec.minP = minP;
        spec.seed = 7;
        all.push_back({name, spec});
    };
    add("plain", 1.0F, 0, 1.0F, 0);
    add("temperature", 0.6F, 0, 1.0F, 0);
    add("hot", 2.5F, 0, 1.0F, 0);
    add("top-k", 1.0F, 10, 1.0F, 0);
    add("top-k one", 1.0F, 1, 1.0F, 0);
    add("top-p", 0.6F, 0, 0.95F, 0);
    add("narrow top-p", 1.0F, 0, 0.3F, 0);
    add("min-p", 1.0F, 0, 1.0F, 0.05F);
    add("top-k top-p", 0.8F, 20, 0.9F, 0);
    add("top-k min-p", 1.2F, 20, 1.0F, 0.1F);
    add("top-p min-p", 1.0F, 0, 0.9F, 0.02F);
    add("all", 0.9F, 30, 0.9F, 0.02F);
    all.push_back(all.back());
    all.back().name = "all with penalties and bias";
    SamplerSpec& spec = all.back().spec;
    spec.repetitionPenalty = 1.3F;
    spec.presencePenalty = 0.4F;
    spec.frequencyPenalty = 0.2F;
    spec.seenTokens = {3, 3, 3, 8, 14};
    spec.logitBias = {{5, 2.0F}, {6, -100.0F}};
    return all;
}

} // namespace

class TstCpuSampler : public QObject {
    Q_OBJECT

  private slots:
    /// Known answers published with Random123.
    void philoxGivesThePublishedWords() {
        QVERIFY((philox4x32({0, 0, 0, 0}, {0, 0}) ==
                 PhiloxCounter{0x6627E8D5U, 0xE169C58DU, 0xBC57AC4CU, 0x9B00DBD8U}));
        constexpr std::uint32_t kOnes = 0xFFFFFFFFU;
        QVERIFY((philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}) ==
                 PhiloxCounter{0x408F276DU, 0x41C83B0EU, 0xA20BC7C6U, 0x6D5451FDU}));
        QVERIFY((philox4x32({0x243F6A88U, 0x85A308D3U, 0x13198A2EU, 0x03707344U},
                            {0xA4093822U, 0x299F31D0U}) ==
                 PhiloxCounter{0xD16CFE09U, 0x94FDCCEBU, 0x5001E420U, 0x24126EA1U}));
    }

    void uniformDependsOnAllItsKeys() {
        QVERIFY(tokenUniform(1, 0, 5) != tokenUniform(2, 0, 5));
        QVERIFY(tokenUniform(1, 0, 5) != tokenUniform(1ULL << 32 | 1, 0, 5));
        QVERIFY(tokenUniform(1, 0, 5) != tokenUniform(1, 1, 5));
        QVERIFY(tokenUniform(1, 0, 5) != tokenUniform(1, 0, 6));
        for (std::uint32_t i = 0; i < 1000; ++i)
            QVERIFY(tokenUniform(9, 0, i) >= 0 && tokenUniform(9, 0, i) < 1);
    }

    void greedyTakesTheLowestIdOfATie() {
        SamplerScratch scratch(4);
        CpuSampler sampler;
        sampler.reset(openSpec(0));
        QCOMPARE(sampler.sample(std::vector<float>{1, 3, 3, 2}, 0, scratch), 1);
        QCOMPARE(sampler.lastToken(), 1);
        QCOMPARE(sampler.sample(std::vector<float>{NAN, 1, NAN, 1}, 1, scratch), 1);
        QCOMPARE(sampler.sample(std::vector<float>{NAN, NAN}, 2, scratch), kNoToken);
    }

    void survivesExtremeNumbers() {
        SamplerScratch scratch(3);
        CpuSampler sampler;
        for (const float temperature : {1e-40F, 1e-5F, 100.0F}) {
            sampler.reset(openSpec(temperature));
            const TokenId token = sampler.sample(std::vector<float>{-1e30F, 4, NAN}, 0, scratch);
            QCOMPARE(token, 1);
        }
        sampler.reset(openSpec(1));
        QCOMPARE(sampler.sample(std::vector<float>{1, INFINITY, 2}, 0, scratch), 1);
        QCOMPARE(sampler.sample(std::vector<float>{-INFINITY, -INFINITY, 2}, 0, scratch), 2);
    }

    void filtersEqualTheReference_data() {
        QTest::addColumn<int>("index");
        const auto all = combinations();
        for (std::size_t i = 0; i < all.size(); ++i)
            QTest::newRow(all[i].name) << int(i);
    }
    void filtersEqualTheReference() {
        QFETCH(int, index);
        const SamplerSpec spec = combinations()[std::size_t(index)].spec;
        for (unsigned seed = 0; seed < 60; ++seed) {
            auto logits = randomLogits(40 + 37 * seed, seed, seed % 3 == 0 ? 0.5F : 3.0F);
            if (seed % 4 == 0) // ties on purpose
                for (float& logit : logits)
                    logit = std::round(logit);
            const auto expected = referenceDistribution(logits, spec);
            SamplerScratch scratch(std::uint32_t(logits.size()));
            CpuSampler sampler;
            sampler.reset(spec);
            const auto got = sampler.distribution(logits, scratch);
            QCOMPARE(got.size(), expected.size());
            auto at = expected.begin();
            for (const Candidate& candidate : got) {
                QCOMPARE(candidate.token, at->first);
                QVERIFY(std::abs(candidate.weight - at->second) < 1e-5);
                ++at;
            }
        }
    }

    void drawsFollowTheDistribution_data() { filtersEqualTheReference_data(); }
    void drawsFollowTheDistribution() {
        QFETCH(int, index);
        SamplerSpec spec = combinations()[std::size_t(index)].spec;
        const auto logits = randomLogits(64, 99, 1.5F);
        const auto expected = referenceDistribution(logits, spec);
        SamplerScratch scratch(64);
        CpuSampler sampler;
        constexpr int kDraws = 100'000;
        std::map<TokenId, int> seen;
        const bool penalties = !spec.seenTokens.empty();
        sampler.reset(spec);
        for (std::uint32_t i = 0; i < kDraws; ++i) {
            if (penalties) // what was drawn would count
                sampler.reset(spec);
            ++seen[sampler.sample(logits, i, scratch)];
        }
        double chi = 0;
        double rareExpected = 0;
        int rareSeen = 0;
        int bins = 0;
        for (const auto& [token, share] : expected) {
            const double mean = share * kDraws;
            if (mean < 10) {
                rareExpected += mean;
                rareSeen += seen[token];
                continue;
            }
            chi += (seen[token] - mean) * (seen[token] - mean) / mean;
            ++bins;
        }
        if (rareExpected >= 10) {
            chi += (rareSeen - rareExpected) * (rareSeen - rareExpected) / rareExpected;
            ++bins;
        }
        for (const auto& [token, count] : seen)
            QVERIFY2(count == 0 || expected.contains(token), "a filtered token was drawn");
        if (bins > 1)
            QVERIFY2(chi < chiSquareLimit(bins - 1), qPrintable(QString::number(chi)));
    }

    void maskForbids() {
        SamplerScratch scratch(70);
        CpuSampler sampler;
        sampler.reset(openSpec(5.0F));
        const std::vector<std::uint32_t> mask = {0x10U, 0x2U, 0x1U}; // tokens 4, 33, 64
        sampler.setMask(mask);
        const auto logits = randomLogits(70, 5);
        std::map<TokenId, int> seen;
        for (std::uint32_t i = 0; i < 2000; ++i)
            ++seen[sampler.sample(logits, i, scratch)];
        QCOMPARE(seen.size(), std::size_t(3));
        QVERIFY(seen.contains(4) && seen.contains(33) && seen.contains(64));
        sampler.setMask({});
        QCOMPARE(sampler.distribution(logits, scratch).size(), std::size_t(70));
    }

    void penaltiesCountWhatWasDrawn() {
        SamplerSpec spec = openSpec(0);
        spec.frequencyPenalty = 1.0F;
        SamplerScratch scratch(3);
        CpuSampler sampler;
        sampler.reset(spec);
        const std::vector<float> logits = {5.0F, 4.5F, 0.0F};
        std::vector<TokenId> drawn;
        for (std::uint32_t i = 0; i < 4; ++i)
            drawn.push_back(sampler.sample(logits, i, scratch));
        QCOMPARE(drawn, (std::vector<TokenId>{0, 1, 0, 1}));
    }

    void seedsReproduce() {
        const auto logits = randomLogits(500, 3);
        SamplerScratch scratch(500);
        const auto run = [&](std::uint64_t seed, std::uint32_t number) {
            SamplerSpec spec;
            spec.temperature = 1.0F;
            spec.seed = seed;
            spec.sampleNumber = number;
            CpuSampler sampler;
            sampler.reset(spec);
            std::vector<TokenId> tokens;
            for (std::uint32_t i = 0; i < 50; ++i)
                tokens.push_back(sampler.sample(logits, i, scratch));
            return tokens;
        };
        QCOMPARE(run(1, 0), run(1, 0));
        QVERIFY(run(1, 0) != run(2, 0));
        QVERIFY(run(1, 0) != run(1, 1));
    }

    void logprobsAreNormalised() {
        const auto logits = randomLogits(1000, 8);
        const auto best = topLogprobs(logits, 1000);
        double sum = 0;
        for (std::size_t i = 0; i < best.size(); ++i) {
            sum += std::exp(best[i].logprob);
            QVERIFY(i == 0 || best[i].logprob <= best[i - 1].logprob);
        }
        QVERIFY(std::abs(sum - 1) < 1e-4);
        QCOMPARE(best.front().token, argmax(logits));
    }

    void specsAreChecked() {
        QVERIFY(validate(SamplerSpec()).ok());
        const auto refuses = [](auto&& change) {
            SamplerSpec spec;
            change(spec);
            return validate(spec) == Code::OptionInvalid;
        };
        QVERIFY(refuses([](SamplerSpec& s) { s.temperature = NAN; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.temperature = -0.1F; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.topP = 0; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.topP = 1.01F; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.topK = -1; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.minP = INFINITY; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.repetitionPenalty = 0; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.presencePenalty = NAN; }));
        QVERIFY(refuses([](SamplerSpec& s) { s.logitBias = {{-4, 1.0F}}; }));
        SamplerSpec spec;
        spec.topP = 1.5F;
        QCOMPARE(QString::fromStdString(validate(spec).sentence()),
                 QStringLiteral("top-p cannot be 1.5: above 0, at most 1 (off)."));
    }

    /// A draw over a vocabulary of 151,936 must be small beside a step of a small model (45 ms).
    void isFastOnLargeVocabularies() {
        const auto logits = randomLogits(151'936, 4, 2.5F);
        SamplerScratch scratch(151'936);
        CpuSampler sampler;
        sampler.reset(SamplerSpec());
        QElapsedTimer timer;
        timer.start();
        constexpr int kDraws = 20;
        for (std::uint32_t i = 0; i < kDraws; ++i)
            sampler.sample(logits, i, scratch);
        const double ms = double(timer.nsecsElapsed()) / 1e6 / kDraws;
        qInfo("%.3f ms a draw", ms);
        QVERIFY(ms < 40); // generous: sanitizers and busy machines run this too
    }
};

INGLENOOK_SUITE(cpu_sampler, TstCpuSampler)
#include "tst_cpu_sampler.moc"
