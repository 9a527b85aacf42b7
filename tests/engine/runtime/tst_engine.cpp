// The engine with an executor that computes hashes: whatever is scheduled, each request's text must
// be the one that its own prompt gives.
#include "engine/runtime/engine_impl.h"
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <future>
#include <QElapsedTimer>
#include <QtTest/QtTest>
#include <random>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::FakeExecutorScript;
using tests::RecordingSink;
using tests::words;

namespace {

QString textOf(const RecordingSink& sink) {
    return QString::fromStdString(sink.text(false));
}

} // namespace

class TstEngine : public QObject {
    Q_OBJECT

  private slots:
    void streamsAnAnswer() {
        Bed bed;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.ask("hello", sink, 20).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(textOf(*sink), QString::fromStdString(bed.expected("hello", 20)));
        const TokenEvent end = sink->finished();
        QVERIFY(end.finish == FinishReason::MaxTokens || end.finish == FinishReason::EndOfAnswer);
        QCOMPARE(end.timings.promptTokens, end.timings.prefilledTokens);
        QVERIFY(end.timings.ttft_us >= end.timings.queueWait_us);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
    }

    void refusesWhatCannotRun() {
        auto script = std::make_shared<FakeExecutorScript>();
        EngineImpl empty(tests::fakeParts(script));
        Request request;
        request.rawPrompt = "x";
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(empty.submit(request, sink).status() == Code::NoModelLoaded);

        Bed bed(1, 64);
        QVERIFY(bed.ask("", sink).status() == Code::PromptEmpty);
        QVERIFY(bed.ask(words(100, 0), sink).status() == Code::ContextExceeded);
        request.sampler.topP = 2;
        QVERIFY(bed.engine->submit(request, sink).status() == Code::OptionInvalid);
        request.sampler = {};
        request.sampler.logitBias = {{100'000, 1.0F}};
        QVERIFY(bed.engine->submit(request, sink).status() == Code::OptionInvalid);
        request.sampler = {};
        request.stopStrings = {""};
        QVERIFY(bed.engine->submit(request, sink).status() == Code::OptionInvalid);
        QCOMPARE(sink->finishCount(), 0);
    }

    void fillsTheContextAndSaysSo() {
        Bed bed(1, 40);
        bool seen = false;
        for (int i = 0; i < 10 && !seen; ++i) { // some answers end before
            auto sink = std::make_shared<RecordingSink>();
            QVERIFY(bed.ask(words(20, i), sink).ok());
            QVERIFY(sink->waitForFinish());
            seen = sink->finished().finish == FinishReason::ContextFull;
            if (seen) {
                const RequestTimings timings = sink->finished().timings;
                QCOMPARE(timings.promptTokens + timings.generatedTokens, 40U);
            }
        }
        QVERIFY(seen);
    }

    /// Two hundred requests of all kinds over four slots and few pages: each gets its own text and
    /// exactly one Finished, and every page comes back.
    void answersTwoHundredRequests() {
        Bed bed(4, 512);
        std::mt19937 random(5);
        struct Asked {
            std::string prompt;
            std::uint32_t limit;
            std::shared_ptr<RecordingSink> sink;
        };
        std::vector<Asked> all;
        for (int i = 0; i < 200; ++i) {
            Asked asked{words(1 + int(random() % 150), int(random() % 200)),
                        1 + std::uint32_t(random() % 120), std::make_shared<RecordingSink>()};
            Request request;
            request.rawPrompt = asked.prompt;
            request.maxTokens = asked.limit;
            request.priority = Priority(random() % 3);
            request.reproducible = random() % 8 == 0;
            request.topLogprobs = random() % 5 == 0 ? 3 : 0;
            QVERIFY(bed.engine->submit(std::move(request), asked.sink).ok());
            all.push_back(std::move(asked));
        }
        for (const Asked& asked : all) {
            QVERIFY(asked.sink->waitForFinish());
            QCOMPARE(textOf(*asked.sink),
                     QString::fromStdString(bed.expected(asked.prompt, asked.limit)));
        }
        QTRY_COMPARE(bed.usedPages(), 0U);
        for (const Asked& asked : all)
            QCOMPARE(asked.sink->finishCount(), 1);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QVERIFY(bed.script->mostTables > 1); // they did share batches
        // What the engine publishes comes a moment after the last answer's end.
        QTRY_COMPARE(bed.engine->snapshot().requestsFinished, std::uint64_t(200));
        const Snapshot snapshot = bed.engine->snapshot();
        QVERIFY(snapshot.requests.empty());
        QCOMPARE(snapshot.recent->size(), kRecentRequests);
        QCOMPARE(snapshot.recent->front().phase, RequestPhase::Finished);
        QVERIFY(snapshot.rowsTotal >= snapshot.promptTokensTotal);
        std::vector<StepPart> parts;
        bed.engine->steps()->read(0, parts);
        QVERIFY(!parts.empty());
    }

    /// Four slots share pages for one full context and three short ones: long answers give way to
    /// each other, are computed again, and end as if they had been alone.
    void preemptsWhenPagesRunOut() {
        Bed bed(4, 4096);
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        std::vector<std::string> prompts;
        for (int i = 0; i < 5; ++i) {
            sinks.push_back(std::make_shared<RecordingSink>());
            prompts.push_back(words(10, i * 3));
            Request request;
            request.rawPrompt = prompts.back();
            request.ignoreEndOfGeneration = true;
            QVERIFY(bed.engine->submit(std::move(request), sinks.back()).ok());
        }
        for (std::size_t i = 0; i < sinks.size(); ++i) {
            QVERIFY(sinks[i]->waitForFinish(120s));
            QCOMPARE(sinks[i]->finished().finish, FinishReason::ContextFull);
            const RequestTimings timings = sinks[i]->finished().timings;
            QCOMPARE(timings.promptTokens + timings.generatedTokens, 4096U);
            QCOMPARE(textOf(*sinks[i]), QString::fromStdString(bed.expected(
                                            prompts[i], 4096 - timings.promptTokens, true)));
        }
        QTRY_COMPARE(bed.usedPages(), 0U);
        QVERIFY2(!bed.script->broken, bed.script->complaint.c_str());
        QVERIFY(bed.engine->snapshot().preemptionsTotal > 0);
    }

    void cancelsInEveryPhase() {
        Bed bed(1, 4096);
        bed.script->stepTime = 2ms;
        auto running = std::make_shared<RecordingSink>();
        auto queued = std::make_shared<RecordingSink>();
        auto prefilling = std::make_shared<RecordingSink>();
        Request endless;
        endless.rawPrompt = "go";
        endless.ignoreEndOfGeneration = true;
        const auto first = bed.engine->submit(endless, running);
        const auto second = bed.engine->submit(endless, queued);
        QVERIFY(running->waitForEvents(5));
        bed.engine->cancel(*second); // still queued
        QVERIFY(queued->waitForFinish());
        QCOMPARE(queued->finished().finish, FinishReason::Cancelled);
        QCOMPARE(queued->finished().timings.generatedTokens, 0U);
        bed.engine->cancel(*first); // decoding
        QVERIFY(running->waitForFinish());
        QCOMPARE(running->finished().finish, FinishReason::Cancelled);
        QVERIFY(running->finished().timings.generatedTokens > 0);
        bed.script->rowTime = 200us;
        const auto third = bed.ask(words(3000, 0), prefilling);
        QVERIFY(prefilling->waitForEvents(3)); // queued, joined, first chunk
        bed.engine->cancel(*third);
        QVERIFY(prefilling->waitForFinish());
        QCOMPARE(prefilling->finished().finish, FinishReason::Cancelled);
        QVERIFY(prefilling->finished().timings.prefilledTokens < 3000);
        QTRY_COMPARE(bed.usedPages(), 0U);
        bed.engine->cancel(*third); // long gone: nothing happens
    }

    /// Counted in steps, which a busy machine does not change. A step of an answer takes 60 ms at
    /// most while the target holds.
    void req8_aStopIsSeenWithinTwoSteps() {
        Bed bed(1, 4096);
        bed.script->stepTime = 5ms;
        bed.script->rowTime = 200us;
        for (const char* phase : {"prefill", "decode"}) {
            const bool decodes = phase == std::string_view("decode");
            auto sink = std::make_shared<RecordingSink>();
            Request endless;
            endless.rawPrompt = decodes ? "go" : words(3000, 0);
            endless.ignoreEndOfGeneration = true;
            const auto id = bed.engine->submit(endless, sink);
            QVERIFY(id.ok());
            QVERIFY(sink->waitForEvents(decodes ? 8 : 3));
            const std::uint32_t before = bed.script->steps;
            bed.engine->cancel(*id);
            QVERIFY(sink->waitForFinish());
            const std::uint32_t after = bed.script->steps;
            QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
            QVERIFY2(after - before <= 2, phase);
            QTRY_COMPARE(bed.usedPages(), 0U); // and no step more
            QCOMPARE(bed.script->steps.load(), after);
        }
    }

    void stopsForASinkThatRefuses() {
        Bed bed;
        auto sink = std::make_shared<RecordingSink>(6);
        Request endless;
        endless.rawPrompt = "go";
        endless.ignoreEndOfGeneration = true;
        QVERIFY(bed.engine->submit(endless, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
        QCOMPARE(sink->events().size(), std::size_t(7)); // six, then only Finished
    }

    void aSlowSinkLosesNothing() {
        Bed bed;
        auto slow = std::make_shared<RecordingSink>();
        slow->setDelay(2ms);
        auto quick = std::make_shared<RecordingSink>();
        QVERIFY(bed.ask("slow", slow, 30).ok());
        QVERIFY(bed.ask("quick", quick, 30).ok());
        QVERIFY(slow->waitForFinish() && quick->waitForFinish());
        QCOMPARE(textOf(*slow), QString::fromStdString(bed.expected("slow", 30)));
        QCOMPARE(textOf(*quick), QString::fromStdString(bed.expected("quick", 30)));
    }

    void findsStopStringsOverTokens() {
        Bed bed;
        std::string whole;
        std::string prompt;
        for (int i = 0; whole.size() < 60; ++i) { // a prompt whose answer is long enough
            prompt = "start " + std::to_string(i);
            whole = bed.expected(prompt, 30);
        }
        Request request;
        request.rawPrompt = prompt;
        request.maxTokens = 30;
        const std::size_t at = whole.find(' ', whole.size() / 2) - 1; // a digit, a space, a "w"
        request.stopStrings = {whole.substr(at, 3)};
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::StopString);
        QCOMPARE(sink->finished().stopString, request.stopStrings.front());
        QCOMPARE(textOf(*sink),
                 QString::fromStdString(whole.substr(0, whole.find(request.stopStrings.front()))));
    }

    void closesReasoningWhenAsked() {
        Bed bed;
        bed.script->stepTime = 1ms;
        Request request;
        request.messages = {{"user", "think"}};
        request.continuedAnswer = "<think>\n"; // ends inside an opened reasoning
        request.ignoreEndOfGeneration = true;
        request.maxTokens = 200;
        auto sink = std::make_shared<RecordingSink>();
        const auto id = bed.engine->submit(request, sink);
        QVERIFY(id.ok());
        QVERIFY(sink->waitForEvents(6));
        bed.engine->endReasoning(*id);
        QVERIFY(sink->waitForFinish());
        QVERIFY(!sink->text(true).empty());
        QVERIFY(!sink->text(false).empty());
        QVERIFY(sink->finished().timings.reasoningTokens < 200);
        QVERIFY(sink->finished().timings.reasoning_us > 0);
    }

    void keepsTheThinkingBudget() {
        Bed bed;
        Request request;
        request.messages = {{"user", "think"}};
        request.continuedAnswer = "<think>\n";
        request.ignoreEndOfGeneration = true;
        request.maxTokens = 60;
        request.thinkingBudget = 10;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        const std::uint32_t reasoning = sink->finished().timings.reasoningTokens;
        QVERIFY2(reasoning >= 10 && reasoning < 30, qPrintable(QString::number(reasoning)));
        QVERIFY(!sink->text(false).empty());
    }

    void failsTheBatchOfAFault() {
        Bed bed(2);
        bed.script->failAtStep = bed.script->steps + 3;
        auto first = std::make_shared<RecordingSink>();
        auto second = std::make_shared<RecordingSink>();
        Request endless;
        endless.rawPrompt = "go";
        endless.ignoreEndOfGeneration = true;
        QVERIFY(bed.engine->submit(endless, first).ok());
        QVERIFY(first->waitForFinish());
        QCOMPARE(first->finished().finish, FinishReason::Failed);
        QVERIFY(first->finished().status == Code::DeviceLost);
        QVERIFY(bed.ask("again", second, 5).ok()); // a fault of one step is not the end
        QVERIFY(second->waitForFinish());
        QVERIFY(second->finished().finish != FinishReason::Failed);
        QTRY_COMPARE(bed.usedPages(), 0U);
    }

    void dropsADeadExecutor() {
        Bed bed(2);
        bed.script->dieAtFault = true;
        bed.script->failAtStep = bed.script->steps + 2;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 5; ++i) {
            sinks.push_back(std::make_shared<RecordingSink>());
            Request endless;
            endless.rawPrompt = "go";
            endless.ignoreEndOfGeneration = true;
            if (!bed.engine->submit(endless, sinks.back()).ok()) {
                sinks.pop_back();
                break;
            }
        }
        for (const auto& sink : sinks) {
            QVERIFY(sink->waitForFinish());
            QCOMPARE(sink->finished().finish, FinishReason::Failed);
            QCOMPARE(sink->finishCount(), 1);
        }
        QTRY_COMPARE(bed.engine->models().size(), std::size_t(0));
        QTRY_COMPARE(bed.script->alive.load(), 0);
    }

    void refusedSlotsFailTheRequest() {
        Bed bed;
        bed.script->refuseSlots = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.ask("x", sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::Failed);
    }

    void unloadsWhileRunning() {
        Bed bed(2, 4096);
        bed.script->stepTime = 1ms;
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        for (int i = 0; i < 6; ++i) {
            sinks.push_back(std::make_shared<RecordingSink>());
            Request endless;
            endless.rawPrompt = "go";
            endless.ignoreEndOfGeneration = true;
            QVERIFY(bed.engine->submit(endless, sinks.back()).ok());
        }
        QVERIFY(sinks.front()->waitForEvents(5));
        std::promise<int> gone;
        bed.engine->unload(bed.model->key, [&] { gone.set_value(bed.script->alive); });
        QCOMPARE(gone.get_future().get(), 0); // the memory is free when done is called
        for (const auto& sink : sinks) {
            QVERIFY(sink->waitForFinish());
            QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
        }
        QVERIFY(bed.ask("x", sinks.front()).status() == Code::NoModelLoaded);
        std::promise<void> again;
        bed.engine->unload(bed.model->key, [&] { again.set_value(); }); // answered all the same
        again.get_future().get();
    }

    void aNewModelReplacesTheOldOneWhenItIsDone() {
        Bed bed(2);
        bed.script->stepTime = 1ms;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.ask("old", sink, 40).ok());
        const auto second = bed.load("two", 2);
        QVERIFY(second != nullptr);
        QVERIFY(sink->waitForFinish()); // the old one still answers
        QCOMPARE(textOf(*sink), QString::fromStdString(bed.expected("old", 40)));
        QTRY_COMPARE(bed.engine->models().size(), std::size_t(1));
        QCOMPARE(bed.engine->models().front()->name, std::string("two"));
        QTRY_COMPARE(bed.script->alive.load(), 1);
    }

    void loadsFailAndCancel() {
        Bed bed;
        std::vector<LoadPhase> phases;
        LoadRequest request;
        request.path = "absent";
        QVERIFY(tests::loadAndWait(*bed.engine, request).status == Code::FileCannotOpen);

        bed.script->loadTensors = 1000;
        bed.script->tensorTime = 5ms;
        request.path = "big";
        std::promise<LoadEvent> cancelled;
        std::atomic<bool> loading{false};
        const LoadId id = bed.engine->load(request, [&](const LoadEvent& event) {
            loading = loading || event.phase == LoadPhase::LoadingWeights;
            if (event.phase >= LoadPhase::Ready)
                cancelled.set_value(event);
        });
        QTRY_VERIFY(loading);
        bed.engine->cancelLoad(id);
        QCOMPARE(cancelled.get_future().get().phase, LoadPhase::Cancelled);
        QCOMPARE(bed.engine->models().size(), std::size_t(1)); // the first one stays
    }

    /// The idle model makes room; when that was not enough, it comes back.
    void refusesWhatDoesNotFit() {
        Bed bed;
        LoadRequest request;
        request.path = "huge";
        QVERIFY(tests::loadAndWait(*bed.engine, request).status == Code::OutOfMemory);
        QTRY_COMPARE(bed.engine->models().size(), std::size_t(1));
        QCOMPARE(bed.engine->models().front()->name, std::string("one"));
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.ask("still here", sink, 5).ok());
        QVERIFY(sink->waitForFinish());
        QVERIFY(sink->finished().finish != FinishReason::Failed);
    }

    void countsTokensLikeSubmit() {
        Bed bed;
        Request request;
        request.messages = {{"system", "be brief"}, {"user", "w1 w2"}};
        const auto count = bed.engine->countTokens(request);
        QVERIFY(count.ok());
        auto sink = std::make_shared<RecordingSink>();
        request.maxTokens = 1;
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().timings.promptTokens, *count);
    }

    void givesLogprobs() {
        Bed bed;
        Request request;
        request.rawPrompt = "x";
        request.maxTokens = 5;
        request.topLogprobs = 2;
        request.ignoreEndOfGeneration = true;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        int withLogprobs = 0;
        for (const TokenEvent& event : sink->events())
            withLogprobs += event.topLogprobs.size() == 2 ? 1 : 0;
        QCOMPARE(withLogprobs, 5);
    }

    void shutsDownQuickly() {
        std::vector<std::shared_ptr<RecordingSink>> sinks;
        QElapsedTimer timer;
        {
            Bed bed(2, 4096);
            bed.script->stepTime = 5ms;
            for (int i = 0; i < 20; ++i) {
                sinks.push_back(std::make_shared<RecordingSink>());
                Request endless;
                endless.rawPrompt = words(50, i);
                endless.ignoreEndOfGeneration = true;
                QVERIFY(bed.engine->submit(endless, sinks.back()).ok());
            }
            bed.script->loadTensors = 1000;
            bed.script->tensorTime = 5ms;
            LoadRequest request;
            request.path = "late";
            bed.engine->load(request, {});
            QVERIFY(sinks.front()->waitForEvents(5));
            timer.start();
        }
        QVERIFY(timer.elapsed() < 1000);
        for (const auto& sink : sinks) {
            QCOMPARE(sink->finishCount(), 1);
            QCOMPARE(sink->finished().finish, FinishReason::Cancelled);
        }
    }
};

INGLENOOK_SUITE(engine, TstEngine)
#include "tst_engine.moc"
