#include "ui/dashboard/alert_rules_dialog.h"

#include "app/alerts/alert_controller.h"
#include "ui/theme.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QDoubleSpinBox>
#include <QGridLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QScrollArea>
#include <QSpinBox>
#include <QVBoxLayout>

namespace ui {

namespace {

constexpr int kNameWidth = 150;  // HighErrorRate, whole
constexpr int kValueWidth = 140; // 100,000.00 tok/s; what is longer scrolls
constexpr int kWidth = 980;
constexpr int kHeight = 460;
constexpr int kLongest_s = 7 * 24 * 3600;
constexpr double kLargest = 1e15;

/// What a value is multiplied with to be shown: people think in percent and milliseconds.
double scaleOf(app::MetricUnit unit) {
    switch (unit) {
    case app::MetricUnit::Ratio:
        return 100;
    case app::MetricUnit::Seconds:
        return 1000;
    default:
        return 1;
    }
}

QString suffixOf(app::MetricUnit unit) {
    switch (unit) {
    case app::MetricUnit::Ratio:
        return QStringLiteral(" %");
    case app::MetricUnit::Seconds:
        return AlertRulesDialog::tr(" ms");
    case app::MetricUnit::TokensPerSecond:
        return AlertRulesDialog::tr(" tok/s");
    case app::MetricUnit::Bytes:
        return QStringLiteral(" B");
    case app::MetricUnit::BytesPerSecond:
        return QStringLiteral(" B/s");
    case app::MetricUnit::Watts:
        return QStringLiteral(" W");
    case app::MetricUnit::Joules:
        return QStringLiteral(" J");
    case app::MetricUnit::Celsius:
        return QStringLiteral(" °C");
    case app::MetricUnit::Hertz:
        return QStringLiteral(" Hz");
    case app::MetricUnit::Count:
    case app::MetricUnit::Tokens:
        break;
    }
    return {};
}

} // namespace

struct AlertRulesDialog::Row {
    QCheckBox* enabled;
    QLineEdit* name;
    QComboBox* metric;
    QComboBox* comparison;
    QDoubleSpinBox* value;
    QSpinBox* duration;
    QComboBox* severity;
    QPushButton* remove;

    QList<QWidget*> widgets() const {
        return {enabled, name, metric, comparison, value, duration, severity, remove};
    }
    app::MetricId metricId() const { return app::MetricId(metric->currentData().toInt()); }
    void adaptUnit() const {
        const app::MetricUnit unit = app::definition(metricId()).unit;
        value->setSuffix(suffixOf(unit));
        value->setSingleStep(unit == app::MetricUnit::Ratio ? 1 : 10);
    }
};

AlertRulesDialog::AlertRulesDialog(app::AlertController& alerts, QWidget* parent)
    : QDialog(parent), m_alerts(alerts), m_grid(new QGridLayout), m_problem(new QLabel) {
    setWindowTitle(tr("Alerts"));
    resize(kWidth, kHeight);
    auto* what = new QLabel(tr("A rule fires when its figure stays beyond the limit for the whole "
                               "time. Information is a mark on the charts; a warning is said above "
                               "the page and by the desktop too."));
    what->setProperty("role", "muted");
    what->setWordWrap(true);
    m_grid->setHorizontalSpacing(space::kSmall);
    m_grid->setVerticalSpacing(space::kSmall);
    m_grid->setColumnStretch(2, 1);
    auto* rows = new QWidget;
    auto* rowsLayout = new QVBoxLayout(rows);
    rowsLayout->setContentsMargins(0, 0, 0, 0);
    rowsLayout->addLayout(m_grid);
    rowsLayout->addStretch(1);
    auto* scroll = new QScrollArea;
    scroll->setFrameShape(QFrame::NoFrame);
    scroll->setWidgetResizable(true);
    scroll->setWidget(rows);
    m_problem->setObjectName(QStringLiteral("alert-problem"));
    m_problem->setTextFormat(Qt::PlainText);
    m_problem->setWordWrap(true);
    m_problem->hide();
    auto* add = new QPushButton(tr("Add a rule"));
    add->setObjectName(QStringLiteral("alert-add"));
    auto* defaults = new QPushButton(tr("The rules it came with"));
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Save | QDialogButtonBox::Cancel);
    buttons->button(QDialogButtonBox::Save)->setText(tr("Save"));
    buttons->button(QDialogButtonBox::Save)->setProperty("role", "primary");
    buttons->button(QDialogButtonBox::Cancel)->setText(tr("Cancel"));
    auto* bottom = new QHBoxLayout;
    bottom->addWidget(add);
    bottom->addWidget(defaults);
    bottom->addStretch(1);
    bottom->addWidget(buttons);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kLarge);
    column->setSpacing(space::kMedium);
    column->addWidget(what);
    column->addWidget(scroll, 1);
    column->addWidget(m_problem);
    column->addLayout(bottom);
    connect(add, &QPushButton::clicked, this, &AlertRulesDialog::addRule);
    connect(defaults, &QPushButton::clicked, this, [this] { show(app::defaultAlertRules()); });
    connect(buttons, &QDialogButtonBox::accepted, this, &AlertRulesDialog::accept);
    connect(buttons, &QDialogButtonBox::rejected, this, &AlertRulesDialog::reject);
    show(m_alerts.rules());
}

AlertRulesDialog::~AlertRulesDialog() = default;

void AlertRulesDialog::show(const QList<app::AlertRule>& rules) {
    for (const Row& row : std::as_const(m_rows))
        qDeleteAll(row.widgets());
    m_rows.clear();
    for (const app::AlertRule& rule : rules)
        addRow(rule);
}

void AlertRulesDialog::addRow(const app::AlertRule& rule) {
    Row row{new QCheckBox,      new QLineEdit, new QComboBox, new QComboBox,
            new QDoubleSpinBox, new QSpinBox,  new QComboBox, new QPushButton(tr("Remove"))};
    row.enabled->setProperty("role", "bare");
    row.enabled->setChecked(rule.enabled);
    row.name->setText(rule.name);
    row.name->setMinimumWidth(kNameWidth);
    for (const app::MetricDefinition& metric : app::metricTable())
        if (metric.kind == app::MetricKind::Gauge)
            row.metric->addItem(app::metricTitle(metric.id), int(metric.id));
    row.metric->setCurrentIndex(row.metric->findData(int(rule.metric)));
    row.metric->setMinimumContentsLength(14);
    row.comparison->addItems({tr("above"), tr("below")});
    row.comparison->setCurrentIndex(int(rule.comparison));
    row.value->setRange(0, kLargest);
    row.value->setDecimals(2);
    row.value->setGroupSeparatorShown(true);
    row.value->setFixedWidth(kValueWidth);
    row.adaptUnit();
    row.value->setValue(rule.value * scaleOf(app::definition(rule.metric).unit));
    row.duration->setRange(0, kLongest_s);
    row.duration->setSingleStep(30);
    row.duration->setPrefix(tr("for "));
    row.duration->setSuffix(tr(" s"));
    row.duration->setSpecialValueText(tr("at once"));
    row.duration->setValue(int(rule.duration_s));
    row.severity->addItems({tr("Information"), tr("Warning"), tr("Critical")});
    row.severity->setCurrentIndex(int(rule.severity));
    row.enabled->setAccessibleName(tr("Watch %1").arg(rule.name));
    row.name->setAccessibleName(tr("Name of the rule"));
    row.metric->setAccessibleName(tr("Figure"));
    row.comparison->setAccessibleName(tr("Above or below"));
    row.value->setAccessibleName(tr("Limit"));
    row.duration->setAccessibleName(tr("For how long"));
    row.severity->setAccessibleName(tr("How bad it is"));
    row.remove->setAccessibleName(tr("Remove %1").arg(rule.name));
    int column = 0;
    for (QWidget* widget : row.widgets())
        m_grid->addWidget(widget, m_next, column++);
    ++m_next;
    connect(row.metric, &QComboBox::currentIndexChanged, this, [row] { row.adaptUnit(); });
    connect(row.remove, &QPushButton::clicked, this, [this, row] {
        m_rows.removeIf([&](const Row& each) { return each.remove == row.remove; });
        for (QWidget* widget : row.widgets())
            widget->deleteLater();
    });
    m_rows.append(row);
}

void AlertRulesDialog::addRule() {
    QStringList names;
    for (const app::AlertRule& rule : rules())
        names.append(rule.name);
    app::AlertRule rule;
    for (int number = 1; rule.name.isEmpty() || names.contains(rule.name); ++number)
        rule.name = QStringLiteral("Rule%1").arg(number);
    rule.value = 0.9;
    rule.duration_s = 60;
    addRow(rule);
    m_rows.last().name->setFocus();
    m_rows.last().name->selectAll();
}

QList<app::AlertRule> AlertRulesDialog::rules() const {
    QList<app::AlertRule> rules;
    for (const Row& row : m_rows) {
        app::AlertRule rule;
        rule.name = row.name->text().trimmed();
        rule.metric = row.metricId();
        rule.comparison = app::AlertOperator(row.comparison->currentIndex());
        rule.value = row.value->value() / scaleOf(app::definition(rule.metric).unit);
        rule.duration_s = row.duration->value();
        rule.severity = app::AlertSeverity(row.severity->currentIndex());
        rule.enabled = row.enabled->isChecked();
        rules.append(rule);
    }
    return rules;
}

void AlertRulesDialog::accept() {
    const QString problem = m_alerts.setRules(rules());
    if (problem.isEmpty())
        return QDialog::accept();
    m_problem->setText(problem);
    m_problem->show();
}

} // namespace ui
