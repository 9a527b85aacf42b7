#pragma once
// SettingsPage: every setting of the table: search on top, sections left, a row for each. What can
// be applied live is at once; what reloads the model gathers in the bar at the bottom, which names
// it and asks. GUI thread.

#include "app/settings_table.h"

#include <QHash>
#include <QMap>
#include <QWidget>

class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;
class QScrollArea;
class QVBoxLayout;

namespace app {
class ModelController;
class Settings;
} // namespace app

namespace ui {

class SettingRow;

class SettingsPage : public QWidget {
    Q_OBJECT

  public:
    SettingsPage(app::Settings& settings, app::ModelController& models, const QString& dataDir,
                 QWidget* parent = nullptr);

    /// The row of a setting; null for an unknown id.
    SettingRow* row(const QString& id) const { return m_rows.value(id); }
    void showSection(app::SettingSection section);
    /// Reloads the model with what waits in the bar.
    void apply();
    void discard();
    /// Takes what an export holds; the sentence of what became of it.
    QString importFrom(const QByteArray& file);
    /// One sentence above the bar until the next change.
    void showNotice(const QString& sentence);

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    struct Section {
        QWidget* heading = nullptr;
        QList<QWidget*> rows;
        QString words; ///< of its rows that are no settings
    };

    QWidget* makeHead();
    QWidget* makeBody();
    QWidget* makeBar();
    void addSections(const QString& dataDir);
    void addRow(const app::SettingSpec& spec);
    void addInfo(app::SettingSection section, const QString& name, const QString& what,
                 QWidget* shown);
    void addPrivacy();
    void change(const QString& id, const QJsonValue& value);
    enum class Typed { Keep, Drop };
    void refresh();
    void showValues(Typed typed);
    void showModels();
    void showBar();
    void showCurrentSection();
    void filter(const QString& text);
    void exportToFile();
    void importFromFile();
    bool reloads(const app::SettingSpec& spec) const;
    app::SettingsValues wanted() const;

    app::Settings& m_settings;
    app::ModelController& m_models;
    QHash<QString, SettingRow*> m_rows;
    QMap<app::SettingSection, Section> m_sections;
    QMap<QString, QJsonValue> m_pending; // what reloads the model and was not applied, by id
    QList<std::pair<QString, QLabel*>> m_connections;
    QLineEdit* m_search;
    QListWidget* m_list;
    QScrollArea* m_scroll;
    QVBoxLayout* m_column;
    QLabel* m_nothing;
    QLabel* m_notice;
    QWidget* m_bar = nullptr;
    QLabel* m_barText;
    QPushButton* m_apply;
    QPushButton* m_discard;
};

} // namespace ui
