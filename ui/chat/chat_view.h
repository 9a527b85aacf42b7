#pragma once
// ChatView: one conversation: transcript or welcome, find bar, composer. Turns app's messages into
// transcript values and the transcript's wishes into calls of the controller. GUI thread.

#include "app/history/records.h"
#include "app/session/chat_controller.h"

#include <QWidget>

class QStackedWidget;

namespace app {
class ModelController;
class Settings;
} // namespace app

namespace ui {

class Composer;
class FindBar;
class Theme;
class Transcript;
class WelcomeView;
struct TranscriptMessage;

/// A message as the transcript shows it.
TranscriptMessage transcriptMessage(const app::Message& message);
/// Shows the address of a link in a message, and opens it when a person says so.
void askToOpenLink(const QString& link, QWidget* parent);

class ChatView : public QWidget {
    Q_OBJECT

  public:
    ChatView(app::ChatController& chat, app::ModelController& models, app::Settings& settings,
             Theme& theme, QWidget* parent = nullptr);
    ~ChatView() override;

    Composer& composer() { return *m_composer; }
    Transcript& transcript() { return *m_transcript; }

    /// What is typed and not sent; not the message that is being edited.
    QString draft() const;
    /// The first message in view; 0 = the view follows the end.
    app::MessageId topMessage() const;

    void focusInput();
    void openFind();
    void regenerateLast();
    void copyLastAnswer();
    /// Esc: closes the find bar, else leaves editing, else stops the answer.
    void escape();
    /// Brings a message of the conversation shown into view (a search hit).
    void scrollTo(app::MessageId message);
    /// After the next load, the transcript shows this message (a search hit); 0 = the end.
    void scrollToWhenLoaded(app::MessageId message) { m_scrollTo = message; }

  signals:
    void addModelRequested();

  private:
    void connectChat();
    void connectTranscript();
    void connectComposer();
    void showMessages(const QList<app::Message>& messages);
    void showProgress(const app::GenerationProgress& progress);
    void beginEdit(app::MessageId message);
    void endEdit();
    void applySettings();
    void updateWelcome();
    void updateEmpty();

    app::ChatController& m_chat;
    app::ModelController& m_models;
    app::Settings& m_settings;
    Theme& m_theme;
    QStackedWidget* m_stack;
    WelcomeView* m_welcome;
    Transcript* m_transcript;
    FindBar* m_find;
    Composer* m_composer;
    app::MessageId m_editing = 0;
    app::MessageId m_scrollTo = 0;
    QString m_draft; // what stood in the composer before an edit began
};

} // namespace ui
