// What is computed ahead: system prompts, and the last answer without its reasoning.
#include "engine/runtime/prewarm.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

Request talk(int systemWords) {
    Request request;
    request.messages = {{"system", words(systemWords, 0)}, {"user", "why" + words(30, 9)}};
    request.maxTokens = 5;
    request.ignoreEndOfGeneration = true;
    return request;
}

RequestTimings ask(Bed& bed, Request request) {
    auto sink = std::make_shared<RecordingSink>();
    if (!bed.engine->submit(std::move(request), sink).ok() || !sink->waitForFinish())
        return {};
    return sink->finished().timings;
}

} // namespace

class TstPrewarm : public QObject {
    Q_OBJECT

  private slots:
    void computesASystemPromptAhead() {
        Bed bed(4, 2048);
        Request system = talk(300);
        system.messages.pop_back();
        QVERIFY(bed.engine->prewarm(system).ok());
        QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal >= 300 - kPageTokens);
        QTRY_COMPARE(bed.usedPages(), 0U);
        const RequestTimings timings = ask(bed, talk(300));
        QVERIFY2(timings.cachedTokens + kPageTokens > 300,
                 qPrintable(QString::number(timings.cachedTokens)));
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// After an answer with reasoning the next turn computes its question and a page at most.
    void computesTheAnswerWithoutItsReasoning() {
        Bed bed(4, 2048);
        bed.model = bed.load("thinker", 4);
        QVERIFY(bed.model->isReasoner);
        Request request = talk(50);
        request.thinkingBudget = 40;
        request.maxTokens = 0;
        request.ignoreEndOfGeneration = false;
        bool checked = false;
        for (int i = 0; i < 30 && !checked; ++i) { // some answers end inside their reasoning
            request.messages.back().content = "why" + words(20 + i, i);
            auto sink = std::make_shared<RecordingSink>();
            QVERIFY(bed.engine->submit(request, sink).ok());
            QVERIFY(sink->waitForFinish());
            const TokenEvent end = sink->finished();
            if (end.finish != FinishReason::EndOfAnswer || sink->text(false).size() < 150)
                continue;
            QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal > 0);
            QTest::qWait(50);
            Request next = request;
            next.messages.push_back({"assistant", sink->text(false)});
            next.messages.push_back({"user", "and" + words(10, 3)});
            next.maxTokens = 1;
            const RequestTimings timings = ask(bed, next);
            Request beginning = next;
            beginning.messages.pop_back();
            const auto known = nextPromptBeginning(*bed.model, beginning);
            QVERIFY(known.ok());
            QVERIFY2(timings.cachedTokens + kPageTokens > known->size(),
                     qPrintable(QString("%1 of %2").arg(timings.cachedTokens).arg(known->size())));
            checked = true;
        }
        QVERIFY(checked);
    }

    /// A request that comes meanwhile runs at once; what was computed by then is kept.
    void givesWayAtOnce() {
        Bed bed(4, 4096);
        bed.script->rowTime = 500us;
        Request system = talk(3000);
        system.messages.pop_back();
        QVERIFY(bed.engine->prewarm(system).ok());
        QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal > 64);
        const RequestTimings other = ask(bed, talk(1));
        QVERIFY2(other.queueWait_us < 200'000, qPrintable(QString::number(other.queueWait_us)));
        const std::uint64_t before = bed.engine->snapshot().prewarmedTokensTotal;
        QVERIFY(before < 3000);
        QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal > before); // goes on
        bed.script->rowTime = 0us;
        QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal + kPageTokens > 3000);
        QVERIFY(bed.engine->snapshot().prewarmedTokensTotal < 3000 + 200);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    void isNobodysCachedTokens() {
        Bed bed(4, 2048);
        Request system = talk(200);
        system.messages.pop_back();
        QVERIFY(bed.engine->prewarm(system).ok());
        QVERIFY(bed.engine->prewarm(system).ok());
        QTRY_VERIFY(bed.engine->snapshot().prewarmedTokensTotal > 0);
        QTest::qWait(20);
        QCOMPARE(bed.engine->snapshot().cachedTokensTotal, std::uint64_t(0));
        QVERIFY(bed.engine->snapshot().requests.empty());
    }
};

INGLENOOK_SUITE(prewarm, TstPrewarm)
#include "tst_prewarm.moc"
