#include "ui/widgets/status_strip.h"

#include "ui/text_format.h"
#include "ui/theme.h"

#include <QHBoxLayout>
#include <QLabel>

namespace ui {

namespace {

QString phaseText(const app::GenerationProgress& progress) {
    switch (progress.phase) {
    case app::GenerationPhase::Idle:
        return StatusStrip::tr("Ready");
    case app::GenerationPhase::Saving:
        return StatusStrip::tr("Saving your message");
    case app::GenerationPhase::Queued:
        return StatusStrip::tr("Waiting, position %1").arg(progress.queuePosition);
    case app::GenerationPhase::Prefill:
        if (progress.promptTokens > 0)
            return StatusStrip::tr("Reading %1 of %2 tokens")
                .arg(progress.prefilledTokens)
                .arg(progress.promptTokens);
        return StatusStrip::tr("Reading");
    case app::GenerationPhase::Reasoning:
        return StatusStrip::tr("Thinking");
    case app::GenerationPhase::Answering:
        return StatusStrip::tr("Answering");
    }
    return {};
}

} // namespace

StatusStrip::StatusStrip(QWidget* parent)
    : QFrame(parent),
      m_model(new QLabel),
      m_state(new QLabel),
      m_running(new QLabel),
      m_speed(new QLabel),
      m_context(new QLabel) {
    setProperty("role", "status");
    setAttribute(Qt::WA_StyledBackground);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(space::kMedium, space::kHair, space::kMedium, space::kHair);
    layout->setSpacing(space::kWide);
    for (QLabel* label : {m_model, m_state, m_running, m_speed, m_context}) {
        label->setProperty("role", "muted");
        label->setTextFormat(Qt::PlainText);
        layout->addWidget(label);
        if (label == m_model)
            layout->addStretch(1);
    }
    m_model->setAccessibleName(tr("Model"));
    m_state->setAccessibleName(tr("State"));
    m_speed->setAccessibleName(tr("Speed"));
    m_context->setAccessibleName(tr("Context"));
    showModel({});
    showProgress({});
    showContext(0, 0);
    showRunning(0, 0);
}

void StatusStrip::showModel(const app::ModelValue& model) {
    m_model->setText(
        model.isLoaded()
            ? QStringLiteral("%1 · %2 · %3 · %4")
                  .arg(model.name, weightsText(model.weights), model.device,
                       bytesText(model.weights_bytes + model.kv_bytes + model.workspace_bytes))
            : tr("No model loaded"));
}

void StatusStrip::showLoading(const app::ModelProgress& progress) {
    if (progress.phase == app::ModelPhase::Loading && progress.total_bytes > 0)
        m_model->setText(tr("Loading %1: %2 of %3")
                             .arg(progress.name, bytesText(progress.done_bytes),
                                  bytesText(progress.total_bytes)));
    else if (progress.phase == app::ModelPhase::WaitingToLoad ||
             progress.phase == app::ModelPhase::WaitingToUnload)
        m_model->setText(tr("Waiting for the answers to end: %1").arg(progress.name));
    else if (progress.phase != app::ModelPhase::None && progress.phase != app::ModelPhase::Ready)
        m_model->setText(tr("Opening %1").arg(progress.name));
}

void StatusStrip::showProgress(const app::GenerationProgress& progress) {
    m_state->setText(phaseText(progress));
    m_speed->setText(speedText(progress.tokensPerSecond));
}

void StatusStrip::showContext(int usedTokens, int contextTokens) {
    m_context->setText(
        contextTokens > 0
            ? tr("%1 / %2 tokens").arg(tokensText(usedTokens), tokensText(contextTokens))
            : QStringLiteral("–"));
}

void StatusStrip::showRunning(int running, int queued) {
    m_running->setText(tr("%1 running, %2 queued").arg(running).arg(queued));
    m_running->setVisible(running + queued > 0);
}

} // namespace ui
