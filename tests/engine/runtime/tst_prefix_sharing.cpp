// Requests that begin alike, over the fake executor: what is computed once, and that every text is
// still the one that its own prompt gives.
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <random>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

struct Answer {
    std::string text;
    RequestTimings timings;
};

Request endless(const std::string& prompt, std::uint32_t tokens) {
    Request request;
    request.rawPrompt = prompt;
    request.maxTokens = tokens;
    request.ignoreEndOfGeneration = true;
    return request;
}

Answer ask(Bed& bed, Request request) {
    auto sink = std::make_shared<RecordingSink>();
    const auto id = bed.engine->submit(std::move(request), sink);
    if (!id.ok() || !sink->waitForFinish())
        return {};
    return {sink->text(false), sink->finished().timings};
}

} // namespace

class TstPrefixSharing : public QObject {
    Q_OBJECT

  private slots:
    void aSecondTurnComputesOnlyWhatIsNew() {
        Bed bed(4, 2048);
        const std::string prompt = words(500, 0);
        const Answer first = ask(bed, endless(prompt, 100));
        QCOMPARE(first.timings.cachedTokens, 0U);
        const std::uint32_t before = bed.script->rows;
        const std::string next = prompt + first.text + words(20, 77);
        const Answer second = ask(bed, endless(next, 1));
        QCOMPARE(second.text, bed.expected(next, 1, true));
        const std::uint32_t fresh = second.timings.promptTokens - second.timings.cachedTokens;
        QVERIFY2(fresh <= 20 + kPageTokens, qPrintable(QString::number(fresh)));
        QCOMPARE(bed.script->rows - before, fresh);
        QTRY_COMPARE(bed.engine->snapshot().cachedTokensTotal,
                     std::uint64_t(second.timings.cachedTokens));
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// All is known: one token is computed, into a copy of the last page.
    void theLastTokenIsAlwaysComputed() {
        Bed bed(4, 2048);
        for (const int count : {95, 94, 63, 64, 31, 5}) { // with <s>: also just full pages
            const std::string prompt = words(count, count);
            const Answer first = ask(bed, endless(prompt, 40));
            const std::uint32_t before = bed.script->rows;
            const Answer again = ask(bed, endless(prompt, 40));
            QCOMPARE(again.text, first.text);
            const std::uint32_t tokens = first.timings.promptTokens;
            QCOMPARE(again.timings.cachedTokens, tokens > 8 ? tokens - 1 : 0U);
            QCOMPARE(again.timings.prefilledTokens, tokens);
            QCOMPARE(bed.script->rows - before, 40 + tokens - 1 - again.timings.cachedTokens);
        }
        QVERIFY(bed.script->copies > 0);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// A page that was written on after it was shared would give the first text a wrong end.
    void aCopyIsWrittenNotTheOriginal() {
        Bed bed(4, 2048);
        const std::string trunk = words(100, 0);
        const Answer whole = ask(bed, endless(trunk + words(28, 3), 30));
        const std::string branch = trunk + words(10, 150);
        QCOMPARE(ask(bed, endless(branch, 60)).text, bed.expected(branch, 60, true));
        const Answer again = ask(bed, endless(trunk + words(28, 3), 30));
        QCOMPARE(again.text, whole.text);
        QCOMPARE(again.timings.cachedTokens, again.timings.promptTokens - 1);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// Agents of one run, or n answers of one prompt, all at once: the beginning is computed once.
    void simultaneousPromptsShareTheirBeginning() {
        Bed bed(16, 4096);
        bed.script->rowTime = 20us;
        const std::string task = words(1000, 0);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        std::vector<std::string> prompts;
        for (int i = 0; i < 8; ++i) {
            prompts.push_back(task + words(i == 0 ? 0 : 9, i * 11)); // the first is the task alone
            sinks.push_back(std::make_shared<RecordingSink>());
            QVERIFY(bed.engine->submit(endless(prompts.back(), 20), sinks.back()).ok());
        }
        std::uint32_t computed = 0;
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            QVERIFY(sinks[i]->waitForFinish());
            QCOMPARE(sinks[i]->text(false), bed.expected(prompts[i], 20, true));
            const RequestTimings timings = sinks[i]->finished().timings;
            QCOMPARE(timings.prefilledTokens, timings.promptTokens);
            computed += timings.promptTokens - timings.cachedTokens;
            if (i > 0)
                QVERIFY2(timings.cachedTokens + kPageTokens >= 1001,
                         qPrintable(QString::number(timings.cachedTokens)));
        }
        QVERIFY2(computed < 1001 + 8 * 2 * kPageTokens, qPrintable(QString::number(computed)));
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QVERIFY(bed.script->mostTables > 1);
    }

    void clientsDoNotShare() {
        Bed bed(4, 2048);
        Request request = endless(words(200, 0), 5);
        QCOMPARE(ask(bed, request).timings.cachedTokens, 0U);
        request.client = "key-2";
        QCOMPARE(ask(bed, request).timings.cachedTokens, 0U);
        QVERIFY(ask(bed, request).timings.cachedTokens > 190);
    }

    /// Reproducible requests share whole chunks among themselves, nothing else.
    void reproducibleRequestsShareWholeChunks() {
        Bed bed(4, 2048);
        Request request = endless(words(300, 0), 40);
        QVERIFY(ask(bed, request).timings.cachedTokens == 0U);
        request.reproducible = true;
        const Answer first = ask(bed, request);
        QCOMPARE(first.timings.cachedTokens, 0U);
        const Answer second = ask(bed, request);
        QCOMPARE(second.timings.cachedTokens, 256U);
        QCOMPARE(second.text, first.text);
        request.rawPrompt = *request.rawPrompt + first.text + words(300, 5);
        const Answer next = ask(bed, request); // what was generated one by one is not a chunk
        QCOMPARE(next.timings.cachedTokens, 256U);
        QCOMPARE(next.text, bed.expected(*request.rawPrompt, 40, true));
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// Kept pages never stand in the way of those who run.
    void keptPagesGiveWay() {
        Bed bed(4, 2048);
        for (int i = 0; i < 12; ++i) {
            const std::string prompt = words(1500, i * 17);
            QCOMPARE(ask(bed, endless(prompt, 30)).text, bed.expected(prompt, 30, true));
        }
        QTRY_COMPARE(bed.usedPages(), 0U);
        const Snapshot snapshot = bed.engine->snapshot();
        QVERIFY(snapshot.cachedPagesEvicted > 0);
        QVERIFY(snapshot.models.front().pagesCached > 0);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// Two hundred requests from a tree of prompts over few pages, with cancellations.
    void randomTreesOfPrompts() {
        Bed bed(6, 700);
        std::mt19937 random(3);
        struct Asked {
            std::string prompt;
            std::uint32_t limit;
            bool cancelled;
            std::shared_ptr<RecordingSink> sink;
        };
        std::vector<Asked> all;
        std::vector<std::string> trunks = {""};
        for (int i = 0; i < 200; ++i) {
            std::string trunk = trunks[random() % trunks.size()];
            if (trunk.size() > 2000)
                trunk.clear();
            trunk += words(1 + int(random() % 90), int(random() % 200));
            trunks.push_back(trunk);
            Asked asked{trunk, 1 + std::uint32_t(random() % 90), random() % 6 == 0,
                        std::make_shared<RecordingSink>()};
            Request request = endless(trunk, asked.limit);
            request.priority = Priority(random() % 3);
            request.reproducible = random() % 5 == 0;
            request.client = random() % 3 == 0 ? "api" : "desktop";
            const auto id = bed.engine->submit(std::move(request), asked.sink);
            QVERIFY(id.ok());
            if (asked.cancelled)
                bed.engine->cancel(*id);
            all.push_back(std::move(asked));
        }
        for (const Asked& asked : all) {
            QVERIFY(asked.sink->waitForFinish());
            const std::string text = asked.sink->text(false);
            const std::string expected = bed.expected(asked.prompt, asked.limit, true);
            QVERIFY(asked.cancelled ? expected.compare(0, text.size(), text) == 0
                                    : text == expected);
        }
        QTRY_COMPARE(bed.usedPages(), 0U);
        QVERIFY(bed.engine->snapshot().cachedTokensTotal > 1000);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    void thePrefixCacheIsASettingOfTheMoment() {
        Bed bed(2, 4096);
        const auto cachedOf = [&](const std::string& prompt) {
            const auto sink = std::make_shared<RecordingSink>();
            (void)bed.ask(prompt, sink, 3);
            (void)sink->waitForFinish();
            return sink->finished().timings.cachedTokens;
        };
        QCOMPARE(cachedOf(words(200, 1)), 0U);
        QVERIFY(cachedOf(words(200, 1)) > 100);
        KeepingSettings keeping;
        keeping.prefixCache = false;
        bed.engine->setKeeping(keeping);
        QCOMPARE(cachedOf(words(200, 1)), 0U);
        keeping.prefixCache = true;
        bed.engine->setKeeping(keeping);
        QVERIFY(cachedOf(words(200, 1)) > 100);
    }
};

INGLENOOK_SUITE(prefix_sharing, TstPrefixSharing)
#include "tst_prefix_sharing.moc"
