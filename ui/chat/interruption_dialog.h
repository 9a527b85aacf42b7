#pragma once
// InterruptionDialog: a model is to go while chats are being answered with it: now, when they have
// ended, or not at all. Deletes itself. GUI thread.

#include "app/session/model_controller.h"

#include <QMessageBox>

namespace ui {

class InterruptionDialog : public QMessageBox {
    Q_OBJECT

  public:
    InterruptionDialog(const app::Interruption& interruption, QWidget* parent = nullptr);

  signals:
    /// Once; Never when the dialog was closed.
    void decided(app::InterruptionChoice choice);
};

} // namespace ui
