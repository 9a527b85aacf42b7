#include "app/engine_host.h"
#include "tests/support/fake_engine.h"
#include "tests/support/suite_registry.h"

#include <QtTest/QtTest>

namespace {

/// An engine that lets the test push events itself.
class HandEngine final : public engine::Engine {
  public:
    engine::LoadId load(engine::LoadRequest, engine::LoadObserver) override { return 1; }
    void cancelLoad(engine::LoadId) override {}
    void unload(engine::ModelKey, std::function<void()>) override {}
    void unloadAfterRunning(engine::ModelKey, std::function<void()>) override {}
    std::vector<std::shared_ptr<const engine::ModelInfo>> models() const override { return {}; }
    engine::Result<engine::RequestId> submit(engine::Request,
                                             std::shared_ptr<engine::TokenSink> to) override {
        const std::lock_guard lock(mutex);
        sink = std::move(to);
        return engine::RequestId(7);
    }
    void cancel(engine::RequestId id) override { cancelled = id; }
    void endReasoning(engine::RequestId) override {}
    engine::Result<std::uint32_t> countTokens(const engine::Request&) const override { return 5U; }
    void setPriority(engine::RequestId, engine::Priority) override {}
    engine::Status setAdmission(engine::AdmissionSettings) override { return {}; }
    engine::AdmissionSettings admission() const override { return {}; }
    void setKeeping(engine::KeepingSettings) override {}
    void pushLoadSignal(engine::LoadSignal) override {}
    engine::Snapshot snapshot() const override { return {}; }

    std::shared_ptr<engine::TokenSink> taken() const {
        const std::lock_guard lock(mutex);
        return sink;
    }

    mutable std::mutex mutex;
    std::shared_ptr<engine::TokenSink> sink;
    std::atomic<engine::RequestId> cancelled = 0;
};

engine::TokenEvent text(const std::string& value, bool reasoning = false) {
    engine::TokenEvent event;
    event.text = value;
    event.reasoning = reasoning;
    return event;
}

engine::TokenEvent end(engine::FinishReason reason = engine::FinishReason::EndOfAnswer) {
    engine::TokenEvent event;
    event.kind = engine::EventKind::Finished;
    event.finish = reason;
    return event;
}

engine::Request question(const app::EngineHost::ModelInfo&) {
    engine::Request request;
    request.messages = {{"user", "hello"}};
    return request;
}

} // namespace

class TstEngineHost : public QObject {
    Q_OBJECT

  private slots:
    void manyTokensAreFewUpdates() {
        auto owned = std::make_unique<HandEngine>();
        HandEngine* hand = owned.get();
        app::EngineHost host(std::move(owned));
        int updates = 0;
        QString got;
        bool ended = false;
        QElapsedTimer clock;
        host.ask(question, this, [&](const app::ReplyUpdate& update) {
            ++updates;
            got += update.text;
            ended = update.finish == engine::FinishReason::EndOfAnswer;
        });
        QTRY_VERIFY(hand->taken());
        clock.start();
        std::thread engineThread([sink = hand->taken()] {
            for (int i = 0; i < 500; ++i) {
                sink->push(text("x"));
                std::this_thread::sleep_for(std::chrono::microseconds(500));
            }
            sink->push(end());
        });
        QTRY_VERIFY(ended);
        const double frames = double(clock.elapsed()) / app::EngineHost::kFrame_ms;
        engineThread.join();
        QCOMPARE(got.size(), 500);
        QVERIFY2(updates <= frames + 3,
                 qPrintable(QStringLiteral("%1 updates in %2 frames").arg(updates).arg(frames)));
    }

    void unreadTextEndsTheRequestAndIsKept() {
        auto owned = std::make_unique<HandEngine>();
        HandEngine* hand = owned.get();
        app::EngineHost host(std::move(owned));
        app::ReplyUpdate last;
        qsizetype got = 0;
        host.ask(question, this, [&](const app::ReplyUpdate& update) {
            last = update;
            got += update.text.size();
        });
        QTRY_VERIFY(hand->taken());
        const auto sink = hand->taken();
        const std::string piece(100000, 'x');
        int accepted = 0;
        while (sink->push(text(piece))) // the GUI thread is here: nobody reads
            ++accepted;
        QCOMPARE(accepted, 10); // 1 MiB holds ten; the eleventh is kept and refused the next
        QVERIFY(!sink->push(text(piece)));
        sink->push(end(engine::FinishReason::Cancelled));
        QTRY_COMPARE(last.finish, engine::FinishReason::Failed);
        QCOMPARE(last.status.code(), engine::Code::ReplyNotRead);
        QCOMPARE(got, 1100000);
    }

    void cancelReachesTheEngineAndSilencesTheSink() {
        auto owned = std::make_unique<HandEngine>();
        HandEngine* hand = owned.get();
        app::EngineHost host(std::move(owned));
        bool ended = false;
        const auto id = host.ask(question, this, [&](const app::ReplyUpdate& update) {
            ended = update.finish == engine::FinishReason::Cancelled;
        });
        QTRY_VERIFY(hand->taken());
        host.cancel(id);
        QVERIFY(!hand->taken()->push(text("late")));
        QTRY_COMPARE(hand->cancelled.load(), engine::RequestId(7));
        hand->taken()->push(end(engine::FinishReason::Cancelled));
        QTRY_VERIFY(ended);
    }

    void refusedRequestIsAnEnd() {
        app::EngineHost host(std::make_unique<tests::FakeEngine>());
        app::ReplyUpdate last;
        host.ask(question, this, [&](const app::ReplyUpdate& update) { last = update; });
        QTRY_COMPARE(last.finish, engine::FinishReason::Failed);
        QCOMPARE(last.status.code(), engine::Code::NoModelLoaded);
    }

    void questionWaitsForTheModelThatLoads() {
        auto owned = std::make_unique<tests::FakeEngine>();
        owned->setLoad({1000, 3, std::chrono::milliseconds(200), {}});
        app::EngineHost host(std::move(owned));
        engine::LoadPhase phase = engine::LoadPhase::Opening;
        host.load({.path = "/models/a.gguf"}, this,
                  [&](const engine::LoadEvent& event) { phase = event.phase; });
        app::ReplyUpdate last;
        host.ask(question, this, [&](const app::ReplyUpdate& update) { last = update; });
        QTRY_COMPARE(last.finish, engine::FinishReason::EndOfAnswer);
        QCOMPARE(phase, engine::LoadPhase::Ready);
        QCOMPARE(host.model()->name, std::string("a"));
    }

    void shutdownGivesTheLastTextAndEnds() {
        auto owned = std::make_unique<tests::FakeEngine>();
        owned->addModel("m");
        owned->setScript({.tokensPerSecond = 200, .repeat = true});
        app::EngineHost host(std::move(owned));
        QString got;
        app::ReplyUpdate last;
        host.ask(question, this, [&](const app::ReplyUpdate& update) {
            got += update.text;
            last = update;
        });
        QTRY_VERIFY(got.size() > 20);
        host.shutdown();
        QCOMPARE(last.finish, engine::FinishReason::Cancelled);
    }

    void goneReceiverCancels() {
        auto owned = std::make_unique<tests::FakeEngine>();
        tests::FakeEngine* fake = owned.get();
        fake->addModel("m");
        fake->setScript({.tokensPerSecond = 200, .repeat = true});
        app::EngineHost host(std::move(owned));
        auto* receiver = new QObject;
        host.ask(question, receiver, [](const app::ReplyUpdate&) {});
        QTRY_COMPARE(fake->running(), std::size_t(1));
        delete receiver;
        QTRY_COMPARE(fake->running(), std::size_t(0));
    }
};

INGLENOOK_SUITE(engine_host, TstEngineHost)
#include "tst_engine_host.moc"
