#pragma once
// WelcomeView: what an empty chat shows: one line, three questions to click, and the way to a real
// model. GUI thread.

#include <QWidget>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace ui {

class Theme;

class WelcomeView : public QWidget {
    Q_OBJECT

  public:
    WelcomeView(Theme& theme, QWidget* parent = nullptr);

    /// hasModel = false: the questions give way to "choose a model or add one".
    void setModel(const QString& name, bool isBuiltIn, bool hasModel);

  signals:
    void questionChosen(const QString& question);
    void addModelRequested();

  private:
    void updateColors();

    Theme& m_theme;
    QLabel* m_mark;
    QLabel* m_title;
    QLabel* m_line;
    QWidget* m_questions;
    QPushButton* m_add;
};

/// The sample questions that come with the built-in model (welcome.json), in the language of the
/// desktop.
QStringList welcomeQuestions();

} // namespace ui
