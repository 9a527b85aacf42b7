#include "ui/widgets/status_strip.h"

#include "ui/dashboard/figure_text.h"
#include "ui/text_format.h"
#include "ui/theme.h"
#include "ui/widgets/elided_label.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QToolButton>

namespace ui {

namespace {

QString phaseText(const app::GenerationProgress& progress) {
    switch (progress.phase) {
    case app::GenerationPhase::Idle:
        return StatusStrip::tr("Ready");
    case app::GenerationPhase::Saving:
        return StatusStrip::tr("Saving your message");
    case app::GenerationPhase::Queued:
        return progress.place.position > 0
                   ? StatusStrip::tr("Waiting: %1").arg(queueText(progress.place))
                   : StatusStrip::tr("Waiting");
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
    : QFrame(parent), m_model(new ElidedLabel), m_state(new QLabel), m_context(new QLabel) {
    setProperty("role", "status");
    setAttribute(Qt::WA_StyledBackground);
    auto* row = new QHBoxLayout(this);
    row->setContentsMargins(space::kSmall, 0, space::kMedium, 0);
    row->setSpacing(space::kSmall);
    for (QLabel* label : {m_model, m_state, m_context}) {
        label->setProperty("role", "muted");
        label->setTextFormat(Qt::PlainText);
    }
    m_device = addCell(PageId::Dashboard, tr("Device"));
    row->addWidget(m_model, 1);
    row->addWidget(m_state);
    m_running = addCell(PageId::Requests, tr("Requests"));
    m_speed = addCell(PageId::Dashboard, tr("Speed"));
    m_ttft = addCell(PageId::Dashboard, tr("Time to the first token"));
    row->addWidget(m_context);
    m_model->setAccessibleName(tr("Model"));
    m_state->setAccessibleName(tr("State"));
    m_context->setAccessibleName(tr("Context"));
    showModel({});
    showProgress({});
    showContext(0, 0);
    showFrame({});
}

/// A figure that leads to a page.
QToolButton* StatusStrip::addCell(PageId page, const QString& name) {
    auto* cell = new QToolButton;
    cell->setProperty("role", "cell");
    cell->setAccessibleName(name);
    cell->setToolTip(name);
    cell->setToolButtonStyle(Qt::ToolButtonTextOnly);
    layout()->addWidget(cell);
    connect(cell, &QToolButton::clicked, this, [this, page] { emit pageAsked(page); });
    return cell;
}

void StatusStrip::showModel(const app::ModelValue& model) {
    m_model->setText(
        model.isLoaded()
            ? QStringLiteral("%1 · %2 · %3 · %4")
                  .arg(model.name, weightsText(model.weights), deviceText(model.device),
                       bytesText(model.weights_bytes + model.kv_bytes + model.workspace_bytes))
            : tr("No model loaded"));
    m_model->setToolTip(splitText(model.split));
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
}

void StatusStrip::showContext(int usedTokens, int contextTokens) {
    m_context->setText(
        contextTokens > 0
            ? tr("%1 / %2 tokens").arg(tokensText(usedTokens), tokensText(contextTokens))
            : QStringLiteral("–"));
}

void StatusStrip::showFrame(const app::MetricFrame& frame) {
    using app::MetricId;
    const auto figure = [](const app::MetricValues& values, MetricId id) {
        return figureText(app::definition(id).unit, values.get(id));
    };
    // A text that is the same is not laid out again.
    const auto show = [](QToolButton* cell, const QString& text) {
        if (cell->text() != text)
            cell->setText(text);
    };
    if (frame.gpus.empty()) {
        show(m_device, tr("CPU %1  %2 of %3")
                           .arg(figure(frame.machine, MetricId::CpuUtilization),
                                figure(frame.machine, MetricId::MemoryUsed),
                                figure(frame.machine, MetricId::MemoryTotal)));
    } else {
        const app::MetricValues& gpu = frame.gpus.front().values;
        show(m_device,
             tr("GPU %1  %2 of %3")
                 .arg(figure(gpu, MetricId::GpuUtilization), figure(gpu, MetricId::GpuMemoryUsed),
                      figure(gpu, MetricId::GpuMemoryTotal)));
    }
    show(m_running, tr("%1 running, %2 queued")
                        .arg(figure(frame.machine, MetricId::RequestsRunning),
                             figure(frame.machine, MetricId::RequestsQueued)));
    show(m_speed, figure(frame.machine, MetricId::DecodeRate));
    show(m_ttft, tr("TTFT %1").arg(figure(frame.machine, MetricId::TtftP50)));
}

} // namespace ui
