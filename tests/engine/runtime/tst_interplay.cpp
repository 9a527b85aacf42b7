// What meets in one step of a device that runs ahead: sequences that give way or are moved, drop
// text, are told to end their reasoning, are cancelled or fail, while their tokens are in flight.
// Every text must be the one that its request gives alone, one step at a time, and nothing may be
// left behind. A failure prints its seed; INGLENOOK_INTERPLAY_SEED=N runs that one alone,
// INGLENOOK_INTERPLAY_SCHEDULES=N so many.
#include "tests/engine/runtime/scheduler_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>
#include <random>

using namespace engine;
using tests::Asked;
using tests::BedPlan;
using tests::RecordingSink;
using tests::SchedulerBed;

namespace {

constexpr int kSchedules = 400;
constexpr int kFoundSomething[] = {8090, 12592}; // seeds beyond them

std::vector<TokenId> someTokens(std::uint32_t count, std::uint32_t first) {
    std::vector<TokenId> tokens;
    for (std::uint32_t i = 0; i < count; ++i)
        tokens.push_back(tests::kFakeFirstWord + static_cast<TokenId>((first + i * 7) % 200));
    return tokens;
}

/// What "</think>" is for the fake model.
std::vector<TokenId> endOfReasoning() {
    return {tests::kFakeEndThink, tests::kFakeFirstWord + 5, tests::kFakeFirstWord + 6};
}

struct Outcome {
    std::string reasoning;
    std::string answer;
    FinishReason finish = FinishReason::None;
    RequestTimings timings;

    bool isWhole() const {
        return finish == FinishReason::EndOfAnswer || finish == FinishReason::StopString ||
               finish == FinishReason::MaxTokens || finish == FinishReason::ContextFull;
    }
};

Outcome outcomeOf(const RecordingSink& sink) {
    const TokenEvent finished = sink.finished();
    return {sink.text(true), sink.text(false), finished.finish, finished.timings};
}

/// One step at a time, with all pages there are and nobody beside it.
Outcome alone(Asked asked, std::uint32_t context) {
    BedPlan plan;
    plan.context = context;
    plan.slotCount = 1;
    plan.runsAhead = false;
    SchedulerBed bed(plan);
    bed.scheduler->setPrefixCache(false);
    asked.request.maxTime = {};
    const auto sink = bed.add(asked);
    return bed.stepToTheEnd() ? outcomeOf(*sink) : Outcome();
}

/// What the schedules have reached.
struct Reached {
    std::uint64_t whole = 0;
    std::uint64_t cut = 0; // cancelled, failed or out of time
    std::uint64_t gaveWay = 0;
    std::uint64_t moved = 0;
    std::uint64_t restored = 0;
    std::uint64_t copied = 0;
    std::uint64_t dropped = 0;
    std::uint64_t cached = 0;
    std::uint64_t ahead = 0;
};

/// One seeded schedule.
class Schedule {
  public:
    explicit Schedule(std::uint32_t seed) : m_random(seed), m_bed(randomPlan()) {
        m_fails = oneIn(2);
        for (std::uint32_t count = 2 + pick(12); count > 0; --count)
            m_cases.push_back(randomCase());
    }

    /// What is wrong, or nothing.
    std::string run(Reached& reached) {
        for (std::uint32_t step = 0; !isOver(); ++step) {
            if (step > 100'000)
                return "it does not come to an end";
            arrive(step);
            if (m_fails)
                disturb();
            const bool idle = !m_bed.scheduler->hasWork() && m_bed.scheduler->hasPrewarm();
            (void)(idle ? m_bed.scheduler->stepPrewarm() : m_bed.scheduler->step());
            if (m_bed.script->broken)
                return "the executor complains: " + m_bed.script->complaint;
        }
        return look(reached);
    }

  private:
    struct Case {
        Asked asked;
        std::uint32_t arrives = 0; // steps
        std::uint32_t cancels = 0; // steps; 0 = never
        std::size_t sinkTakes = 0;
        RequestId id = 0;
        std::shared_ptr<RecordingSink> sink;
    };

    std::uint32_t pick(std::uint32_t below) {
        return static_cast<std::uint32_t>(m_random() % below);
    }
    bool oneIn(std::uint32_t n) { return pick(n) == 0; }

    BedPlan randomPlan() {
        BedPlan plan;
        plan.context = 40 + pick(120);
        plan.slotCount = 1 + pick(5);
        plan.pages = pagesFor(plan.context) + pick(plan.slotCount);
        plan.maxRows = 8 + pick(100);
        plan.runsAhead = !oneIn(8);
        plan.hostPages_bytes = oneIn(4) ? 0 : oneIn(4) ? 1000 : 1'000'000;
        return plan;
    }

    Case randomCase() {
        const std::uint32_t context = m_bed.plan.context;
        Case made;
        made.arrives = pick(120);
        Request& request = made.asked.request;
        request.client = oneIn(4) ? "api" : "desktop";
        request.priority = Priority(pick(3));
        request.overflow = OverflowPolicy(pick(3));
        request.maxTokens = oneIn(4) ? 0 : 1 + pick(2 * context);
        request.ignoreEndOfGeneration = !oneIn(3);
        request.reproducible = oneIn(8);
        request.topLogprobs = oneIn(8) ? 2 : 0;
        if (oneIn(3))
            request.sampler.repetitionPenalty = 1.1F;
        if (oneIn(8))
            request.stopStrings = {"w77"};
        if (oneIn(12))
            request.maxTime = milliseconds(1 + pick(200));
        made.asked.prompt.tokens = someTokens(1 + pick(context - 1), pick(3));
        made.asked.headTokens = pick(10);
        made.asked.closeReasoning = endOfReasoning();
        if (oneIn(3)) {
            made.asked.prompt.insideReasoning = true;
            request.thinkingBudget = oneIn(4) ? 0 : 1 + pick(30);
        }
        made.cancels = oneIn(6) ? made.arrives + 1 + pick(100) : 0;
        made.sinkTakes = oneIn(12) ? 1 + pick(30) : 0;
        return made;
    }

    void arrive(std::uint32_t step) {
        for (Case& each : m_cases) {
            if (each.arrives == step) {
                each.sink = m_bed.add(each.asked, each.sinkTakes);
                each.id = m_bed.lastId;
                ++m_arrived;
            }
            if (each.id != 0 && each.cancels == step)
                m_bed.scheduler->cancel(each.id);
        }
        if (oneIn(60)) {
            Request request;
            m_bed.scheduler->prewarm(std::make_shared<Sequence>(
                0, m_bed.scheduler->model(), request, nullptr,
                Prompt{someTokens(m_bed.plan.context - 1, pick(3)), false, false}));
        }
        if (oneIn(40))
            m_bed.scheduler->setPriority(1 + pick(m_bed.lastId + 1), Priority(pick(3)));
        if (oneIn(50))
            m_bed.scheduler->setPrefixCache(!oneIn(3));
    }

    void disturb() {
        if (oneIn(60))
            m_bed.script->failAtStep = m_bed.script->steps + 1;
        m_bed.script->failPages = oneIn(20);
        m_bed.script->refuseSlots = oneIn(100);
    }

    bool isOver() const { return m_arrived == m_cases.size() && !m_bed.scheduler->hasWork(); }

    std::string look(Reached& reached) const {
        for (const Case& each : m_cases)
            if (std::string wrong = lookAt(each, reached); !wrong.empty())
                return "request " + std::to_string(each.id) + " " + wrong;
        for (Scheduler& scheduler = *m_bed.scheduler; scheduler.hasPrewarm();)
            (void)scheduler.stepPrewarm();
        if (m_bed.scheduler->cache().usedPages() != 0)
            return "pages have leaked";
        if (m_bed.figures.hostPages_bytes != 0)
            return "pages in host memory have leaked";
        reached.gaveWay += m_bed.figures.preemptionsTotal;
        reached.moved += m_bed.figures.preemptionsMoved;
        reached.restored += m_bed.script->restores;
        reached.copied += m_bed.script->copies;
        reached.dropped += m_bed.figures.droppedTokensTotal;
        reached.cached += m_bed.figures.cachedTokensTotal;
        reached.ahead += m_bed.script->ahead;
        return {};
    }

    std::string lookAt(const Case& each, Reached& reached) const {
        if (each.sink->finishCount() != 1)
            return "has finished " + std::to_string(each.sink->finishCount()) + " times";
        if (each.sink->events().back().kind != EventKind::Finished)
            return "hears of something behind its end";
        const Outcome got = outcomeOf(*each.sink);
        const Outcome expected = alone(each.asked, m_bed.plan.context);
        if (!expected.isWhole())
            return "cannot be answered at all";
        ++(got.isWhole() ? reached.whole : reached.cut);
        const bool same = got.reasoning == expected.reasoning && got.answer == expected.answer;
        if (got.isWhole() && (!same || got.finish != expected.finish))
            return "has another text: " + got.reasoning + "|" + got.answer + " instead of " +
                   expected.reasoning + "|" + expected.answer;
        if (got.isWhole() && (got.timings.generatedTokens != expected.timings.generatedTokens ||
                              got.timings.reasoningTokens != expected.timings.reasoningTokens ||
                              got.timings.droppedTokens != expected.timings.droppedTokens))
            return "counts otherwise";
        // What a stop string may begin is given out when there is no more to come.
        const bool begins = expected.reasoning.starts_with(got.reasoning) &&
                            expected.answer.starts_with(got.answer);
        if (!got.isWhole() && each.asked.request.stopStrings.empty() && !begins)
            return "was cut, and began otherwise: " + got.reasoning + "|" + got.answer +
                   " instead of " + expected.reasoning + "|" + expected.answer;
        return {};
    }

    std::mt19937 m_random;
    SchedulerBed m_bed;
    std::vector<Case> m_cases;
    std::size_t m_arrived = 0;
    bool m_fails = false;
};

Asked endless(std::uint32_t promptTokens, std::uint32_t first, std::uint32_t maxTokens) {
    Asked asked;
    asked.request.ignoreEndOfGeneration = true;
    asked.request.maxTokens = maxTokens;
    asked.prompt.tokens = someTokens(promptTokens, first);
    return asked;
}

} // namespace

class TstInterplay : public QObject {
    Q_OBJECT

  private slots:
    void textsDoNotDependOnWhatMeets() {
        const auto one = qEnvironmentVariableIntValue("INGLENOOK_INTERPLAY_SEED");
        const auto asked = qEnvironmentVariableIntValue("INGLENOOK_INTERPLAY_SCHEDULES");
        const int first = one > 0 ? one : 1;
        const int last = one > 0 ? one : asked > 0 ? asked : kSchedules;
        Reached reached;
        QElapsedTimer timer;
        timer.start();
        for (int seed = first; seed <= last; ++seed) {
            const std::string wrong = Schedule(static_cast<std::uint32_t>(seed)).run(reached);
            QVERIFY2(wrong.empty(),
                     qPrintable(QStringLiteral("seed %1: %2").arg(seed).arg(wrong.c_str())));
        }
        qInfo("%d schedules in %lld ms: %llu whole texts, %llu cut; gave way %llu, moved %llu, "
              "pages restored %llu, copied %llu; tokens dropped %llu, cached %llu, ahead %llu",
              last - first + 1, static_cast<long long>(timer.elapsed()), qulonglong(reached.whole),
              qulonglong(reached.cut), qulonglong(reached.gaveWay), qulonglong(reached.moved),
              qulonglong(reached.restored), qulonglong(reached.copied), qulonglong(reached.dropped),
              qulonglong(reached.cached), qulonglong(reached.ahead));
        if (one > 0)
            return;
        for (const int seed : kFoundSomething) {
            const std::string wrong = Schedule(static_cast<std::uint32_t>(seed)).run(reached);
            QVERIFY2(wrong.empty(),
                     qPrintable(QStringLiteral("seed %1: %2").arg(seed).arg(wrong.c_str())));
        }
        QVERIFY(reached.whole > 1000 && reached.cut > 300 && reached.gaveWay > 500);
        QVERIFY(reached.moved > 100 && reached.restored > 100 && reached.copied > 100);
        QVERIFY(reached.dropped > 1000 && reached.cached > 1000 && reached.ahead > 10'000);
    }

    /// The younger one gives way to the older one's page in the very step that brings its last
    /// token: what was moved out for it does not belong to the text that it drops to.
    void movedPagesDoNotOutliveACut() {
        BedPlan plan;
        plan.context = 64;
        plan.slotCount = 2;
        plan.pages = 3;
        const Asked older = endless(10, 0, 40);
        Asked younger = endless(41, 100, 60);
        younger.request.overflow = OverflowPolicy::Roll;
        SchedulerBed bed(plan);
        const auto first = bed.add(older);
        const auto second = bed.add(younger);
        QVERIFY(bed.stepToTheEnd());
        QVERIFY(bed.figures.preemptionsMoved > 0 && bed.figures.droppedTokensTotal > 0);
        QCOMPARE(first->text(false), alone(older, plan.context).answer);
        QCOMPARE(second->text(false), alone(younger, plan.context).answer);
        QCOMPARE(bed.figures.hostPages_bytes, std::uint64_t(0));
    }

    /// The second one takes over a page that is being written when its writer is cancelled, and
    /// gives way in the same step: what was moved out for it was never written.
    void movedPagesDoNotOutliveAFault() {
        BedPlan plan;
        plan.context = 128;
        plan.slotCount = 2;
        SchedulerBed bed(plan);
        AdmissionSettings settings;
        settings.queue.overdueShare = 1; // who has waited for long joins first
        bed.scheduler->setSettings(settings);
        Asked shared = endless(100, 0, 20);
        shared.request.priority = Priority::P2;
        const auto running = bed.add(endless(10, 150, 20));
        const auto writer = bed.add(shared);
        const RequestId writes = bed.lastId;
        const auto second = bed.add(shared);
        bed.script->failAtStep = 1;
        QVERIFY(bed.scheduler->step().ok());
        bed.scheduler->cancel(writes);
        bed.clock.advance(std::chrono::minutes(10));
        const auto interactive = bed.add(endless(5, 20, 3));
        QVERIFY(bed.scheduler->step().ok());
        QCOMPARE(bed.figures.preemptionsMoved, std::uint64_t(1));
        QVERIFY2(bed.stepToTheEnd(), bed.script->complaint.c_str());
        QCOMPARE(running->finished().finish, FinishReason::Failed);
        QCOMPARE(writer->finished().finish, FinishReason::Cancelled);
        QCOMPARE(interactive->finished().finish, FinishReason::MaxTokens);
        QCOMPARE(second->text(false), alone(shared, plan.context).answer);
    }

    /// Whoever refused some text is never told that it has had all of it.
    void aRefusedTextIsNotWhole() {
        BedPlan plan;
        plan.context = 128;
        Asked asked = endless(20, 0, 7);
        asked.prompt.insideReasoning = true;
        asked.closeReasoning = endOfReasoning();
        asked.request.thinkingBudget = 4;
        const Outcome whole = alone(asked, plan.context);
        QCOMPARE(whole.finish, FinishReason::MaxTokens);
        int cancelled = 0;
        for (std::size_t takes = 1; takes < 15; ++takes) {
            SchedulerBed bed(plan);
            const auto sink = bed.add(asked, takes);
            QVERIFY(bed.stepToTheEnd());
            const Outcome got = outcomeOf(*sink);
            cancelled += got.finish == FinishReason::Cancelled ? 1 : 0;
            if (got.finish != FinishReason::Cancelled)
                QCOMPARE(got.reasoning + got.answer, whole.reasoning + whole.answer);
        }
        QVERIFY(cancelled > 3 && cancelled < 14);
    }

    /// No token is sampled behind the last one of a thinking budget: other ones are put there.
    void nothingRunsAheadOfASpentBudget() {
        BedPlan plan;
        plan.context = 128;
        Asked asked = endless(20, 0, 40);
        asked.prompt.insideReasoning = true;
        asked.closeReasoning = endOfReasoning();
        asked.request.thinkingBudget = 10;
        SchedulerBed bed(plan);
        const auto sink = bed.add(asked);
        QVERIFY(bed.stepToTheEnd());
        QCOMPARE(sink->finished().timings.generatedTokens, 40U);
        QCOMPARE(sink->finished().timings.reasoningTokens, 11U); // with what ends it
        // Tokens 2 to 10 and, behind those put in, all but the first.
        QCOMPARE(bed.script->ahead.load(), 9U + 26U);
    }

    /// Penalties count the tokens that are there, also those that nobody sampled, and no others.
    void penaltiesCountWhatIsThere_data() {
        QTest::addColumn<int>("overflow");
        QTest::addColumn<bool>("thinks");
        QTest::newRow("put in") << int(OverflowPolicy::Stop) << true;
        QTest::newRow("dropped") << int(OverflowPolicy::Roll) << false;
        QTest::newRow("both") << int(OverflowPolicy::DropMiddle) << true;
    }
    void penaltiesCountWhatIsThere() {
        QFETCH(int, overflow);
        QFETCH(bool, thinks);
        const bool drops = overflow != int(OverflowPolicy::Stop);
        Asked asked = endless(30, 0, drops ? 100 : 30);
        asked.request.overflow = OverflowPolicy(overflow);
        asked.request.sampler.frequencyPenalty = 0.5F;
        if (thinks) {
            asked.prompt.insideReasoning = true;
            asked.closeReasoning = endOfReasoning();
            asked.request.thinkingBudget = 7;
        }
        // It gives way to interactive ones, and its penalties are counted anew.
        BedPlan plan;
        plan.slotCount = 1;
        SchedulerBed bed(plan);
        asked.request.priority = Priority::P2;
        const auto sink = bed.add(asked);
        for (int i = 0; bed.scheduler->hasWork(); ++i) {
            QVERIFY(bed.scheduler->step().ok());
            if (i == 12 || i == (drops ? 60 : 20))
                QVERIFY(bed.add(endless(5, std::uint32_t(i), 1)) != nullptr);
        }
        QVERIFY(bed.figures.batching.preemptions > 1);
        QCOMPARE(sink->text(true), alone(asked, plan.context).reasoning);
        QCOMPARE(sink->text(false), alone(asked, plan.context).answer);
    }
};

INGLENOOK_SUITE(interplay, TstInterplay)
#include "tst_interplay.moc"
