#pragma once
// Desktop: theme, language and the main window over an Application. What main() shows. GUI thread.

#include <memory>
#include <QObject>
#include <QPointer>
#include <vector>

class QTranslator;

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
    MainWindow& window() { return *m_window; }
    Theme& theme() { return *m_theme; }

  private:
    void applySettings(const app::SettingsValues& values);
    void setLanguage(const QString& language);
    void installTranslator(const QString& file);
    void makeWindow();

    app::Application& m_application;
    const QString m_dataDir;
    std::unique_ptr<Theme> m_theme;
    std::vector<std::unique_ptr<QTranslator>> m_translators; // Qt's own texts, then ours
    std::unique_ptr<MainWindow> m_window;
    QString m_language;
    bool m_hasLanguage = false;
};

/// The locale the desktop runs in: of the setting, else of the system; "zh_CN" or "en".
QString effectiveLanguage(const QString& setting);

} // namespace ui
