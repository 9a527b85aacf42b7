#include "ui/admin/setting_control.h"

#include <cmath>
#include <QCheckBox>
#include <QComboBox>
#include <QDoubleSpinBox>
#include <QEvent>
#include <QHBoxLayout>
#include <QJsonArray>
#include <QLineEdit>
#include <QLocale>
#include <QPlainTextEdit>
#include <QSignalBlocker>

namespace ui {

namespace {

constexpr int kFigureWidth = 190;
constexpr int kTextWidth = 260;
constexpr int kLinesHeight = 84;

/// Figures as short as they are exact: 90, not 90.000.
class FigureBox : public QDoubleSpinBox {
  public:
    QString textFromValue(double value) const override {
        QLocale locale = this->locale();
        locale.setNumberOptions({});
        return value == std::floor(value) ? locale.toString(qint64(value))
                                          : locale.toString(value, 'g', 6);
    }
};

} // namespace

SettingControl::SettingControl(const app::SettingSpec& spec, QWidget* parent) : QWidget(parent) {
    switch (spec.kind) {
    case app::SettingKind::Switch:
        makeSwitch();
        break;
    case app::SettingKind::Whole:
    case app::SettingKind::Number:
        makeFigure(spec);
        break;
    case app::SettingKind::Choice:
    case app::SettingKind::Model:
        makeChoice(spec.choices);
        break;
    case app::SettingKind::Text:
        makeLine();
        break;
    case app::SettingKind::Prose:
    case app::SettingKind::Texts:
        makeLines(spec.kind == app::SettingKind::Texts);
        break;
    }
    m_editor->setObjectName(spec.id);
    m_editor->setAccessibleName(spec.name);
    m_editor->setAccessibleDescription(spec.what);
    m_editor->installEventFilter(this);
    setFocusProxy(m_editor);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(m_editor, 0, Qt::AlignRight);
}

void SettingControl::makeSwitch() {
    auto* box = new QCheckBox;
    box->setProperty("role", "bare"); // its name stands elsewhere
    m_editor = box;
    m_value = [box] { return QJsonValue(box->isChecked()); };
    m_show = [box](const QJsonValue& value) { box->setChecked(value.toBool()); };
    connect(box, &QCheckBox::toggled, this, &SettingControl::tell);
}

void SettingControl::makeFigure(const app::SettingSpec& spec) {
    auto* box = new FigureBox;
    m_editor = box;
    box->setDecimals(spec.kind == app::SettingKind::Whole ? 0 : 3);
    box->setRange(spec.least, spec.most);
    box->setSingleStep(spec.step);
    box->setGroupSeparatorShown(true);
    box->setKeyboardTracking(false);
    box->setSuffix(spec.unit);
    if (!spec.zeroText.isEmpty() && spec.least == 0)
        box->setSpecialValueText(spec.zeroText);
    box->setFixedWidth(kFigureWidth);
    const bool isWhole = spec.kind == app::SettingKind::Whole;
    m_value = [box, isWhole] {
        return isWhole ? QJsonValue(qint64(box->value())) : QJsonValue(box->value());
    };
    m_show = [box](const QJsonValue& value) { box->setValue(value.toDouble()); };
    connect(box, &QDoubleSpinBox::valueChanged, this, &SettingControl::tell);
}

void SettingControl::makeChoice(const QList<app::SettingChoice>& choices) {
    auto* combo = new QComboBox;
    m_editor = combo;
    combo->setMinimumWidth(kFigureWidth);
    combo->setMaximumWidth(kTextWidth);
    combo->setSizeAdjustPolicy(QComboBox::AdjustToContents);
    m_value = [combo] { return QJsonValue(combo->currentData().toString()); };
    m_show = [combo](const QJsonValue& value) {
        combo->setCurrentIndex(combo->findData(value.toString()));
    };
    setChoices(choices);
    connect(combo, &QComboBox::currentIndexChanged, this, &SettingControl::tell);
}

void SettingControl::makeLine() {
    auto* line = new QLineEdit;
    m_editor = line;
    line->setFixedWidth(kTextWidth);
    m_value = [line] { return QJsonValue(line->text().trimmed()); };
    m_show = [line](const QJsonValue& value) { line->setText(value.toString()); };
    connect(line, &QLineEdit::editingFinished, this, &SettingControl::tell);
}

void SettingControl::makeLines(bool isList) {
    auto* edit = new QPlainTextEdit;
    m_editor = edit;
    edit->setFixedSize(kTextWidth, kLinesHeight);
    edit->setTabChangesFocus(true);
    m_value = [edit, isList] {
        if (!isList)
            return QJsonValue(edit->toPlainText().trimmed());
        QJsonArray lines;
        for (const QString& line : edit->toPlainText().split(QLatin1Char('\n')))
            if (!line.trimmed().isEmpty())
                lines.append(line.trimmed());
        return QJsonValue(lines);
    };
    m_show = [edit, isList](const QJsonValue& value) {
        QStringList lines;
        for (const QJsonValue& line : value.toArray())
            lines.append(line.toString());
        edit->setPlainText(isList ? lines.join(QLatin1Char('\n')) : value.toString());
    };
}

void SettingControl::setChoices(const QList<app::SettingChoice>& choices) {
    auto* combo = qobject_cast<QComboBox*>(m_editor);
    if (combo == nullptr)
        return;
    const QSignalBlocker quiet(combo);
    const QString shown = combo->currentData().toString();
    combo->clear();
    for (const app::SettingChoice& choice : choices)
        combo->addItem(choice.text, choice.word);
    combo->setCurrentIndex(combo->findData(shown));
}

void SettingControl::setValue(const QJsonValue& value) {
    m_told = value;
    if (m_value() == value)
        return;
    const QSignalBlocker quiet(m_editor);
    m_show(value);
    m_told = m_value();
}

void SettingControl::tell() {
    const QJsonValue value = m_value();
    if (value == m_told)
        return;
    m_told = value;
    emit edited(value);
}

/// The wheel scrolls the page unless the control was chosen; several lines count when one leaves.
bool SettingControl::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() == QEvent::Wheel && !m_editor->hasFocus()) {
        event->ignore();
        return true;
    }
    if (event->type() == QEvent::FocusOut && m_editor->inherits("QPlainTextEdit"))
        tell();
    return QWidget::eventFilter(watched, event);
}

} // namespace ui
