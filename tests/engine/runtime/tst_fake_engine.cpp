#include "tests/support/fake_engine.h"
#include "tests/support/recording_sink.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

using namespace engine;
using tests::FakeEngine;
using tests::FakeScript;
using tests::RecordingSink;

namespace {

Request rawRequest(const char* prompt) {
    Request request;
    request.rawPrompt = prompt;
    return request;
}

} // namespace

class TstFakeEngine : public QObject {
    Q_OBJECT

  private slots:
    void streamsTheScript() {
        FakeScript script;
        script.reasoning = "Let me see.";
        script.answer = "繁忙 is busy.\nYes.";
        FakeEngine fake(script);
        fake.addModel("scripted");
        auto sink = std::make_shared<RecordingSink>();
        QVERIFY(fake.submit(rawRequest("hello"), sink).ok());
        QVERIFY(sink->waitForFinish());
        QCOMPARE(sink->text(true), script.reasoning);
        QCOMPARE(sink->text(false), script.answer);
        QCOMPARE(sink->finished().finish, FinishReason::EndOfAnswer);
        QCOMPARE(sink->finished().timings.generatedTokens,
                 std::uint32_t(tests::fakeTokens(script.reasoning).size() +
                               tests::fakeTokens(script.answer).size()));
    }

    void refusesWithoutAModel() {
        FakeEngine fake;
        const auto id = fake.submit(rawRequest("x"), std::make_shared<RecordingSink>());
        QVERIFY(id.status() == Code::NoModelLoaded);
    }

    void loadsWithProgress() {
        FakeEngine fake;
        std::atomic<int> events{0};
        std::atomic<bool> ready{false};
        LoadRequest request;
        request.path = "/models/tiny.gguf";
        fake.load(request, [&](const LoadEvent& event) {
            ++events;
            ready = ready || event.phase == LoadPhase::Ready;
        });
        QTRY_VERIFY(ready);
        QVERIFY(events >= 4);
        QCOMPARE(fake.models().size(), std::size_t(1));
    }

    void cancelsAndFinishesAtShutdown() {
        FakeScript script;
        script.tokensPerSecond = 100;
        script.repeat = true;
        auto first = std::make_shared<RecordingSink>();
        auto second = std::make_shared<RecordingSink>();
        {
            FakeEngine fake(script);
            fake.addModel("scripted");
            const auto id = fake.submit(rawRequest("a"), first);
            QVERIFY(fake.submit(rawRequest("b"), second).ok());
            QTRY_VERIFY(!first->text(false).empty());
            fake.cancel(*id);
            QVERIFY(first->waitForFinish());
            QCOMPARE(first->finished().finish, FinishReason::Cancelled);
        }
        QVERIFY(second->waitForFinish());
        QCOMPARE(second->finishCount(), 1);
    }
};

INGLENOOK_SUITE(fake_engine, TstFakeEngine)
#include "tst_fake_engine.moc"
