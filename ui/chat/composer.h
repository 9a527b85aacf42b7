#pragma once
// Composer: what is about to be said, to which model; Send that becomes Stop. GUI thread.

#include "app/overflow_choice.h"
#include "app/session/model_controller.h"

#include <QFrame>

class QActionGroup;
class QLabel;
class QProgressBar;
class QPushButton;
class QToolButton;

namespace ui {

class PromptEdit;
class Theme;

class Composer : public QFrame {
    Q_OBJECT

  public:
    Composer(Theme& theme, QWidget* parent = nullptr);

    QString text() const;
    void setText(const QString& text);
    void focusInput();
    void setSendWithCtrl(bool withCtrl);

    void showModel(const app::ModelValue& model);
    void showLoading(const app::ModelProgress& progress);
    void showContext(int usedTokens, int contextTokens);
    /// What becomes of the chat when the context is full.
    void showOverflow(app::OverflowChoice overflow);
    /// true: the button stops the running answer.
    void setRunning(bool running);
    /// While a message is edited: a line above the text says so.
    void setEditing(bool editing);
    bool isEditing() const { return m_editing; }

    QToolButton* modelButton() const { return m_model; }
    QToolButton* weightsButton() const { return m_weights; }

  signals:
    void sendRequested(const QString& text);
    void stopRequested();
    void recallRequested();
    void textChanged();
    void cancelLoadRequested();
    void overflowChosen(app::OverflowChoice overflow);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void setUpControls();
    void layOut();
    void connectControls();
    void send();
    void updateButton();
    void updateColors();
    void makeContextMenu();

    Theme& m_theme;
    QLabel* m_editNote;
    PromptEdit* m_edit;
    QToolButton* m_model;
    QToolButton* m_weights;
    QProgressBar* m_progress;
    QToolButton* m_cancelLoad;
    QToolButton* m_context;
    QActionGroup* m_overflow = nullptr;
    QPushButton* m_send;
    bool m_running = false;
    bool m_editing = false;
    bool m_loading = false;
};

} // namespace ui
