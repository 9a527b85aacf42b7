#pragma once
// LeaveDialog: asked before the program ends while answers are being written. GUI thread.

#include <QMessageBox>
#include <QStringList>

namespace ui {

class LeaveDialog : public QMessageBox {
    Q_OBJECT

  public:
    enum class Choice { Keep, Quit, Stay };

    /// `hasTray`: keeping goes to the tray, else the window is minimised.
    LeaveDialog(const QStringList& chats, bool hasTray, QWidget* parent);

    QPushButton* button(Choice choice) const;

  signals:
    void decided(ui::LeaveDialog::Choice choice);

  private:
    QPushButton* m_keep;
    QPushButton* m_quit;
    QPushButton* m_stay;
};

} // namespace ui
