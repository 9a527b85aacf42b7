#pragma once
// SettingControl: what a setting is changed with, made from its row of the table: a box to tick, a
// figure, a choice, a line, lines. GUI thread.

#include "app/settings_table.h"

#include <functional>
#include <QWidget>

namespace ui {

class SettingControl : public QWidget {
    Q_OBJECT

  public:
    SettingControl(const app::SettingSpec& spec, QWidget* parent = nullptr);

    QJsonValue value() const { return m_value(); }
    /// The value that was shown or told last: value() is another one while it is being typed.
    QJsonValue told() const { return m_told; }
    /// Shows a value; nobody is told.
    void setValue(const QJsonValue& value);
    /// Other choices than the table's; what is shown stays.
    void setChoices(const QList<app::SettingChoice>& choices);
    /// The widget that takes the keyboard.
    QWidget* editor() const { return m_editor; }

  signals:
    /// By a person, and whole: a figure that is still being typed is not told.
    void edited(const QJsonValue& value);

  protected:
    bool eventFilter(QObject* watched, QEvent* event) override;

  private:
    void makeSwitch();
    void makeFigure(const app::SettingSpec& spec);
    void makeChoice(const QList<app::SettingChoice>& choices);
    void makeLine();
    void makeLines(bool isList);
    void tell();

    QWidget* m_editor = nullptr;
    std::function<QJsonValue()> m_value;
    std::function<void(const QJsonValue&)> m_show;
    QJsonValue m_told;
};

} // namespace ui
