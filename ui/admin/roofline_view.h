#pragma once
// RooflineView: where the time of a model goes: a row a fused stage with its share of the time, the
// bytes and operations a second that it reached, and how near that comes to the measured limits of
// the device. GUI thread.

#include "app/library/roofline_controller.h"

#include <QWidget>

class QLabel;
class QProgressBar;
class QPushButton;
class QTableWidget;
class QVBoxLayout;

namespace app {
class LibraryController;
class Settings;
} // namespace app

namespace ui {

class RooflineView : public QWidget {
    Q_OBJECT

  public:
    RooflineView(app::RooflineController& rooflines, app::LibraryController& library,
                 app::Settings& settings, QWidget* parent = nullptr);

    /// A model file or folder of the library.
    void showModel(const QString& path);
    /// Fills the table.
    void showStages(const app::Roofline& roofline);

  private:
    void addHead(QVBoxLayout* column);
    void addTable(QVBoxLayout* column);
    void measure();
    void refresh();
    void addPhase(const QString& title, const QList<app::RooflineStage>& stages);
    QString stateText(const app::Roofline& roofline) const;

    app::RooflineController& m_rooflines;
    app::LibraryController& m_library;
    app::Settings& m_settings;
    QString m_path;
    QHash<QString, QString> m_failures; // of the last measurement, by path
    QPushButton* m_measure;
    QPushButton* m_cancel;
    QProgressBar* m_progress;
    QLabel* m_state;
    QTableWidget* m_table;
};

} // namespace ui
