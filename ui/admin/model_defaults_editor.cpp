#include "ui/admin/model_defaults_editor.h"

#include "ui/theme.h"

#include <QComboBox>
#include <QDoubleSpinBox>
#include <QFormLayout>
#include <QLabel>
#include <QPlainTextEdit>
#include <QPushButton>
#include <QSpinBox>
#include <QStyle>
#include <QTimer>

namespace ui {

namespace {

constexpr int kKeepDelay_ms = 600; // after the last change
constexpr int kPromptLines = 3;

QDoubleSpinBox* number(const QString& name, double low, double high, double step) {
    auto* box = new QDoubleSpinBox;
    box->setRange(low, high);
    box->setSingleStep(step);
    box->setDecimals(2);
    box->setAccessibleName(name);
    box->setMaximumWidth(160);
    return box;
}

QSpinBox* count(const QString& name, int high, const QString& zeroText) {
    auto* box = new QSpinBox;
    box->setRange(0, high);
    box->setGroupSeparatorShown(true);
    box->setSpecialValueText(zeroText);
    box->setAccessibleName(name);
    box->setMaximumWidth(160);
    return box;
}

} // namespace

ModelDefaultsEditor::ModelDefaultsEditor(app::LibraryController& library, QWidget* parent)
    : QWidget(parent),
      m_library(library),
      m_badge(new QLabel),
      m_reset(new QPushButton(tr("As published"))),
      m_temperature(number(tr("Temperature"), 0, 5, 0.05)),
      m_topP(number(tr("Top-p"), 0.01, 1, 0.01)),
      m_topK(count(tr("Top-k"), 100'000, tr("off"))),
      m_minP(number(tr("Min-p"), 0, 1, 0.01)),
      m_context(count(tr("Context, tokens"), 10'000'000, tr("automatic"))),
      m_kv(new QComboBox),
      m_systemPrompt(new QPlainTextEdit),
      m_promptAdvice(new QLabel),
      m_delay(new QTimer(this)) {
    setUpControls();
    layOut();
    connectControls();
}

void ModelDefaultsEditor::setUpControls() {
    m_badge->setObjectName(QStringLiteral("defaults-badge"));
    m_badge->setProperty("role", "badge");
    m_reset->setObjectName(QStringLiteral("defaults-reset"));
    m_reset->setProperty("role", "link");
    m_temperature->setObjectName(QStringLiteral("defaults-temperature"));
    m_kv->setAccessibleName(tr("KV cache"));
    m_kv->addItem(tr("automatic"), QString());
    for (const char* format : {"int8", "bf16", "f32"})
        m_kv->addItem(QString::fromLatin1(format).toUpper(), QString::fromLatin1(format));
    m_kv->setMaximumWidth(160);
    m_systemPrompt->setAccessibleName(tr("System prompt"));
    m_systemPrompt->setObjectName(QStringLiteral("defaults-prompt"));
    m_systemPrompt->setPlaceholderText(tr("none"));
    m_systemPrompt->setTabChangesFocus(true);
    m_systemPrompt->setMaximumHeight(kPromptLines * fontMetrics().lineSpacing() +
                                     2 * space::kMedium);
    m_promptAdvice->setProperty("role", "muted");
    m_promptAdvice->setWordWrap(true);
    m_promptAdvice->setText(tr("DeepSeek recommends none for this model: put instructions into "
                               "the question."));
    m_delay->setSingleShot(true);
    m_delay->setInterval(kKeepDelay_ms);
}

void ModelDefaultsEditor::layOut() {
    auto* title = new QLabel(tr("What chats with it begin with"));
    title->setProperty("role", "title");
    auto* head = new QHBoxLayout;
    head->setSpacing(space::kSmall);
    head->addWidget(title);
    head->addWidget(m_badge);
    head->addWidget(m_reset);
    head->addStretch(1);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(space::kWide);
    form->setVerticalSpacing(space::kSmall);
    const auto addRow = [&](const QString& name, QWidget* field) {
        m_names.append(new QLabel(name));
        m_names.last()->setBuddy(field);
        form->addRow(m_names.last(), field);
    };
    addRow(tr("Temperature"), m_temperature);
    addRow(tr("Top-p"), m_topP);
    addRow(tr("Top-k"), m_topK);
    addRow(tr("Min-p"), m_minP);
    addRow(tr("Context, tokens"), m_context);
    addRow(tr("KV cache"), m_kv);
    addRow(tr("System prompt"), m_systemPrompt);
    form->addRow(QString(), m_promptAdvice);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(space::kSmall);
    column->addLayout(head);
    column->addLayout(form);
}

void ModelDefaultsEditor::connectControls() {
    connect(m_delay, &QTimer::timeout, this, &ModelDefaultsEditor::keep);
    const auto changed = [this] {
        if (!m_isFilling)
            m_delay->start();
    };
    for (QDoubleSpinBox* box : {m_temperature, m_topP, m_minP})
        connect(box, &QDoubleSpinBox::valueChanged, this, changed);
    for (QSpinBox* box : {m_topK, m_context})
        connect(box, &QSpinBox::valueChanged, this, changed);
    connect(m_kv, &QComboBox::currentIndexChanged, this, changed);
    connect(m_systemPrompt, &QPlainTextEdit::textChanged, this, changed);
    connect(m_reset, &QPushButton::clicked, this, [this] {
        fill({});
        keep();
    });
}

ModelDefaultsEditor::~ModelDefaultsEditor() {
    if (m_delay->isActive())
        keep();
}

void ModelDefaultsEditor::show(const app::ModelCard& card) {
    const bool isOther = card.path != m_card.path;
    if (isOther && m_delay->isActive())
        keep();
    m_card = card;
    if (isOther)
        fill(card.marks.defaults);
    m_promptAdvice->setVisible(card.isDistilled);
    showBadge();
}

void ModelDefaultsEditor::fill(const app::ModelDefaults& defaults) {
    m_isFilling = true;
    const app::SamplingValues sampling = defaults.sampling.value_or(m_card.published);
    m_temperature->setValue(sampling.temperature);
    m_topP->setValue(sampling.topP);
    m_topK->setValue(sampling.topK);
    m_minP->setValue(sampling.minP);
    m_context->setValue(defaults.contextTokens);
    m_kv->setCurrentIndex(std::max(0, m_kv->findData(defaults.kv)));
    m_systemPrompt->setPlainText(defaults.systemPrompt);
    m_isFilling = false;
}

app::ModelDefaults ModelDefaultsEditor::edited() const {
    app::ModelDefaults defaults;
    app::SamplingValues sampling = m_card.marks.defaults.sampling.value_or(m_card.published);
    sampling.temperature = m_temperature->value();
    sampling.topP = m_topP->value();
    sampling.topK = m_topK->value();
    sampling.minP = m_minP->value();
    if (sampling != m_card.published)
        defaults.sampling = sampling;
    defaults.contextTokens = m_context->value();
    defaults.kv = m_kv->currentData().toString();
    defaults.systemPrompt = m_systemPrompt->toPlainText().trimmed();
    return defaults;
}

void ModelDefaultsEditor::keep() {
    m_delay->stop();
    const QString path = m_card.path;
    m_card.marks.defaults = edited();
    showBadge();
    m_library.setDefaults(path, m_card.marks.defaults);
}

void ModelDefaultsEditor::showBadge() {
    const bool isOwn = !m_card.marks.defaults.isEmpty();
    m_badge->setText(isOwn ? tr("changed by you") : tr("as published"));
    m_badge->setProperty("own", isOwn);
    m_badge->style()->polish(m_badge); // looks at the property anew
    m_reset->setVisible(isOwn);
}

} // namespace ui
