#include "tests/support/desktop_fixture.h"

#include "app/session/chat_controller.h"
#include "app/session/model_controller.h"
#include "tests/support/fake_engine.h"
#include "ui/chat/chat_page.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/composer.h"
#include "ui/main_window.h"

#include <QElapsedTimer>
#include <QtTest/QtTest>

namespace tests {

bool waitUntil(const std::function<bool()>& condition, int timeout_ms) {
    QElapsedTimer timer;
    timer.start();
    while (!condition()) {
        if (timer.elapsed() > timeout_ms)
            return false;
        QTest::qWait(5);
    }
    return true;
}

app::EngineFactory fakeEngineFactory(FakeEngine*& engine) {
    return [&engine]() -> std::unique_ptr<engine::Engine> {
        auto made = std::make_unique<FakeEngine>();
        engine = made.get();
        return made;
    };
}

DesktopFixture::DesktopFixture(app::EngineFactory engineFactory, const QString& dataDir)
    : m_paths{dataDir.isEmpty() ? m_temporary.path() : dataDir},
      m_application(std::make_unique<app::Application>(m_paths, std::move(engineFactory))) {
    if (m_application->start() == app::Application::StartResult::Started)
        m_desktop = std::make_unique<ui::Desktop>(*m_application, m_paths);
}

DesktopFixture::~DesktopFixture() {
    m_desktop.reset();
    m_application->shutdown();
}

ui::MainWindow& DesktopFixture::window() {
    return m_desktop->window();
}

bool DesktopFixture::load(const QString& path, int timeout_ms) {
    m_application->models().load(path, {});
    return waitUntil([this] { return m_application->models().model().isLoaded(); }, timeout_ms);
}

bool DesktopFixture::waitForIdle(int timeout_ms) {
    app::ChatController& chat = window().chatPage().chat();
    return waitUntil(
        [&chat] {
            const QList<app::Message> messages = chat.messages();
            return chat.progress().phase == app::GenerationPhase::Idle && !messages.isEmpty() &&
                   messages.last().role == app::Role::Assistant &&
                   messages.last().state == app::MessageState::Done;
        },
        timeout_ms);
}

bool DesktopFixture::ask(const QString& text, bool wait, int timeout_ms) {
    const qsizetype before = window().chatPage().chat().messages().size();
    window().chatPage().view().composer().setText(text);
    emit window().chatPage().view().composer().sendRequested(text);
    window().chatPage().view().composer().setText({});
    if (!waitUntil([&] { return window().chatPage().chat().messages().size() > before; },
                   timeout_ms))
        return false;
    return !wait || waitForIdle(timeout_ms);
}

} // namespace tests
