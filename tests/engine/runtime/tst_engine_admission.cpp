// Admission through the engine's door: what a client is told, and what changes while it runs.
#include "tests/engine/runtime/engine_bed.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using namespace std::chrono_literals;
using tests::Bed;
using tests::RecordingSink;

namespace {

Request apiRequest(const char* client, std::uint32_t answer = 5) {
    Request request;
    request.rawPrompt = "hello";
    request.maxTokens = answer;
    request.client = client;
    request.priority = Priority::P1;
    request.whenBusy = WhenBusy::Refuse;
    return request;
}

} // namespace

class TstEngineAdmission : public QObject {
    Q_OBJECT

  private slots:
    void refusesAndRecovers() {
        Bed bed;
        AdmissionSettings settings;
        settings.perClient.requestsPerMinute = 60;
        settings.perClient.requestCapacity = 2;
        QVERIFY(bed.engine->setAdmission(settings).ok());
        QCOMPARE(bed.engine->admission().perClient.requestCapacity, 2.0);
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(apiRequest("a"), sink).ok());
        QVERIFY(bed.engine->submit(apiRequest("a"), std::make_shared<RecordingSink>()).ok());
        auto refused = std::make_shared<RecordingSink>();
        const auto third = bed.engine->submit(apiRequest("a"), refused);
        QVERIFY(third.status() == Code::RateLimited);
        const QString sentence = QString::fromStdString(third.status().sentence());
        QVERIFY2(sentence.contains("60 requests/min") && sentence.contains("1 seconds"),
                 qPrintable(sentence));
        QVERIFY(bed.engine->submit(apiRequest("b"), std::make_shared<RecordingSink>()).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(refused->finishCount(), 0); // a refused request has no events
        QVERIFY(bed.engine->setAdmission({}).ok());
        QVERIFY(bed.engine->submit(apiRequest("a"), refused).ok());
        QVERIFY(refused->waitForFinish());
        QCOMPARE(bed.engine->snapshot().admission.refusedRate, std::uint64_t(1));
    }

    void refusesNonsense() {
        Bed bed;
        AdmissionSettings settings;
        settings.queue.overdueShare = 0;
        QVERIFY(bed.engine->setAdmission(settings) == Code::OptionInvalid);
        QVERIFY(bed.engine->admission().queue.overdueShare > 0);
    }

    /// One slot, one that runs and holds it: the queue is full at its limit, tabs still come in,
    /// and a request whose deadline passes is told so.
    void boundsTheQueueAndKeepsDeadlines() {
        Bed bed(1, 4096);
        bed.script->stepTime = 1ms;
        AdmissionSettings settings;
        settings.queue.maxWaiting = 1;
        QVERIFY(bed.engine->setAdmission(settings).ok());
        Request endless = apiRequest("a", 0);
        endless.ignoreEndOfGeneration = true;
        endless.priority = Priority::P0;
        auto running = std::make_shared<RecordingSink>();
        const auto first = bed.engine->submit(endless, running);
        QVERIFY(running->waitForEvents(4));
        Request late = apiRequest("b");
        late.deadline = Clock::now() + 30ms;
        auto waiting = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(late, waiting).ok());
        QVERIFY(bed.engine->submit(apiRequest("c"), waiting).status() == Code::QueueFull);
        Request tab = apiRequest("desktop");
        tab.whenBusy = WhenBusy::Wait;
        auto queued = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(tab, queued).ok());
        QVERIFY(waiting->waitForFinish());
        QCOMPARE(waiting->finished().finish, FinishReason::Failed);
        QVERIFY(waiting->finished().status == Code::DeadlinePassed);
        bed.engine->cancel(*first);
        QVERIFY(queued->waitForFinish());
        QVERIFY(queued->finished().finish != FinishReason::Failed);
        const AdmissionSnapshot admission = bed.engine->snapshot().admission;
        QCOMPARE(admission.deadlinesPassed, std::uint64_t(1));
        QCOMPARE(admission.refusedQueue, std::uint64_t(1));
        QTRY_COMPARE(bed.engine->snapshot().admission.waiting[1], 0U);
    }

    void endsAtTheTimeCap() {
        Bed bed(1, 4096);
        bed.script->stepTime = 1ms;
        Request request = apiRequest("a", 0);
        request.ignoreEndOfGeneration = true;
        request.maxTime = 50ms;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->finished().finish, FinishReason::TimeLimit);
        QVERIFY(!sink->text(false).empty());
        QTRY_COMPARE(bed.usedPages(), 0U);
    }

    void changesThePriorityOfAWaitingRequest() {
        Bed bed(1, 4096);
        bed.script->stepTime = 1ms;
        Request endless = apiRequest("a", 0);
        endless.ignoreEndOfGeneration = true;
        endless.priority = Priority::P0;
        auto running = std::make_shared<RecordingSink>();
        const auto first = bed.engine->submit(endless, running);
        QVERIFY(running->waitForEvents(4));
        auto older = std::make_shared<RecordingSink>();
        auto newer = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(apiRequest("a"), older).ok());
        const auto second = bed.engine->submit(apiRequest("a"), newer);
        bed.engine->setPriority(*second, Priority::P0);
        bed.engine->setPriority(12345, Priority::P0); // unknown: nothing happens
        QTRY_COMPARE(bed.engine->snapshot().admission.waiting[0], 1U);
        bed.engine->cancel(*first);
        QVERIFY(newer->waitForFinish() && older->waitForFinish());
        QVERIFY(newer->finished().timings.queueWait_us < older->finished().timings.queueWait_us);
    }

    void showsWhatItMeasures() {
        Bed bed;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(apiRequest("a", 20), sink).ok());
        QVERIFY(sink->waitForFinish());
        bed.engine->pushLoadSignal({kUtilizationMetric, 99, Clock::now()});
        const Snapshot snapshot = bed.engine->snapshot();
        QVERIFY(snapshot.latencies != nullptr);
        QCOMPARE((*snapshot.latencies)[1].ttft.count(), std::uint64_t(1));
        QCOMPARE((*snapshot.latencies)[1].queueWait.count(), std::uint64_t(1));
        QCOMPARE(snapshot.admission.breakers.size(), std::size_t(2));
        QVERIFY(snapshot.admission.breakers[0].conditionHeld_us >= 0);
        QTRY_VERIFY(bed.engine->snapshot().batching.chunkSteps > 0);
    }

    void takesAPromptOfTokens() {
        Bed bed;
        Request request;
        request.promptTokens = {1, tests::kFakeFirstWord, tests::kFakeFirstWord + 5};
        request.maxTokens = 20;
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(bed.engine->submit(request, sink).ok());
        QVERIFY(sink->waitForFinish());
        std::string expected;
        for (const TokenId token : tests::expectedTokens(request.promptTokens, 20))
            expected += bed.model->tokenizer->tokenBytes(token);
        QCOMPARE(sink->text(false), expected);
        request.promptTokens.push_back(100'000);
        QVERIFY(bed.engine->submit(request, sink).status() == Code::OptionInvalid);
        request.promptTokens.back() = -1;
        QVERIFY(bed.engine->submit(request, sink).status() == Code::OptionInvalid);
    }
};

INGLENOOK_SUITE(engine_admission, TstEngineAdmission)
#include "tst_engine_admission.moc"
