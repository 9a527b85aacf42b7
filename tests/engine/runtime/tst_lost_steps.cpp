// A step that fails, and one whose result lacks rows: whose rows they were is told so, with all the
// text that came before, and nobody else notices.
#include "tests/engine/runtime/scheduler_bed.h"
#include "tests/support/forwarding_executor.h"
#include "tests/support/suite_registry.h"

#include <algorithm>
#include <QtTest/QtTest>

using namespace engine;
using tests::Asked;
using tests::BedPlan;
using tests::RecordingSink;
using tests::SchedulerBed;

namespace {

constexpr std::uint32_t kTokens = 20; // of each answer
constexpr int kSlots = 4;
constexpr std::uint32_t kStep = 8; // the one that goes wrong: all slots decode by then

/// Loses one row of one step's result.
class LossyExecutor final : public tests::ForwardingExecutor {
  public:
    enum class Loss { Last, Token };

    LossyExecutor(std::unique_ptr<Executor> below, Loss loss)
        : ForwardingExecutor(std::move(below)), m_loss(loss) {}

    BatchResult collect(Ticket ticket) override {
        BatchResult result = below().collect(ticket);
        if (ticket != kStep)
            return result;
        if (m_loss == Loss::Last)
            result.rows.pop_back();
        else
            result.rows[1].token = kNoToken; // what a GPU says of logits that are no numbers
        return result;
    }

  private:
    Loss m_loss;
};

/// `which` names its own words.
Asked asked(int which) {
    Asked made;
    for (int i = 0; i < 5; ++i)
        made.prompt.tokens.push_back(tests::kFakeFirstWord + (which * 11 + i * 7) % 200);
    made.request.maxTokens = kTokens;
    made.request.ignoreEndOfGeneration = true;
    made.request.topLogprobs = 1; // an event for every token
    return made;
}

std::vector<TokenId> tokensOf(const RecordingSink& sink) {
    std::vector<TokenId> tokens;
    for (const TokenEvent& event : sink.events())
        if (event.token != kNoToken)
            tokens.push_back(event.token);
    return tokens;
}

/// All of its answer, or what it got of it before it failed.
bool isBeginningOfAnswer(const std::vector<TokenId>& tokens, int which) {
    const auto whole = tests::expectedTokens(asked(which).prompt.tokens, kTokens, true);
    return tokens.size() <= whole.size() && std::equal(tokens.begin(), tokens.end(), whole.begin());
}

} // namespace

class TstLostSteps : public QObject {
    Q_OBJECT

  private slots:
    void aFailedStepKeepsTheTextOfAll_data() {
        QTest::addColumn<bool>("runsAhead");
        QTest::newRow("one step at a time") << false;
        QTest::newRow("a second step behind it") << true;
    }
    void aFailedStepKeepsTheTextOfAll() {
        QFETCH(bool, runsAhead);
        BedPlan plan;
        plan.slotCount = kSlots;
        plan.runsAhead = runsAhead;
        SchedulerBed bed(plan);
        bed.script->failAtStep = kStep;
        std::vector<std::shared_ptr<RecordingSink>> sinks; // two more than there are slots
        for (int i = 0; i < kSlots + 2; ++i)
            sinks.push_back(bed.add(asked(i)));
        QVERIFY2(bed.stepToTheEnd(), bed.script->complaint.c_str());
        for (int i = 0; i < kSlots + 2; ++i) {
            const RecordingSink& sink = *sinks[std::size_t(i)];
            const bool wasInIt = i < kSlots;
            QCOMPARE(sink.finishCount(), 1);
            QCOMPARE(sink.finished().finish,
                     wasInIt ? FinishReason::Failed : FinishReason::MaxTokens);
            QCOMPARE(sink.finished().status.code(), wasInIt ? Code::DeviceLost : Code::Ok);
            const std::vector<TokenId> tokens = tokensOf(sink);
            QVERIFY2(isBeginningOfAnswer(tokens, i), qPrintable(QString::number(i)));
            QCOMPARE(sink.finished().timings.generatedTokens, std::uint32_t(tokens.size()));
            // Every step before it gave a token.
            QCOMPARE(tokens.size(), std::size_t(wasInIt ? kStep - 1 : kTokens));
        }
        QCOMPARE(bed.figures.requestsFailed, std::uint64_t(kSlots));
        QCOMPARE(bed.figures.requestsFinished, std::uint64_t(2));
        QCOMPARE(bed.scheduler->cache().usedPages(), 0U);
    }

    void aRowThatIsLostFailsItsRequestAlone_data() {
        QTest::addColumn<int>("loser");
        QTest::addColumn<bool>("runsAhead");
        for (const bool runsAhead : {false, true}) {
            const char* ahead = runsAhead ? "a second step behind it" : "one step at a time";
            QTest::addRow("the result ends early, %s", ahead) << kSlots - 1 << runsAhead;
            QTest::addRow("a row has no token, %s", ahead) << 1 << runsAhead;
        }
    }
    void aRowThatIsLostFailsItsRequestAlone() {
        QFETCH(int, loser);
        QFETCH(bool, runsAhead);
        using Loss = LossyExecutor::Loss;
        const Loss loss = loser == kSlots - 1 ? Loss::Last : Loss::Token;
        BedPlan plan;
        plan.slotCount = kSlots;
        plan.runsAhead = runsAhead;
        plan.wrap = [loss](std::unique_ptr<Executor> below) {
            return std::make_unique<LossyExecutor>(std::move(below), loss);
        };
        SchedulerBed bed(plan);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < kSlots; ++i)
            sinks.push_back(bed.add(asked(i)));
        QVERIFY2(bed.stepToTheEnd(), bed.script->complaint.c_str());
        for (int i = 0; i < kSlots; ++i) {
            const RecordingSink& sink = *sinks[std::size_t(i)];
            const TokenEvent end = sink.finished();
            const std::vector<TokenId> tokens = tokensOf(sink);
            QCOMPARE(sink.finishCount(), 1);
            QVERIFY2(isBeginningOfAnswer(tokens, i), qPrintable(QString::number(i)));
            QCOMPARE(tokens.size(), std::size_t(i == loser ? kStep - 1 : kTokens));
            QCOMPARE(end.status.code(), i == loser ? Code::LogitsNotFinite : Code::Ok);
            if (i != loser)
                continue;
            // Its prompt and the tokens before: where the logits were to come from.
            const std::size_t position = asked(i).prompt.tokens.size() + tokens.size() - 1;
            QCOMPARE(end.status.arguments().back().value, std::to_string(position));
        }
        QCOMPARE(bed.scheduler->cache().usedPages(), 0U);
    }
};

INGLENOOK_SUITE(lost_steps, TstLostSteps)
#include "tst_lost_steps.moc"
