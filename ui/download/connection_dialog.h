#pragma once
// ConnectionDialog: how downloads reach a hub: its endpoint, a token, a proxy, a speed. Each is a
// setting; tokens and passwords go into the keyring. GUI thread.

#include "app/download/download_values.h"

#include <QDialog>

class QFormLayout;
class QLabel;
class QLineEdit;
class QSpinBox;

namespace app {
class DownloadController;
class Settings;
} // namespace app

namespace ui {

class ConnectionDialog : public QDialog {
    Q_OBJECT

  public:
    ConnectionDialog(app::DownloadController& downloads, app::Settings& settings,
                     QWidget* parent = nullptr);

    void accept() override;

  private:
    /// What the settings say now; secrets are never shown.
    void prepareFields();
    QFormLayout* makeForm();
    void addRow(QFormLayout* form, const QString& name, const QString& what, QWidget* control);

    app::DownloadController& m_downloads;
    app::Settings& m_settings;
    app::HubKind m_hub;
    QLineEdit* m_endpoint;
    QLineEdit* m_token;
    QLineEdit* m_proxy;
    QLineEdit* m_password;
    QSpinBox* m_limit;
    QSpinBox* m_kept;
    QLabel* m_problem;
};

} // namespace ui
