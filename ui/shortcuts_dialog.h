#pragma once
// ShortcutsDialog: every action and its keys (Ctrl+/). GUI thread.

#include <QDialog>

namespace ui {

class ShortcutsDialog : public QDialog {
    Q_OBJECT

  public:
    explicit ShortcutsDialog(QWidget* parent = nullptr);
};

} // namespace ui
