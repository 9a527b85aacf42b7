#pragma once
// Desktop: theme, language and the main window over an Application. What main() shows. GUI thread.

#include "ui/translators.h"

#include <memory>
#include <QObject>

namespace app {
class Application;
struct Paths;
struct SettingsValues;
} // namespace app

namespace ui {

class MainWindow;
class Theme;

class Desktop : public QObject {
    Q_OBJECT

  public:
    Desktop(app::Application& application, const app::Paths& paths);
    ~Desktop() override;

    void show();
    /// A message in a new chat, as if it were typed there.
    void send(const QString& text);
    MainWindow& window() { return *m_window; }
    Theme& theme() { return *m_theme; }

  private:
    void applySettings(const app::SettingsValues& values);
    void makeWindow();
    void comeForward();

    app::Application& m_application;
    const QString m_dataDir;
    std::unique_ptr<Theme> m_theme;
    Translators m_translators;
    std::unique_ptr<MainWindow> m_window;
};

} // namespace ui
