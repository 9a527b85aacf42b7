#pragma once
// VersionsView: the versions of a downloaded model that lie on the disk, an update, and the way
// back. GUI thread.

#include "app/download/download_controller.h"

#include <QWidget>

class QLabel;
class QPushButton;
class QTableWidget;

namespace ui {

class VersionsView : public QWidget {
    Q_OBJECT

  public:
    explicit VersionsView(app::DownloadController& downloads, QWidget* parent = nullptr);

    /// A model file or folder of the library.
    void showModel(const QString& path);

  private:
    void prepareTable();
    void layOut();
    void connectAll();
    void showVersions(const app::FolderVersions& versions);
    void showUpdate(const app::AvailableUpdate& update);
    void tell(const QString& folder, const QString& sentence);
    void fetchUpdate();
    void rollBack();

    app::DownloadController& m_downloads;
    QString m_path;
    QString m_folder;              // empty: no download made it, or it is not known yet
    app::AvailableUpdate m_update; // that can be fetched
    QLabel* m_now;
    QLabel* m_news;
    QPushButton* m_check;
    QPushButton* m_fetch;
    QTableWidget* m_older;
    QPushButton* m_back;
};

} // namespace ui
