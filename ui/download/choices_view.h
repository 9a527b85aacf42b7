#pragma once
// ChoicesView: what of a repository can be fetched: a row a quantization with size and fit, one of
// them chosen already. GUI thread.

#include "app/download/download_values.h"

#include <QWidget>

class QLabel;
class QPushButton;
class QStackedWidget;
class QTableWidget;

namespace ui {

class Theme;

class ChoicesView : public QWidget {
    Q_OBJECT

  public:
    explicit ChoicesView(Theme& theme, QWidget* parent = nullptr);

    /// Before anything was chosen, while a hub is asked, or after it failed.
    void showMessage(const QString& title, const QString& text);
    void show(const app::RemoteRepository& repository, const QList<app::RemoteChoice>& choices);
    using QWidget::show;

  signals:
    void downloadWanted(const app::RemoteRepository& repository, const app::RemoteChoice& choice);

  private:
    void fill();
    void updateButton();

    Theme& m_theme;
    app::RemoteRepository m_repository;
    QList<app::RemoteChoice> m_choices;
    QLabel* m_title;
    QLabel* m_about;
    QStackedWidget* m_body;
    QLabel* m_message;
    QTableWidget* m_table;
    QPushButton* m_download;
};

} // namespace ui
