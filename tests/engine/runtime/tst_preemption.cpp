// Sequences that give way when pages run out: moved to host memory or computed again, whichever is
// cheaper, and the text never shows it.
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

/// Five long answers over the pages of one context and three short ones.
void runOut(Bed& bed, bool reproducible) {
    std::vector<std::shared_ptr<RecordingSink>> sinks;
    std::vector<std::string> prompts;
    for (int i = 0; i < 5; ++i) {
        sinks.push_back(std::make_shared<RecordingSink>());
        prompts.push_back(words(40, i * 3));
        Request request;
        request.rawPrompt = prompts.back();
        request.maxTokens = 4000;
        request.ignoreEndOfGeneration = true;
        request.reproducible = reproducible && i == 3; // the youngest that runs
        QVERIFY(bed.engine->submit(std::move(request), sinks.back()).ok());
    }
    for (std::size_t i = 0; i < sinks.size(); ++i) {
        QVERIFY(sinks[i]->waitForFinish(120s));
        QCOMPARE(sinks[i]->text(false), bed.expected(prompts[i], 4000, true));
    }
    QTRY_COMPARE(bed.usedPages(), 0U);
    QTRY_COMPARE(bed.engine->snapshot().hostPages_bytes, std::uint64_t(0));
    QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    QVERIFY(bed.engine->snapshot().preemptionsTotal > 0);
}

} // namespace

class TstPreemption : public QObject {
    Q_OBJECT

  private slots:
    void movesWhereCopyingIsCheap() {
        Bed bed(4, 4096);
        bed.script->rowTime = 5us;
        runOut(bed, true);
        QVERIFY(bed.engine->snapshot().preemptionsMoved > 0);
        QVERIFY(bed.script->restores > 0);
        QVERIFY(bed.script->saves >= bed.script->restores);
    }

    void computesAgainWithoutHostMemory() {
        EngineOptions options;
        options.hostPages_bytes = 0;
        Bed bed(4, 4096, options);
        runOut(bed, true);
        QCOMPARE(bed.engine->snapshot().preemptionsMoved, std::uint64_t(0));
        QCOMPARE(bed.script->saves.load(), 0U);
    }

    /// The first move measures; from then on it is computed again.
    void computesAgainWhereCopyingIsSlow() {
        Bed bed(4, 4096);
        bed.script->saveTime = 2ms;
        runOut(bed, false);
        QVERIFY(bed.engine->snapshot().preemptionsMoved <= 1);
    }

    void keepsTheHostBudget() {
        EngineOptions options;
        options.hostPages_bytes = 40 * kPageTokens * sizeof(std::uint64_t);
        Bed bed(4, 4096, options);
        bed.script->rowTime = 5us;
        runOut(bed, false);
        QVERIFY(bed.script->saves > 0);
    }

    void cancelledWhileMovedLeavesNothing() {
        Bed bed(4, 4096);
        bed.script->rowTime = 20us;
        std::vector<RequestId> ids;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 5; ++i) {
            Request request;
            request.rawPrompt = words(40, i * 3);
            request.ignoreEndOfGeneration = true;
            sinks.push_back(std::make_shared<RecordingSink>());
            const auto id = bed.engine->submit(std::move(request), sinks.back());
            QVERIFY(id.ok());
            ids.push_back(*id);
        }
        QTRY_VERIFY_WITH_TIMEOUT(bed.engine->snapshot().preemptionsTotal > 0, 30'000);
        for (const RequestId id : ids)
            bed.engine->cancel(id);
        for (const auto& sink : sinks)
            QVERIFY(sink->waitForFinish());
        QTRY_COMPARE(bed.usedPages(), 0U);
        QTRY_COMPARE(bed.engine->snapshot().hostPages_bytes, std::uint64_t(0));
    }
};

INGLENOOK_SUITE(preemption, TstPreemption)
#include "tst_preemption.moc"
