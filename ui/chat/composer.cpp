#include "ui/chat/composer.h"

#include "ui/actions.h"
#include "ui/chat/prompt_edit.h"
#include "ui/icons.h"
#include "ui/text_format.h"
#include "ui/theme.h"

#include <QActionGroup>
#include <QHBoxLayout>
#include <QLabel>
#include <QMenu>
#include <QProgressBar>
#include <QPushButton>
#include <QStyle>
#include <QToolButton>
#include <QVBoxLayout>

namespace ui {

Composer::Composer(Theme& theme, QWidget* parent)
    : QFrame(parent),
      m_theme(theme),
      m_editNote(
          new QLabel(tr("Editing an earlier message. Esc cancels; the old version is kept."))),
      m_edit(new PromptEdit),
      m_model(new QToolButton),
      m_weights(new QToolButton),
      m_progress(new QProgressBar),
      m_cancelLoad(new QToolButton),
      m_context(new QToolButton),
      m_send(new QPushButton) {
    setProperty("role", "card");
    setUpControls();
    layOut();
    connectControls();
    connect(&m_theme, &Theme::changed, this, &Composer::updateColors);
    showModel({});
    showLoading({});
    updateColors();
    updateButton();
}

void Composer::setUpControls() {
    m_editNote->setProperty("role", "muted");
    m_editNote->setTextFormat(Qt::PlainText);
    m_editNote->hide();
    m_edit->setPlaceholderText(tr("Ask anything"));
    m_edit->setAccessibleName(tr("Message"));
    m_edit->installEventFilter(this);
    m_model->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_model->setPopupMode(QToolButton::InstantPopup);
    m_model->setToolTip(actionToolTip(ActionId::ChooseModel));
    m_model->setAccessibleName(tr("Model"));
    m_weights->setToolButtonStyle(Qt::ToolButtonTextOnly);
    m_weights->setPopupMode(QToolButton::InstantPopup);
    m_weights->setToolTip(tr("Number format of the weights"));
    m_weights->setAccessibleName(tr("Number format of the weights"));
    m_progress->setFixedWidth(120);
    m_progress->setTextVisible(false);
    m_progress->setAccessibleName(tr("Loading the model"));
    m_cancelLoad->setToolTip(tr("Cancel loading"));
    m_cancelLoad->setAccessibleName(tr("Cancel loading"));
    m_context->setProperty("role", "cell");
    m_context->setObjectName(QStringLiteral("context"));
    m_context->setPopupMode(QToolButton::InstantPopup);
    m_context->setAccessibleName(tr("Context"));
    makeContextMenu();
    m_send->setProperty("role", "primary");
}

void Composer::layOut() {
    auto* row = new QHBoxLayout;
    row->setSpacing(space::kHair);
    row->addWidget(m_model);
    row->addWidget(m_weights);
    row->addWidget(m_progress);
    row->addWidget(m_cancelLoad);
    row->addSpacing(space::kSmall);
    row->addWidget(m_context);
    row->addStretch(1);
    row->addWidget(m_send);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(space::kMedium, space::kSmall, space::kSmall, space::kSmall);
    layout->setSpacing(space::kHair);
    layout->addWidget(m_editNote);
    layout->addWidget(m_edit);
    layout->addLayout(row);
}

void Composer::connectControls() {
    connect(m_edit, &PromptEdit::sendRequested, this, &Composer::send);
    connect(m_edit, &PromptEdit::recallRequested, this, &Composer::recallRequested);
    connect(m_edit, &QPlainTextEdit::textChanged, this, &Composer::updateButton);
    connect(m_edit, &QPlainTextEdit::textChanged, this, &Composer::textChanged);
    connect(m_send, &QPushButton::clicked, this, [this] {
        if (m_running && text().trimmed().isEmpty())
            emit stopRequested();
        else
            send();
    });
    connect(m_cancelLoad, &QToolButton::clicked, this, &Composer::cancelLoadRequested);
}

QString Composer::text() const {
    return m_edit->toPlainText();
}

void Composer::setText(const QString& text) {
    m_edit->setPlainText(text);
    m_edit->moveCursor(QTextCursor::End);
}

void Composer::focusInput() {
    m_edit->setFocus(Qt::ShortcutFocusReason);
}

void Composer::setSendWithCtrl(bool withCtrl) {
    m_edit->setSendWithCtrl(withCtrl);
}

void Composer::send() {
    const QString message = text();
    if (message.trimmed().isEmpty())
        return;
    m_edit->clear();
    emit sendRequested(message);
}

void Composer::showModel(const app::ModelValue& model) {
    const QString name = model.isLoaded() ? model.name : tr("Choose a model");
    m_model->setText(m_model->fontMetrics().elidedText(name, Qt::ElideMiddle, 260));
    m_weights->setText(weightsText(model.weights));
    m_weights->setVisible(model.isLoaded());
    m_context->setVisible(model.isLoaded());
}

void Composer::showLoading(const app::ModelProgress& progress) {
    m_loading = progress.phase != app::ModelPhase::None && progress.phase != app::ModelPhase::Ready;
    m_progress->setVisible(m_loading);
    m_cancelLoad->setVisible(m_loading);
    if (!m_loading)
        return;
    QString text = tr("Loading %1");
    if (progress.phase == app::ModelPhase::WaitingToLoad)
        text = tr("When the answers end: %1");
    else if (progress.phase == app::ModelPhase::WaitingToUnload)
        text = tr("Goes when the answers end: %1");
    m_model->setText(
        m_model->fontMetrics().elidedText(text.arg(progress.name), Qt::ElideMiddle, 260));
    m_weights->hide();
    m_context->hide();
    // No total yet: the bar runs without end.
    m_progress->setRange(0, progress.total_bytes > 0 ? 1000 : 0);
    if (progress.total_bytes > 0)
        m_progress->setValue(
            int(double(progress.done_bytes) / double(progress.total_bytes) * 1000));
}

void Composer::showContext(int usedTokens, int contextTokens) {
    m_context->setText(
        contextTokens > 0
            ? tr("%1 / %2 tokens").arg(tokensText(usedTokens), tokensText(contextTokens))
            : QString());
}

void Composer::makeContextMenu() {
    auto* menu = new QMenu(m_context);
    menu->addAction(tr("When this chat outgrows the context"))->setEnabled(false); // a heading
    m_overflow = new QActionGroup(menu);
    for (const auto& [choice, text] :
         {std::pair(app::OverflowChoice::Stop, tr("Stop there")),
          std::pair(app::OverflowChoice::Roll, tr("Leave out the oldest messages")),
          std::pair(app::OverflowChoice::DropMiddle, tr("Leave out the middle"))}) {
        QAction* action = m_overflow->addAction(menu->addAction(text));
        action->setCheckable(true);
        action->setData(int(choice));
        connect(action, &QAction::triggered, this,
                [this, choice = choice] { emit overflowChosen(choice); });
    }
    m_context->setMenu(menu);
}

void Composer::showOverflow(app::OverflowChoice overflow) {
    for (QAction* action : m_overflow->actions()) {
        action->setChecked(action->data().toInt() == int(overflow));
        if (action->isChecked())
            m_context->setToolTip(tr("Tokens of this chat / tokens the model can see. When it is "
                                     "full: %1")
                                      .arg(action->text()));
    }
}

void Composer::setRunning(bool running) {
    m_running = running;
    updateButton();
}

void Composer::setEditing(bool editing) {
    m_editing = editing;
    m_editNote->setVisible(editing);
    updateButton();
}

void Composer::updateButton() {
    const bool hasText = !text().trimmed().isEmpty();
    const bool stops = m_running && !hasText;
    m_send->setText(stops ? tr("Stop") : tr("Send"));
    m_send->setIcon(icon(stops ? QStringLiteral("stop") : QStringLiteral("send"),
                         stops || hasText ? m_theme.palette().onAccent : m_theme.palette().muted));
    QString toolTip = stops ? actionToolTip(ActionId::StopAnswer) : QString();
    if (m_running && hasText)
        toolTip = tr("Stored at once, answered when the running answer has ended");
    m_send->setToolTip(toolTip);
    m_send->setEnabled(stops || hasText);
}

void Composer::updateColors() {
    const Palette& colors = m_theme.palette();
    m_model->setIcon(icon(QStringLiteral("cpu"), colors.muted));
    m_cancelLoad->setIcon(icon(QStringLiteral("close"), colors.muted));
    m_edit->setFont(m_theme.font(TextSize::Reading));
    updateButton();
}

bool Composer::eventFilter(QObject* watched, QEvent* event) {
    if (watched == m_edit &&
        (event->type() == QEvent::FocusIn || event->type() == QEvent::FocusOut)) {
        setProperty("focused", event->type() == QEvent::FocusIn);
        style()->unpolish(this);
        style()->polish(this);
    }
    return QFrame::eventFilter(watched, event);
}

} // namespace ui
