#include "ui/agents/lane_view.h"

#include "app/application.h"
#include "app/session/chat_controller.h"
#include "app/settings.h"
#include "ui/chat/chat_view.h"
#include "ui/chat/transcript.h"
#include "ui/icons.h"
#include "ui/state_sign.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/elided_label.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QProgressBar>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kLeastWidth = 272; // px: two buttons and a speed of four figures in a row

StateSign signOf(app::LaneState state) {
    switch (state) {
    case app::LaneState::Waiting:
        return stateSign(app::ConversationState::Queued);
    case app::LaneState::Running:
        return stateSign(app::ConversationState::Running);
    case app::LaneState::Paused:
        return {QStringLiteral("pause"), &Palette::warn};
    case app::LaneState::Done:
        return stateSign(app::ConversationState::Done);
    case app::LaneState::Stopped:
        return {QStringLiteral("stop"), &Palette::muted};
    case app::LaneState::Failed:
        return stateSign(app::ConversationState::Failed);
    }
    return {};
}

bool isBusy(app::LaneState state) {
    return state == app::LaneState::Waiting || state == app::LaneState::Running;
}

/// A column has room for the speed only; the rest stands in the chat.
TranscriptMessage laneMessage(const app::Message& message) {
    TranscriptMessage value = transcriptMessage(message);
    if (message.role == app::Role::Assistant)
        value.stats = message.stats && message.stats->tokensPerSecond() > 0
                          ? speedText(message.stats->tokensPerSecond())
                          : QString();
    return value;
}

} // namespace

LaneView::LaneView(app::Application& application, Theme& theme, QWidget* parent)
    : QFrame(parent),
      m_application(application),
      m_theme(theme),
      m_chat(application.createChat(this)),
      m_sign(new QLabel),
      m_name(new QLabel),
      m_state(new ElidedLabel),
      m_budget(new QProgressBar),
      m_pause(new QToolButton),
      m_stop(new QToolButton),
      m_open(new QToolButton),
      m_transcript(new Transcript) {
    setProperty("role", "lane");
    setMinimumWidth(kLeastWidth);
    m_name->setTextFormat(Qt::PlainText);
    m_name->setFont(theme.font(TextSize::Body, 600));
    m_name->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_state->setProperty("role", "muted");
    m_budget->setTextVisible(false);
    m_budget->setAccessibleName(tr("Budget"));
    auto* top = new QHBoxLayout;
    top->setContentsMargins(space::kSmall, space::kSmall, space::kHair, 0);
    top->setSpacing(space::kHair);
    top->addWidget(m_sign);
    top->addSpacing(space::kHair);
    top->addWidget(m_name, 1);
    addButtons(top);
    auto* below = new QVBoxLayout;
    below->setContentsMargins(space::kSmall, 0, space::kSmall, space::kHair);
    below->setSpacing(space::kHair);
    below->addWidget(m_state);
    below->addWidget(m_budget);
    auto* layout = new QVBoxLayout(this);
    // The transcript paints its corners: they keep clear of the round ones of the frame.
    layout->setContentsMargins(space::kHair, 1, space::kHair, space::kHair);
    layout->setSpacing(space::kHair);
    layout->addLayout(top);
    layout->addLayout(below);
    layout->addWidget(m_transcript, 1);
    connectChat();
    connectTranscript();
    connect(&m_theme, &Theme::changed, this, &LaneView::updateColors);
    connect(&application.settings(), &app::Settings::changed, this, &LaneView::applySettings);
    updateColors();
    applySettings();
}

void LaneView::addButtons(QHBoxLayout* row) {
    for (QToolButton* button : {m_pause, m_stop, m_open}) {
        button->setIconSize({16, 16});
        row->addWidget(button);
    }
    m_stop->setToolTip(tr("Stop this agent. What it wrote stays."));
    m_stop->setAccessibleName(tr("Stop"));
    m_open->setToolTip(tr("Open as a chat, to ask further"));
    m_open->setAccessibleName(tr("Open as a chat"));
    app::AgentController& agents = m_application.agents();
    connect(m_pause, &QToolButton::clicked, this, [this, &agents] {
        if (isBusy(m_lane.state))
            agents.pause(m_lane.conversation);
        else
            agents.resume(m_lane.conversation);
    });
    connect(m_stop, &QToolButton::clicked, this,
            [this, &agents] { agents.stop(m_lane.conversation); });
    connect(m_open, &QToolButton::clicked, this,
            [this] { emit openRequested(m_lane.conversation); });
}

void LaneView::connectChat() {
    using Chat = app::ChatController;
    connect(m_chat, &Chat::messagesLoaded, this, &LaneView::showMessages);
    connect(m_chat, &Chat::messageAdded, this, [this] { showMessages(m_chat->messages()); });
    connect(m_chat, &Chat::messageGrew, this, [this](const app::MessageDelta& delta) {
        const QString id = QString::number(delta.message);
        if (!delta.reasoning.isEmpty())
            m_transcript->appendText(id, delta.reasoning, true);
        if (!delta.text.isEmpty())
            m_transcript->appendText(id, delta.text, false);
    });
    connect(m_chat, &Chat::messageFinished, this, [this](const app::Message& message) {
        if (message.role == app::Role::Assistant)
            m_transcript->replaceMessage(laneMessage(message));
    });
    connect(m_chat, &Chat::progressChanged, this, &LaneView::showProgress);
}

void LaneView::connectTranscript() {
    const auto idOf = [](const QString& id) { return app::MessageId(id.toLongLong()); };
    connect(m_transcript, &Transcript::regenerateRequested, this,
            [this, idOf](const QString& id) { m_chat->regenerate(idOf(id)); });
    connect(m_transcript, &Transcript::siblingRequested, this,
            [this, idOf](const QString& id, int step) { m_chat->switchSibling(idOf(id), step); });
    connect(m_transcript, &Transcript::continueRequested, this,
            [this] { m_application.agents().resume(m_lane.conversation); });
    connect(m_transcript, &Transcript::editRequested, this,
            [this] { emit openRequested(m_lane.conversation); });
    connect(m_transcript, &Transcript::answerNowRequested, m_chat, &app::ChatController::answerNow);
    connect(m_transcript, &Transcript::linkActivated, this,
            [this](const QString& link) { askToOpenLink(link, this); });
}

void LaneView::showLane(const app::AgentLane& lane) {
    const bool isOther = lane.conversation != m_lane.conversation;
    m_lane = lane;
    m_name->setText(lane.agent.name);
    m_name->setToolTip(QStringLiteral("<qt>%1</qt>").arg(lane.agent.instructions.toHtmlEscaped()));
    setAccessibleName(lane.agent.name);
    m_transcript->setAccessibleName(tr("Answer of %1").arg(lane.agent.name));
    if (isOther)
        m_chat->openConversation(lane.conversation);
    updateState();
}

/// The task is the same in every lane and stands above them: only what follows it is shown.
void LaneView::showMessages(const QList<app::Message>& messages) {
    std::vector<TranscriptMessage> values;
    for (const app::Message& message : messages.mid(1))
        values.push_back(laneMessage(message));
    m_transcript->setMessages(values);
}

void LaneView::showProgress(const app::GenerationProgress& progress) {
    if (progress.message == 0)
        return;
    const QString id = QString::number(progress.message);
    if (progress.reasoningTokens > 0)
        m_transcript->setReasoningProgress(id, double(progress.reasoning_us) / 1e6,
                                           progress.reasoningTokens);
    if (progress.tokensPerSecond > 0)
        m_transcript->setStats(id, speedText(progress.tokensPerSecond));
}

QString LaneView::stateLine() const {
    QString state;
    switch (m_lane.state) {
    case app::LaneState::Waiting:
        state = stateText(app::ConversationState::Queued, m_lane.place);
        break;
    case app::LaneState::Running:
        state = stateText(app::ConversationState::Running);
        break;
    case app::LaneState::Paused:
        state = tr("paused");
        break;
    case app::LaneState::Done:
        state = m_lane.isBudgetUsed() ? tr("budget used up") : tr("done");
        break;
    case app::LaneState::Stopped:
        state = tr("stopped");
        break;
    case app::LaneState::Failed:
        state = stateText(app::ConversationState::Failed);
        break;
    }
    const QString used =
        m_lane.agent.tokenBudget > 0
            ? tr("%1 of %2 tokens")
                  .arg(tokensText(m_lane.generatedTokens), tokensText(m_lane.agent.tokenBudget))
            : tr("%n token(s)", nullptr, m_lane.generatedTokens);
    return QStringLiteral("%1 · %2").arg(state, used);
}

void LaneView::updateState() {
    const bool hasBudget = m_lane.agent.tokenBudget > 0;
    const bool busy = isBusy(m_lane.state);
    m_state->setText(stateLine());
    m_budget->setVisible(hasBudget);
    m_budget->setRange(0, std::max(m_lane.agent.tokenBudget, 1));
    m_budget->setValue(std::min(m_lane.generatedTokens, m_lane.agent.tokenBudget));
    const bool canGoOn = m_lane.state == app::LaneState::Paused ||
                         m_lane.state == app::LaneState::Stopped ||
                         m_lane.state == app::LaneState::Failed;
    m_pause->setVisible(busy || canGoOn);
    m_pause->setToolTip(busy ? tr("Pause: it keeps what it wrote and goes on later")
                             : tr("Go on where it was"));
    m_pause->setAccessibleName(busy ? tr("Pause") : tr("Go on"));
    m_stop->setVisible(busy || m_lane.state == app::LaneState::Paused);
    m_open->setEnabled(m_lane.conversation != 0);
    updateSigns();
}

/// What follows the state: at every token, so that nothing here lays text out.
void LaneView::updateSigns() {
    const Palette& colors = m_theme.palette();
    const StateSign sign = signOf(m_lane.state);
    m_sign->setPixmap(iconPixmap(sign.icon, colors.*(sign.color), 16, devicePixelRatioF()));
    const QString pause =
        isBusy(m_lane.state) ? QStringLiteral("pause") : QStringLiteral("continue");
    m_pause->setIcon(icon(pause, colors.text));
}

void LaneView::updateColors() {
    const Palette& colors = m_theme.palette();
    updateSigns();
    m_stop->setIcon(icon(QStringLiteral("stop"), colors.text));
    m_open->setIcon(icon(QStringLiteral("chat"), colors.text));
    m_transcript->setTheme(colors);
    m_transcript->setTextSize(m_theme.font(TextSize::Body).pixelSize() + 1);
}

void LaneView::applySettings() {
    const bool expands = m_application.settings().values().expandReasoning;
    m_transcript->setReasoningView(!expands, expands);
}

} // namespace ui
