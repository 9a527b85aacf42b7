#pragma once
// ApplicationBed: the program without pixels on a scripted engine, in a folder of its own.

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "tests/support/fake_engine.h"

#include <atomic>
#include <QtTest/QtTest>
#include <thread>

namespace tests {

struct ApplicationBed {
    void begin() {
        m_dir = std::make_unique<QTemporaryDir>();
        m_script = {.answer = "This is an answer."};
    }
    void end() {
        m_chat.reset();
        m_app.reset();
    }
    void start(bool withModel = true) {
        m_app = std::make_unique<app::Application>(app::Paths{m_dir->path()}, [this, withModel] {
            auto fake = std::make_unique<tests::FakeEngine>(m_script);
            m_fake = fake.get();
            if (withModel)
                fake->addModel("m");
            return fake;
        });
        QCOMPARE(m_app->start(), app::Application::StartResult::Started);
        if (withModel) { // through the front door, so that the host knows it
            m_app->models().load(QStringLiteral("/models/m.gguf"), {});
            QTRY_VERIFY(m_app->models().model().isLoaded());
        }
        m_chat.reset(m_app->createChat(nullptr));
    }
    void restart(bool withModel = true) {
        m_chat.reset();
        m_app.reset();
        start(withModel);
    }
    void open(app::ConversationId id) {
        QSignalSpy loaded(m_chat.get(), &app::ChatController::messagesLoaded);
        m_chat->openConversation(id);
        QTRY_COMPARE(loaded.size(), 1);
    }
    app::Message finishOf(const std::function<void()>& action) {
        QSignalSpy finished(m_chat.get(), &app::ChatController::messageFinished);
        action();
        (void)QTest::qWaitFor([&] { return !finished.isEmpty(); });
        return finished.isEmpty() ? app::Message() : finished.at(0).at(0).value<app::Message>();
    }
    static void asOtherProgram(const std::function<void()>& work) {
        std::atomic<bool> done = false;
        std::thread other([&] {
            work();
            done = true;
        });
        (void)QTest::qWaitFor([&] { return done.load(); }, 20000);
        other.join();
    }
    app::Message ask(const QString& text) {
        return finishOf([&] { m_chat->send(text); });
    }

    std::unique_ptr<QTemporaryDir> m_dir;
    std::unique_ptr<app::Application> m_app;
    std::unique_ptr<app::ChatController> m_chat;
    tests::FakeEngine* m_fake = nullptr;
    tests::FakeScript m_script;
};

} // namespace tests
