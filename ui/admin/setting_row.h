#pragma once
// SettingRow: one setting on the page: its name, what it does, a chip when it reloads the model,
// the control, the default as a button that goes back to it, and the sentence when a value is
// refused. GUI thread.

#include "app/settings_table.h"

#include <QFrame>

class QLabel;
class QPushButton;

namespace ui {

class SettingControl;

class SettingRow : public QFrame {
    Q_OBJECT

  public:
    SettingRow(app::SettingSpec spec, QWidget* parent = nullptr);

    const app::SettingSpec& spec() const { return m_spec; }
    SettingControl& control() const { return *m_control; }
    /// What the search looks at.
    QString words() const;
    void showValue(const QJsonValue& value);
    /// A person is at it: the value is being typed, or was refused and waits to be mended.
    bool isBeingEdited() const;
    /// The switch that it needs is off: it can be read and not changed.
    void setInForce(bool inForce);
    /// Empty: all is well.
    void setProblem(const QString& sentence);
    QString problem() const;

  signals:
    /// A value that passes check().
    void changed(const QString& id, const QJsonValue& value);

  private:
    void take(const QJsonValue& value);
    void showDefault();

    const app::SettingSpec m_spec;
    SettingControl* m_control;
    QPushButton* m_default;
    QLabel* m_problem;
    QJsonValue m_value;
    bool m_inForce = true;
};

} // namespace ui
