#pragma once
// JobList: the downloads that wait, run, failed or are done, with what can be done about each. GUI
// thread.

#include "app/download/download_values.h"

#include <QMap>
#include <QWidget>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace app {
class DownloadController;
}

namespace ui {

class JobRow;
class Theme;

class JobList : public QWidget {
    Q_OBJECT

  public:
    JobList(app::DownloadController& downloads, Theme& theme, QWidget* parent = nullptr);

  signals:
    /// A complete model shall be loaded.
    void openWanted(const QString& file);

  private:
    void show(const QList<app::DownloadJob>& jobs);

    app::DownloadController& m_downloads;
    Theme& m_theme;
    QLabel* m_title;
    QPushButton* m_clear;
    QVBoxLayout* m_column;
    QMap<quint64, JobRow*> m_rows;
};

} // namespace ui
