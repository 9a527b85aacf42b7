#pragma once
// ModelsPage: the models of this computer: a list with search at the left, the card of the chosen
// one at the right. Further sections (where to get models) stand beside the library behind a tab
// each. GUI thread.

#include "app/library/library_controller.h"

#include <QWidget>

class QLabel;
class QLineEdit;
class QListView;
class QMenu;
class QStackedWidget;
class QTabBar;
class QToolButton;

namespace app {
class Application;
class ModelController;
} // namespace app

namespace ui {

class LibraryListModel;
class ModelCardView;
class Theme;

class ModelsPage : public QWidget {
    Q_OBJECT

  public:
    ModelsPage(app::Application& application, Theme& theme, QWidget* parent = nullptr);
    ~ModelsPage() override;

    /// A further section with a tab of its own; the first one is the library. Returns its index.
    int addSection(const QString& title, QWidget* section);
    void showSection(int index);
    void showSection(QWidget* section);
    /// Selects a model in the list.
    void select(const QString& path);
    ModelCardView& card() { return *m_card; }

  private:
    QWidget* makeLibrary();
    QWidget* makeListSide();
    void refresh();
    void showChosen();
    QString nothingText() const;
    void fillFolders();
    void addFolder();

    app::LibraryController& m_library;
    app::ModelController& m_models;
    Theme& m_theme;
    QTabBar* m_tabs;
    QStackedWidget* m_sections;
    QLineEdit* m_search;
    LibraryListModel* m_rows;
    QListView* m_list;
    QLabel* m_state;
    QToolButton* m_folders;
    QMenu* m_foldersMenu;
    QStackedWidget* m_right; // nothing chosen, a card, why a file cannot be used
    QLabel* m_nothing;
    ModelCardView* m_card;
    QLabel* m_rejectedName;
    QLabel* m_rejectedReason;
    QString m_chosen;
};

} // namespace ui
