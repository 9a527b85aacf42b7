#pragma once
// AlertRulesDialog: what is watched: a row a rule, which says of a figure from where on, for how
// long, and how bad it is. Saved only when all rules make sense. GUI thread.

#include "app/alerts/alert_rule.h"

#include <QDialog>

class QGridLayout;
class QLabel;

namespace app {
class AlertController;
}

namespace ui {

class AlertRulesDialog : public QDialog {
    Q_OBJECT

  public:
    explicit AlertRulesDialog(app::AlertController& alerts, QWidget* parent = nullptr);
    ~AlertRulesDialog() override;

    void accept() override;

  private:
    struct Row;

    void show(const QList<app::AlertRule>& rules);
    using QDialog::show;
    void addRow(const app::AlertRule& rule);
    void addRule();
    QList<app::AlertRule> rules() const;

    app::AlertController& m_alerts;
    QGridLayout* m_grid;
    QList<Row> m_rows;
    int m_next = 1; // line of the grid
    QLabel* m_problem;
};

} // namespace ui
