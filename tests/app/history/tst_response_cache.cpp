// The response cache: the same request of the same client within a day, and nothing else.
#include "app/history/response_cache.h"
#include "tests/support/suite_registry.h"

#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest/QtTest>
#include <SQLiteCpp/Statement.h>

namespace {

constexpr std::int64_t kDay_ms = 24LL * 3600 * 1000;

engine::ModelInfo modelOf(const std::string& hash) {
    engine::ModelInfo model;
    model.contentHash = hash;
    model.context = 4096;
    return model;
}

engine::Request question() {
    engine::Request request;
    request.messages = {{"user", "What is it?"}};
    request.sampler.temperature = 0.7F;
    request.sampler.seed = 7;
    request.client = "key:a";
    return request;
}

app::CachedAnswer answerOf(const std::string& text) {
    app::CachedAnswer answer;
    answer.text = text;
    answer.reasoning = "Because.";
    answer.promptTokens = 9;
    answer.generatedTokens = 4;
    answer.reasoningTokens = 1;
    return answer;
}

} // namespace

class TstResponseCache : public QObject {
    Q_OBJECT

  private:
    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<app::History> m_history;
    std::int64_t m_now_ms = 1'700'000'000'000;

    QString file(const char* name) const { return m_dir->filePath(QLatin1String(name)); }
    app::ResponseCache::Clock clock() {
        return [this] { return m_now_ms; };
    }
    void openHistory() {
        m_history = std::make_unique<app::History>(
            app::DatabasePaths{file("history.db"), file("cache.db"), file("metrics.db")});
        m_history->open();
    }
    /// Waits until the database thread has done everything asked so far.
    void settle() {
        QSemaphore done;
        m_history->withCache([&](SQLite::Database*) {
            done.release();
            return engine::Status();
        });
        done.acquire();
    }
    std::optional<app::CachedAnswer> find(app::ResponseCache& cache, const QByteArray& key) {
        QSemaphore done;
        std::optional<app::CachedAnswer> found;
        cache.find(key, [&](std::optional<app::CachedAnswer> answer) {
            found = std::move(answer);
            done.release();
        });
        done.acquire();
        return found;
    }
    std::int64_t rows() {
        std::int64_t count = -1;
        QSemaphore done;
        m_history->withCache([&](SQLite::Database* database) {
            if (database != nullptr)
                count = database->execAndGet("SELECT count(*) FROM answers").getInt64();
            done.release();
            return engine::Status();
        });
        done.acquire();
        return count;
    }

  private slots:
    void init() {
        m_dir = std::make_unique<QTemporaryDir>();
        openHistory();
    }
    void cleanup() { m_history.reset(); }

    void givesAnAnswerAgainFromMemoryAndFromDisk() {
        const engine::ModelInfo model = modelOf("h");
        const QByteArray key = app::responseKey(model, question());
        {
            app::ResponseCache cache(*m_history, {}, clock());
            QVERIFY(!find(cache, key));
            cache.store(key, model, answerOf("It is this."));
            QCOMPARE(find(cache, key), std::optional(answerOf("It is this.")));
            QCOMPARE(cache.counters().memoryHits, std::uint64_t(1));
            settle();
        }
        m_history.reset();
        openHistory();
        app::ResponseCache cache(*m_history, {}, clock());
        QCOMPARE(find(cache, key), std::optional(answerOf("It is this.")));
        QCOMPARE(cache.counters().diskHits, std::uint64_t(1));
        QCOMPARE(find(cache, key), std::optional(answerOf("It is this.")));
        QCOMPARE(cache.counters().memoryHits, std::uint64_t(1));
    }

    void everythingTheAnswerDependsOnIsInTheKey() {
        const engine::ModelInfo model = modelOf("h");
        const engine::Request plain = question();
        QSet<QByteArray> keys = {app::responseKey(model, plain)};
        const auto isNew = [&](const engine::ModelInfo& m, auto&& change) {
            engine::Request request = plain;
            change(request);
            const qsizetype before = keys.size();
            keys.insert(app::responseKey(m, request));
            return keys.size() == before + 1;
        };
        using R = engine::Request;
        const auto same = [](R&) {};
        QVERIFY(!isNew(model, same));
        QVERIFY(isNew(model, [](R& r) { r.client = "key:b"; }));
        QVERIFY(isNew(modelOf("other"), same));
        engine::ModelInfo other = model;
        other.formats.weights = engine::WeightFormat::Int4;
        QVERIFY(isNew(other, same));
        other = model;
        other.formats.kv = engine::KvFormat::Int8;
        QVERIFY(isNew(other, same));
        other = model;
        other.chatTemplate = engine::ChatTemplate::fallback();
        QVERIFY(isNew(other, same));
        QVERIFY(isNew(model, [](R& r) { r.messages[0].content += " "; }));
        QVERIFY(isNew(model, [](R& r) { r.messages[0].role = "system"; }));
        QVERIFY(isNew(model, [](R& r) { r.messages.push_back({"user", ""}); }));
        QVERIFY(isNew(model, [](R& r) { r.rawPrompt = ""; }));
        QVERIFY(isNew(model, [](R& r) { r.continuedAnswer = "a"; }));
        QVERIFY(isNew(model, [](R& r) { r.enableThinking = false; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.temperature = 0.8F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.topK = 3; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.topP = 0.5F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.minP = 0.1F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.repetitionPenalty = 1.1F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.presencePenalty = 0.1F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.frequencyPenalty = 0.1F; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.seed = 8; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.sampleNumber = 1; }));
        QVERIFY(isNew(model, [](R& r) { r.sampler.logitBias = {{1, 1.0F}}; }));
        QVERIFY(isNew(model, [](R& r) { r.stopStrings = {"a", "b"}; }));
        QVERIFY(isNew(model, [](R& r) { r.stopStrings = {"ab"}; }));
        QVERIFY(isNew(model, [](R& r) { r.maxTokens = 5; }));
        QVERIFY(isNew(model, [](R& r) { r.thinkingBudget = 5; }));
        QVERIFY(isNew(model, [](R& r) { r.overflow = engine::OverflowPolicy::Roll; }));
        QVERIFY(isNew(model, [](R& r) { r.reproducible = true; }));
        QVERIFY(isNew(model, [](R& r) { r.promptTokens = {1}; }));
        // Greedy: the seed draws nothing.
        QVERIFY(isNew(model, [](R& r) { r.sampler.temperature = 0; }));
        QVERIFY(!isNew(model, [](R& r) {
            r.sampler.temperature = 0;
            r.sampler.seed = 99;
        }));
    }

    /// A seed that the program drew is nobody's question; one that was asked for stays apart, 0
    /// too.
    void aDrawnSeedIsNotInTheKey() {
        const engine::ModelInfo model = modelOf("h");
        const auto keyOf = [&](std::uint64_t seed, app::SeedSource source) {
            engine::Request request = question();
            request.sampler.seed = seed;
            return app::responseKey(model, request, source);
        };
        using app::SeedSource;
        QCOMPARE(keyOf(1, SeedSource::Drawn), keyOf(2, SeedSource::Drawn));
        for (const std::uint64_t seed : {0, 1})
            QVERIFY(keyOf(seed, SeedSource::Asked) != keyOf(seed, SeedSource::Drawn));
        engine::Request second = question(); // the n-th answer is another one all the same
        second.sampler.sampleNumber = 1;
        QVERIFY(app::responseKey(model, second, SeedSource::Drawn) != keyOf(7, SeedSource::Drawn));
        engine::Request greedy = question();
        greedy.sampler.temperature = 0;
        QCOMPARE(app::responseKey(model, greedy, SeedSource::Drawn),
                 app::responseKey(model, greedy, SeedSource::Asked));
    }

    void livesForADay() {
        const engine::ModelInfo model = modelOf("h");
        const QByteArray key = app::responseKey(model, question());
        app::ResponseCache cache(*m_history, {}, clock());
        cache.store(key, model, answerOf("a"));
        settle();
        m_now_ms += kDay_ms - 1;
        QVERIFY(find(cache, key));
        app::ResponseCache fresh(*m_history, {}, clock());
        QVERIFY(find(fresh, key));
        m_now_ms += 1;
        QVERIFY(!find(cache, key)); // from memory
        app::ResponseCache later(*m_history, {}, clock());
        QVERIFY(!find(later, key)); // from disk
        later.store(app::responseKey(modelOf("i"), question()), model, answerOf("b"));
        settle();
        QCOMPARE(rows(), std::int64_t(1)); // the old one went
    }

    void aClockThatWasSetBackGivesNothing() {
        const engine::ModelInfo model = modelOf("h");
        const QByteArray key = app::responseKey(model, question());
        app::ResponseCache cache(*m_history, {}, clock());
        cache.store(key, model, answerOf("a"));
        settle();
        m_now_ms -= 3'600'000;
        QVERIFY(!find(cache, key));
    }

    void bothLevelsAreBounded() {
        app::ResponseCacheLimits limits;
        limits.memory_bytes = 20'000;
        limits.disk_bytes = 50'000;
        limits.answer_bytes = 10'000;
        app::ResponseCache cache(*m_history, limits, clock());
        const engine::ModelInfo model = modelOf("h");
        const auto keyOf = [&](int i) {
            engine::Request request = question();
            request.sampler.seed = std::uint64_t(i);
            return app::responseKey(model, request);
        };
        for (int i = 0; i < 100; ++i) {
            ++m_now_ms;
            cache.store(keyOf(i), model, answerOf(std::string(1000, 'x')));
            QVERIFY(cache.memory_bytes() <= limits.memory_bytes);
        }
        settle();
        QVERIFY(rows() > 20 && rows() < 50);
        QVERIFY(find(cache, keyOf(99)));
        QVERIFY(find(cache, keyOf(70))); // from disk
        QVERIFY(!find(cache, keyOf(0)));
        cache.store(keyOf(200), model, answerOf(std::string(20'000, 'x'))); // too long to keep
        QVERIFY(!find(cache, keyOf(200)));
    }

    void keepsOnlyWholeAnswers() {
        const engine::ModelInfo model = modelOf("h");
        app::ResponseCache cache(*m_history, {}, clock());
        for (const auto reason :
             {engine::FinishReason::Cancelled, engine::FinishReason::Failed,
              engine::FinishReason::ContextFull, engine::FinishReason::TimeLimit}) {
            app::CachedAnswer cut = answerOf("cut");
            cut.finish = reason;
            cache.store("k", model, cut);
            QVERIFY(!find(cache, "k"));
        }
    }

    void takesTheMostUsedIntoMemory() {
        const engine::ModelInfo model = modelOf("h");
        app::ResponseCache cache(*m_history, {}, clock());
        for (const char* key : {"often", "once", "never"})
            cache.store(key, model, answerOf(key));
        for (int i = 0; i < 3; ++i)
            find(cache, "often");
        find(cache, "once");
        settle();
        app::ResponseCache warm(*m_history, {}, clock());
        warm.prewarm(modelOf("other"));
        settle();
        QCOMPARE(warm.memory_bytes(), std::size_t(0));
        warm.prewarm(model);
        settle();
        QVERIFY(find(warm, "often") && find(warm, "once"));
        QCOMPARE(warm.counters().memoryHits, std::uint64_t(2));
        QVERIFY(find(warm, "never"));
        QCOMPARE(warm.counters().diskHits, std::uint64_t(1));
    }

    void aDamagedFileIsMadeAnew() {
        const engine::ModelInfo model = modelOf("h");
        {
            app::ResponseCache cache(*m_history, {}, clock());
            for (int i = 0; i < 50; ++i)
                cache.store(QByteArray::number(i), model, answerOf(std::string(3000, 'x')));
            settle();
        }
        m_history.reset();
        QFile bytes(file("cache.db"));
        QVERIFY(bytes.open(QIODevice::ReadWrite));
        bytes.seek(4096);
        bytes.write(QByteArray(int(bytes.size() / 2), '\xA5'));
        bytes.close();
        openHistory();
        std::optional<std::size_t> notices;
        connect(m_history.get(), &app::History::opened, this,
                [&](bool, const std::vector<engine::Status>& told) { notices = told.size(); });
        QTRY_VERIFY(notices.has_value());
        QCOMPARE(*notices, std::size_t(0)); // nobody needs to know
        app::ResponseCache cache(*m_history, {}, clock());
        QVERIFY(!find(cache, "1"));
        cache.store("1", model, answerOf("a"));
        settle();
        QCOMPARE(rows(), std::int64_t(1));
    }

    void damageWhileItIsOpenIsFoundAndMadeGood() {
        const engine::ModelInfo model = modelOf("h");
        app::ResponseCache cache(*m_history, {}, clock());
        cache.store("1", model, answerOf("a"));
        settle();
        m_history->withCache(
            [](SQLite::Database*) { return engine::Status(engine::Code::DatabaseDamaged); });
        QCOMPARE(rows(), std::int64_t(0));
        cache.store("2", model, answerOf("b"));
        settle();
        QCOMPARE(rows(), std::int64_t(1));
        cache.clear();
        QCOMPARE(rows(), std::int64_t(0));
        QVERIFY(!find(cache, "2"));
    }

    void worksWithoutAFile() {
        m_history.reset();
        m_history = std::make_unique<app::History>(
            app::DatabasePaths{file("h.db"), QStringLiteral("/proc/none/cache.db"), file("m.db")});
        m_history->open();
        app::ResponseCache cache(*m_history, {}, clock());
        QVERIFY(!find(cache, "1"));
        cache.store("1", modelOf("h"), answerOf("a"));
        QVERIFY(find(cache, "1")); // memory still serves
    }
};

INGLENOOK_SUITE(response_cache, TstResponseCache)
#include "tst_response_cache.moc"
