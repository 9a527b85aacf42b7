#pragma once
// ServerPage: the API for other programs: a switch, where it listens, keys with what was done with
// them, an example to copy, the last requests. GUI thread.

#include "app/api/api_controller.h"

#include <QWidget>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QSpinBox;
class QTableWidget;
class QVBoxLayout;

namespace app {
class Settings;
}

namespace ui {

class ServerPage : public QWidget {
    Q_OBJECT

  public:
    ServerPage(app::ApiController& api, app::Settings& settings, QWidget* parent = nullptr);

  private:
    void addSwitch();
    void addAddress();
    void addKeys();
    void addExample();
    void addLog();
    void addHeading(const QString& title);
    /// A table of `rows` visible rows and the label that stands in its place while it is empty.
    struct Table {
        QTableWidget* rows = nullptr;
        QLabel* nothingYet = nullptr;

        void showWhatThereIs() const;
    };
    Table addTable(const QString& name, const QStringList& columns, int rows,
                   const QString& nothingYet);

    void showState(const app::ApiState& state);
    void showKeys(const QList<app::ApiKeyValue>& keys);
    void showNewKey(const QString& name, const QString& key);
    void showRequests(const QList<app::ApiLogValue>& entries);
    void showAddress();
    void changeAddress();
    void createKey();
    void revokeChosenKey();

    app::ApiController& m_api;
    app::Settings& m_settings;
    QVBoxLayout* m_rows;
    QCheckBox* m_switch;
    QLabel* m_state;
    QComboBox* m_host;
    QSpinBox* m_port;
    QLineEdit* m_keyName;
    QWidget* m_newKeyRow;
    QLineEdit* m_newKey;
    QPushButton* m_revoke;
    Table m_keys;
    QLabel* m_example;
    Table m_log;
};

} // namespace ui
