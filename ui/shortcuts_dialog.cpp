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
    QList<std::pair<QString, QString>> rows = {
        {tr("Send the message"), tr("Enter")},
        {tr("New line"), tr("Shift+Enter")},
        {tr("Edit the last message"), tr("Up, in an empty input")},
    };
    for (const ActionSpec& spec : actionSpecs()) {
        QStringList keys;
        for (const QKeySequence& sequence : spec.shortcuts)
            keys.append(sequence.toString(QKeySequence::NativeText));
        if (!keys.isEmpty())
            rows.append({spec.text, keys.join(QStringLiteral("   "))});
    }
    // Two columns: they fit on a small screen.
    const int half = int(rows.size() + 1) / 2;
    for (int i = 0; i < rows.size(); ++i) {
        const int column = i < half ? 0 : 2;
        auto* keys = new QLabel(rows[i].second);
        keys->setProperty("role", "muted");
        grid->addWidget(new QLabel(rows[i].first), i % half, column);
        grid->addWidget(keys, i % half, column + 1, Qt::AlignRight);
    }
}

} // namespace ui
