#include "ui/admin/setting_row.h"

#include "app/messages.h"
#include "ui/admin/setting_control.h"
#include "ui/theme.h"
#include "ui/widgets/layouts.h"

#include <QHBoxLayout>
#include <QLabel>
#include <QPushButton>
#include <QVBoxLayout>

namespace ui {

SettingRow::SettingRow(app::SettingSpec spec, QWidget* parent)
    : QFrame(parent),
      m_spec(std::move(spec)),
      m_control(new SettingControl(m_spec)),
      m_default(new QPushButton),
      m_problem(plainLabel({}, "problem")) {
    auto* name = plainLabel(m_spec.name);
    name->setBuddy(m_control->editor());
    auto* head = new QHBoxLayout;
    head->setSpacing(space::kSmall);
    head->addWidget(name);
    if (m_spec.reloadsModel)
        head->addWidget(plainLabel(tr("reloads the model"), "chip"));
    head->addStretch(1);
    auto* what = plainLabel(m_spec.what, "muted");
    what->setWordWrap(true);
    m_problem->setWordWrap(true);
    m_problem->hide();
    auto* texts = new QVBoxLayout;
    texts->setSpacing(2);
    texts->addLayout(head);
    texts->addWidget(what);
    texts->addWidget(m_problem);
    texts->addStretch(1); // under a control of several lines the words stay together

    m_default->setProperty("role", "link");
    m_default->setObjectName(m_spec.id + QStringLiteral("-default"));
    m_default->setAccessibleName(tr("%1: back to the default").arg(m_spec.name));
    connect(m_default, &QPushButton::clicked, this, [this] {
        m_control->setValue(m_spec.byDefault());
        take(m_spec.byDefault());
    });
    auto* right = new QVBoxLayout;
    right->setSpacing(0);
    right->addWidget(m_control, 0, Qt::AlignRight);
    right->addWidget(m_default, 0, Qt::AlignRight);
    if (m_spec.kind == app::SettingKind::Model)
        m_default->hide(); // no model is a default
    right->addStretch(1);

    auto* content = new QHBoxLayout;
    content->setContentsMargins(0, space::kMedium, 0, space::kSmall);
    content->setSpacing(space::kWide);
    content->addLayout(texts, 1);
    content->addLayout(right);
    auto* line = new QFrame;
    line->setProperty("role", "hairline");
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(0);
    layout->addWidget(line);
    layout->addLayout(content);
    connect(m_control, &SettingControl::edited, this, &SettingRow::take);
    showValue(m_spec.byDefault());
}

QString SettingRow::words() const {
    return m_spec.name + QLatin1Char(' ') + m_spec.what + QLatin1Char(' ') + m_spec.id;
}

void SettingRow::showValue(const QJsonValue& value) {
    m_value = value;
    m_control->setValue(value);
    setProblem({});
    showDefault();
}

bool SettingRow::isBeingEdited() const {
    return !problem().isEmpty() ||
           (m_control->editor()->hasFocus() && m_control->value() != m_control->told());
}

void SettingRow::setInForce(bool inForce) {
    m_inForce = inForce;
    m_control->setEnabled(inForce);
    showDefault();
}

void SettingRow::setProblem(const QString& sentence) {
    m_problem->setText(sentence);
    m_problem->setVisible(!sentence.isEmpty());
}

QString SettingRow::problem() const {
    return m_problem->text();
}

/// A value that is refused stays in the control, with the sentence below it, and nowhere else.
void SettingRow::take(const QJsonValue& value) {
    const engine::Status status = app::check(m_spec, value);
    setProblem(status.ok() ? QString() : app::sentence(status));
    if (status.ok())
        m_value = value;
    showDefault();
    if (!status.ok())
        return;
    emit changed(m_spec.id, value);
}

void SettingRow::showDefault() {
    const QJsonValue byDefault = m_spec.byDefault();
    const QString text = app::valueText(m_spec, byDefault);
    m_default->setText(text.isEmpty() ? tr("Default: empty") : tr("Default: %1").arg(text));
    m_default->setEnabled(m_inForce && (m_value != byDefault || !problem().isEmpty()));
}

} // namespace ui
