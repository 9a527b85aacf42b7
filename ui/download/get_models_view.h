#pragma once
// GetModelsView: where models come from. At the left the models to begin with, or what a search
// found; at the right what of the chosen one can be fetched; below the downloads. Nothing is asked
// from the internet before a click. GUI thread.

#include "app/download/download_values.h"

#include <QWidget>

class QComboBox;
class QLabel;
class QLineEdit;
class QListWidget;
class QPushButton;

namespace app {
class DownloadController;
class Settings;
} // namespace app

namespace ui {

class ChoicesView;
class JobList;
class Theme;

class GetModelsView : public QWidget {
    Q_OBJECT

  public:
    GetModelsView(app::DownloadController& downloads, app::Settings& settings, Theme& theme,
                  QWidget* parent = nullptr);

    /// What the models to begin with are: no search was made, or it was cleared.
    void showStarters();

  signals:
    void openWanted(const QString& file);

  private:
    QWidget* makeAsking();
    QWidget* makeList(const Theme& theme);
    void search();
    void chooseHub();
    void showFound(const QList<app::RemoteModel>& models);
    void choose(const QString& repository);
    void showTrouble(const QString& sentence);
    void showHub();
    void addItem(const QString& name, const QString& detail, const QString& repository);

    app::DownloadController& m_downloads;
    app::Settings& m_settings;
    QComboBox* m_hub;
    QLineEdit* m_words;
    QPushButton* m_search;
    QLabel* m_privacy;
    QLabel* m_heading;
    QListWidget* m_list;
    ChoicesView* m_choices;
    JobList* m_jobs;
    QString m_asked; // the repository whose files are being asked for
};

} // namespace ui
