// On the CPU executor with a small random model: a reproducible request's tokens and
// log-probabilities, bit by bit, whatever runs beside it; and what shared KV pages hold against a
// recomputation.
#include "engine/device/cpu_executor.h"
#include "engine/runtime/engine_impl.h"
#include "tests/engine/device/tiny_model.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/forwarding_executor.h"
#include "tests/support/suite_registry.h"

#include <cmath>
#include <cstring>
#include <QtTest/QtTest>
#include <random>

using namespace engine;
using tests::ForwardingExecutor;
using tests::loadAndWait;
using tests::RecordingSink;
using tests::words;

namespace {

constexpr std::uint32_t kContext = 512;
constexpr std::uint32_t kPoolTokens = 1100; // two full sequences: three must give way
const NumberFormats kInt8{WeightFormat::Int8, ActivationFormat::Int8, KvFormat::Int8};
const NumberFormats kF32{WeightFormat::F32, ActivationFormat::F32, KvFormat::F32};

OpenedModel smallModel() {
    OpenedModel model = tests::fakeModel("small", kContext);
    ModelConfig& config = model.config;
    config.hiddenSize = 64;
    config.layerCount = 2;
    config.headCount = 4;
    config.kvHeadCount = 2;
    config.headDim = 16;
    config.rotaryDim = 16;
    config.intermediateSize = 96;
    config.parameterCount = 1;
    model.tensors = std::make_shared<tests::TinySource>(config, 7);
    return model;
}

/// Remembers the content of the pages of the last batch that had one sequence.
class PageSpy final : public ForwardingExecutor {
  public:
    struct Seen {
        std::vector<std::vector<std::byte>> pages;
        std::uint32_t rows = 0; // the batch's sequence had so many tokens then
    };
    explicit PageSpy(std::shared_ptr<Seen> seen)
        : ForwardingExecutor(makeCpuExecutor({.threads = 1})), m_seen(std::move(seen)) {}

    Result<Ticket> submit(Batch batch) override {
        const std::vector<PageId> pages =
            batch.tables.size() == 1 ? batch.tables[0].pages : std::vector<PageId>();
        const std::uint32_t rows = batch.rows.back().position + 1;
        Result<Ticket> ticket = below().submit(std::move(batch));
        if (!pages.empty()) {
            m_seen->pages.clear();
            m_seen->rows = rows;
            for (const PageId page : pages)
                m_seen->pages.push_back(*below().savePage(page));
        }
        return ticket;
    }

  private:
    std::shared_ptr<Seen> m_seen;
};

std::unique_ptr<EngineImpl> loadedEngine(const NumberFormats& formats, const EngineOptions& options,
                                         std::shared_ptr<PageSpy::Seen> seen = nullptr) {
    EngineParts parts;
    parts.options = options;
    parts.open = [](const std::filesystem::path&) -> Result<OpenedModel> { return smallModel(); };
    parts.makeExecutor = [seen](const std::string&,
                                SplitMode) -> Result<std::unique_ptr<Executor>> {
        if (seen != nullptr)
            return std::unique_ptr<Executor>(std::make_unique<PageSpy>(seen));
        return makeCpuExecutor({.threads = 1});
    };
    auto engine = std::make_unique<EngineImpl>(std::move(parts));
    LoadRequest request;
    request.path = "small";
    request.formats = formats;
    request.slotCount = 4;
    request.kvTokens = kPoolTokens;
    const LoadEvent event = loadAndWait(*engine, std::move(request));
    if (event.phase != LoadPhase::Ready)
        qWarning("%s", event.status.sentence().c_str());
    return engine;
}

Request reproducible(int which) {
    Request request;
    request.rawPrompt = words(100 + 90 * which, which * 40);
    request.sampler.temperature = which == 1 ? 0.0F : 0.9F;
    request.sampler.topP = 0.9F;
    request.sampler.repetitionPenalty = which == 2 ? 1.1F : 1.0F;
    request.sampler.seed = std::uint64_t(which);
    request.maxTokens = 40;
    request.topLogprobs = 1;
    request.reproducible = true;
    request.ignoreEndOfGeneration = true;
    return request;
}

/// Tokens and log-probabilities, all bits of them.
std::vector<std::pair<TokenId, std::uint32_t>> answerOf(const RecordingSink& sink) {
    std::vector<std::pair<TokenId, std::uint32_t>> answer;
    for (const TokenEvent& event : sink.events()) {
        if (event.kind != EventKind::Text || event.topLogprobs.empty())
            continue;
        std::uint32_t bits = 0;
        std::memcpy(&bits, &event.logprob, sizeof bits);
        answer.emplace_back(event.token, bits);
    }
    return answer;
}

std::shared_ptr<RecordingSink> ask(EngineImpl& engine, const Request& request) {
    auto sink = std::make_shared<RecordingSink>();
    if (!engine.submit(request, sink).ok())
        return nullptr;
    return sink;
}

} // namespace

class TstReproducibility : public QObject {
    Q_OBJECT

  private slots:
    /// Two hundred random schedules: alone, beside others, after giving way, with known pages.
    void tokensDependOnNothingElse() {
        constexpr int kRequests = 3;
        std::vector<std::vector<std::pair<TokenId, std::uint32_t>>> expected;
        for (int which = 0; which < kRequests; ++which) {
            const auto engine = loadedEngine(kInt8, {});
            const auto sink = ask(*engine, reproducible(which));
            QVERIFY(sink != nullptr && sink->waitForFinish());
            expected.push_back(answerOf(*sink));
            QCOMPARE(expected.back().size(), std::size_t(40));
        }
        std::mt19937 random(17);
        std::unique_ptr<EngineImpl> engine;
        std::uint64_t preemptions = 0;
        std::uint64_t moved = 0;
        std::uint64_t cached = 0;
        for (int schedule = 0; schedule < 200; ++schedule) {
            if (schedule % 50 == 0) { // every other one without host memory: computed again
                EngineOptions options;
                options.hostPages_bytes = schedule % 100 == 0 ? 64U << 20 : 0;
                engine = loadedEngine(kInt8, options);
            }
            std::vector<std::shared_ptr<RecordingSink>> others;
            const int which = int(random() % kRequests);
            std::shared_ptr<RecordingSink> sink;
            const int count = int(random() % 5);
            const int place = int(random() % unsigned(count + 1));
            for (int i = 0; i <= count; ++i) {
                if (i == place) {
                    sink = ask(*engine, reproducible(which));
                    continue;
                }
                Request other = reproducible(int(random() % kRequests));
                other.reproducible = random() % 3 == 0;
                if (random() % 2 == 0)
                    other.rawPrompt = words(20 + int(random() % 300), int(random() % 200));
                other.maxTokens = 1 + std::uint32_t(random() % 150);
                other.priority = Priority(random() % 3);
                auto otherSink = std::make_shared<RecordingSink>();
                const auto id = engine->submit(other, otherSink);
                QVERIFY(id.ok());
                if (random() % 4 == 0)
                    engine->cancel(*id);
                others.push_back(otherSink);
            }
            QVERIFY(sink != nullptr && sink->waitForFinish(std::chrono::seconds(60)));
            QVERIFY2(answerOf(*sink) == expected[std::size_t(which)],
                     qPrintable(QString("schedule %1, request %2").arg(schedule).arg(which)));
            if (random() % 2 == 0) // else they run on beside the next one
                for (const auto& other : others)
                    QVERIFY(other->waitForFinish(std::chrono::seconds(60)));
            cached += sink->finished().timings.cachedTokens;
            if (schedule % 50 == 49) {
                const Snapshot snapshot = engine->snapshot();
                preemptions += snapshot.preemptionsTotal;
                moved += snapshot.preemptionsMoved;
            }
        }
        QVERIFY(preemptions > 0);
        QVERIFY(moved > 0 && moved < preemptions);
        QVERIFY(cached > 0);
    }

    /// The CPU's rows do not depend on their batch at all. On a device where they do, the same must
    /// hold; and an ordinary request shows that the schedules do reach it.
    void tokensDependOnNothingElseWhereShapesMatter() {
        auto script = std::make_shared<tests::FakeExecutorScript>();
        script->shapeMatters = true;
        const auto start = [&](std::uint64_t hostPages_bytes) {
            EngineParts parts = tests::fakeParts(script, kContext);
            parts.options.hostPages_bytes = hostPages_bytes;
            auto engine = std::make_unique<EngineImpl>(std::move(parts));
            LoadRequest request;
            request.path = "small";
            request.slotCount = 4;
            request.kvTokens = 600; // hardly more than two of the longest
            (void)loadAndWait(*engine, std::move(request));
            return engine;
        };
        std::mt19937 random(23);
        std::vector<std::string> expected;
        for (int which = 0; which < 3; ++which) {
            const auto alone = start(0);
            const auto sink = ask(*alone, reproducible(which));
            QVERIFY(sink->waitForFinish());
            expected.push_back(sink->text(false));
        }
        std::unique_ptr<EngineImpl> engine;
        std::uint64_t preemptions = 0;
        int ordinaryDiffer = 0;
        for (int schedule = 0; schedule < 200; ++schedule) {
            if (schedule % 50 == 0)
                engine = start(schedule % 100 == 0 ? 0 : 1U << 20);
            std::vector<std::shared_ptr<RecordingSink>> sinks;
            std::vector<std::pair<int, bool>> asked; // which, reproducible
            for (int i = 0; i < 5; ++i) {
                asked.emplace_back(int(random() % 3), random() % 2 == 0);
                Request request = reproducible(asked.back().first);
                request.reproducible = asked.back().second;
                request.priority = Priority(random() % 3);
                sinks.push_back(ask(*engine, request));
            }
            for (std::size_t i = 0; i < sinks.size(); ++i) {
                QVERIFY(sinks[i]->waitForFinish());
                const bool same = sinks[i]->text(false) == expected[std::size_t(asked[i].first)];
                QVERIFY2(same || !asked[i].second, qPrintable(QString::number(schedule)));
                ordinaryDiffer += same ? 0 : 1;
            }
            if (schedule % 50 == 49)
                preemptions += engine->snapshot().preemptionsTotal;
        }
        QVERIFY(ordinaryDiffer > 100);
        QVERIFY(preemptions > 0);
        QVERIFY2(!script->broken, script->complaint.c_str());
    }

    void sharedPagesHoldWhatIsComputed_data() {
        QTest::addColumn<bool>("exact");
        QTest::newRow("reproducible int8: equal bytes") << true;
        QTest::newRow("f32: within rounding") << false;
    }
    /// A second turn over known pages, and then the pages of its whole text against those that an
    /// executor fills with nothing known.
    void sharedPagesHoldWhatIsComputed() {
        QFETCH(bool, exact);
        const NumberFormats formats = exact ? kInt8 : kF32;
        auto seen = std::make_shared<PageSpy::Seen>();
        const auto engine = loadedEngine(formats, {}, seen);
        Request request = reproducible(2); // 281 tokens
        request.reproducible = exact;
        request.topLogprobs = 0;
        const auto first = ask(*engine, request);
        QVERIFY(first != nullptr && first->waitForFinish());
        request.rawPrompt = *request.rawPrompt + (exact ? "" : first->text(false)) + words(50, 9);
        request.maxTokens = 1;
        const auto second = ask(*engine, request);
        QVERIFY(second != nullptr && second->waitForFinish());
        const RequestTimings timings = second->finished().timings;
        QVERIFY2(timings.cachedTokens >= 256, qPrintable(QString::number(timings.cachedTokens)));
        QCOMPARE(seen->rows, timings.promptTokens);

        const OpenedModel model = smallModel();
        const auto tokens = engine->models().front()->tokenizer->encode(
            *request.rawPrompt, {.addBos = true, .parseSpecial = true});
        QCOMPARE(std::uint32_t(tokens.size()), timings.promptTokens);
        const auto fresh = makeCpuExecutor({.threads = 1});
        ExecutorPlan plan;
        plan.formats = formats;
        plan.context = kContext;
        plan.pageCount = 1 + pagesFor(kContext);
        const std::atomic<bool> stop{false};
        QVERIFY(fresh->load(model.config, model.tensors, plan, {}, stop).ok());
        PageTable table;
        for (PageId page = 1; page < plan.pageCount; ++page)
            table.pages.push_back(page);
        for (std::uint32_t begin = 0; begin < tokens.size(); begin += kReproducibleChunkRows) {
            Batch batch;
            batch.tables = {table};
            batch.reproducible = true;
            for (std::uint32_t i = begin;
                 i < std::min<std::size_t>(tokens.size(), begin + kReproducibleChunkRows); ++i)
                batch.rows.push_back({0, kNoSlot, i, tokens[i], Want::Nothing});
            const auto ticket = fresh->submit(std::move(batch));
            QVERIFY(ticket.ok() && fresh->collect(*ticket).status.ok());
        }
        const std::size_t full = tokens.size() / kPageTokens;
        for (std::size_t page = 0; page < full; ++page) {
            const auto expected = *fresh->savePage(table.pages[page]);
            const auto& shared = seen->pages[page];
            QCOMPARE(shared.size(), expected.size());
            if (exact) {
                QVERIFY2(shared == expected, qPrintable(QString("page %1").arg(page)));
                continue;
            }
            double difference = 0;
            double norm = 0;
            for (std::size_t at = 0; at + 4 <= expected.size(); at += 4) {
                float a = 0;
                float b = 0;
                std::memcpy(&a, shared.data() + at, 4);
                std::memcpy(&b, expected.data() + at, 4);
                difference += double(a - b) * double(a - b);
                norm += double(b) * double(b);
            }
            QVERIFY(norm > 0);
            QVERIFY2(std::sqrt(difference / norm) < 1e-5,
                     qPrintable(QString::number(std::sqrt(difference / norm))));
        }
    }
};

INGLENOOK_SUITE(reproducibility, TstReproducibility)
#include "tst_reproducibility.moc"
