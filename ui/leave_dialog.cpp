#include "ui/leave_dialog.h"

#include "ui/text_format.h"

#include <QPushButton>

namespace ui {

LeaveDialog::LeaveDialog(const QStringList& chats, bool hasTray, QWidget* parent)
    : QMessageBox(parent) {
    setAttribute(Qt::WA_DeleteOnClose);
    setIcon(QMessageBox::Question);
    setTextFormat(Qt::PlainText);
    setWindowTitle(tr("Answers are still being written"));
    setText(tr("%n chat(s) are still answering. What has arrived is saved in any case.", nullptr,
               int(chats.size())));
    setInformativeText(listText(chats));
    m_keep =
        addButton(hasTray ? tr("Keep generating (in the tray)") : tr("Keep generating (minimise)"),
                  QMessageBox::AcceptRole);
    m_quit = addButton(tr("Stop and quit"), QMessageBox::DestructiveRole);
    m_stay = addButton(tr("Cancel"), QMessageBox::RejectRole);
    setDefaultButton(m_keep);
    setEscapeButton(m_stay);
    connect(this, &QMessageBox::finished, this, [this] {
        if (clickedButton() == m_quit)
            emit decided(Choice::Quit);
        else
            emit decided(clickedButton() == m_keep ? Choice::Keep : Choice::Stay);
    });
}

QPushButton* LeaveDialog::button(Choice choice) const {
    if (choice == Choice::Keep)
        return m_keep;
    return choice == Choice::Quit ? m_quit : m_stay;
}

} // namespace ui
