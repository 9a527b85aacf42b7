#pragma once
// ModelCardView: one model of the library: what it is, load and eject with progress, and tabs with
// the details. GUI thread.

#include "app/library/fit_table.h"
#include "app/library/library_controller.h"
#include "app/session/model_controller.h"

#include <QFrame>
#include <QHash>
#include <QTimer>

class QLabel;
class QProgressBar;
class QPushButton;
class QStackedWidget;
class QTabBar;
class QToolButton;
class QVBoxLayout;

namespace app {
class Application;
class Settings;
} // namespace app

namespace ui {

class ModelFilesView;
class ModelFitsView;
class ModelOverview;
class ModelQualityView;
class Theme;

class ModelCardView : public QWidget {
    Q_OBJECT

  public:
    ModelCardView(app::Application& application, Theme& theme, QWidget* parent = nullptr);

    void show(const app::ModelCard& card);
    using QWidget::show;
    void showTab(int index);
    ModelFitsView& fits() { return *m_fits; }
    /// A tab of another concept, which learns from shown() what to show.
    void addTab(const QString& title, QWidget* page);

  signals:
    /// Another model of the library shall be shown.
    void modelAsked(const QString& path);
    void shown(const QString& path);

  protected:
    void showEvent(QShowEvent* event) override;

  private:
    void addHead(QVBoxLayout* column);
    void addTabs(QVBoxLayout* column);
    void followLoads();
    void updateState();
    void updateStar();
    QString failureDetails() const;
    void load();
    void loadLike(const app::FitQuestion& question, const QString& weights, int contextTokens);
    bool isThisLoading() const;

    app::LibraryController& m_library;
    app::ModelController& m_models;
    app::Settings& m_settings;
    Theme& m_theme;
    app::ModelCard m_card;
    QHash<QString, QString> m_failures; // why the last load of a path failed
    QLabel* m_name;
    QToolButton* m_star;
    QLabel* m_summary;
    QLabel* m_truth; // what it really is, when the name could mislead
    QPushButton* m_load;
    QPushButton* m_eject;
    QPushButton* m_cancel;
    QPushButton* m_forget;
    QPushButton* m_copyFailure;
    QProgressBar* m_progress;
    QLabel* m_state;
    QTabBar* m_tabs;
    QStackedWidget* m_pages;
    ModelOverview* m_overview;
    ModelFitsView* m_fits;
    ModelQualityView* m_quality;
    ModelFilesView* m_files;
    QTimer m_hashDelay;
};

} // namespace ui
