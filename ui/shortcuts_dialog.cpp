#include "ui/shortcuts_dialog.h"

#include "ui/actions.h"
#include "ui/theme.h"

#include <QGridLayout>
#include <QLabel>

namespace ui {

ShortcutsDialog::ShortcutsDialog(QWidget* parent) : QDialog(parent) {
    setWindowTitle(tr("Keyboard shortcuts"));
    auto* grid = new QGridLayout(this);
    grid->setContentsMargins(space::kWide, space::kWide, space::kWide, space::kWide);
    grid->setHorizontalSpacing(space::kHuge);
    grid->setVerticalSpacing(space::kSmall);
    int row = 0;
    const auto add = [&](const QString& text, const QString& keys) {
        auto* keyLabel = new QLabel(keys);
        keyLabel->setProperty("role", "muted");
        grid->addWidget(new QLabel(text), row, 0);
        grid->addWidget(keyLabel, row++, 1, Qt::AlignRight);
    };
    add(tr("Send the message"), tr("Enter"));
    add(tr("New line"), tr("Shift+Enter"));
    add(tr("Edit the last message"), tr("Up, in an empty input"));
    for (const ActionSpec& spec : actionSpecs()) {
        QStringList keys;
        for (const QKeySequence& sequence : spec.shortcuts)
            keys.append(sequence.toString(QKeySequence::NativeText));
        if (!keys.isEmpty())
            add(spec.text, keys.join(QStringLiteral("   ")));
    }
}

} // namespace ui
