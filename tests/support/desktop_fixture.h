#pragma once
// DesktopFixture: the real Application and Desktop over a temporary data directory, with a
// FakeEngine or the real one. For tests of ui and for the tour.

#include "app/application.h"
#include "app/paths.h"
#include "ui/desktop.h"

#include <functional>
#include <memory>
#include <QTemporaryDir>

namespace tests {

class FakeEngine;

class DesktopFixture {
  public:
    /// `dataDir` empty: a temporary one that goes with the fixture.
    explicit DesktopFixture(app::EngineFactory engineFactory, const QString& dataDir = {});
    ~DesktopFixture();

    bool started() const { return m_desktop != nullptr; }
    app::Application& application() { return *m_application; }
    ui::Desktop& desktop() { return *m_desktop; }
    ui::MainWindow& window();
    const app::Paths& paths() const { return m_paths; }

    /// Loads a model and waits until it is ready.
    bool load(const QString& path, int timeout_ms = 30000);
    /// Types a message and sends it; waits until its answer has ended when `wait`.
    bool ask(const QString& text, bool wait = true, int timeout_ms = 60000);
    bool waitForIdle(int timeout_ms = 60000);

  private:
    QTemporaryDir m_temporary;
    app::Paths m_paths;
    std::unique_ptr<app::Application> m_application;
    std::unique_ptr<ui::Desktop> m_desktop;
};

/// Runs the event loop until the condition holds; false when the time is over.
bool waitUntil(const std::function<bool()>& condition, int timeout_ms);

/// A factory that makes a FakeEngine and leaves a pointer to it.
app::EngineFactory fakeEngineFactory(FakeEngine*& engine);

} // namespace tests
