#include "ui/chat/interruption_dialog.h"

#include "ui/text_format.h"

#include <QPushButton>

namespace ui {

InterruptionDialog::InterruptionDialog(const app::Interruption& interruption, QWidget* parent)
    : QMessageBox(parent) {
    const bool replaces = !interruption.replacement.isEmpty();
    setAttribute(Qt::WA_DeleteOnClose);
    setIcon(QMessageBox::Question);
    setTextFormat(Qt::PlainText);
    setWindowTitle(replaces ? tr("Change the model") : tr("Unload the model"));
    setText(replaces ? tr("There is not enough memory for %1 beside %2, and %2 is still answering.")
                           .arg(interruption.replacement, interruption.model)
                     : tr("%1 is still answering.").arg(interruption.model));
    QStringList running = interruption.chats;
    for (const QString& client : interruption.clients)
        running.append(tr("a request of another program (%1)").arg(clientText(client)));
    setInformativeText(listText(running));
    QPushButton* finish = addButton(tr("When they finish"), QMessageBox::AcceptRole);
    QPushButton* now = addButton(tr("Now, stop the answers"), QMessageBox::DestructiveRole);
    QPushButton* cancel = addButton(tr("Cancel"), QMessageBox::RejectRole);
    setDefaultButton(finish);
    setEscapeButton(cancel);
    connect(this, &QMessageBox::finished, this, [this, finish, now] {
        using Choice = app::InterruptionChoice;
        if (clickedButton() == now)
            emit decided(Choice::Now);
        else
            emit decided(clickedButton() == finish ? Choice::WhenFinished : Choice::Never);
    });
}

} // namespace ui
