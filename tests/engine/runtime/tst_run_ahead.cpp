// A device that runs ahead: the next step is submitted before the last one is read. What a reader
// gets must be what one step at a time gives, whatever ends, joins, gives way or fails meanwhile.
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;
using tests::words;

namespace {

/// A bed whose device runs ahead.
struct AheadBed : Bed {
    explicit AheadBed(std::uint32_t slotCount = 4, std::uint32_t context = 256)
        : Bed(slotCount, context) {
        script->runsAhead = true;
        model = load("two", slotCount);
    }
    Request request(const std::string& prompt, std::uint32_t maxTokens) const {
        Request request;
        request.rawPrompt = prompt;
        request.maxTokens = maxTokens;
        request.model = model->key;
        return request;
    }
    std::shared_ptr<RecordingSink> send(Request request) {
        auto sink = std::make_shared<RecordingSink>();
        if (!engine->submit(std::move(request), sink).ok())
            return nullptr;
        return sink;
    }
};

} // namespace

class TstRunAhead : public QObject {
    Q_OBJECT

  private slots:
    /// One chat: every row but the first is computed before its token was read, none too many.
    void computesNoTokenTooMany() {
        AheadBed bed(1);
        Request request = bed.request(words(10, 1), 40);
        request.ignoreEndOfGeneration = true;
        const auto sink = bed.send(request);
        QVERIFY(sink != nullptr && sink->waitForFinish());
        QCOMPARE(QString::fromStdString(sink->text(false)),
                 QString::fromStdString(bed.expected(words(10, 1), 40, true)));
        QCOMPARE(sink->finished().finish, FinishReason::MaxTokens);
        QCOMPARE(bed.script->ahead.load(), 39U);
        const auto prompt =
            bed.model->tokenizer->encode(words(10, 1), {.addBos = true, .parseSpecial = true});
        QCOMPARE(bed.script->rows.load(), static_cast<std::uint32_t>(prompt.size()) + 39U);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// Many chats of all lengths that join and end at any time, more than there are slots.
    void textsAreThoseOfOneStepAtATime() {
        AheadBed bed(4);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        const auto promptOf = [](int i) { return words(3 + i * 5 % 60, i); };
        const auto limitOf = [](int i) { return 1U + static_cast<std::uint32_t>(i * 7 % 50); };
        for (int i = 0; i < 40; ++i)
            sinks.push_back(bed.send(bed.request(promptOf(i), limitOf(i))));
        for (int i = 0; i < 40; ++i) {
            QVERIFY(sinks[std::size_t(i)]->waitForFinish());
            QCOMPARE(QString::fromStdString(sinks[std::size_t(i)]->text(false)),
                     QString::fromStdString(bed.expected(promptOf(i), limitOf(i))));
        }
        QVERIFY(bed.script->ahead > 100U);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QTRY_COMPARE(bed.engine->snapshot().models.back().pagesUsed, 0U);
    }

    /// Tokens that the host puts in end what was sampled ahead of them.
    void forcedTokensReplaceWhatWasSampled() {
        const auto textOf = [](bool ahead) {
            Bed bed;
            bed.script->runsAhead = ahead;
            bed.model = bed.load("thinker", 2);
            Request request;
            request.model = bed.model->key;
            request.messages = {{"user", "a question"}};
            request.maxTokens = 60;
            request.thinkingBudget = 10;
            request.ignoreEndOfGeneration = true;
            auto sink = std::make_shared<RecordingSink>();
            if (!bed.engine->submit(request, sink).ok() || !sink->waitForFinish() ||
                bed.script->broken)
                return std::string();
            return sink->text(true) + "|" + sink->text(false);
        };
        const std::string expected = textOf(false);
        QVERIFY(expected.size() > 20);
        QCOMPARE(QString::fromStdString(textOf(true)), QString::fromStdString(expected));
    }

    void stopStringsAndFullContextsEnd() {
        AheadBed bed(2, 96);
        const std::string whole = bed.expected(words(20, 3), 30, true);
        Request stops = bed.request(words(20, 3), 30);
        stops.ignoreEndOfGeneration = true;
        stops.stopStrings = {whole.substr(whole.size() / 2, 5)};
        const auto stopped = bed.send(stops);
        Request fills = bed.request(words(20, 4), 0);
        fills.ignoreEndOfGeneration = true;
        const auto filled = bed.send(fills);
        QVERIFY(stopped->waitForFinish() && filled->waitForFinish());
        QCOMPARE(stopped->finished().finish, FinishReason::StopString);
        QVERIFY(whole.starts_with(stopped->text(false)));
        QCOMPARE(filled->finished().finish, FinishReason::ContextFull);
        QCOMPARE(filled->finished().timings.promptTokens +
                     filled->finished().timings.generatedTokens,
                 96U);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// A fault fails the steps in flight; a chat that was not in them goes on with its own text.
    void survivesAFault() {
        AheadBed bed(4);
        bed.script->failAtStep = bed.script->steps + 6;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 4; ++i)
            sinks.push_back(bed.send(bed.request(words(8, i), 30)));
        for (int i = 0; i < 4; ++i) {
            QVERIFY(sinks[std::size_t(i)]->waitForFinish());
            if (sinks[std::size_t(i)]->finished().finish != FinishReason::Failed)
                QCOMPARE(QString::fromStdString(sinks[std::size_t(i)]->text(false)),
                         QString::fromStdString(bed.expected(words(8, i), 30)));
        }
        const auto after = bed.send(bed.request(words(8, 1), 30));
        QVERIFY(after->waitForFinish());
        QCOMPARE(QString::fromStdString(after->text(false)),
                 QString::fromStdString(bed.expected(words(8, 1), 30)));
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    /// Whoever joins between a fault and its being read is computed in vain behind it, and again.
    void aFaultFailsOnlyItsOwnStep() {
        std::array<std::shared_ptr<RecordingSink>, 3> joined; // written by the engine's thread
        std::atomic<std::size_t> joinedCount = 0;
        std::uint32_t fault = 0;
        AheadBed bed(4); // ends before what its thread writes
        fault = bed.script->steps + 6;
        Request failing = bed.request(words(8, 1), 100);
        failing.ignoreEndOfGeneration = true;
        bed.script->onSubmit = [&](const Batch&) {
            const std::uint32_t step = bed.script->steps;
            if (step < fault || joinedCount == joined.size())
                return;
            joined[joinedCount] = bed.send(bed.request(words(8, int(joinedCount) + 2), 30));
            ++joinedCount;
        };
        bed.script->failAtStep = fault;
        const auto failed = bed.send(failing);
        QVERIFY(failed->waitForFinish());
        QCOMPARE(failed->finished().finish, FinishReason::Failed);
        QTRY_COMPARE(joinedCount.load(), joined.size());
        for (int i = 0; i < 3; ++i) {
            QVERIFY(joined[std::size_t(i)] != nullptr && joined[std::size_t(i)]->waitForFinish());
            QCOMPARE(QString::fromStdString(joined[std::size_t(i)]->text(false)),
                     QString::fromStdString(bed.expected(words(8, i + 2), 30)));
        }
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    void aDeadDeviceAnswersEverybody() {
        AheadBed bed(2);
        bed.script->dieAtFault = true;
        bed.script->failAtStep = bed.script->steps + 5;
        const auto one = bed.send(bed.request(words(8, 1), 100));
        const auto two = bed.send(bed.request(words(8, 2), 100));
        QVERIFY(one != nullptr);
        for (const auto& sink : {one, two}) {
            if (sink == nullptr)
                continue; // refused: the device died before it came
            QVERIFY(sink->waitForFinish(2s));
            QCOMPARE(sink->finishCount(), 1);
        }
    }

    /// What the runtime adds to a step of 256 answers must be small beside a GPU's 10 ms.
    void hostTimeOfManyAnswersIsSmall() {
        constexpr std::uint32_t kAnswers = 256;
        AheadBed bed(kAnswers, 512);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (std::uint32_t i = 0; i < kAnswers; ++i) {
            Request request = bed.request(words(20, int(i)), 200);
            request.ignoreEndOfGeneration = true;
            sinks.push_back(bed.send(std::move(request)));
        }
        QVERIFY(sinks.front()->waitForEvents(60));
        const std::uint32_t before = bed.script->steps;
        QElapsedTimer timer;
        timer.start();
        QVERIFY(sinks.back()->waitForFinish());
        const double ms = double(timer.nsecsElapsed()) / 1e6 / (bed.script->steps - before);
        qInfo("%.3f ms a step of %u answers, on a device that takes next to none", ms, kAnswers);
        QVERIFY(ms < 50); // generous: sanitizers and busy machines run this too
    }

    void unloadsBesideAStepInFlight() {
        AheadBed bed(2);
        bed.script->stepTime = 2ms;
        Request request = bed.request(words(8, 1), 0);
        request.ignoreEndOfGeneration = true;
        const auto sink = bed.send(request);
        QVERIFY(sink->waitForEvents(5));
        std::promise<void> gone;
        bed.engine->unload(bed.model->key, [&] { gone.set_value(); });
        QVERIFY(gone.get_future().wait_for(5s) == std::future_status::ready);
        QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
    }
};

INGLENOOK_SUITE(run_ahead, TstRunAhead)
#include "tst_run_ahead.moc"
