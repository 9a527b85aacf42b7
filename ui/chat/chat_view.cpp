#include "ui/chat/chat_view.h"

#include "app/paths.h"
#include "app/session/model_controller.h"
#include "app/settings.h"
#include "ui/chat/composer.h"
#include "ui/chat/find_bar.h"
#include "ui/chat/message_times.h"
#include "ui/chat/transcript.h"
#include "ui/chat/welcome_view.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QGuiApplication>
#include <QMessageBox>
#include <QPushButton>
#include <QScrollBar>
#include <QStackedWidget>
#include <QUrl>
#include <QVBoxLayout>

namespace ui {

namespace {

QString idText(app::MessageId id) {
    return QString::number(id);
}
app::MessageId idOf(const QString& text) {
    return text.toLongLong();
}

QString statsText(const app::Message& message) {
    QStringList parts;
    if (message.stats) {
        if (message.stats->generatedTokens == 0)
            return {}; // failed before the first token: the sentence says it all
        if (message.stats->tokensPerSecond() > 0)
            parts.append(speedText(message.stats->tokensPerSecond()));
        parts.append(ChatView::tr("%n token(s)", nullptr, message.stats->generatedTokens));
        if (!message.source.isFromCache)
            parts.append(ChatView::tr("first after %1").arg(durationText(message.stats->ttft_us)));
        if (message.stats->cachedTokens > 0 && !message.source.isFromCache)
            parts.append(ChatView::tr("cached %1 of %2 tokens")
                             .arg(message.stats->cachedTokens)
                             .arg(message.stats->promptTokens));
    }
    const QString reason = stopReasonText(message.stopReason, message.stopString);
    if (!reason.isEmpty() && message.stopReason != app::StopReason::Failed)
        parts.append(reason);
    return parts.join(QStringLiteral(" · "));
}

/// What has to be said beside the author, always: where the text came from, what it was not told.
QStringList notesOf(const app::AnswerSource& source) {
    QStringList notes;
    if (source.isFromCache)
        notes.append(ChatView::tr("from the cache"));
    if (source.droppedMessages > 0)
        notes.append(
            ChatView::tr("%n earlier message(s) left out", nullptr, source.droppedMessages));
    else if (source.droppedTokens > 0)
        notes.append(ChatView::tr("%n earlier token(s) left out", nullptr, source.droppedTokens));
    return notes;
}

/// An answer that ended before the model was done, and can go on.
bool isCut(const app::Message& message) {
    return message.state == app::MessageState::Interrupted ||
           message.stopReason == app::StopReason::Cancelled ||
           message.stopReason == app::StopReason::MaxTokens ||
           message.stopReason == app::StopReason::Interrupted;
}

} // namespace

TranscriptMessage transcriptMessage(const app::Message& message) {
    TranscriptMessage value;
    value.id = idText(message.id);
    value.text = message.text;
    value.reasoning = message.reasoning;
    value.siblingIndex = message.siblingIndex;
    value.siblingCount = message.siblingCount;
    value.error = message.error;
    if (message.role == app::Role::User) {
        value.role = MessageRole::User;
        value.author = ChatView::tr("You");
        if (message.state == app::MessageState::Waiting)
            value.stats = ChatView::tr("waits for the answer before it");
        return value;
    }
    value.role = message.role == app::Role::System ? MessageRole::System : MessageRole::Assistant;
    value.author =
        message.model.weights.isEmpty()
            ? message.model.name
            : QStringLiteral("%1 · %2").arg(message.model.name, weightsText(message.model.weights));
    value.running = message.state == app::MessageState::Streaming;
    value.canContinue = isCut(message);
    value.stats = statsText(message);
    value.notes = notesOf(message.source);
    value.isFromCache = message.source.isFromCache;
    value.hasTimes = hasTimes(message);
    if (message.stats) {
        value.reasoningSeconds = double(message.stats->reasoning_us) / 1e6;
        value.reasoningTokens = message.stats->reasoningTokens;
    }
    return value;
}

void askToOpenLink(const QString& link, QWidget* parent) {
    const QUrl url(link, QUrl::StrictMode);
    if (url.scheme() != QLatin1String("http") && url.scheme() != QLatin1String("https"))
        return;
    // The text of a link may lie; the address is shown before anything leaves this computer.
    QMessageBox box(QMessageBox::Question, ChatView::tr("Open this address in the browser?"),
                    url.toDisplayString(), QMessageBox::NoButton, parent);
    box.setTextFormat(Qt::PlainText);
    QPushButton* open = box.addButton(ChatView::tr("Open"), QMessageBox::AcceptRole);
    box.addButton(ChatView::tr("Cancel"), QMessageBox::RejectRole);
    box.exec();
    if (box.clickedButton() == open)
        QDesktopServices::openUrl(url);
}

ChatView::ChatView(app::ChatController& chat, app::ModelController& models, app::Settings& settings,
                   Theme& theme, QWidget* parent)
    : QWidget(parent),
      m_chat(chat),
      m_models(models),
      m_settings(settings),
      m_theme(theme),
      m_stack(new QStackedWidget),
      m_welcome(new WelcomeView(theme)),
      m_transcript(new Transcript),
      m_find(new FindBar(theme)),
      m_composer(new Composer(theme)) {
    m_stack->addWidget(m_welcome);
    m_stack->addWidget(m_transcript);
    // The composer is as wide as the transcript's column and centred like it, beside the scroll
    // bar.
    m_composer->setMaximumWidth(Transcript::kColumnWidth);
    const int scrollBar = m_transcript->verticalScrollBar()->sizeHint().width();
    auto* bottom = new QHBoxLayout;
    bottom->setContentsMargins(space::kLarge, space::kSmall, space::kLarge + scrollBar,
                               space::kLarge);
    bottom->addStretch(1);
    bottom->addWidget(m_composer, 100);
    bottom->addStretch(1);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(m_find);
    layout->addWidget(m_stack, 1);
    layout->addLayout(bottom);

    connectChat();
    connectTranscript();
    connectComposer();
    connect(&m_theme, &Theme::changed, this, &ChatView::applySettings);
    connect(&m_settings, &app::Settings::changed, this, &ChatView::applySettings);
    applySettings();
    m_composer->showModel(m_models.model());
    m_composer->showLoading(m_models.progress());
    showMessages(m_chat.messages());
    updateWelcome();
}

ChatView::~ChatView() = default;

void ChatView::connectChat() {
    using Chat = app::ChatController;
    connect(&m_chat, &Chat::messagesLoaded, this, &ChatView::showMessages);
    connect(&m_chat, &Chat::conversationOpened, this, [this] {
        endEdit();
        m_find->closeQuietly();
        m_transcript->setFind({});
    });
    connect(&m_chat, &Chat::messageAdded, this, [this](const app::Message& message) {
        m_transcript->appendMessage(transcriptMessage(message));
        updateEmpty();
    });
    connect(&m_chat, &Chat::messageGrew, this, [this](const app::MessageDelta& delta) {
        if (!delta.reasoning.isEmpty())
            m_transcript->appendText(idText(delta.message), delta.reasoning, true);
        if (!delta.text.isEmpty())
            m_transcript->appendText(idText(delta.message), delta.text, false);
    });
    connect(&m_chat, &Chat::messageFinished, this, [this](const app::Message& message) {
        m_transcript->replaceMessage(transcriptMessage(message));
    });
    connect(&m_chat, &Chat::progressChanged, this, &ChatView::showProgress);
    connect(&m_chat, &Chat::contextChanged, m_composer, &Composer::showContext);
    connect(&m_chat, &Chat::overflowChanged, m_composer, &Composer::showOverflow);
    connect(m_composer, &Composer::overflowChosen, &m_chat, &Chat::setOverflow);
    m_composer->showOverflow(m_chat.overflow());
    connect(&m_chat, &Chat::failed, this, [this](const QString&, const QString& text) {
        // What could not be stored is given back, never lost; what is being typed stays below it.
        const QString typed = m_composer->text();
        if (!text.isEmpty())
            m_composer->setText(typed.isEmpty() ? text : text + QStringLiteral("\n\n") + typed);
    });
    connect(&m_models, &app::ModelController::modelChanged, this,
            [this](const app::ModelValue& model) {
                m_composer->showModel(model);
                updateWelcome();
            });
    connect(&m_models, &app::ModelController::progressChanged, this,
            [this](const app::ModelProgress& progress) {
                m_composer->showModel(m_models.model());
                m_composer->showLoading(progress);
            });
}

void ChatView::connectTranscript() {
    connect(m_transcript, &Transcript::timesRequested, this, [this](const QString& id) {
        for (const app::Message& message : m_chat.messages())
            if (message.id == idOf(id))
                openMessageTimes(message, m_theme, this);
    });
    connect(m_transcript, &Transcript::editRequested, this,
            [this](const QString& id) { beginEdit(idOf(id)); });
    connect(m_transcript, &Transcript::regenerateRequested, this,
            [this](const QString& id) { m_chat.regenerate(idOf(id)); });
    connect(m_transcript, &Transcript::siblingRequested, this,
            [this](const QString& id, int step) { m_chat.switchSibling(idOf(id), step); });
    connect(m_transcript, &Transcript::continueRequested, this,
            [this](const QString& id) { m_chat.continueAnswer(idOf(id)); });
    connect(m_transcript, &Transcript::answerNowRequested, this, [this] { m_chat.answerNow(); });
    connect(m_transcript, &Transcript::linkActivated, this,
            [this](const QString& link) { askToOpenLink(link, this); });
    connect(m_find, &FindBar::textChanged, m_transcript, &Transcript::setFind);
    connect(m_find, &FindBar::nextRequested, m_transcript, &Transcript::findNext);
    connect(m_find, &FindBar::previousRequested, m_transcript, &Transcript::findPrevious);
    connect(m_find, &FindBar::closed, this, [this] {
        m_transcript->setFind({});
        focusInput();
    });
    connect(m_transcript, &Transcript::findChanged, this,
            [this](int current, int total, bool) { m_find->showCount(current, total); });
}

void ChatView::connectComposer() {
    connect(m_composer, &Composer::sendRequested, this, [this](const QString& text) {
        if (m_editing != 0) {
            const app::MessageId edited = m_editing;
            endEdit();
            m_chat.editUserMessage(edited, text);
        } else {
            m_chat.send(text);
        }
    });
    connect(m_composer, &Composer::stopRequested, &m_chat, &app::ChatController::stop);
    connect(m_composer, &Composer::cancelLoadRequested, &m_models,
            &app::ModelController::cancelLoad);
    connect(m_composer, &Composer::recallRequested, this, [this] {
        const QList<app::Message> messages = m_chat.messages();
        for (auto message = messages.crbegin(); message != messages.crend(); ++message) {
            if (message->role == app::Role::User) {
                beginEdit(message->id);
                return;
            }
        }
    });
    connect(m_welcome, &WelcomeView::questionChosen, this,
            [this](const QString& question) { m_chat.send(question); });
    connect(m_welcome, &WelcomeView::addModelRequested, this, &ChatView::addModelRequested);
}

void ChatView::applySettings() {
    m_transcript->setTheme(m_theme.palette());
    m_transcript->setTextSize(m_theme.font(TextSize::Reading).pixelSize());
    const app::SettingsValues& values = m_settings.values();
    m_transcript->setReasoningView(!values.expandReasoning, values.expandReasoning);
    m_composer->setSendWithCtrl(values.sendKey == app::SendKey::CtrlEnter);
}

void ChatView::showMessages(const QList<app::Message>& messages) {
    std::vector<TranscriptMessage> values;
    values.reserve(std::size_t(messages.size()));
    for (const app::Message& message : messages)
        values.push_back(transcriptMessage(message));
    m_transcript->setMessages(values);
    if (m_scrollTo != 0) {
        m_transcript->showMessage(idText(m_scrollTo));
        m_scrollTo = 0;
    }
    updateEmpty();
}

void ChatView::showProgress(const app::GenerationProgress& progress) {
    m_composer->setRunning(progress.phase != app::GenerationPhase::Idle &&
                           progress.phase != app::GenerationPhase::Saving);
    if (progress.message == 0)
        return;
    const QString id = idText(progress.message);
    QStringList notes = notesOf(progress.source);
    if (progress.repeats)
        notes.append(tr("goes round in circles"));
    m_transcript->setNotes(id, notes);
    if (progress.reasoningTokens > 0)
        m_transcript->setReasoningProgress(id, double(progress.reasoning_us) / 1e6,
                                           progress.reasoningTokens);
    switch (progress.phase) {
    case app::GenerationPhase::Queued:
        m_transcript->setStats(id, stateText(app::ConversationState::Queued, progress.place));
        break;
    case app::GenerationPhase::Prefill:
        m_transcript->setStats(id, progress.promptTokens > 0 ? tr("reading %1 of %2 tokens")
                                                                   .arg(progress.prefilledTokens)
                                                                   .arg(progress.promptTokens)
                                                             : tr("reading"));
        break;
    case app::GenerationPhase::Reasoning:
    case app::GenerationPhase::Answering:
        m_transcript->setStats(id, speedText(progress.tokensPerSecond));
        break;
    case app::GenerationPhase::Idle:
    case app::GenerationPhase::Saving:
        break;
    }
}

void ChatView::scrollTo(app::MessageId message) {
    m_transcript->showMessage(idText(message));
}

void ChatView::beginEdit(app::MessageId message) {
    for (const app::Message& candidate : m_chat.messages()) {
        if (candidate.id != message || candidate.role != app::Role::User)
            continue;
        if (m_editing == 0)
            m_draft = m_composer->text();
        m_editing = message;
        m_composer->setEditing(true);
        m_composer->setText(candidate.text);
        focusInput();
        return;
    }
}

void ChatView::endEdit() {
    if (m_editing == 0)
        return;
    m_editing = 0;
    m_composer->setEditing(false);
    m_composer->setText(m_draft);
    m_draft.clear();
}

QString ChatView::draft() const {
    return m_editing != 0 ? m_draft : m_composer->text();
}

app::MessageId ChatView::topMessage() const {
    if (m_scrollTo != 0)
        return m_scrollTo;
    return m_transcript->isAttached() ? 0 : idOf(m_transcript->topMessage());
}

void ChatView::escape() {
    if (m_find->isAncestorOf(QApplication::focusWidget()))
        m_find->close();
    else if (m_editing != 0)
        endEdit();
    else
        m_chat.stop();
}

void ChatView::focusInput() {
    m_composer->focusInput();
}

void ChatView::openFind() {
    if (m_transcript->messageCount() > 0)
        m_find->open();
}

void ChatView::regenerateLast() {
    const QList<app::Message> messages = m_chat.messages();
    if (!messages.isEmpty() && m_chat.progress().phase == app::GenerationPhase::Idle)
        m_chat.regenerate(messages.last().id);
}

void ChatView::copyLastAnswer() {
    const QList<app::Message> messages = m_chat.messages();
    for (auto message = messages.crbegin(); message != messages.crend(); ++message) {
        if (message->role == app::Role::Assistant) {
            QGuiApplication::clipboard()->setText(message->text);
            return;
        }
    }
}

void ChatView::updateEmpty() {
    m_stack->setCurrentIndex(m_transcript->messageCount() > 0 ? 1 : 0);
}

void ChatView::updateWelcome() {
    const app::ModelValue model = m_models.model();
    m_welcome->setModel(model.name, !model.path.isEmpty() && model.path == app::builtInModelPath(),
                        model.isLoaded());
}

} // namespace ui
