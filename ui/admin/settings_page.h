#pragma once
// SettingsPage: every setting with one line on what it does; changes apply at once. GUI thread.

#include <QWidget>

class QFormLayout;
class QLineEdit;
class QVBoxLayout;

namespace app {
class Settings;
struct SettingsValues;
} // namespace app

namespace ui {

class SettingsPage : public QWidget {
    Q_OBJECT

  public:
    SettingsPage(app::Settings& settings, const QString& dataDir, QWidget* parent = nullptr);

  private:
    /// A section heading.
    void addSection(const QString& title);
    /// One row: name, what it does, control.
    void addRow(const QString& name, const QString& what, QWidget* control);
    template<typename Change>
    void change(Change&& change);
    void addAppearance();
    void addChat();
    void addModel();
    void addSampling();
    void addData(const QString& dataDir);
    void filter(const QString& text);

    struct Row {
        QWidget* widget;
        QString words; ///< what the search looks at
        bool isHeading;
    };

    app::Settings& m_settings;
    QLineEdit* m_search;
    QVBoxLayout* m_rows;
    QList<Row> m_all;
};

} // namespace ui
