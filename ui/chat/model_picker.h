#pragma once
// ModelPicker: the menus behind the composer's model and number-format buttons. Fills itself anew
// each time it opens. GUI thread.

#include "app/session/model_controller.h"

#include <QObject>

class QMenu;
class QToolButton;

namespace app {
class LibraryController;
class Settings;
} // namespace app

namespace ui {

class Theme;

class ModelPicker : public QObject {
    Q_OBJECT

  public:
    ModelPicker(app::ModelController& models, app::LibraryController& library,
                app::Settings& settings, Theme& theme, QToolButton* modelButton,
                QToolButton* weightsButton);

    void open(); ///< Ctrl+L
    void openFile();
    void openFolder();

  private:
    void fillModels();
    void fillWeights();
    void load(const QString& path);

    app::ModelController& m_models;
    app::LibraryController& m_library;
    app::Settings& m_settings;
    Theme& m_theme;
    QToolButton* m_button;
    QMenu* m_modelMenu;
    QMenu* m_weightsMenu;
};

} // namespace ui
